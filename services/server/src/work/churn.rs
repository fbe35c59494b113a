//! Trains a churn model and scores everybody.
//!
//! Fetches what was known at each past cut-off and what became of it, lets `cx-analytics` learn from that, and
//! publishes the risks. Decides nothing about models.

use super::{Context, Failure};
use crate::{clock, cmd::instant::shown, proto::ErrorReason};
use cx_analytics::{
    Activity, Customer, Timestamp,
    churn::{
        Case, Columns, Counted, Definition, Model, Snapshot, Standing, Subject, Training, cutoffs,
        train,
    },
    interaction::Currency,
};
use cx_datastore::{
    Error, Job, Store,
    activity::{Past, Scope},
    churn::{ChurnModel, ChurnPublication, ChurnReport, Outcome, Scored, Span},
};
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, sync::Arc};
use tokio::task::{JoinHandle, spawn_blocking};

/// What to train: what a job's parameters say in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// Which definition.
    pub definition_id: String,
    /// Its version.
    pub version: i64,
    /// What "left" means by that.
    pub definition: Definition,
    /// Only interactions before this instant count.
    pub as_of: Timestamp,
    /// Currency of values; none for the one with most orders.
    pub currency: Option<Currency>,
    /// Whether risks are kept fresh; else they are a picture of `as_of`.
    pub live: bool,
    /// The model in whose place it becomes the active one, where nobody asked for it; without one in place of any.
    #[serde(default)]
    pub in_place_of: Option<String>,
}

/// Days before `as_of` at which the same model is asked once more, for the trend.
pub(super) const WEEK: i64 = 7;
/// Cut-offs that are read at once; each has a connection of the pool for long work.
const AT_ONCE: usize = 2;
/// Population stability index from which a shift is called large.
const MUCH_DRIFT: f64 = 0.25;

/// Works on one job to its end and writes its result.
pub async fn run(context: &Context, job: &Job) -> Result<(), Failure> {
    let parameters: Parameters = serde_json::from_str(&job.parameters).map_err(|_| {
        Failure::refused(ErrorReason::Internal, "the parameters of the training cannot be read")
    })?;
    let (definition, as_of) = (Arc::new(parameters.definition.clone()), parameters.as_of);
    let currency = match parameters.currency {
        Some(currency) => Some(currency),
        None => context.store.main_currency(as_of).await?,
    };
    let Some(span) = context.store.churn_span(as_of).await? else {
        return Err(nobody(&definition, None));
    };
    context.progress(0.0, "counting activity");
    let look = Look { store: &context.store, definition: &definition, currency, span };
    let customers = Arc::new(customers(&context.store).await?);
    let all = |everyone: Everyone, as_of: Timestamp| {
        let (definition, customers) = (Arc::clone(&definition), Arc::clone(&customers));
        People { everyone, as_of, definition, customers }
    };
    let before = as_of.days_before(WEEK);
    let (here, week_before) = tokio::try_join!(look.at(as_of), look.at(before))?;
    let (here, week_before) = (all(here, as_of), all(week_before, before));
    let look_here = move || {
        let columns = Columns::learn(here.subjects().map(|(subject, _)| subject.customer));
        (here.snapshot(&columns, &HashMap::new()), here, Arc::new(columns))
    };
    let (present, here, columns) = joined(spawn_blocking(look_here)).await;
    if present.who.is_empty() {
        return Err(nobody(&definition, Some(span.last)));
    }
    // Where nothing is recorded any more, nobody was seen to leave.
    let cutoffs = cutoffs(&definition, as_of.min(span.last), span.first);
    context.progress(0.3, "looking at past cut-offs");
    let snapshot = async |cutoff| {
        let people = all(look.at(cutoff).await?, cutoff);
        let known = Some(as_of).filter(|&as_of| span.then(as_of).as_known);
        let outcomes = context.store.churn_outcomes(&definition, (cutoff, known), currency).await?;
        let columns = Arc::clone(&columns);
        let made = spawn_blocking(move || people.snapshot(&columns, &outcomes));
        Ok::<Snapshot, Failure>(joined(made).await)
    };
    let past: Vec<Snapshot> =
        futures::stream::iter(cutoffs).map(snapshot).buffered(AT_ONCE).try_collect().await?;
    context.progress(0.7, "training and scoring");
    let in_place_of = parameters.in_place_of.clone();
    let work =
        move || outcome(parameters, (&here, &week_before), &columns, (&past, &present), currency);
    let (model, scorer, risks) = joined(spawn_blocking(work)).await;
    if in_place_of.is_some() && !model.report.training.calibrated {
        // Records that stopped coming are no reason to forget what was learned.
        let message = format!("the model in use stays: {}", model.report.training.basis_reason);
        return Err(Failure::refused(ErrorReason::TooFewCustomers, message));
    }
    context.progress(0.9, "writing risks");
    let of = ChurnPublication {
        job,
        owner: &context.owner,
        model: &model,
        scorer: &scorer,
        risks: &risks,
        in_place_of: in_place_of.as_deref(),
    };
    Ok(context.store.churn_publish(of, clock::now()).await?)
}

/// What was worked out off the threads that wait.
async fn joined<T>(work: JoinHandle<T>) -> T {
    // A panic goes on in the worker, which logs it and ends the job.
    work.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// Everybody of whom a definition may ask at an instant.
pub(super) struct Everyone {
    people: Vec<(Activity, Standing)>,
    /// Of whom other attributes were known then than are now.
    then: HashMap<String, Option<Customer>>,
}

/// The same question at several instants.
pub(super) struct Look<'a> {
    pub store: &'a Store,
    pub definition: &'a Definition,
    pub currency: Option<Currency>,
    pub span: Span,
}

impl Look<'_> {
    /// Everybody as they were known at an instant.
    async fn at(&self, as_of: Timestamp) -> Result<Everyone, Failure> {
        Ok(self.of(as_of, &[]).await?)
    }

    /// The same of some; of everybody where none are named.
    pub async fn of(&self, as_of: Timestamp, customers: &[String]) -> Result<Everyone, Error> {
        let past: Past = self.span.then(as_of);
        let scope =
            if customers.is_empty() { Scope::Everyone } else { Scope::Customers(customers) };
        // One after the other: the pool for long work is small.
        let mut standings = self.store.churn_standings(self.definition, past, customers).await?;
        let activity = self.store.activity(past, scope, self.currency).await?;
        let with = |activity: Activity| {
            standings.remove(&activity.customer_id).map(|standing| (activity, standing))
        };
        let people = activity.into_iter().filter_map(with).collect();
        Ok(Everyone { people, then: self.store.customers_then(past, customers).await? })
    }
}

/// People at an instant, with what is known of them besides.
pub(super) struct People {
    pub everyone: Everyone,
    pub as_of: Timestamp,
    pub definition: Arc<Definition>,
    /// As they are known now.
    pub customers: Arc<HashMap<String, Customer>>,
}

impl People {
    /// Those of whom the definition asks, each with how.
    pub fn subjects(&self) -> impl Iterator<Item = (Subject<'_>, Counted)> {
        self.everyone.people.iter().filter_map(|(activity, standing)| {
            let id = &activity.customer_id;
            let then = self.everyone.then.get(id).map(Option::as_ref);
            let customer = then.unwrap_or_else(|| self.customers.get(id));
            let counted = self.definition.counted(standing, customer, self.as_of);
            let subject = Subject {
                activity,
                standing: *standing,
                customer,
                as_of: self.as_of,
                definition: &self.definition,
                rhythm: None,
            };
            (counted != Counted::Excluded).then_some((subject, counted))
        })
    }

    fn snapshot(&self, columns: &Columns, outcomes: &HashMap<String, Outcome>) -> Snapshot {
        let present = self.subjects().filter(|(_, counted)| *counted == Counted::Present);
        let cases: Vec<Case<'_>> = present
            .map(|(subject, _)| {
                let id = &subject.activity.customer_id;
                let Outcome { stayed, spent } = outcomes.get(id).copied().unwrap_or_default();
                Case { subject, churned: !stayed, spent }
            })
            .collect();
        Snapshot::of(self.as_of, columns, &cases)
    }
}

async fn customers(store: &Store) -> Result<HashMap<String, Customer>, Failure> {
    const PAGE: u64 = 5000;
    let mut all = HashMap::new();
    let mut after = None;
    loop {
        let page = store.customers_list(after.take(), PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(all) };
        after = Some(last.customer_id.clone());
        all.extend(page.into_iter().map(|(one, _)| (one.customer_id.clone(), one)));
    }
}

fn outcome(
    parameters: Parameters,
    (now, before): (&People, &People),
    columns: &Columns,
    (past, present): (&[Snapshot], &Snapshot),
    currency: Option<Currency>,
) -> (ChurnModel, Model, Vec<Scored>) {
    let Parameters { definition_id, version, definition, as_of, live, .. } = parameters;
    let (scorer, training) = train(Training { definition: &definition, columns, past, present });
    let risks = scored(&scorer, (now, before), currency);
    let report = ChurnReport { training, customers_scored: risks.len() as i64, currency };
    (ChurnModel { definition_id, version, as_of, definition, report, live }, scorer, risks)
}

/// What a model says of people now, and said a week before.
pub(super) fn scored(
    model: &Model,
    (now, before): (&People, &People),
    currency: Option<Currency>,
) -> Vec<Scored> {
    let now: Vec<Subject<'_>> = now.subjects().map(|(subject, _)| subject).collect();
    let then: Vec<Subject<'_>> = before.subjects().map(|(subject, _)| subject).collect();
    let said = then.iter().map(|subject| &*subject.activity.customer_id);
    let said: HashMap<&str, f64> = said.zip(model.probabilities(&then)).collect();
    let risks = model.risks(&now, currency).into_iter();
    risks.map(|risk| Scored { week_before: said.get(&*risk.customer_id).copied(), risk }).collect()
}

fn nobody(definition: &Definition, last: Option<Timestamp>) -> Failure {
    let who = match definition.look_back_days() {
        Some(days) => format!("nobody did anything that qualifies in the {days} days before as_of"),
        None => "nobody has a subscription at as_of".to_owned(),
    };
    let last = last.map_or_else(
        || "nothing is recorded before it".to_owned(),
        |last| format!("the latest interaction before it is of {}", shown(last)),
    );
    let message = format!(
        "{who} and is asked about: {last}; send interactions, or put a definition that asks of more"
    );
    Failure::refused(ErrorReason::TooFewCustomers, message)
}

/// A model and how good it is, in words, a sentence a line.
pub fn in_words(model: &ChurnModel) -> String {
    let training = &model.report.training;
    let mut words =
        vec![format!("left: {}", model.definition.in_words()), training.basis_reason.clone()];
    if let (Some(test), Some(quality)) = (training.test, training.model()) {
        let where_ =
            if test.held_out_customers { "customers held out at" } else { "the later cut-off" };
        words.push(format!(
            "trained on {} outcomes at {}, tested on {} customers ({} of them left), {where_} {}",
            training.train_rows,
            match training.train_cutoffs.len() {
                1 => "one cut-off".to_owned(),
                cutoffs => format!("{cutoffs} cut-offs"),
            },
            quality.customers,
            quality.churned,
            shown(test.cutoff),
        ));
    }
    if let Some(moved) = training.drift.first().filter(|one| one.stability_index > MUCH_DRIFT) {
        words.push(format!(
            "customers have moved most in {} since (population stability index {:.2}; much from {MUCH_DRIFT})",
            moved.feature, moved.stability_index
        ));
    }
    if let Some(way) = training.value_candidates.iter().find(|one| one.chosen) {
        words.push(format!(
            "expected spend by {}, the best of {} on customers who stayed; in all it said {:.2} times what they spent",
            way.method.in_words(),
            training.value_candidates.len(),
            way.said_over_spent,
        ));
    }
    words.push(format!("{} customers scored", model.report.customers_scored));
    words.join("\n") + "\n"
}
