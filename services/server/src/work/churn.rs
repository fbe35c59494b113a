//! Trains a churn model and scores everybody.
//!
//! Fetches what was known at each past cut-off and what became of it, lets `cx-analytics` learn from that, and
//! publishes the risks. Decides nothing about models.

use super::{Context, Failure};
use crate::{clock, proto::ErrorReason};
use cx_analytics::{
    Activity, Timestamp,
    churn::{Definition, Model, Report, Risk, Row, Snapshot, Subject, cutoffs, row, train},
    interaction::Currency,
};
use cx_datastore::{
    Job,
    activity::Scope,
    churn::{ChurnModel, ChurnPublication, ChurnReport},
};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// What to train: what a job's parameters say in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// What "left" means.
    pub definition: Definition,
    /// Only interactions before this instant count.
    pub as_of: Timestamp,
    /// Currency of values; none for the one with most orders.
    pub currency: Option<Currency>,
}

/// Works on one job to its end and writes its result.
pub async fn run(context: &Context, job: &Job) -> Result<(), Failure> {
    let parameters: Parameters = serde_json::from_str(&job.parameters).map_err(|_| {
        Failure::refused(ErrorReason::Internal, "the parameters of the training cannot be read")
    })?;
    let currency = match parameters.currency {
        Some(currency) => Some(currency),
        None => context.store.main_currency(parameters.as_of).await?,
    };
    context.progress(0.0, "counting activity");
    let everyone = eligible(context, &parameters.definition, parameters.as_of, currency).await?;
    if everyone.is_empty() {
        return Err(nobody(&parameters.definition));
    }
    let past = snapshots(context, &parameters, &everyone, currency).await?;
    context.progress(0.75, "training and scoring");
    let (definition, as_of) = (parameters.definition, parameters.as_of);
    let work = move || outcome(definition, as_of, &everyone, &past, currency);
    let (model, scorer, risks) = match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        // A panic goes on in the worker, which logs it and ends the job.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    context.progress(0.9, "writing risks");
    let of = ChurnPublication {
        job,
        owner: &context.owner,
        model: &model,
        scorer: &scorer,
        risks: &risks,
    };
    Ok(context.store.churn_publish(of, clock::now()).await?)
}

/// Everyone who counts at a cut-off: active in the look-back before it.
async fn eligible(
    context: &Context,
    definition: &Definition,
    cutoff: Timestamp,
    currency: Option<Currency>,
) -> Result<Vec<(Activity, Timestamp)>, Failure> {
    let from = cutoff.days_before(definition.look_back_days());
    let last = context.store.last_activity(cutoff, definition.kinds()).await?;
    let last: HashMap<String, Timestamp> = last.into_iter().filter(|(_, at)| *at >= from).collect();
    let activity = context.store.activity(cutoff, Scope::Everyone, currency).await?;
    let with_last = |activity: Activity| last.get(&activity.customer_id).map(|at| (activity, *at));
    Ok(activity.into_iter().filter_map(with_last).collect())
}

/// What was known at each past cut-off, and what became of it.
async fn snapshots(
    context: &Context,
    parameters: &Parameters,
    everyone: &[(Activity, Timestamp)],
    currency: Option<Currency>,
) -> Result<Vec<Snapshot>, Failure> {
    let definition = &parameters.definition;
    let first = everyone.iter().map(|(activity, _)| activity.first_at).min();
    let cutoffs = first.map_or_else(Vec::new, |first| cutoffs(definition, parameters.as_of, first));
    let mut snapshots = Vec::with_capacity(cutoffs.len());
    for (done, &cutoff) in cutoffs.iter().enumerate() {
        context
            .progress(0.2 + 0.5 * done as f64 / cutoffs.len() as f64, "looking at past cut-offs");
        let then = eligible(context, definition, cutoff, currency).await?;
        let end = cutoff.days_before(-definition.horizon_days());
        let came = context.store.customers_active(cutoff, end, definition.kinds()).await?;
        let came: HashSet<String> = came.into_iter().collect();
        let rows = subjects(definition, cutoff, &then).iter().map(row).collect::<Vec<Row>>();
        let churned = then.iter().map(|(activity, _)| !came.contains(&activity.customer_id));
        snapshots.push(Snapshot { as_of: cutoff, rows, churned: churned.collect() });
    }
    Ok(snapshots)
}

fn subjects<'a>(
    definition: &'a Definition,
    as_of: Timestamp,
    eligible: &'a [(Activity, Timestamp)],
) -> Vec<Subject<'a>> {
    let subject = |(activity, last): &'a (Activity, Timestamp)| Subject {
        activity,
        last_qualifying: *last,
        as_of,
        definition,
    };
    eligible.iter().map(subject).collect()
}

fn outcome(
    definition: Definition,
    as_of: Timestamp,
    everyone: &[(Activity, Timestamp)],
    past: &[Snapshot],
    currency: Option<Currency>,
) -> (ChurnModel, Model, Vec<Risk>) {
    let (scorer, training): (Model, Report) = train(&definition, past);
    let risks = scorer.score(&subjects(&definition, as_of, everyone), currency);
    let report = ChurnReport { training, customers_scored: risks.len() as i64, currency };
    (ChurnModel { as_of, definition, report }, scorer, risks)
}

fn nobody(definition: &Definition) -> Failure {
    let days = definition.look_back_days();
    let message = format!(
        "nobody did anything that qualifies in the {days} days before as_of: send interactions, look back \
         further, or let more kinds qualify"
    );
    Failure::refused(ErrorReason::TooFewCustomers, message)
}
