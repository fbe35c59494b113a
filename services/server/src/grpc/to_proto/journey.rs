//! Figures of journeys, and the touchpoints of one.

use super::metrics::{interval, metric_status};
use super::{duration, timestamp};
use crate::proto;
use cx_analytics::Interaction;
use cx_analytics::journeys::{
    Cause, CellFigures, Converted, PathCounts, Place, Placed, Proportion, Relation, StepFigures,
    Time, median, proportion, quantile,
};
use cx_analytics::metrics::{Share, Terms};

/// Id and name of a persona; empty for none.
type Persona<'a> = Option<(&'a str, &'a str)>;

/// A cell of the map with its metrics.
pub fn journey_cell(
    figures: CellFigures,
    metrics: Vec<proto::MetricResult>,
    persona: Persona<'_>,
    confidence: f64,
) -> proto::JourneyCell {
    let (persona_id, persona_name) = persona.unwrap_or_default();
    let (stage, channel) = place(figures.cell.place);
    let counts = figures.counts;
    proto::JourneyCell {
        persona_id: persona_id.to_owned(),
        persona_name: persona_name.to_owned(),
        stage,
        channel,
        interactions: counts.interactions,
        customers: counts.customers,
        volume: Some(share(figures.volume, confidence)),
        metrics,
        drop_off: Some(share(figures.drop_off, confidence)),
        next: Some(proto::JourneyNext {
            followed: counts.followed,
            ended: counts.ended,
            immature: counts.immature,
            steps: figures.steps.into_iter().map(|one| step(one, confidence)).collect(),
        }),
    }
}

fn step(figures: StepFigures, confidence: f64) -> proto::JourneyStep {
    let (stage, channel) = place(figures.to);
    let share = Some(share(figures.share, confidence));
    proto::JourneyStep { stage, channel, share, median_seconds: figures.median }
}

/// Stage and channel; 0 for what is not known or not looked at.
fn place(place: Place) -> (i32, i32) {
    let stage = place.stage.map_or(0, |stage| stage.code().into());
    (stage, place.channel.map_or(0, |channel| channel.code().into()))
}

fn share(proportion: Proportion, confidence: f64) -> proto::JourneyShare {
    proto::JourneyShare {
        count: proportion.counts.hits,
        of: proportion.counts.of,
        immature: proportion.counts.excluded,
        share: proportion.value,
        interval: proportion.interval.map(|ends| interval(ends, confidence)),
        status: metric_status(proportion.status).into(),
    }
}

/// A path, of so many journeys.
pub fn journey_path(path: PathCounts, known: i64, terms: &Terms) -> proto::JourneyPath {
    let steps = path.steps.into_iter().map(|step| {
        let (stage, channel) = place(step);
        proto::JourneyPathStep { stage, channel }
    });
    let counts = Share { hits: path.journeys, of: known, excluded: 0 };
    proto::JourneyPath {
        steps: steps.collect(),
        share: Some(share(proportion(counts, terms), terms.confidence)),
        customers: path.customers,
        ended: path.ended,
        median_seconds: median(path.middle),
    }
}

/// A conversion.
pub fn journey_conversion(
    converted: &Converted,
    persona: Persona<'_>,
    terms: &Terms,
) -> proto::JourneyConversion {
    let (persona_id, persona_name) = persona.unwrap_or_default();
    let time = |q| {
        quantile(&converted.times, q, terms).map(|Time { seconds, interval: ends }| {
            let interval = ends.map(|ends| interval(ends, terms.confidence));
            proto::JourneyTime { seconds, interval }
        })
    };
    proto::JourneyConversion {
        persona_id: persona_id.to_owned(),
        persona_name: persona_name.to_owned(),
        reached: converted.share.of + converted.share.excluded,
        share: Some(share(proportion(converted.share, terms), terms.confidence)),
        median_time: time(0.5),
        p90_time: time(0.9),
    }
}

/// A touchpoint in its place.
pub fn customer_touchpoint(interaction: &Interaction, placed: Placed) -> proto::CustomerTouchpoint {
    proto::CustomerTouchpoint {
        interaction_id: interaction.interaction_id.clone(),
        occurred_at: Some(timestamp(interaction.occurred_at)),
        kind: interaction.payload.kind().code().into(),
        channel: interaction.channel.code().into(),
        stage: interaction.stage.map_or(0, |stage| stage.code().into()),
        journey: placed.journey,
        place: placed.place,
        since_previous: placed.since_previous.map(duration),
        causes: placed.causes.into_iter().map(cause).collect(),
    }
}

fn cause(cause: Cause) -> proto::JourneyCause {
    let relation = match cause.relation {
        Relation::SameCase => proto::JourneyRelation::SameCase,
        Relation::ReopenedAfter => proto::JourneyRelation::ReopenedAfter,
        Relation::Delivered => proto::JourneyRelation::Delivered,
        Relation::AskedAbout => proto::JourneyRelation::AskedAbout,
        Relation::Ordered => proto::JourneyRelation::Ordered,
        Relation::SameReason => proto::JourneyRelation::SameReason,
        Relation::SelfServed => proto::JourneyRelation::SelfServed,
        Relation::Raised => proto::JourneyRelation::Raised,
        Relation::SameSubscription => proto::JourneyRelation::SameSubscription,
    };
    proto::JourneyCause {
        relation: relation.into(),
        interaction_id: cause.interaction_id,
        before: Some(duration(cause.before)),
        inferred: cause.inferred,
    }
}
