//! Churn definitions and risks on the wire.

use super::{money, timestamp};
use crate::{proto, work::drivers::Told};
use cx_analytics::churn::{Band, Basis, Definition, GroupedDriver, Reason, Terms, Unit};
use cx_datastore::churn::{BandChange, ChangeCause, ChurnDefinition, ChurnModel, StoredRisk};

/// A definition.
pub fn churn_definition(of: ChurnDefinition) -> proto::ChurnDefinition {
    proto::ChurnDefinition {
        churn_definition_id: of.id,
        display_name: of.display_name,
        version: of.version,
        terms: Some(terms(&of.definition)),
        active_churn_model_id: of.model_id.unwrap_or_default(),
        create_time: Some(timestamp(of.created_at)),
        update_time: Some(timestamp(of.updated_at)),
    }
}

/// What "left" means.
pub(super) fn terms(definition: &Definition) -> proto::ChurnTerms {
    // All are within bounds that fit, by construction.
    let days = |days: i64| i32::try_from(days).unwrap_or(i32::MAX);
    let lapse_days = match definition.terms() {
        Terms::Contractual { lapse_days } => lapse_days.unwrap_or_default(),
        Terms::NonContractual { .. } => 0,
    };
    proto::ChurnTerms {
        look_back_days: days(definition.look_back_days().unwrap_or_default()),
        horizon_days: days(definition.horizon_days()),
        qualifying_kinds: definition.kinds().iter().map(|kind| kind.code().into()).collect(),
        contractual: definition.is_contractual(),
        lapse_days: days(lapse_days),
        min_active_days: days(definition.min_active_days()),
        min_tenure_days: days(definition.min_tenure_days()),
        customer_attributes: definition.among().to_vec(),
        medium_from: definition.bands().medium_from,
        high_from: definition.bands().high_from,
    }
}

/// A customer's risk.
pub fn churn_risk(model_id: &str, model: &ChurnModel, stored: StoredRisk) -> proto::ChurnRisk {
    let value = |pick| stored.money(pick).map(money);
    let (value_at_risk, predicted_value, value_to_date) =
        (value(|of| of.at_risk), value(|of| of.predicted), value(|of| of.to_date));
    let risk = stored.risk;
    proto::ChurnRisk {
        customer_id: risk.customer_id,
        probability: risk.probability,
        band: risk.band.code().into(),
        reasons: risk.reasons.into_iter().map(reason).collect(),
        value_at_risk,
        basis: basis(model.report.training.basis).into(),
        churn_model_id: model_id.to_owned(),
        as_of: Some(timestamp(stored.as_of)),
        last_activity_time: Some(timestamp(risk.last_activity_at)),
        persona_id: stored.persona_id.unwrap_or_default(),
        counter_reasons: risk.counter_reasons.into_iter().map(reason).collect(),
        interval: risk.interval.map(interval),
        days_since_last_activity: stored.as_of.days_since(risk.last_activity_at) as i64,
        predicted_value,
        value_to_date,
        week_change: stored.week_before.map(|before| risk.probability - before),
        churn_definition_id: model.definition_id.clone(),
        churn_definition_version: model.version,
    }
}

/// What raises the risks of a group.
pub fn churn_driver_group((group, typical): Told) -> proto::ChurnDriverGroup {
    let all = group.customers;
    let driver = |(one, (unit, median)): (GroupedDriver, (Unit, Option<f64>))| {
        let value = |value: f64| format!("{value:.1} {}", unit.name());
        let mean = one.mean_value.map_or_else(String::new, |mean| {
            let typical =
                median.map_or_else(String::new, |median| format!(" (typical: {})", value(median)));
            format!("; {} on average with them{typical}", value(mean))
        });
        proto::ChurnDriver {
            text: format!("{} raises the risk of {} of {all}{mean}", one.feature, one.customers),
            feature: one.feature,
            customers: one.customers,
            mean_contribution: one.mean_contribution,
            mean_value: one.mean_value,
            typical_value: median,
            unit: unit.name().to_owned(),
        }
    };
    proto::ChurnDriverGroup {
        persona_id: group.persona_id,
        band: group.band.code().into(),
        customers: all,
        drivers: group.drivers.into_iter().zip(typical).map(driver).collect(),
    }
}

/// Somebody crossed a band.
pub fn churn_band_change(change: BandChange) -> proto::ChurnBandChange {
    let band = |band: Option<Band>| band.map_or(0, |band| band.code().into());
    let cause = match change.cause {
        ChangeCause::NewData => proto::ChurnChangeCause::NewData,
        ChangeCause::Time => proto::ChurnChangeCause::Time,
        ChangeCause::NewModel => proto::ChurnChangeCause::NewModel,
    };
    proto::ChurnBandChange {
        customer_id: change.customer_id,
        from_band: band(change.from),
        to_band: band(change.to),
        probability: change.probability.filter(|_| change.to.is_some()),
        cause: cause.into(),
        churn_model_id: change.model_id,
        change_time: Some(timestamp(change.at)),
    }
}

pub(super) fn interval((low, high): (f64, f64)) -> proto::ProbabilityInterval {
    proto::ProbabilityInterval { low, high }
}

pub(super) fn basis(basis: Basis) -> proto::ChurnBasis {
    match basis {
        Basis::LogisticRegression => proto::ChurnBasis::LogisticRegression,
        Basis::RecencyRule => proto::ChurnBasis::RecencyRule,
        Basis::BgNbd => proto::ChurnBasis::BgNbd,
        Basis::BoostedStumps => proto::ChurnBasis::BoostedStumps,
        Basis::BoostedTrees => proto::ChurnBasis::BoostedTrees,
        Basis::RecencyRank => proto::ChurnBasis::RecencyRank,
    }
}

fn reason(reason: Reason) -> proto::ChurnReason {
    let Reason { feature, text, contribution, value, actionable } = reason;
    proto::ChurnReason { feature, text, contribution, value, actionable }
}
