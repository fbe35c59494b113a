//! Long work as rows: any replica may take a job, holds it by a lease, and loses it when the lease ends.

use crate::error::{Error, Result};
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use sea_orm::{DatabaseTransaction, QueryResult};

/// What kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Finds personas.
    Segmentation,
    /// Trains a churn model and scores everybody.
    ChurnTraining,
}

impl JobKind {
    pub(crate) const fn code(self) -> i16 {
        match self {
            Self::Segmentation => 1,
            Self::ChurnTraining => 2,
        }
    }

    fn from_code(code: i16) -> Result<Self> {
        match code {
            1 => Ok(Self::Segmentation),
            2 => Ok(Self::ChurnTraining),
            _ => Err(Error::Corrupt { what: "kind of job" }),
        }
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Nobody works on it yet.
    Pending,
    /// Somebody holds its lease.
    Running,
    /// Its result is there.
    Succeeded,
    /// It ended without a result.
    Failed,
}

impl JobState {
    pub(crate) const fn code(self) -> i16 {
        match self {
            Self::Pending => 1,
            Self::Running => 2,
            Self::Succeeded => 3,
            Self::Failed => 4,
        }
    }

    fn from_code(code: i16) -> Result<Self> {
        [Self::Pending, Self::Running, Self::Succeeded, Self::Failed]
            .into_iter()
            .find(|state| state.code() == code)
            .ok_or(Error::Corrupt { what: "state of a job" })
    }
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A reason of the API, for programs.
    pub reason: String,
    /// What happened and what to do about it, for a person.
    pub message: String,
}

/// A piece of long work.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id, and that of its result.
    pub id: String,
    /// What kind of work.
    pub kind: JobKind,
    /// Where it stands.
    pub state: JobState,
    /// Share of the work done in this attempt, 0 to 1.
    pub progress: f64,
    /// What is being done, in words.
    pub step: String,
    /// What was asked for, as JSON.
    pub parameters: String,
    /// Whether the result becomes the active one.
    pub activate: bool,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// How often it was begun.
    pub attempt: i32,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it succeeded or failed.
    pub ended_at: Option<Timestamp>,
}

const COLUMNS: &str = "job_id, kind, state, progress, step, parameters, activate, failure_reason, failure_message, \
                       attempt, created_at, ended_at";

impl Store {
    /// Asks for work. The same `request_id` gives the job that was made for it before.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn job_create(
        &self,
        kind: JobKind,
        parameters: &str,
        activate: bool,
        request_id: Option<&str>,
        id: String,
        now: Timestamp,
    ) -> Result<Job> {
        let asked = Asking { kind, parameters, activate, request_id, id: &id };
        self.write(async |tx| {
            job_insert(tx, asked, now).await?;
            let sql = format!(
                "SELECT {COLUMNS} FROM job WHERE job_id = $1 OR (kind = $2 AND request_id = $3)"
            );
            let values =
                vec![id.as_str().into(), kind.code().into(), request_id.map(str::to_owned).into()];
            let row =
                sql::query_one(tx, &sql, values).await?.ok_or(Error::Corrupt { what: "job" })?;
            job(&row)
        })
        .await
    }

    /// Reads a job.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn job_get(&self, id: &str) -> Result<Option<Job>> {
        let sql = format!("SELECT {COLUMNS} FROM job WHERE job_id = $1");
        sql::query_one(self.read(), &sql, vec![id.into()]).await?.map(|row| job(&row)).transpose()
    }

    /// A page of jobs of one kind, latest first; `after` is the last one of the page before.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn jobs_list(
        &self,
        kind: JobKind,
        after: Option<(Timestamp, String)>,
        limit: u64,
    ) -> Result<Vec<Job>> {
        let (at, id) = after.map_or((i64::MAX, String::new()), |(at, id)| (at.micros(), id));
        let sql = format!(
            "SELECT {COLUMNS} FROM job WHERE kind = $1 AND (created_at < $2 OR (created_at = $2 AND job_id < $3))
             ORDER BY created_at DESC, job_id DESC LIMIT $4"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = vec![kind.code().into(), at.into(), id.into(), limit.into()];
        sql::query_all(self.read(), &sql, values).await?.iter().map(job).collect()
    }

    /// Takes the oldest job that nobody holds: a new one, or one whose worker let its lease end. It is the caller's until
    /// `now + lease_micros`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn job_claim(
        &self,
        owner: &str,
        now: Timestamp,
        lease_micros: i64,
    ) -> Result<Option<Job>> {
        // The outer condition repeats the inner one: of two who chose the same job, the second finds it taken.
        let free = "(state = 1 OR (state = 2 AND lease_until < $1))";
        let sql = format!(
            "UPDATE job SET state = 2, progress = 0, step = '', lease_owner = $2, lease_until = $3, attempt = attempt + 1
             WHERE {free} AND job_id =
                   (SELECT job_id FROM job WHERE {free} ORDER BY created_at, job_id LIMIT 1)
             RETURNING {COLUMNS}"
        );
        self.write(async |tx| {
            let values =
                vec![now.micros().into(), owner.into(), now.plus(lease_micros).micros().into()];
            sql::query_one(tx, &sql, values).await?.map(|row| job(&row)).transpose()
        })
        .await
    }

    /// Reports progress and keeps the lease. False: the lease was lost, stop working.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn job_renew(
        &self,
        id: &str,
        owner: &str,
        progress: f64,
        step: &str,
        now: Timestamp,
        lease_micros: i64,
    ) -> Result<bool> {
        self.write(async |tx| {
            let touched = sql::execute(
                tx,
                "UPDATE job SET progress = CASE WHEN progress < $3 THEN $3 ELSE progress END, step = $4, lease_until = $5
                 WHERE job_id = $1 AND lease_owner = $2 AND state = 2",
                vec![
                    id.into(),
                    owner.into(),
                    progress.clamp(0.0, 1.0).into(),
                    step.into(),
                    now.plus(lease_micros).micros().into(),
                ],
            )
            .await?;
            Ok(touched == 1)
        })
        .await
    }

    /// Leaves a job to another worker, who may begin at once. This attempt does not count: nothing went wrong. False where it is not
    /// this worker's any more, or has ended.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn job_release(&self, id: &str, owner: &str, now: Timestamp) -> Result<bool> {
        let released = self.write(async |tx| {
            let text = "UPDATE job SET attempt = attempt - 1, lease_until = $3
                        WHERE job_id = $1 AND lease_owner = $2 AND state = 2";
            sql::execute(tx, text, vec![id.into(), owner.into(), now.micros().into()]).await
        });
        Ok(released.await? > 0)
    }

    /// Ends a job without a result. False: the lease was lost, and with it the right to say so.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn job_fail(
        &self,
        id: &str,
        owner: &str,
        reason: &str,
        message: &str,
        now: Timestamp,
    ) -> Result<bool> {
        self.write(async |tx| {
            let touched = sql::execute(
                tx,
                "UPDATE job SET state = 4, failure_reason = $3, failure_message = $4, ended_at = $5, lease_until = NULL
                 WHERE job_id = $1 AND lease_owner = $2 AND state = 2",
                vec![id.into(), owner.into(), reason.into(), message.into(), now.micros().into()],
            )
            .await?;
            Ok(touched == 1)
        })
        .await
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub kind: JobKind,
    pub parameters: &'a str,
    pub activate: bool,
    pub request_id: Option<&'a str>,
    pub id: &'a str,
}

/// Writes a job, but where one was made for the same request before.
pub(crate) async fn job_insert(
    tx: &DatabaseTransaction,
    asked: Asking<'_>,
    now: Timestamp,
) -> Result<()> {
    sql::execute(
        tx,
        "INSERT INTO job (job_id, kind, state, progress, step, parameters, activate, request_id, attempt, created_at)
         VALUES ($1, $2, $3, 0, '', $4, $5, $6, 0, $7) ON CONFLICT DO NOTHING",
        vec![
            asked.id.into(),
            asked.kind.code().into(),
            JobState::Pending.code().into(),
            asked.parameters.into(),
            i16::from(asked.activate).into(),
            asked.request_id.map(str::to_owned).into(),
            now.micros().into(),
        ],
    )
    .await?;
    Ok(())
}

/// Fails where the lease was lost; else keeps others from taking the job until this transaction ends.
pub(crate) async fn job_held(tx: &DatabaseTransaction, id: &str, owner: &str) -> Result<()> {
    let text = "UPDATE job SET lease_owner = lease_owner WHERE job_id = $1 AND lease_owner = $2 AND state = 2";
    let touched = sql::execute(tx, text, vec![id.into(), owner.into()]).await?;
    if touched == 1 { Ok(()) } else { Err(Error::LeaseLost) }
}

/// Ends a job with its result, inside the transaction that writes the result: if the lease was lost, nothing of it stays.
pub(crate) async fn job_finish(
    tx: &DatabaseTransaction,
    id: &str,
    owner: &str,
    now: Timestamp,
) -> Result<()> {
    let touched = sql::execute(
        tx,
        "UPDATE job SET state = 3, progress = 1, step = '', ended_at = $3, lease_until = NULL
         WHERE job_id = $1 AND lease_owner = $2 AND state = 2",
        vec![id.into(), owner.into(), now.micros().into()],
    )
    .await?;
    if touched == 1 { Ok(()) } else { Err(Error::LeaseLost) }
}

fn job(row: &QueryResult) -> Result<Job> {
    let mut columns = Columns::of(row);
    Ok(Job {
        id: columns.take()?,
        kind: JobKind::from_code(columns.take()?)?,
        state: JobState::from_code(columns.take()?)?,
        progress: columns.take()?,
        step: columns.take()?,
        parameters: columns.take()?,
        activate: columns.take::<i16>()? != 0,
        failure: match (columns.take::<Option<String>>()?, columns.take::<Option<String>>()?) {
            (Some(reason), message) => {
                Some(Failure { reason, message: message.unwrap_or_default() })
            }
            (None, _) => None,
        },
        attempt: columns.take()?,
        created_at: columns.instant()?,
        ended_at: columns.opt_instant()?,
    })
}

#[cfg(test)]
mod tests;
