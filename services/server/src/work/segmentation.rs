//! Finds personas.

use super::{Context, Failure};
use crate::proto::ErrorReason;
use cx_datastore::Job;

/// Works on one job to its end and writes its result.
pub async fn run(_context: &Context, _job: &Job) -> Result<(), Failure> {
    Err(Failure::refused(ErrorReason::Internal, "not built yet"))
}
