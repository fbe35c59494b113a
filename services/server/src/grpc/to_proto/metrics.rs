//! Figures and definitions of metrics.

use super::timestamp;
use crate::proto;
use cx_analytics::metrics::{Definition, Figure, Interval, Metric, Status};

/// A figure of a group.
pub fn metric_result(
    metric: Metric,
    group: proto::MetricGroup,
    figure: Figure,
    confidence: f64,
) -> proto::MetricResult {
    proto::MetricResult {
        metric: metric.code().into(),
        group: Some(group),
        value: figure.value,
        numerator: figure.numerator,
        denominator: figure.denominator,
        n: figure.n,
        excluded: figure.excluded,
        censored: figure.censored,
        interval: figure.interval.map(|it| interval(it, confidence)),
        status: metric_status(figure.status).into(),
        figures: figure
            .more
            .into_iter()
            .map(|(name, value)| proto::NamedFigure { name: name.to_owned(), value })
            .collect(),
    }
}

/// An interval of this level.
pub fn interval(interval: Interval, confidence: f64) -> proto::Interval {
    let Interval { lower, upper, method } = interval;
    proto::Interval { lower, upper, confidence, method: method.to_owned() }
}

/// How far to trust a figure.
pub fn metric_status(status: Status) -> proto::MetricStatus {
    match status {
        Status::Ok => proto::MetricStatus::Ok,
        Status::NoData => proto::MetricStatus::NoData,
        Status::LowSample => proto::MetricStatus::LowSample,
        Status::Immature => proto::MetricStatus::Immature,
    }
}

/// A group and bucket.
pub fn metric_group(
    key: &cx_analytics::metrics::GroupKey,
    bounds: Option<(cx_analytics::Timestamp, cx_analytics::Timestamp)>,
    persona: Option<(&str, &str)>,
) -> proto::MetricGroup {
    let (persona_id, persona_name) = persona.unwrap_or_default();
    proto::MetricGroup {
        persona_id: persona_id.to_owned(),
        persona_name: persona_name.to_owned(),
        channel: key.channel.map_or(0, |channel| channel.code().into()),
        stage: key.stage.map_or(0, |stage| stage.code().into()),
        start_time: bounds.map(|(start, _)| timestamp(start)),
        end_time: bounds.map(|(_, end)| timestamp(end)),
        currency_code: key.currency.map(String::from).unwrap_or_default(),
    }
}

/// How a metric is defined.
pub fn metric_definition(definition: Definition) -> proto::MetricDefinition {
    proto::MetricDefinition {
        metric: definition.metric.code().into(),
        display_name: definition.display_name.to_owned(),
        definition: definition.definition.to_owned(),
        unit: definition.unit.to_owned(),
        interval_method: definition.interval_method.to_owned(),
        caveat: definition.caveat.to_owned(),
    }
}
