//! What a job works with, and how it can end badly.

use crate::proto::ErrorReason;
use cx_datastore::{Error, Store};
use std::sync::Arc;
use tokio::sync::{Notify, watch};

/// Rung when there is a new job, so that a worker of this process takes it at once. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    /// There is a new job.
    pub fn ring(&self) {
        self.0.notify_one();
    }

    pub(super) async fn heard(&self) {
        self.0.notified().await;
    }
}

/// How far a job is.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    pub share: f64,
    pub step: String,
}

/// What a job works with. Cheap to clone, so that it can go along into a blocking task.
#[derive(Clone)]
pub struct Context {
    /// The database.
    pub store: Store,
    /// Who holds the lease; the result is written with it.
    pub owner: String,
    progress: watch::Sender<Progress>,
}

impl Context {
    pub(super) fn new(store: Store, owner: String) -> (Self, watch::Receiver<Progress>) {
        let (progress, receiver) = watch::channel(Progress::default());
        (Self { store, owner, progress }, receiver)
    }

    /// Tells how much of the work is done, in [0, 1], and what is being done now. Never blocks; may be
    /// called as often as one likes.
    pub fn progress(&self, share: f64, step: &str) {
        self.progress.send_replace(Progress { share, step: step.to_owned() });
    }

    /// Whether anybody still waits for the result: not where the lease was lost or the process goes down. A
    /// blocking task cannot be aborted, so it asks between its steps.
    pub fn wanted(&self) -> bool {
        !self.progress.is_closed()
    }
}

/// How work can end without a result.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It cannot be done with these data or parameters, and trying again would not help.
    #[error("{message}")]
    Refused {
        /// The reason of the API.
        reason: ErrorReason,
        /// What happened and what to do about it, for a person.
        message: String,
    },
    /// Another worker has taken the job over.
    #[error("the lease was lost")]
    LeaseLost,
    /// The database failed; the job is begun anew.
    #[error(transparent)]
    Database(Error),
}

impl Failure {
    /// It cannot be done with these data or parameters.
    pub fn refused(reason: ErrorReason, message: impl Into<String>) -> Self {
        Self::Refused { reason, message: message.into() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::LeaseLost => Self::LeaseLost,
            other => Self::Database(other),
        }
    }
}
