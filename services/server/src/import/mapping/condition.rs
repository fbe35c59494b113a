//! Conditions on a line: which lines a record takes, and which are left out.

use super::super::decimal::{Decimal, NumberFormat};
use super::super::row::{Column, Row};
use super::config::{ConditionConfig, OneOrMany};
use super::expression::Columns;
use super::{Error, at};
use serde::Deserialize;
use std::cmp::Ordering;
use std::collections::BTreeMap;

#[derive(Debug)]
enum Check {
    Is(Vec<String>),
    StartsWith(Vec<String>),
    Missing(bool),
    Compared(Ordering, Decimal),
}

type Checks = Vec<(Column, Check)>;

/// `when` and `unless` of a record or a skip.
#[derive(Debug, Default)]
pub struct Test {
    when: Checks,
    unless: Option<Checks>,
}

impl Test {
    /// Reads both, `key` naming the place in the mapping file.
    pub fn read(
        when: BTreeMap<String, toml::Value>,
        unless: BTreeMap<String, toml::Value>,
        columns: &mut Columns,
        key: &str,
    ) -> Result<Self, Error> {
        let has_unless = !unless.is_empty();
        let when = checks(when, columns, &format!("{key}.when"))?;
        let unless = checks(unless, columns, &format!("{key}.unless"))?;
        Ok(Self { when, unless: has_unless.then_some(unless) })
    }

    /// Whether a line passes.
    pub fn holds(&self, row: &Row, format: NumberFormat) -> bool {
        let all = |checks: &Checks| {
            checks.iter().all(|(column, check)| check.holds(row.get(*column), format))
        };
        all(&self.when) && !self.unless.as_ref().is_some_and(all)
    }
}

impl Check {
    fn holds(&self, cell: Option<&str>, format: NumberFormat) -> bool {
        let Some(text) = cell else { return matches!(self, Self::Missing(true)) };
        match self {
            Self::Is(texts) => texts.iter().any(|is| is == text),
            Self::StartsWith(starts) => starts.iter().any(|start| text.starts_with(start.as_str())),
            Self::Missing(missing) => !missing,
            Self::Compared(order, limit) => {
                Decimal::parse(text, format).is_some_and(|number| number.compare(*limit) == *order)
            }
        }
    }
}

fn checks(
    config: BTreeMap<String, toml::Value>,
    columns: &mut Columns,
    key: &str,
) -> Result<Checks, Error> {
    let mut all = Vec::new();
    for (name, value) in config {
        let key = format!("{key}.{name}");
        let column = columns.named(&name);
        let config = match value {
            toml::Value::Table(_) => {
                ConditionConfig::deserialize(value).map_err(|error| at(&key, error.message()))?
            }
            _ => ConditionConfig { is: Some(texts(value, &key)?), ..ConditionConfig::default() },
        };
        let before = all.len();
        all.extend(config.is.map(|texts| (column, Check::Is(texts.into_vec()))));
        all.extend(config.starts_with.map(|texts| (column, Check::StartsWith(texts.into_vec()))));
        all.extend(config.missing.map(|missing| (column, Check::Missing(missing))));
        for (order, limit, word) in
            [(Ordering::Greater, config.above, "above"), (Ordering::Less, config.below, "below")]
        {
            if let Some(limit) = limit {
                all.push((
                    column,
                    Check::Compared(order, number(&limit, &format!("{key}.{word}"))?),
                ));
            }
        }
        if all.len() == before {
            return Err(at(&key, "says no condition"));
        }
    }
    Ok(all)
}

fn texts(value: toml::Value, key: &str) -> Result<OneOrMany, Error> {
    OneOrMany::deserialize(value)
        .map_err(|_| at(key, "is not a text, a list of texts or a table of conditions"))
}

fn number(value: &toml::Value, key: &str) -> Result<Decimal, Error> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Decimal::parse(&text, NumberFormat::default())
        .ok_or_else(|| at(key, format!("{text:?} is not a number")))
}
