//! What "left" means, as a request says it.

use super::{Refusal, Violation, Violations};
use crate::proto;
use cx_analytics::{
    churn::{Definition, Draft},
    codes::Kind,
};
use cx_datastore::churn::DEFAULT_DEFINITION;

/// A definition to be written, checked.
#[derive(Debug, Clone)]
pub struct ChurnDefinitionPut {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub display_name: String,
    /// The terms.
    pub definition: Definition,
}

/// Checks a definition.
pub fn churn_definition_put(
    request: proto::PutChurnDefinitionRequest,
) -> Result<ChurnDefinitionPut, Refusal> {
    const LONGEST_NAME: usize = 200;
    let mut v = Violations::new();
    let id = v.id("churn_definition_id", request.churn_definition_id);
    let display_name = v.text("display_name", request.display_name, LONGEST_NAME);
    let definition = churn_terms(request.terms).unwrap_or_else(|broken| {
        v.under("terms", broken);
        Definition::default()
    });
    v.refuse()?;
    Ok(ChurnDefinitionPut { id, display_name: display_name.unwrap_or_default(), definition })
}

/// The id of a definition; the default one where none is given.
pub fn churn_definition_id(v: &mut Violations, id: String) -> String {
    v.optional_id("churn_definition_id", id).unwrap_or_else(|| DEFAULT_DEFINITION.to_owned())
}

/// Converts terms; what is not given takes its default. Violations have paths within the terms.
pub fn churn_terms(wire: Option<proto::ChurnTerms>) -> Result<Definition, Vec<Violation>> {
    let wire = wire.unwrap_or_default();
    let mut v = Violations::new();
    let days = |days: i32| (days != 0).then(|| i64::from(days));
    let share = |share: f64| (share != 0.0).then_some(share);
    let draft = Draft {
        contractual: wire.contractual,
        look_back_days: days(wire.look_back_days),
        horizon_days: days(wire.horizon_days),
        kinds: kinds(&mut v, &wire.qualifying_kinds),
        lapse_days: days(wire.lapse_days),
        min_active_days: days(wire.min_active_days),
        min_tenure_days: days(wire.min_tenure_days),
        among: wire.customer_attributes,
        medium_from: share(wire.medium_from),
        high_from: share(wire.high_from),
    };
    let definition = Definition::new(draft).map_err(|violations| {
        for violation in violations {
            v.at(violation.field, violation.rule);
        }
    });
    match definition {
        Ok(definition) if v.is_empty() => Ok(definition),
        _ => Err(v.into_inner()),
    }
}

/// The kinds that are named, as given.
pub fn kinds(v: &mut Violations, numbers: &[i32]) -> Vec<Kind> {
    let kind = |(place, number): (usize, &i32)| {
        v.code(&format!("qualifying_kinds[{place}]"), *number, Kind::from_code)
    };
    numbers.iter().enumerate().filter_map(kind).collect()
}
