//! Finds personas: activity out of the database, the fit beside the runtime, the result back.

use super::{Context, Failure, refresh};
use crate::{clock, proto::ErrorReason};
use cx_analytics::{
    Customer,
    segmentation::{Asked, Checked, Fitted, NOWHERE, Problem, Reference, Refusal, Table},
};
use cx_datastore::{Job, Publication, Store};
use futures::TryStreamExt;

/// Customers and assignments read at once.
const PAGE: u64 = 10_000;

/// Works on one job to its end and writes its result.
pub async fn run(context: &Context, job: &Job) -> Result<(), Failure> {
    let (asked, of) = stored(job)?;
    let store = &context.store;
    context.progress(0.0, "counting activity");
    let currency = match asked.currency {
        Some(currency) => Some(currency),
        None => store.main_currency(asked.as_of).await?,
    };
    let asked = asked.with_currency(currency);
    let as_of = asked.as_of;
    // What arrives from here on is not counted for certain, nor is what came after the run was asked for; both are looked at when
    // the version becomes the active one.
    let seen_until = as_of.min(clock::now()).plus(-super::held::SETTLED);
    let table = table(context, &asked).await?;
    let reference = reference(store, &table, &of).await?;
    let objectors = store.profiling_objectors().await?.len();

    let fitting = context.clone();
    let against = reference.clone();
    let fit = move || {
        let go_on = |share: f64, step: &str| {
            fitting.progress(share, step);
            fitting.wanted()
        };
        asked.fit(table, against.as_ref(), &go_on)
    };
    let mut fitted: Fitted = match tokio::task::spawn_blocking(fit).await {
        Ok(outcome) => outcome.map_err(refused)?,
        // It becomes a panic of this task, which the worker reports.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    fitted.report.customers_excluded = objectors as i64;
    let activate = job.activate && {
        let decision = fitted.report.decide(&of.policy);
        let activated = decision.activated;
        fitted.report.activation = Some(decision);
        activated
    };

    context.progress(0.9, "writing");
    let publication = Publication {
        id: &job.id,
        owner: &context.owner,
        as_of,
        live: of.live,
        seen_until,
        fitted: &fitted,
        activate,
        reference: reference.as_ref().map(|reference| reference.segmentation_id.as_str()),
    };
    store.segmentation_stage(publication).await?;
    if activate && of.live {
        let (model, currency) = (&fitted.model, fitted.report.currency);
        let worker = Some(context.owner.as_str());
        let next = refresh::Next { id: &job.id, model, currency, seen_until, worker };
        refresh::catch_up(store, next).await?;
    }
    store.segmentation_publish(publication, clock::now()).await?;
    Ok(())
}

/// Everybody with what the fit looks at, one at a time: activities and attributes both come by customer id.
async fn table(context: &Context, asked: &Checked) -> Result<Table, Failure> {
    let mut builder = Table::builder(asked);
    let mut activities = context.store.activity_stream(asked.as_of, asked.currency).await?;
    let mut customers = Customers::of(&context.store);
    while let Some(activity) = activities.try_next().await? {
        let customer = customers.reach(&activity.customer_id).await?;
        builder.push(&activity, customer);
    }
    Ok(builder.finish())
}

/// The customers with attributes, page by page.
struct Customers<'a> {
    store: &'a Store,
    page: std::vec::IntoIter<Customer>,
    current: Option<Customer>,
    after: Option<String>,
    over: bool,
}

impl<'a> Customers<'a> {
    fn of(store: &'a Store) -> Self {
        Self { store, page: Vec::new().into_iter(), current: None, after: None, over: false }
    }

    /// The customer with this id, if there are attributes. Ids must come ascending.
    async fn reach(&mut self, id: &str) -> Result<Option<&Customer>, Failure> {
        while !self.over && self.current.as_ref().is_none_or(|c| c.customer_id.as_str() < id) {
            self.current = self.page.next();
            if self.current.is_none() {
                let page = self.store.customers_list(self.after.take(), PAGE).await?;
                self.after = page.last().map(|(customer, _)| customer.customer_id.clone());
                self.over = page.is_empty();
                let page: Vec<Customer> = page.into_iter().map(|(customer, _)| customer).collect();
                self.page = page.into_iter();
            }
        }
        Ok(self.current.as_ref().filter(|customer| customer.customer_id == id))
    }
}

/// The active version, as the next one looks at it.
async fn reference(
    store: &Store,
    table: &Table,
    asked: &Asked,
) -> Result<Option<Reference>, Failure> {
    let Some(active) = store.segmentation_active().await? else { return Ok(None) };
    let job = store.job_get(&active.id).await?;
    let before: Option<Asked> = job.and_then(|job| serde_json::from_str(&job.parameters).ok());
    let same_question =
        before.is_some_and(|before| before.parameters.same_question(&asked.parameters));
    let Some((_, model)) = store.segmentation_model(&active.id).await? else { return Ok(None) };
    let personas = store.personas_list(&active.id).await?;
    let mut reference = Reference {
        segmentation_id: active.id,
        same_question,
        model,
        sizes: vec![0; personas.len()],
        persona_ids: personas.into_iter().map(|stored| stored.persona.persona_id).collect(),
        places: vec![NOWHERE; table.rows()],
    };
    let (mut row, mut after) = (0, None::<String>);
    loop {
        let id = &reference.segmentation_id;
        let page = store.assignments_list(id, None, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(Some(reference)) };
        after = Some(last.customer_id.clone());
        for member in &page {
            if let Some(size) = reference.sizes.get_mut(usize::from(member.persona)) {
                *size += 1;
            }
            // Both come by customer id.
            while row < table.rows() && table.id(row) < member.customer_id.as_str() {
                row += 1;
            }
            if row < table.rows() && table.id(row) == member.customer_id {
                reference.places[row] = member.persona;
            }
        }
    }
}

/// What a job asks for. It was checked when it was made, but perhaps by another version. A run that stays fresh counts up to the
/// moment it was asked for, which of a scheduled one only the job knows.
fn stored(job: &Job) -> Result<(Checked, Asked), Failure> {
    let unusable = |why: String| Failure::refused(ErrorReason::InvalidField, why);
    let mut asked: Asked = serde_json::from_str(&job.parameters)
        .map_err(|_| unusable("the stored parameters cannot be read by this version".to_owned()))?;
    if asked.live {
        asked.parameters.as_of = job.created_at;
    }
    let told = |problems: Vec<Problem>| {
        let told: Vec<String> =
            problems.iter().map(|p| format!("{}: {}", p.field, p.rule)).collect();
        unusable(told.join("; "))
    };
    let checked = asked.parameters.clone().check().map_err(told)?;
    Ok((checked, asked))
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
