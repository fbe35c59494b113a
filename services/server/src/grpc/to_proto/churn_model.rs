//! Churn models and their reports on the wire.

use super::{
    churn::{basis, interval, terms},
    timestamp,
};
use crate::{
    proto,
    work::{self, churn::Parameters},
};
use cx_analytics::{
    churn::{BandOutcome, Bin, Candidate, Drift, Importance, Quality, ValueCandidate, ValueMethod},
    interaction::Currency,
};
use cx_datastore::{
    Job,
    churn::{Backtest, ChurnModel, ChurnReport},
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
        terms: Some(terms(&parameters.definition)),
        as_of: Some(timestamp(parameters.as_of)),
        active,
        create_time: Some(timestamp(job.created_at)),
        end_time: job.ended_at.map(timestamp),
        progress: Some(super::run_progress(job)),
        report: found.map(report),
        churn_definition_id: parameters.definition_id.clone(),
        churn_definition_version: parameters.version,
    }
}

/// A list that was kept.
pub fn churn_backtest(of: Backtest) -> proto::ChurnBacktest {
    proto::ChurnBacktest {
        churn_model_id: of.model_id,
        churn_definition_version: of.version,
        as_of: Some(timestamp(of.as_of)),
        horizon_end_time: Some(timestamp(of.ends_at)),
        quality: of.quality.map(quality),
    }
}

fn report(model: ChurnModel) -> proto::ChurnReport {
    let summary = work::churn::in_words(&model).trim_end().to_owned();
    let ChurnReport { training, customers_scored, currency } = model.report;
    proto::ChurnReport {
        basis: basis(training.basis).into(),
        basis_reason: training.basis_reason,
        calibrated: training.calibrated,
        train_cutoffs: training.train_cutoffs.into_iter().map(timestamp).collect(),
        test_cutoff: training.test.map(|test| timestamp(test.cutoff)),
        tested_on_held_out_customers: training.test.is_some_and(|test| test.held_out_customers),
        train_rows: training.train_rows,
        train_churned: training.train_churned,
        candidates: training.candidates.into_iter().map(candidate).collect(),
        importances: training.importances.into_iter().map(importance).collect(),
        drift: training.drift.into_iter().map(drift).collect(),
        customers_scored,
        currency_code: currency.map(|currency: Currency| currency.to_string()).unwrap_or_default(),
        value_candidates: training.value_candidates.into_iter().map(value_candidate).collect(),
        summary,
    }
}

fn candidate(one: Candidate) -> proto::ChurnCandidate {
    proto::ChurnCandidate {
        basis: basis(one.basis).into(),
        parameters: one.parameters,
        held_out_log_loss: one.held_out_log_loss,
        quality: Some(quality(one.quality)),
        chosen: one.chosen,
    }
}

fn quality(quality: Quality) -> proto::ChurnQuality {
    proto::ChurnQuality {
        customers: quality.customers,
        churned: quality.churned,
        base_rate: quality.base_rate(),
        auc: quality.auc,
        auc_interval: Some(interval(quality.auc_interval)),
        average_precision: quality.average_precision,
        brier: quality.brier,
        log_loss: quality.log_loss,
        calibration_error: quality.calibration_error,
        lift_top_decile: quality.lift_top_decile,
        bins: quality.bins.into_iter().map(bin).collect(),
        bands: quality.bands.into_iter().map(band).collect(),
    }
}

fn bin(bin: Bin) -> proto::CalibrationBin {
    proto::CalibrationBin {
        customers: bin.customers,
        mean_probability: bin.mean_probability,
        churned_share: bin.churned_share,
        interval: Some(interval(bin.interval)),
        lift: bin.lift,
    }
}

fn band(outcome: BandOutcome) -> proto::BandOutcome {
    proto::BandOutcome {
        band: outcome.band.code().into(),
        customers: outcome.customers,
        churned: outcome.churned,
        precision: outcome.precision,
        recall: outcome.recall,
    }
}

fn importance(one: Importance) -> proto::FeatureImportance {
    let Importance { feature, mean_contribution, direction } = one;
    proto::FeatureImportance { feature, mean_contribution, direction }
}

fn drift(one: Drift) -> proto::FeatureDrift {
    let Drift { feature, stability_index, means: (mean_then, mean_now) } = one;
    proto::FeatureDrift { feature, stability_index, mean_then, mean_now }
}

fn value_candidate(one: ValueCandidate) -> proto::ValueCandidate {
    let method = match one.method {
        ValueMethod::DailyRate => proto::ValueMethod::DailyRate,
        ValueMethod::GammaGamma => proto::ValueMethod::GammaGamma,
        ValueMethod::Regression => proto::ValueMethod::Regression,
    };
    proto::ValueCandidate {
        method: method.into(),
        deviance: one.deviance,
        mean_absolute_error: one.mean_absolute_error,
        said_over_spent: one.said_over_spent,
        chosen: one.chosen,
    }
}
