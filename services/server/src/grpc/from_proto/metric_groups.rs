//! By what metrics are told apart and what they are measured of, and whether that fits each metric.

use super::metrics::{MetricsQuery, codes, each_once, ids};
use super::{Violations, shown};
use crate::proto::{self, MetricDimension as Dimension};
use cx_analytics::codes::{Channel, Stage};
use cx_analytics::features::Field;
use cx_analytics::metrics::{Counts, Detail, Metric};
use cx_analytics::{Customer, Interaction};
use cx_datastore::metrics::{Attribute, Dimensions};

/// Most values of one field of a filter.
const MOST_VALUES: usize = 100;

/// What to measure of; empty fields let everything through.
#[derive(Debug, Clone, Default)]
pub struct Only {
    /// Ids of personas.
    pub persona_ids: Vec<String>,
    /// Channels.
    pub channels: Vec<Channel>,
    /// Stages.
    pub stages: Vec<Stage>,
    /// Values of attributes.
    pub attributes: Vec<(Attribute, Vec<String>)>,
    /// Surveys, reasons or campaigns.
    pub details: Vec<String>,
}

/// Converts `group_by`.
pub(super) fn dimensions(
    v: &mut Violations,
    numbers: &[i32],
    attribute: &str,
    metrics: &[Metric],
) -> Dimensions {
    let mut by = Dimensions::default();
    each_once(v, "group_by", numbers);
    for (place, number) in numbers.iter().enumerate() {
        let path = format!("group_by[{place}]");
        let detail = match Dimension::try_from(*number) {
            Ok(Dimension::Persona) => {
                by.persona = true;
                continue;
            }
            Ok(Dimension::Channel) => {
                by.channel = true;
                continue;
            }
            Ok(Dimension::Stage) => {
                by.stage = true;
                continue;
            }
            Ok(Dimension::Attribute) => {
                by.attribute = named(v, "attribute", attribute);
                continue;
            }
            Ok(Dimension::Survey) => Detail::Survey,
            Ok(Dimension::Reason) => Detail::Reason,
            Ok(Dimension::Campaign) => Detail::Campaign,
            Ok(Dimension::Unspecified) => {
                v.at(path, "is required");
                continue;
            }
            Err(_) => {
                v.at(path, format!("{number} is not one of its values"));
                continue;
            }
        };
        by.detail = true;
        has(v, path, detail, metrics);
    }
    if !attribute.is_empty() && by.attribute.is_none() && v.is_empty() {
        v.at("attribute", "is given, but group_by does not name METRIC_DIMENSION_ATTRIBUTE");
    }
    by
}

/// Notes metrics that cannot be told apart by a detail.
fn has(v: &mut Violations, path: String, detail: Detail, metrics: &[Metric]) {
    if let Some(metric) = metrics.iter().find(|metric| metric.detail() != Some(detail)) {
        let name = proto::Metric::try_from(i32::from(metric.code())).unwrap_or_default();
        v.at(path, format!("does not apply to {}", name.as_str_name()));
    }
}

/// An attribute by its name.
fn named(v: &mut Violations, path: &str, name: &str) -> Option<Attribute> {
    if let Some(key) = name.strip_prefix("attributes.") {
        let key = v.id(path, key.to_owned());
        return Some(Attribute::Entry(key));
    }
    let field = Field::ALL.into_iter().find(|field| field.name() == name);
    if field.is_none() {
        let names = Field::ALL.map(Field::name).join(", ");
        v.at(path, format!("{} is none of {names}, attributes.<key>", shown(name)));
    }
    field.map(Attribute::Field)
}

/// Converts a filter that stands at `path`.
pub(super) fn only(
    v: &mut Violations,
    path: &str,
    wire: proto::MetricFilter,
    metrics: &[Metric],
) -> Only {
    let mut details = Vec::new();
    for (name, detail, max, texts) in [
        ("survey_ids", Detail::Survey, Customer::MAX_ID, wire.survey_ids),
        ("reasons", Detail::Reason, Interaction::MAX_LABEL, wire.reasons),
        ("campaigns", Detail::Campaign, Interaction::MAX_LABEL, wire.campaigns),
    ] {
        if !texts.is_empty() {
            let path = format!("{path}.{name}");
            details = values(v, &path, texts, max);
            has(v, path, detail, metrics);
        }
    }
    let mut attributes: Vec<(Attribute, Vec<String>)> = Vec::new();
    for (place, filter) in wire.attributes.into_iter().enumerate() {
        let path = format!("{path}.attributes[{place}]");
        if filter.values.is_empty() {
            v.at(format!("{path}.values"), "is empty; at least one is needed");
        }
        let texts = values(v, &format!("{path}.values"), filter.values, Customer::MAX_TEXT);
        let path = format!("{path}.attribute");
        let Some(attribute) = named(v, &path, &filter.attribute) else { continue };
        if attributes.iter().any(|(there, _)| *there == attribute) {
            v.at(path, "is there twice");
        }
        attributes.push((attribute, texts));
    }
    Only {
        persona_ids: ids(v, path, wire.persona_ids),
        channels: codes(v, &format!("{path}.channels"), &wire.channels, Channel::from_code),
        stages: codes(v, &format!("{path}.stages"), &wire.stages, Stage::from_code),
        attributes,
        details,
    }
}

fn values(v: &mut Violations, path: &str, texts: Vec<String>, max: usize) -> Vec<String> {
    if texts.len() > MOST_VALUES {
        v.at(path, format!("has {} values; at most {MOST_VALUES} are taken", texts.len()));
    }
    let text = |(place, text)| v.text(&format!("{path}[{place}]"), text, max).unwrap_or_default();
    texts.into_iter().enumerate().map(text).collect()
}

/// Notes what keeps groups from being compared with all others.
pub(super) fn has_others(v: &mut Violations, query: &MetricsQuery) {
    if query.by == Dimensions::default() {
        v.at("query.group_by", "is empty: without groups there are no others");
    }
    for (place, metric) in query.metrics.iter().enumerate() {
        let rule = match metric {
            Metric::CustomerShare | Metric::InteractionShare => "is a share of the whole already",
            metric if matches!(Counts::none(*metric), Counts::Total(_)) => {
                "is no estimate, and is not compared with that of all other groups"
            }
            Metric::ValueAtRisk => "is a sum, and is not compared with that of all other groups",
            _ => continue,
        };
        v.at(format!("query.metrics[{place}]"), rule);
    }
}

/// Notes what a metric needs and is not there, or cannot have and is.
pub(super) fn fits(v: &mut Violations, query: &MetricsQuery) {
    let (by, only) = (&query.by, &query.only);
    for (place, metric) in query.metrics.iter().enumerate() {
        let rule = match metric {
            Metric::RetentionRate if query.length.is_none() => "needs a bucket",
            Metric::CustomerShare | Metric::InteractionShare if *by == Dimensions::default() => {
                "needs group_by"
            }
            Metric::ValueAtRisk if query.length.is_some() => {
                "is as of the training of the churn model and has no bucket"
            }
            Metric::ValueAtRisk
                if by.channel
                    || by.stage
                    || !(only.channels.is_empty() && only.stages.is_empty()) =>
            {
                "is of customers and has no channel or stage"
            }
            _ => continue,
        };
        v.at(format!("metrics[{place}]"), rule);
    }
}
