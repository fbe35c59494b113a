//! When long work is asked for by itself. The job of a due run is made in the transaction that moves the schedule on, so that
//! however many replicas look at the clock, each run is made once.

use crate::error::Result;
use crate::jobs::{Asking, JobKind, job_insert};
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use sea_orm::{QueryResult, Value};

/// Work that is asked for again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Time from one run to the next, in microseconds.
    pub every: i64,
    /// When the next run is due.
    pub next_at: Timestamp,
    /// What is asked for, as JSON; the instant of the run is for whoever works on it to fill in.
    pub parameters: String,
    /// Whether the result may become the active one.
    pub activate: bool,
}

const COLUMNS: &str = "every, next_at, parameters, activate";

impl Store {
    /// The schedule of a kind of work, if there is one.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn schedule_get(&self, kind: JobKind) -> Result<Option<Schedule>> {
        let text = format!("SELECT {COLUMNS} FROM schedule WHERE kind = $1");
        let row = sql::query_one(self.read(), &text, vec![kind.code().into()]).await?;
        row.as_ref().map(schedule).transpose()
    }

    /// Sets the schedule of a kind of work, or ends it.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn schedule_set(&self, kind: JobKind, schedule: Option<&Schedule>) -> Result<()> {
        self.write(async |tx| {
            sql::execute(tx, "DELETE FROM schedule WHERE kind = $1", vec![kind.code().into()])
                .await?;
            if let Some(schedule) = schedule {
                let text =
                    format!("INSERT INTO schedule (kind, {COLUMNS}) VALUES ($1, $2, $3, $4, $5)");
                let values: Vec<Value> = vec![
                    kind.code().into(),
                    schedule.every.into(),
                    schedule.next_at.micros().into(),
                    schedule.parameters.as_str().into(),
                    i16::from(schedule.activate).into(),
                ];
                sql::execute(tx, &text, values).await?;
            }
            Ok(())
        })
        .await
    }

    /// Makes the job of a due run; runs that were missed are made up for by this one. False where nothing is due, another replica
    /// was faster, or work of this kind has not ended: then the run is made when it has.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn schedule_run(&self, kind: JobKind, id: &str, now: Timestamp) -> Result<bool> {
        let Some(due) = self.schedule_get(kind).await?.filter(|due| due.next_at <= now) else {
            return Ok(false);
        };
        let missed = (now.micros() - due.next_at.micros()) / due.every;
        let next_at = due.next_at.plus((missed + 1).saturating_mul(due.every));
        let request = format!("schedule {}", due.next_at.micros());
        let asked = Asking {
            kind,
            parameters: &due.parameters,
            activate: due.activate,
            request_id: Some(&request),
            id,
        };
        self.write(async |tx| {
            let text = "SELECT 1 FROM job WHERE kind = $1 AND state IN (1, 2) LIMIT 1";
            if sql::query_one(tx, text, vec![kind.code().into()]).await?.is_some() {
                return Ok(false);
            }
            let text = "UPDATE schedule SET next_at = $3 WHERE kind = $1 AND next_at = $2";
            let values =
                vec![kind.code().into(), due.next_at.micros().into(), next_at.micros().into()];
            let first = sql::execute(tx, text, values).await? == 1;
            if first {
                job_insert(tx, asked, now).await?;
            }
            Ok(first)
        })
        .await
    }
}

fn schedule(row: &QueryResult) -> Result<Schedule> {
    let mut columns = Columns::of(row);
    Ok(Schedule {
        every: columns.take()?,
        next_at: columns.instant()?,
        parameters: columns.take()?,
        activate: columns.take::<i16>()? != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, on_every_engine};

    #[tokio::test]
    async fn each_due_run_is_made_once_and_missed_ones_by_one() {
        on_every_engine(async |store| {
            let kind = JobKind::Segmentation;
            assert_eq!(store.schedule_get(kind).await.expect("none"), None);
            let hourly = Schedule {
                every: 3_600_000_000,
                next_at: at(3600),
                parameters: "{}".to_owned(),
                activate: true,
            };
            store.schedule_set(kind, Some(&hourly)).await.expect("set");
            assert_eq!(store.schedule_get(kind).await.expect("there"), Some(hourly));
            assert!(!store.schedule_run(kind, "early", at(3599)).await.expect("not due"));
            let replicas = ["a", "b", "c", "d"].map(|id| store.schedule_run(kind, id, at(3600)));
            let made = futures::future::join_all(replicas).await;
            let made = made.into_iter().filter(|made| *made.as_ref().expect("an answer")).count();
            assert_eq!(made, 1);
            assert_eq!(store.jobs_list(kind, None, 9).await.expect("jobs").len(), 1);
            // The run takes longer than from one to the next.
            assert!(!store.schedule_run(kind, "busy", at(7_200)).await.expect("not yet"));
            store.job_claim("w", at(7_200), 1_000_000).await.expect("claim").expect("a job");
            assert!(!store.schedule_run(kind, "busy", at(7_201)).await.expect("not yet"));
            let id = store.jobs_list(kind, None, 9).await.expect("jobs").remove(0).id;
            store.job_fail(&id, "w", "INTERNAL", "no", at(7_202)).await.expect("ended");
            // Down for ten hours and a half.
            assert!(store.schedule_run(kind, "late", at(41_400)).await.expect("due"));
            assert!(!store.schedule_run(kind, "again", at(41_401)).await.expect("made up for"));
            let next = store.schedule_get(kind).await.expect("there").expect("there").next_at;
            assert_eq!(next, at(43_200));
            store.schedule_set(kind, None).await.expect("ended");
            assert!(!store.schedule_run(kind, "never", at(99_999)).await.expect("no schedule"));
        })
        .await;
    }
}
