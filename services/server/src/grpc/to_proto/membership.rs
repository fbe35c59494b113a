//! Changes of membership.

use super::timestamp;
use super::{PersonaNames, assignment};
use crate::proto::{self, membership_change::Kind};
use cx_analytics::{membership::Change, segmentation::Why};

/// Converts a change.
pub fn membership_change(change: Change) -> proto::MembershipChange {
    let kind = match (&change.from, &change.to) {
        (None, _) => Kind::Entered,
        (Some(_), None) => Kind::Left,
        (Some(_), Some(_)) => Kind::Moved,
    };
    proto::MembershipChange {
        position: change.position,
        customer_id: change.customer_id,
        kind: kind.into(),
        from_persona_id: change.from.unwrap_or_default(),
        to_persona_id: change.to.unwrap_or_default(),
        cause: change.cause.code().into(),
        segmentation_id: change.segmentation_id,
        change_time: Some(timestamp(change.at)),
    }
}

/// Converts why a customer is where they are.
pub fn explanation(why: Why, names: &PersonaNames) -> proto::AssignmentExplanation {
    let contributions = why.explanation.contributions.into_iter().map(|contribution| {
        let fact = &why.facts[contribution.feature];
        proto::FeatureContribution {
            feature: fact.name.clone(),
            unit: fact.unit.clone(),
            value: fact.value,
            persona_median: fact.persona_median,
            runner_up_median: fact.runner_up_median,
            contribution: contribution.contribution,
            text: contribution.text,
        }
    });
    proto::AssignmentExplanation {
        contributions: contributions.collect(),
        runner_up_persona_name: names.name(why.assignment.runner_up),
        assignment: Some(assignment(why.assignment, names)),
        text: why.explanation.text,
    }
}
