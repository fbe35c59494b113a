//! Long work: takes jobs from the database one by one, keeps their lease, and tells how they ended.
//!
//! Any replica may take any job. A worker that dies lets its lease end, and another begins the job anew;
//! whoever has lost the lease cannot write a result. What a kind of job does is in its own file; this one
//! knows none of it.

pub mod alerts;
pub mod churn;
mod context;
pub mod drivers;
mod held;
pub mod refresh;
pub mod rescore;
mod retrain;
pub mod schedule;
pub mod segmentation;
#[cfg(test)]
mod tests;
mod to_end;
pub mod voice;

pub use context::{Bell, Context, Failure};
pub use to_end::run_to_end;

use crate::{
    clock,
    grpc::status::{Refusal, reason_name},
    proto::ErrorReason,
};
use context::Progress;
use cx_datastore::{Job, JobKind, Store};
use std::{future::Future, time::Duration};
use tokio::{
    sync::watch,
    task::JoinError,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

/// How long a job stays ours without a sign of life.
const LEASE: Duration = Duration::from_secs(30);
/// Progress is written this often where it changed, and the lease kept this often where it did not.
const REPORT: Duration = Duration::from_millis(500);
const RENEW: Duration = Duration::from_secs(10);
/// How often the database is asked for work when nobody rings.
const IDLE: Duration = Duration::from_secs(1);
/// How often a job is begun before it is given up: one that kills its worker must not do so for ever.
const ATTEMPTS: i32 = 3;

/// Works on one job after the other until `stop`.
pub async fn work_forever(store: Store, bell: Bell, stop: CancellationToken) {
    let owner = uuid::Uuid::now_v7().to_string();
    let mut failing = false;
    while !stop.is_cancelled() {
        match store.job_claim(&owner, clock::now(), micros(LEASE)).await {
            Ok(Some(job)) => {
                failing = false;
                perform(&store, &owner, job, &stop, carry_out).await;
            }
            Ok(None) => {
                failing = false;
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = bell.heard() => {}
                    () = sleep(IDLE) => {}
                }
            }
            Err(error) => {
                // One line for each bad spell, not one a second.
                if !failing {
                    tracing::warn!("cannot ask for work: {error}");
                }
                failing = true;
                sleep(IDLE).await;
            }
        }
    }
}

/// What each kind of job does.
async fn carry_out(context: Context, job: Job) -> Result<(), Failure> {
    match job.kind {
        JobKind::Segmentation => segmentation::run(&context, &job).await,
        JobKind::ChurnTraining => churn::run(&context, &job).await,
    }
}

/// Works on a claimed job to its end, or until the lease is lost, or until `stop`.
async fn perform<F>(
    store: &Store,
    owner: &str,
    job: Job,
    stop: &CancellationToken,
    work: fn(Context, Job) -> F,
) where
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    tracing::info!(job = job.id, kind = ?job.kind, attempt = job.attempt, "work begins");
    let begun = Instant::now();
    let (context, progress) = Context::new(store.clone(), owner.to_owned());
    if job.attempt > ATTEMPTS {
        let message = format!("given up after {ATTEMPTS} attempts that did not come to an end");
        return fail(store, owner, &job.id, ErrorReason::Internal, &message).await;
    }
    // A task of its own, so that a panic ends the task and not the worker.
    let mut task = tokio::spawn(work(context, job.clone()));
    let ended = tokio::select! {
        ended = &mut task => ended,
        () = keep_lease(store, owner, &job.id, progress) => {
            task.abort();
            return tracing::warn!(job = job.id, "the lease was lost");
        }
        () = stop.cancelled() => {
            task.abort();
            // A lease that ends now lets another replica begin at once.
            match store.job_release(&job.id, owner, clock::now()).await {
                Ok(true) => tracing::info!(job = job.id, "work is left to another replica"),
                Ok(false) => tracing::info!(job = job.id, "work ended"),
                // The lease ends by itself.
                Err(error) => tracing::warn!(job = job.id, "work is not released: {error}"),
            }
            return;
        }
    };
    conclude(store, owner, &job, ended).await;
    tracing::info!(job = job.id, seconds = begun.elapsed().as_secs_f64(), "work ended");
}

/// Tells how the work ended. A success has been told with the result, in one transaction.
async fn conclude(
    store: &Store,
    owner: &str,
    job: &Job,
    ended: Result<Result<(), Failure>, JoinError>,
) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(Failure::LeaseLost)) => tracing::warn!(job = job.id, "the lease was lost"),
        Ok(Err(Failure::Refused { reason, message })) => {
            fail(store, owner, &job.id, reason, &message).await
        }
        Ok(Err(Failure::Database(error))) if job.attempt < ATTEMPTS => {
            // The lease ends by itself, and the job is begun anew, here or elsewhere.
            tracing::warn!(
                job = job.id,
                attempt = job.attempt,
                "the database failed the work: {error}"
            );
        }
        Ok(Err(Failure::Database(error))) => {
            let refusal = Refusal::from(error);
            fail(store, owner, &job.id, refusal.reason(), &refusal.message()).await;
        }
        Err(error) => {
            // The panic itself has been logged with its place; its text may hold data.
            let what = if error.is_panic() { "panic in work" } else { "work was cut off" };
            let refusal = Refusal::internal(&format!("{what}, job {}", job.id));
            fail(store, owner, &job.id, refusal.reason(), &refusal.message()).await;
        }
    }
}

async fn fail(store: &Store, owner: &str, id: &str, reason: ErrorReason, message: &str) {
    tracing::warn!(job = id, reason = reason_name(reason), "work failed: {message}");
    match store.job_fail(id, owner, reason_name(reason), message, clock::now()).await {
        Ok(true) => {}
        Ok(false) => tracing::warn!(job = id, "the lease was lost"),
        // Nobody knows that it failed: it will be begun anew when the lease ends.
        Err(error) => tracing::warn!(job = id, "cannot tell that the work failed: {error}"),
    }
}

/// Writes progress and keeps the lease. Ends only where the lease is lost.
async fn keep_lease(store: &Store, owner: &str, id: &str, mut progress: watch::Receiver<Progress>) {
    let mut renewed = Instant::now();
    loop {
        sleep(REPORT).await;
        if !progress.has_changed().unwrap_or(false) && renewed.elapsed() < RENEW {
            continue;
        }
        let Progress { share, step } = progress.borrow_and_update().clone();
        match store.job_renew(id, owner, share, &step, clock::now(), micros(LEASE)).await {
            Ok(true) => renewed = Instant::now(),
            Ok(false) => return,
            Err(error) if renewed.elapsed() > LEASE => {
                return tracing::warn!(job = id, "cannot keep the lease: {error}");
            }
            Err(error) => tracing::debug!(job = id, "cannot keep the lease yet: {error}"),
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
