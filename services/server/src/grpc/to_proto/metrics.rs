//! Figures and definitions of metrics.

use super::timestamp;
use crate::proto;
use cx_analytics::metrics::{
    Definition, Detail, Difference, Figure, Further, GroupKey, Interval, Metric, Status,
};

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
        figures: figure.more.into_iter().map(|more| named_figure(more, confidence)).collect(),
    }
}

/// A further figure.
pub fn named_figure(more: Further, confidence: f64) -> proto::NamedFigure {
    let Further { name, value, interval: of } = more;
    let interval = of.map(|of| interval(of, confidence));
    proto::NamedFigure { name: name.to_owned(), value, interval }
}

/// An interval of this level.
pub fn interval(of: Interval, confidence: f64) -> proto::Interval {
    let Interval { lower, upper, method } = of;
    proto::Interval { lower, upper, confidence, method: method.to_owned() }
}

/// How a group differs from its baseline; whether that is a discovery is not known yet.
pub fn metric_comparison(
    current: proto::MetricResult,
    baseline: proto::MetricResult,
    difference: Option<Difference>,
    confidence: f64,
) -> proto::MetricComparison {
    let nps = [Metric::NpsRelational, Metric::NpsTransactional]
        .iter()
        .any(|nps| i32::from(nps.code()) == current.metric);
    let over = baseline.value.filter(|value| *value > 0.0 && !nps);
    let test = difference.as_ref().and_then(|found| found.test);
    proto::MetricComparison {
        relative_change: difference.as_ref().zip(over).map(|(found, over)| found.value / over),
        difference: difference.as_ref().map(|found| found.value),
        interval: difference
            .as_ref()
            .and_then(|found| found.interval)
            .map(|of| interval(of, confidence)),
        effect_size: difference.as_ref().and_then(|found| found.effect),
        p_value: test.map(|test| test.p_value),
        test: test.map(|test| test.method.to_owned()).unwrap_or_default(),
        q_value: None,
        significant: false,
        current: Some(current),
        baseline: Some(baseline),
    }
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
    metric: Metric,
    key: &GroupKey,
    bounds: Option<(cx_analytics::Timestamp, cx_analytics::Timestamp)>,
    persona: Option<(&str, &str)>,
) -> proto::MetricGroup {
    let (persona_id, persona_name) = persona.unwrap_or_default();
    let detail =
        |of: Detail| key.detail.clone().filter(|_| metric.detail() == Some(of)).unwrap_or_default();
    proto::MetricGroup {
        persona_id: persona_id.to_owned(),
        persona_name: persona_name.to_owned(),
        channel: key.channel.map_or(0, |channel| channel.code().into()),
        stage: key.stage.map_or(0, |stage| stage.code().into()),
        start_time: bounds.map(|(start, _)| timestamp(start)),
        end_time: bounds.map(|(_, end)| timestamp(end)),
        currency_code: key.currency.map(String::from).unwrap_or_default(),
        attribute_value: key.attribute.clone().unwrap_or_default(),
        survey_id: detail(Detail::Survey),
        reason: detail(Detail::Reason),
        campaign: detail(Detail::Campaign),
        period: key.period.and_then(|period| i32::try_from(period).ok()),
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
