//! The columns of a row: the features of activity, then the attributes that customers have.
//!
//! Attributes are learned from those that are trained on: one that is a number nearly always is one column; of one in words each
//! value that at least one in a hundred has, and the rest is "another value". What nobody names: gender, which is no reason to
//! treat anybody otherwise, and what identifies a person.

use super::{
    features::{FEATURES, Subject, Topic, Unit},
    words,
};
use crate::{
    Customer,
    features::{Attribute, Field, Unit as AttributeUnit},
    interaction::Currency,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the columns are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Columns {
    attributes: Vec<Attribute>,
}

/// What columns have in common that are told as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About<'a> {
    Activity(Topic),
    /// Whether it is one of the customer's own attributes, and its name.
    Attribute(bool, &'a str),
}

/// Attributes under which companies keep what is no reason to treat anybody otherwise.
const UNNAMED: [&str; 2] = ["gender", "sex"];
/// Most attribute columns, and most of one attribute.
const MOST: usize = 200;
const MOST_VALUES: usize = 30;
/// Share of customers that must have a value, or another one, for it to be a column.
const LEAST_SHARE: f64 = 0.01;
/// Share of an attribute's values that must be numbers for it to be one.
const NUMBERS: f64 = 0.95;

impl Columns {
    /// The columns that tell these customers apart.
    pub fn learn<'a>(customers: impl Iterator<Item = Option<&'a Customer>>) -> Self {
        let mut all = 0_usize;
        let (mut ages, mut sign_ups) = (0, 0);
        let mut fields: BTreeMap<&str, (Field, Counts<'_>)> = BTreeMap::new();
        let mut entries: BTreeMap<&str, Counts<'_>> = BTreeMap::new();
        for customer in customers {
            all += 1;
            let Some(customer) = customer else { continue };
            ages += usize::from(customer.birth_year.is_some());
            sign_ups += usize::from(customer.signed_up_at.is_some());
            for field in Field::ALL.into_iter().filter(|field| *field != Field::Gender) {
                if let Some(value) = field.of(customer) {
                    fields
                        .entry(field.name())
                        .or_insert_with(|| (field, Counts::default()))
                        .1
                        .add(value);
                }
            }
            let named =
                |key: &str| UNNAMED.iter().any(|unnamed| key.trim().eq_ignore_ascii_case(unnamed));
            for (key, value) in customer.attributes.iter().filter(|(key, _)| !named(key)) {
                entries.entry(key).or_default().add(value);
            }
        }
        let least = ((all as f64 * LEAST_SHARE).ceil() as usize).max(2);
        let mut attributes = Vec::new();
        if ages >= least {
            attributes.push(Attribute::Age);
        }
        if sign_ups >= least {
            attributes.push(Attribute::DaysSinceSignUp);
        }
        for (field, counts) in fields.into_values() {
            let values = counts.common(least, all);
            attributes.extend(values.into_iter().map(|value| Attribute::Is(field, value)));
        }
        for (key, counts) in entries {
            if counts.is_number() {
                attributes
                    .extend((counts.known >= least).then(|| Attribute::Entry(key.to_owned())));
            } else {
                let value = |value| Attribute::EntryIs(key.to_owned(), value);
                attributes.extend(counts.common(least, all).into_iter().map(value));
            }
        }
        attributes.truncate(MOST);
        Self { attributes }
    }

    /// Columns in a row.
    pub fn width(&self) -> usize {
        FEATURES.len() + self.attributes.len()
    }

    /// The row of a customer: a value for each column in its natural unit, NaN where there is none.
    pub fn row(&self, subject: &Subject<'_>) -> Vec<f64> {
        let mut row = Vec::with_capacity(self.width());
        row.extend(FEATURES.iter().map(|feature| (feature.read)(subject).unwrap_or(f64::NAN)));
        row.extend(self.attributes.iter().map(|one| {
            subject.customer.and_then(|of| one.value(of, subject.as_of)).unwrap_or(f64::NAN)
        }));
        row
    }

    /// A column's name.
    pub fn name(&self, column: usize) -> String {
        match self.attribute(column) {
            None => FEATURES[column].name.to_owned(),
            Some(attribute) => attribute.name(),
        }
    }

    pub(super) fn about(&self, column: usize) -> About<'_> {
        match self.attribute(column) {
            None => About::Activity(FEATURES[column].topic),
            Some(attribute) => About::Attribute(attribute.is_entry(), attribute.subject()),
        }
    }

    /// Whether the company can do something about it.
    pub(super) fn actionable(&self, column: usize) -> bool {
        self.attribute(column).is_none() && FEATURES[column].actionable
    }

    /// Whether the column is among the few that little data can bear.
    pub(super) fn core(&self, column: usize) -> bool {
        self.attribute(column).is_none() && FEATURES[column].core
    }

    /// Whether it counts or measures, so that its tail is long; attributes are looked at.
    pub(super) fn skewed(&self, column: usize) -> Option<bool> {
        match self.attribute(column) {
            None => Some(FEATURES[column].unit.skewed()),
            Some(attribute) => (attribute.unit() != AttributeUnit::Number).then_some(false),
        }
    }

    /// The value in words, and what is typical where that helps.
    pub(super) fn say(
        &self,
        column: usize,
        subject: &Subject<'_>,
        (value, median): (f64, f64),
        currency: Option<Currency>,
    ) -> String {
        let Some(attribute) = self.attribute(column) else {
            let feature = &FEATURES[column];
            return (feature.say)(subject, currency)
                + &words::typical(feature.unit, median, currency);
        };
        let about = attribute.subject();
        match attribute {
            _ if value.is_nan() => format!("{about} not known"),
            Attribute::Age => format!("{value:.0} years old (typical: {median:.0})"),
            Attribute::DaysSinceSignUp => {
                format!("signed up {} ago (typical: {median:.0})", words::days(value))
            }
            Attribute::Is(_, has) | Attribute::EntryIs(_, has) => {
                format!("{about} {} {has}", if value == 1.0 { "is" } else { "is not" })
            }
            Attribute::Entry(_) => {
                format!("{about} is {} (typical: {})", words::number(value), words::number(median))
            }
        }
    }

    /// The columns of the same attribute as this one.
    pub(super) fn siblings(&self, column: usize) -> Vec<usize> {
        match self.about(column) {
            About::Activity(_) => vec![column],
            about => (0..self.width()).filter(|&other| self.about(other) == about).collect(),
        }
    }

    /// What a column's values are counted in.
    pub fn unit(&self, column: usize) -> Unit {
        match self.attribute(column).map(Attribute::unit) {
            None => FEATURES[column].unit,
            Some(AttributeUnit::Days) => Unit::Days,
            Some(AttributeUnit::Flag) => Unit::Flag,
            Some(_) => Unit::Number,
        }
    }

    fn attribute(&self, column: usize) -> Option<&Attribute> {
        column.checked_sub(FEATURES.len()).and_then(|place| self.attributes.get(place))
    }
}

/// How often each value of an attribute occurs.
#[derive(Default)]
struct Counts<'a> {
    known: usize,
    values: BTreeMap<&'a str, usize>,
    /// Values of which there were too many to count each.
    rest: Vec<&'a str>,
}

impl<'a> Counts<'a> {
    /// Different values that are counted; what comes later for the first time is rare, or a number.
    const MOST: usize = 5_000;

    fn add(&mut self, value: &'a str) {
        if value.trim().is_empty() {
            return;
        }
        self.known += 1;
        if let Some(count) = self.values.get_mut(value) {
            *count += 1;
        } else if self.values.len() < Self::MOST {
            self.values.insert(value, 1);
        } else {
            self.rest.push(value);
        }
    }

    fn is_number(&self) -> bool {
        let number = |value: &str| value.trim().parse::<f64>().is_ok_and(f64::is_finite);
        let counted = self.values.iter().filter(|(value, _)| number(value));
        let numbers = counted.map(|(_, count)| *count).sum::<usize>()
            + self.rest.iter().filter(|value| number(value)).count();
        self.known > 0 && numbers as f64 >= NUMBERS * self.known as f64
    }

    /// The values that neither too few nor nearly all of `all` have, the most frequent first.
    fn common(&self, least: usize, all: usize) -> Vec<String> {
        let mut common: Vec<(&str, usize)> = (self.values.iter())
            .map(|(value, count)| (*value, *count))
            .filter(|(_, count)| (least..=all - least.min(all)).contains(count))
            .collect();
        common.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
        common.into_iter().take(MOST_VALUES).map(|(value, _)| value.to_owned()).collect()
    }
}

impl From<Columns> for Vec<String> {
    fn from(columns: Columns) -> Self {
        columns.attributes.iter().map(Attribute::name).collect()
    }
}

impl TryFrom<Vec<String>> for Columns {
    type Error = String;

    fn try_from(names: Vec<String>) -> Result<Self, String> {
        let attribute = |name: String| {
            Attribute::parse(&name)?.ok_or_else(|| format!("{name:?} is not an attribute"))
        };
        let attributes = names.into_iter().map(attribute).collect::<Result<_, _>>()?;
        Ok(Self { attributes })
    }
}
