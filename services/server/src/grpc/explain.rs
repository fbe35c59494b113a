//! Why a customer is in their persona: computed now, from what was known at the instant of the assignment.

use super::{Api, persona::names, status::Refusal, to_proto};
use crate::proto;
use cx_analytics::{Activity, segmentation::Named};
use cx_datastore::Scope;

/// Explains a customer's assignment under a segmentation that succeeded.
pub(super) async fn explanation(
    api: &Api,
    segmentation_id: &str,
    customer_id: String,
) -> Result<proto::AssignmentExplanation, Refusal> {
    let store = &api.store;
    let none = || Refusal::AssignmentNotFound(customer_id.clone());
    let gone = || Refusal::SegmentationNotFound(segmentation_id.to_owned());
    let stored = store.assignment_get(segmentation_id, &customer_id).await?.ok_or_else(none)?;
    let (_, model) = store.segmentation_model(segmentation_id).await?.ok_or_else(gone)?;
    let report = store.segmentation_report(segmentation_id).await?.ok_or_else(gone)?;
    let personas = store.personas_list(segmentation_id).await?;
    let ids = [customer_id.clone()];
    let scope = Scope::Customers(&ids);
    let activity = store.activity(stored.as_of, scope, report.currency).await?.pop();
    // Whose interactions are all erased or in the future has none: the assignment goes with the next look.
    let activity: Activity = activity.ok_or_else(none)?;
    let customer = store.customers_get(&ids).await?.pop();
    let named: Vec<Named<'_>> = (personas.iter())
        .map(|stored| Named {
            name: stored.label.name.as_ref().unwrap_or(&stored.persona.name),
            persona: &stored.persona,
        })
        .collect();
    let why = model.why(&activity, customer.as_ref(), stored.as_of, &named, report.currency);
    let why = why.ok_or_else(none)?;
    Ok(to_proto::explanation(why, &names(api, segmentation_id).await?))
}
