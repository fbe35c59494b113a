//! Churn models and risks on the wire.

use super::{money, timestamp};
use crate::{proto, work::churn::Parameters};
use cx_analytics::{
    churn::{Basis, Definition, Quality, Reason},
    interaction::Currency,
};
use cx_datastore::{
    Job,
    churn::{ChurnModel, ChurnReport, StoredRisk},
};

/// A training, with its report where it has succeeded.
pub fn churn_model(
    job: Job,
    parameters: &Parameters,
    found: Option<ChurnModel>,
    active: bool,
) -> proto::ChurnModel {
    proto::ChurnModel {
        churn_model_id: job.id.clone(),
        definition: Some(definition(&parameters.definition)),
        as_of: Some(timestamp(parameters.as_of)),
        active,
        create_time: Some(timestamp(job.created_at)),
        end_time: job.ended_at.map(timestamp),
        progress: Some(super::run_progress(job)),
        report: found.map(|model| report(model.report)),
    }
}

/// A customer's risk.
pub fn churn_risk(model_id: &str, model: &ChurnModel, stored: StoredRisk) -> proto::ChurnRisk {
    let risk = stored.risk;
    proto::ChurnRisk {
        customer_id: risk.customer_id,
        probability: risk.probability,
        band: risk.band.code().into(),
        reasons: risk.reasons.into_iter().map(reason).collect(),
        value_at_risk: stored.value_at_risk.map(money),
        basis: basis(model.report.training.basis).into(),
        churn_model_id: model_id.to_owned(),
        as_of: Some(timestamp(model.as_of)),
        last_activity_time: Some(timestamp(risk.last_activity_at)),
        persona_id: stored.persona_id.unwrap_or_default(),
    }
}

fn definition(definition: &Definition) -> proto::ChurnDefinition {
    // Both are within bounds that fit, by construction.
    let days = |days: i64| i32::try_from(days).unwrap_or(i32::MAX);
    proto::ChurnDefinition {
        look_back_days: days(definition.look_back_days()),
        horizon_days: days(definition.horizon_days()),
        qualifying_kinds: definition.kinds().iter().map(|kind| kind.code().into()).collect(),
    }
}

fn basis(basis: Basis) -> proto::ChurnBasis {
    match basis {
        Basis::LogisticRegression => proto::ChurnBasis::LogisticRegression,
        Basis::RecencyRule => proto::ChurnBasis::RecencyRule,
    }
}

fn reason(reason: Reason) -> proto::ChurnReason {
    let Reason { feature, text, contribution, value } = reason;
    proto::ChurnReason { feature, text, contribution, value }
}

fn report(report: ChurnReport) -> proto::ChurnReport {
    let ChurnReport { training, customers_scored, currency } = report;
    let coefficient = |one: cx_analytics::churn::Coefficient| proto::ChurnCoefficient {
        feature: one.feature,
        coefficient: one.coefficient,
    };
    proto::ChurnReport {
        basis: basis(training.basis).into(),
        basis_reason: training.basis_reason,
        calibrated: training.calibrated,
        train_cutoffs: training.train_cutoffs.into_iter().map(timestamp).collect(),
        test_cutoff: training.test_cutoff.map(timestamp),
        train_rows: training.train_rows,
        train_churned: training.train_churned,
        test_rows: training.test_rows,
        test_churned: training.test_churned,
        model: training.model.map(quality),
        rule: training.rule.map(quality),
        coefficients: training.coefficients.into_iter().map(coefficient).collect(),
        customers_scored,
        currency_code: currency.map(|currency: Currency| currency.to_string()).unwrap_or_default(),
    }
}

fn quality(quality: Quality) -> proto::ChurnQuality {
    let bin = |bin: cx_analytics::churn::Bin| proto::CalibrationBin {
        customers: bin.customers,
        mean_probability: bin.mean_probability,
        churned_share: bin.churned_share,
    };
    proto::ChurnQuality {
        auc: quality.auc,
        brier: quality.brier,
        log_loss: quality.log_loss,
        calibration_error: quality.calibration_error,
        lift_top_decile: quality.lift_top_decile,
        bins: quality.bins.into_iter().map(bin).collect(),
    }
}
