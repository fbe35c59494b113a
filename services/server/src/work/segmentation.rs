//! Finds personas: activity out of the database, the fit beside the runtime, the result back in one transaction.

use super::{Context, Failure};
use crate::{clock, proto::ErrorReason};
use cx_analytics::segmentation::{Checked, Fitted, Parameters, Refusal};
use cx_datastore::{Job, Publication, Scope};

/// Works on one job to its end and writes its result.
pub async fn run(context: &Context, job: &Job) -> Result<(), Failure> {
    let asked = stored(job)?;
    context.progress(0.0, "counting activity");
    let currency = match asked.currency {
        Some(currency) => Some(currency),
        None => context.store.main_currency(asked.as_of).await?,
    };
    let asked = asked.with_currency(currency);
    let as_of = asked.as_of;
    let activities = context.store.activity(as_of, Scope::Everyone, currency).await?;
    let objectors = context.store.profiling_objectors().await?.len();

    let fitting = context.clone();
    let fit = move || {
        let go_on = |share: f64, step: &str| {
            fitting.progress(share, step);
            fitting.wanted()
        };
        asked.fit(activities, &go_on)
    };
    let mut fitted: Fitted = match tokio::task::spawn_blocking(fit).await {
        Ok(outcome) => outcome.map_err(refused)?,
        // It becomes a panic of this task, which the worker reports.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    fitted.report.customers_excluded = objectors as i64;

    context.progress(0.9, "writing");
    let publication = Publication {
        id: &job.id,
        owner: &context.owner,
        as_of,
        fitted: &fitted,
        activate: job.activate,
    };
    Ok(context.store.segmentation_publish(publication, clock::now()).await?)
}

/// The parameters of a job. They were checked when it was made, but perhaps by another version.
fn stored(job: &Job) -> Result<Checked, Failure> {
    let unusable = |why: String| Failure::refused(ErrorReason::InvalidField, why);
    let parameters: Parameters = serde_json::from_str(&job.parameters)
        .map_err(|_| unusable("the stored parameters cannot be read by this version".to_owned()))?;
    parameters.check().map_err(|problems| {
        let told: Vec<String> =
            problems.iter().map(|p| format!("{}: {}", p.field, p.rule)).collect();
        unusable(told.join("; "))
    })
}

fn refused(refusal: Refusal) -> Failure {
    let message = refusal.to_string();
    match refusal {
        Refusal::TooFewCustomers { .. } => Failure::refused(ErrorReason::TooFewCustomers, message),
        Refusal::ConstantFeatures { .. } => {
            Failure::refused(ErrorReason::ConstantFeatures, message)
        }
        // Only who no longer holds the lease says stop.
        Refusal::Stopped => Failure::LeaseLost,
    }
}
