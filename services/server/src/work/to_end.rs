//! A job from asking to its end in this process: what the verbs of the command line do.

use super::{Bell, work_forever};
use crate::clock;
use anyhow::{Context, bail};
use cx_datastore::{Job, JobKind, JobState, Store};
use indicatif::{ProgressBar, ProgressStyle};
use std::{io::IsTerminal, time::Duration};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How often the job is looked at.
const LOOK: Duration = Duration::from_millis(150);
/// Steps of the progress bar.
const BAR: f64 = 1000.0;

/// Asks for a job and works on it until it has ended, with its progress on stderr where that is a
/// terminal. Gives its id, which is also that of its result; a job that failed is an error.
pub async fn run_to_end(
    store: &Store,
    kind: JobKind,
    parameters: &str,
    activate: bool,
) -> anyhow::Result<String> {
    let id = uuid::Uuid::now_v7().to_string();
    let job = store.job_create(kind, parameters, activate, None, id, clock::now()).await?;
    let stop = CancellationToken::new();
    let worker = tokio::spawn(work_forever(store.clone(), Bell::default(), stop.clone()));
    let ended = follow(store, &job.id).await;
    stop.cancel();
    worker.await.context("the worker")?;
    let job = ended?;
    match job.failure {
        None if job.state == JobState::Succeeded => Ok(job.id),
        Some(failure) => bail!("{}: {}", failure.reason, failure.message),
        None => bail!("the job ended without a result"),
    }
}

/// Looks at a job until it has ended.
async fn follow(store: &Store, id: &str) -> anyhow::Result<Job> {
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::new(BAR as u64)
    } else {
        ProgressBar::hidden()
    };
    bar.set_style(ProgressStyle::with_template("{bar:30} {percent:>3} % {elapsed} {msg}")?);
    loop {
        let job = store.job_get(id).await?.context("the job is gone")?;
        if matches!(job.state, JobState::Succeeded | JobState::Failed) {
            bar.finish_and_clear();
            return Ok(job);
        }
        bar.set_position((job.progress * BAR) as u64);
        bar.set_message(job.step);
        sleep(LOOK).await;
    }
}
