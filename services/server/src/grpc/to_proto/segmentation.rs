//! One segmentation: what was asked, how it goes, what came out.

use super::timestamp;
use crate::proto;
use cx_analytics::{
    features::FeatureReport,
    segmentation::{Candidate, Parameters, Report},
};
use cx_datastore::{Job, JobState};

/// Converts a segmentation. Parameters that this version cannot read are left out.
pub fn segmentation(job: Job, report: Option<Report>, active: bool) -> proto::Segmentation {
    proto::Segmentation {
        parameters: serde_json::from_str(&job.parameters).ok().map(segmentation_parameters),
        active,
        create_time: Some(timestamp(job.created_at)),
        end_time: job.ended_at.map(timestamp),
        report: report.map(segmentation_report),
        segmentation_id: job.id.clone(),
        progress: Some(run_progress(job)),
        ..proto::Segmentation::default()
    }
}

/// Converts where long work stands.
pub fn run_progress(job: Job) -> proto::RunProgress {
    let failure = job
        .failure
        .map(|failure| proto::RunFailure { reason: failure.reason, message: failure.message });
    proto::RunProgress {
        state: run_state(job.state).into(),
        progress: job.progress,
        step: job.step,
        failure,
    }
}

/// Converts the state of long work.
pub fn run_state(state: JobState) -> proto::RunState {
    match state {
        JobState::Pending => proto::RunState::Pending,
        JobState::Running => proto::RunState::Running,
        JobState::Succeeded => proto::RunState::Succeeded,
        JobState::Failed => proto::RunState::Failed,
    }
}

fn segmentation_parameters(parameters: Parameters) -> proto::SegmentationParameters {
    // Checked numbers: all of them are small.
    let small = |number: i64| i32::try_from(number).unwrap_or(i32::MAX);
    proto::SegmentationParameters {
        as_of: Some(timestamp(parameters.as_of)),
        seed: parameters.seed,
        k: small(parameters.k.unwrap_or(0)),
        min_k: small(parameters.min_k),
        max_k: small(parameters.max_k),
        restarts: small(parameters.restarts),
        currency_code: parameters.currency.map(String::from).unwrap_or_default(),
        features: parameters.features,
        granularity: parameters.granularity,
        ..proto::SegmentationParameters::default()
    }
}

fn segmentation_report(report: Report) -> proto::SegmentationReport {
    proto::SegmentationReport {
        customers: report.customers,
        customers_excluded: report.customers_excluded,
        k: report.k.into(),
        k_rule: report.k_rule,
        k_candidates: report.candidates.into_iter().map(candidate).collect(),
        inertia: report.inertia,
        silhouette: report.silhouette,
        silhouette_customers: report.silhouette_customers,
        iterations: i32::try_from(report.iterations).unwrap_or(i32::MAX),
        converged: report.converged,
        features: report.features.into_iter().map(feature).collect(),
        currency_code: report.currency.map(String::from).unwrap_or_default(),
        orders_unvalued: report.orders_unvalued,
        ..proto::SegmentationReport::default()
    }
}

fn candidate(candidate: Candidate) -> proto::KCandidate {
    proto::KCandidate {
        k: candidate.k.into(),
        inertia: candidate.inertia,
        simplified_silhouette: candidate.simplified_silhouette,
        silhouette: candidate.silhouette,
        stability: candidate.stability,
        smallest_share: candidate.smallest_share,
        ..proto::KCandidate::default()
    }
}

fn feature(feature: FeatureReport) -> proto::Feature {
    proto::Feature {
        name: feature.name,
        unit: feature.unit,
        meaning: feature.meaning,
        transform: feature.transform,
        weight: feature.weight,
        missing_share: feature.missing_share,
        used: feature.used,
        ..proto::Feature::default()
    }
}
