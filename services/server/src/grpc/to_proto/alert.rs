//! Alerts, their changes, and what came of them.

use super::alert_rule::scale;
use super::{duration, interval, metric_status, money, named_figure, timestamp};
use crate::proto::{self, alert::Subject};
use cx_analytics::alerts::{Action, Facts, Kind, Movement, Recovery, Tally};
use cx_analytics::metrics::Figure;
use cx_datastore::alerts::{Alert, AlertChange};

/// Converts an alert.
pub fn alert(alert: Alert) -> proto::Alert {
    let text = alert.facts.in_words();
    let (acknowledge_time, acknowledged_by) = alert.acknowledged.unzip();
    let end = alert.resolution;
    proto::Alert {
        alert_id: alert.id,
        alert_rule_id: alert.rule_id,
        rule_name: alert.rule_name,
        kind: alert.facts.kind().code().into(),
        state: alert.state.code().into(),
        customer_id: alert.customer_id,
        persona_id: alert.persona_id.unwrap_or_default(),
        channel: alert.channel.map_or(0, |channel| channel.code().into()),
        stage: alert.stage.map_or(0, |stage| stage.code().into()),
        text,
        event_time: Some(timestamp(alert.event_at)),
        raise_time: Some(timestamp(alert.raised_at)),
        assignee: alert.assignee.unwrap_or_default(),
        acknowledge_time: acknowledge_time.map(timestamp),
        acknowledged_by: acknowledged_by.unwrap_or_default(),
        resolve_time: end.as_ref().map(|end| timestamp(end.at)),
        outcome: end.as_ref().map_or(0, |end| end.outcome.code().into()),
        resolved_by: end.as_ref().map(|end| end.by.clone()).unwrap_or_default(),
        note: end.map(|end| end.note).unwrap_or_default(),
        etag: alert.etag,
        subject: Some(subject(alert.facts)),
    }
}

fn subject(facts: Facts) -> Subject {
    match facts {
        Facts::Answer(answer) => Subject::Detractor(proto::DetractorAlert {
            interaction_id: answer.interaction_id,
            measure: answer.measure.code().into(),
            score: answer.score,
            scale: Some(scale(answer.scale)),
            threshold: answer.threshold,
        }),
        Facts::Case(case) => Subject::CaseOpenTooLong(proto::CaseOpenAlert {
            case_id: case.case_id,
            open_since_time: Some(timestamp(case.open_since)),
            longer_than: Some(duration(case.longer_than)),
        }),
        Facts::Risk(risk) => Subject::HighValueAtRisk(proto::AtRiskAlert {
            churn_model_id: risk.model_id,
            probability: risk.probability,
            band: risk.band.code().into(),
            value: Some(money(risk.value)),
        }),
        Facts::Metric(moved) => Subject::MetricMoved(metric_moved(*moved)),
    }
}

fn metric_moved(moved: Movement) -> proto::MetricMovedAlert {
    let (lower, upper) = moved.interval.unzip();
    proto::MetricMovedAlert {
        metric: moved.of.metric.code().into(),
        currency_code: moved.currency.map(String::from).unwrap_or_default(),
        baseline_start_time: Some(timestamp(moved.baseline_start)),
        start_time: Some(timestamp(moved.start)),
        end_time: Some(timestamp(moved.end)),
        value: moved.value.0,
        n: moved.value.1,
        baseline_value: moved.baseline.0,
        baseline_n: moved.baseline.1,
        difference: moved.difference,
        difference_lower: lower,
        difference_upper: upper,
        p_value: moved.p_value,
        q_value: moved.q_value,
        test: moved.test,
        family_size: i32::try_from(moved.family).unwrap_or(i32::MAX),
    }
}

/// Converts a change of an alert.
pub fn alert_change(change: AlertChange) -> proto::AlertChange {
    use proto::alert_change::Kind;
    let kind = match change.action {
        Action::Raised => Kind::Raised,
        Action::Acknowledged => Kind::Acknowledged,
        Action::Assigned => Kind::Assigned,
        Action::Resolved => Kind::Resolved,
        Action::Erased => Kind::Erased,
    };
    proto::AlertChange {
        position: change.position,
        alert_id: change.alert_id,
        kind: kind.into(),
        change_time: Some(timestamp(change.at)),
        actor: change.actor.unwrap_or_default(),
        assignee: change.assignee.unwrap_or_default(),
        outcome: change.outcome.map_or(0, |outcome| outcome.code().into()),
        note: change.note.unwrap_or_default(),
        alert: change.alert.map(alert),
    }
}

/// Converts what came of the alerts of one kind.
pub fn recovery(kind: Kind, tally: &Tally, recovery: Recovery, confidence: f64) -> proto::Recovery {
    let shown = |of: Figure| Some(figure(of, confidence));
    let shown_both = |of: Option<(Figure, Figure)>| {
        of.map(|(before, after)| (figure(before, confidence), figure(after, confidence))).unzip()
    };
    let [relational, transactional] = recovery.nps;
    let (nps_before, nps_after) = shown_both(relational);
    let (transactional_nps_before, transactional_nps_after) = shown_both(transactional);
    let resolved: i64 = tally.outcomes.iter().map(|(_, alerts)| alerts).sum();
    let outcomes = tally.outcomes.iter().map(|(outcome, alerts)| proto::OutcomeCount {
        outcome: outcome.code().into(),
        alerts: *alerts,
    });
    proto::Recovery {
        kind: kind.code().into(),
        raised: tally.open + tally.acknowledged + resolved,
        open: tally.open,
        acknowledged: tally.acknowledged,
        resolved,
        outcomes: outcomes.collect(),
        recovered_share: shown(recovery.recovered),
        time_to_acknowledge: shown(recovery.seen),
        time_to_resolve: shown(recovery.resolved),
        better_share: shown(recovery.better),
        nps_before,
        nps_after,
        transactional_nps_before,
        transactional_nps_after,
    }
}

fn figure(figure: Figure, confidence: f64) -> proto::AlertFigure {
    proto::AlertFigure {
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
