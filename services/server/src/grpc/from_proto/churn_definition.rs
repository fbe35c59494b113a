//! What "left" means, as a request says it.

use super::{Violation, Violations};
use crate::proto;
use cx_analytics::{churn::Definition, codes::Kind};

/// Converts a churn definition; what is not given takes its default. Violations have paths within the definition.
pub fn churn_definition(
    wire: Option<proto::ChurnDefinition>,
) -> Result<Definition, Vec<Violation>> {
    let wire = wire.unwrap_or_default();
    let mut v = Violations::new();
    let kind = |(place, number): (usize, &i32)| {
        v.code(&format!("qualifying_kinds[{place}]"), *number, Kind::from_code)
    };
    let kinds: Vec<Kind> = wire.qualifying_kinds.iter().enumerate().filter_map(kind).collect();
    let days = |days: i32| (days != 0).then(|| i64::from(days));
    let definition = Definition::new(days(wire.look_back_days), days(wire.horizon_days), kinds);
    let definition = definition.map_err(|violations| {
        for violation in violations {
            v.at(violation.field, violation.rule);
        }
    });
    match definition {
        Ok(definition) if v.is_empty() => Ok(definition),
        _ => Err(v.into_inner()),
    }
}
