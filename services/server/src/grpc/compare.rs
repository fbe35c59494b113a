//! `CompareMetrics`: what differs between two periods, two segments, or a group and all others.

use super::metrics::{Plan, few_enough};
use super::{from_proto, status::Refusal, to_proto};
use crate::proto;
use cx_analytics::Timestamp;
use cx_analytics::metrics::{
    Counts, GroupKey, Groups, Metric, benjamini_hochberg, compare as differ,
};
use cx_datastore::Store;
use from_proto::{Against, Comparing};
use std::collections::BTreeMap;

/// Most groups that are compared with all others: each is added up anew.
const MOST_OTHERS: usize = 200;

/// Answers a comparison.
pub(super) async fn answer(
    store: &Store,
    request: proto::CompareMetricsRequest,
    now: Timestamp,
) -> Result<proto::CompareMetricsResponse, Refusal> {
    let Comparing { query, against, false_discovery_rate } =
        from_proto::metrics_comparison(request)?;
    let current = Plan::new(store, query.clone(), now).await.map_err(in_query)?;
    let (start, end) = (current.buckets.start(), current.buckets.end());
    let baseline = match &against {
        Against::OtherGroups => None,
        Against::Period(from, to) => {
            let to = to.unwrap_or(start);
            let from = from.unwrap_or_else(|| to.plus(start.micros() - end.micros()));
            if from >= to {
                return Err(Refusal::field("period.start_time", "is not before end_time"));
            }
            Some(Plan::new(store, query, now).await.map_err(in_query)?.over(from, to, now)?)
        }
        Against::Segment(only) => {
            let plan = Plan::new(store, query, now).await.map_err(in_query)?;
            Some(plan.of(store, only, "segment").await?)
        }
    };
    let mut comparisons = Vec::new();
    for metric in current.query.metrics.iter().copied() {
        let groups = current.count(store, metric).await?;
        match &baseline {
            Some(plan) => {
                let others = plan.count(store, metric).await?;
                comparisons.extend(pairs(metric, (&current, &groups), (plan, &others)));
            }
            None if groups.len() > MOST_OTHERS => {
                let rule =
                    format!("makes more than {MOST_OTHERS} groups to compare with all others");
                return Err(Refusal::field("query.group_by", rule));
            }
            None => comparisons.extend(with_others(metric, &current, &groups)),
        }
        few_enough(comparisons.len(), "query.group_by")?;
    }
    let family_size = discover(&mut comparisons, false_discovery_rate);
    comparisons.sort_by(|a, b| {
        let size = |c: &proto::MetricComparison| c.effect_size.map_or(-1.0, f64::abs);
        b.significant.cmp(&a.significant).then(size(b).total_cmp(&size(a)))
    });
    let segmentation_id = [Some(&current), baseline.as_ref()]
        .into_iter()
        .flatten()
        .find_map(|plan| plan.personas.segmentation_id.clone());
    Ok(proto::CompareMetricsResponse {
        comparisons,
        as_of: Some(to_proto::timestamp(current.as_of)),
        segmentation_id: segmentation_id.unwrap_or_default(),
        family_size: i32::try_from(family_size).unwrap_or(i32::MAX),
    })
}

/// The query is a field of this request: paths begin with it.
fn in_query(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::InvalidField(violations) => {
            let mut v = from_proto::Violations::new();
            v.under("query", violations);
            Refusal::InvalidField(v.into_inner())
        }
        other => other,
    }
}

/// Each group of either side with the same of the other, which may have seen nothing.
fn pairs(
    metric: Metric,
    (current, groups): (&Plan, &Groups),
    (baseline, others): (&Plan, &Groups),
) -> Vec<proto::MetricComparison> {
    let mut both: BTreeMap<&GroupKey, (Option<&Counts>, Option<&Counts>)> = BTreeMap::new();
    for (key, counts) in groups.iter() {
        both.entry(key).or_default().0 = Some(counts);
    }
    for (key, counts) in others.iter() {
        both.entry(key).or_default().1 = Some(counts);
    }
    let none = Counts::none(metric);
    let pair = |(key, (one, other)): (&GroupKey, (Option<&Counts>, Option<&Counts>))| {
        let (one, other) = (one.unwrap_or(&none), other.unwrap_or(&none));
        pair(metric, (current, key, one), (baseline, key, other))
    };
    both.into_iter().map(pair).collect()
}

/// Each group with all others together; of money, those of the same currency.
fn with_others(metric: Metric, plan: &Plan, groups: &Groups) -> Vec<proto::MetricComparison> {
    let pair = |(key, counts): (&GroupKey, &Counts)| {
        let mut others = Counts::none(metric);
        let alike = |other: &GroupKey| other.currency == key.currency && other != key;
        for (_, counts) in groups.iter().filter(|(other, _)| alike(other)) {
            others.add(counts.clone());
        }
        // What the others have in common: nothing but the currency.
        let rest = GroupKey { currency: key.currency, ..GroupKey::default() };
        pair(metric, (plan, key, counts), (plan, &rest, &others))
    };
    groups.iter().map(pair).collect()
}

fn pair(
    metric: Metric,
    (current, key, one): (&Plan, &GroupKey, &Counts),
    (baseline, rest, other): (&Plan, &GroupKey, &Counts),
) -> proto::MetricComparison {
    let difference = differ(metric, one, other, &current.terms(metric, key));
    let (one, other) = (current.result(metric, key, one), baseline.result(metric, rest, other));
    to_proto::metric_comparison(one, other, difference, current.query.confidence)
}

/// Tells discoveries from chance. What is not mature yet, or rests on few, is no part of the family. Gives its size.
fn discover(comparisons: &mut [proto::MetricComparison], rate: f64) -> usize {
    let sound = |result: &Option<proto::MetricResult>| {
        result.as_ref().is_some_and(|it| it.status() == proto::MetricStatus::Ok)
    };
    let mut family: Vec<&mut proto::MetricComparison> = comparisons
        .iter_mut()
        .filter(|of| of.p_value.is_some() && sound(&of.current) && sound(&of.baseline))
        .collect();
    let p_values: Vec<f64> = family.iter().filter_map(|of| of.p_value).collect();
    for (of, q_value) in family.iter_mut().zip(benjamini_hochberg(&p_values)) {
        of.q_value = Some(q_value);
        of.significant = q_value <= rate;
    }
    family.len()
}
