//! Segmentations: what was asked, how it goes, what came out, and how two of them differ.

use super::timestamp;
use crate::proto::{self, persona_lineage};
use cx_analytics::{
    features::{FeatureReport, FeatureSet, Listed},
    segmentation::{
        Asked, Candidate, Comparison, Decision, Lineage, LineageKind, Parameters, Policy, Report,
        Structure,
    },
};
use cx_datastore::{Job, JobState, schedules::Schedule};

/// Converts a segmentation. Parameters that this version cannot read are left out.
pub fn segmentation(job: Job, report: Option<Report>, active: bool) -> proto::Segmentation {
    let asked: Option<Asked> = serde_json::from_str(&job.parameters).ok();
    let asked = asked.map(|mut asked| {
        if asked.live {
            asked.parameters.as_of = job.created_at;
        }
        asked
    });
    proto::Segmentation {
        live: asked.as_ref().is_some_and(|asked| asked.live),
        activation_policy: asked.as_ref().map(|asked| activation_policy(asked.policy)),
        parameters: asked.map(|asked| segmentation_parameters(asked.parameters)),
        active,
        create_time: Some(timestamp(job.created_at)),
        end_time: job.ended_at.map(timestamp),
        report: report.map(segmentation_report),
        segmentation_id: job.id.clone(),
        progress: Some(run_progress(job)),
    }
}

/// Converts when segmentations are made by themselves.
pub fn segmentation_schedule(schedule: Option<Schedule>) -> proto::SegmentationSchedule {
    let Some(schedule) = schedule else { return proto::SegmentationSchedule::default() };
    let asked: Option<Asked> = serde_json::from_str(&schedule.parameters).ok();
    proto::SegmentationSchedule {
        interval: Some(super::duration(schedule.every)),
        activation_policy: asked.as_ref().map(|asked| activation_policy(asked.policy)),
        parameters: asked.map(|asked| proto::SegmentationParameters {
            as_of: None,
            ..segmentation_parameters(asked.parameters)
        }),
        candidates_only: !schedule.activate,
        next_time: Some(timestamp(schedule.next_at)),
    }
}

fn activation_policy(policy: Policy) -> proto::ActivationPolicy {
    proto::ActivationPolicy {
        max_moved_share: Some(policy.max_moved_share),
        min_stability: Some(policy.min_stability),
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
        feature_set: feature_set(parameters.feature_set).into(),
        feature_weights: parameters.feature_weights.into_iter().collect(),
        features: parameters.features,
        granularity: parameters.granularity,
    }
}

fn feature_set(set: FeatureSet) -> proto::FeatureSet {
    match set {
        FeatureSet::Value => proto::FeatureSet::Value,
        FeatureSet::Behaviour => proto::FeatureSet::Behaviour,
        FeatureSet::Experience => proto::FeatureSet::Experience,
        FeatureSet::Full => proto::FeatureSet::Full,
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
        structure: structure(report.structure).into(),
        structure_reason: report.structure_reason,
        reference_segmentation_id: report.reference.unwrap_or_default(),
        lineage: report.lineage.into_iter().map(lineage).collect(),
        activation: report.activation.map(activation),
        outlier_share: report.outlier_share,
    }
}

fn structure(structure: Structure) -> proto::StructureKind {
    match structure {
        Structure::Separated => proto::StructureKind::Separated,
        Structure::Continuum => proto::StructureKind::Continuum,
        Structure::None => proto::StructureKind::None,
    }
}

fn activation(decision: Decision) -> proto::ActivationDecision {
    proto::ActivationDecision { activated: decision.activated, reasons: decision.reasons }
}

/// Converts where a persona came from, or where it went.
pub fn lineage(lineage: Lineage) -> proto::PersonaLineage {
    let kind = match lineage.kind {
        LineageKind::Continued => persona_lineage::Kind::Continued,
        LineageKind::Split => persona_lineage::Kind::Split,
        LineageKind::Merged => persona_lineage::Kind::Merged,
        LineageKind::New => persona_lineage::Kind::New,
        LineageKind::Retired => persona_lineage::Kind::Retired,
    };
    let overlaps = lineage.overlaps.into_iter().map(|overlap| proto::PersonaOverlap {
        persona_id: overlap.persona_id,
        customers: overlap.customers,
        jaccard: overlap.jaccard,
        share_of_earlier: overlap.share_of_earlier,
        share_of_later: overlap.share_of_later,
    });
    proto::PersonaLineage {
        persona_id: lineage.persona_id,
        kind: kind.into(),
        overlaps: overlaps.collect(),
        previous_customers: lineage.previous_customers,
        previous_share: lineage.previous_share,
        centre_distance: lineage.centre_distance,
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
        calinski_harabasz: candidate.calinski_harabasz,
        davies_bouldin: candidate.davies_bouldin,
        stabilities: candidate.stabilities,
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
        block: feature.block,
        unused_reason: feature.unused_reason,
    }
}

/// Converts a feature of the registry.
pub fn feature_definition(listed: Listed) -> proto::FeatureDefinition {
    proto::FeatureDefinition {
        name: listed.name,
        unit: listed.unit,
        meaning: listed.meaning,
        transform: listed.transform.to_owned(),
        block: listed.block.to_owned(),
        block_weight: listed.block_weight,
        feature_sets: listed.sets.into_iter().map(|set| feature_set(set).into()).collect(),
    }
}

/// Converts how two segmentations differ; base first.
pub fn comparison(
    comparison: Comparison,
    [base, other]: [(&str, &Report, f64); 2],
) -> proto::SegmentationComparison {
    let personas = comparison.personas.into_iter().map(|change| proto::PersonaChange {
        persona_id: change.persona_id,
        name: change.name,
        base_customers: change.base_customers,
        other_customers: change.other_customers,
        base_share: change.base_share,
        other_share: change.other_share,
        stayed: change.stayed,
        came: change.came,
        went: change.went,
    });
    proto::SegmentationComparison {
        customers_in_both: comparison.customers_in_both,
        customers_only_in_base: comparison.customers_only_in_base,
        customers_only_in_other: comparison.customers_only_in_other,
        customers_moved: comparison.customers_moved,
        moved_share: comparison.moved_share,
        adjusted_rand_index: comparison.adjusted_rand_index,
        personas: personas.collect(),
        base_quality: Some(quality(base)),
        other_quality: Some(quality(other)),
    }
}

fn quality((id, report, smallest_share): (&str, &Report, f64)) -> proto::SegmentationQuality {
    let chosen = report.chosen();
    proto::SegmentationQuality {
        segmentation_id: id.to_owned(),
        k: report.k.into(),
        structure: structure(report.structure).into(),
        silhouette: report.silhouette,
        stability: chosen.map(|candidate| candidate.stability),
        mean_squared_distance: report.mean_squared_distance(),
        smallest_share,
    }
}
