//! How many personas: the largest stable number that separates them nearly as well as the best one.
//!
//! Silhouette alone nearly always says two, and Calinski–Harabasz as well; on mixtures with known truth this rule
//! was right most often of nine. Real spending is a continuum, where any number is a choice: hence the table,
//! and `granularity` for who wants more and smaller personas.

use super::{Checked, Refusal, quality};
use crate::{
    features::Points,
    kmeans::{self, random},
    stats,
};
use serde::{Deserialize, Serialize};

/// Stability from which a partition counts as found and not made up.
const STABLE: f64 = 0.75;

/// What was measured for one number of personas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The number.
    pub k: u16,
    /// Sum of squared distances on the sample.
    pub inertia: f64,
    /// Simplified silhouette on the sample.
    pub simplified_silhouette: f64,
    /// True silhouette; only of the number that was taken.
    pub silhouette: Option<f64>,
    /// Least mean Jaccard similarity of any cluster over resamples.
    pub stability: f64,
    /// Share of the smallest cluster.
    pub smallest_share: f64,
}

/// The number that was taken, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The number.
    pub k: u16,
    /// The rule in words.
    pub rule: String,
    candidates: Vec<Candidate>,
}

impl Choice {
    /// The table, with the silhouette that the final fit has.
    pub(super) fn with_silhouette(&self, silhouette: f64) -> Vec<Candidate> {
        let mut table = self.candidates.clone();
        for candidate in table.iter_mut().filter(|candidate| candidate.k == self.k) {
            candidate.silhouette = Some(silhouette);
        }
        table
    }
}

/// Chooses k on a sample. None where not even one number could be tried.
pub(super) fn choose(
    points: &Points,
    asked: &Checked,
    distinct: usize,
    progress: &(dyn Fn(f64) -> bool + Sync),
) -> Result<Option<Choice>, Refusal> {
    let sample = points.select(&random::sample(points.rows(), quality::SAMPLE, asked.seed));
    let least = asked.least_k();
    let greatest = asked.greatest_k().min(points.rows() / 10).min(distinct).max(least);
    let mut candidates = Vec::new();
    for k in least..=greatest {
        if !progress((k - least) as f64 / (greatest - least + 1) as f64) {
            return Err(Refusal::Stopped);
        }
        candidates.extend(measure(&sample, k, asked));
    }
    if asked.k.is_some() {
        let k = least as u16;
        return Ok(Some(Choice { k, rule: "given".to_owned(), candidates }));
    }
    Ok(decide(&candidates, asked.granularity).map(|(k, rule)| Choice { k, rule, candidates }))
}

fn measure(sample: &Points, k: usize, asked: &Checked) -> Option<Candidate> {
    let found = kmeans::fit(sample, k, asked.restarts, asked.seed)?;
    if found.counts.len() < k {
        return None;
    }
    Some(Candidate {
        k: k as u16,
        inertia: found.inertia,
        simplified_silhouette: quality::simplified_silhouette(sample, &found.centres),
        silhouette: None,
        stability: quality::stability(sample, &found.centres, asked.seed),
        smallest_share: stats::share(
            found.counts.iter().copied().min().unwrap_or(0),
            sample.rows(),
        ),
    })
}

fn decide(candidates: &[Candidate], granularity: f64) -> Option<(u16, String)> {
    let stable: Vec<&Candidate> =
        candidates.iter().filter(|candidate| candidate.stability >= STABLE).collect();
    if let Some(best) =
        stable.iter().map(|candidate| candidate.simplified_silhouette).max_by(f64::total_cmp)
    {
        let enough =
            |candidate: &&&Candidate| candidate.simplified_silhouette >= granularity * best;
        let taken = stable.iter().filter(enough).max_by_key(|candidate| candidate.k)?;
        let rule = format!(
            "largest stable k (mean Jaccard over resamples of each persona at least {STABLE}) whose simplified silhouette is at \
             least {granularity} of the best stable one"
        );
        return Some((taken.k, rule));
    }
    let taken =
        candidates.iter().max_by(|a, b| a.stability.total_cmp(&b.stability).then(b.k.cmp(&a.k)))?;
    let rule = format!(
        "no k is stable (mean Jaccard over resamples of each persona at least {STABLE}): the most stable one was taken, with {:.2}. \
         Read the personas as slices of a continuum, or as no structure at all",
        taken.stability
    );
    Some((taken.k, rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(k: u16, simplified_silhouette: f64, stability: f64) -> Candidate {
        Candidate {
            k,
            inertia: 1.0,
            simplified_silhouette,
            silhouette: None,
            stability,
            smallest_share: 0.1,
        }
    }

    #[test]
    fn the_largest_stable_k_near_the_best_is_taken() {
        let table = [
            candidate(3, 0.50, 0.9),
            candidate(4, 0.49, 0.8),
            candidate(5, 0.48, 0.6),
            candidate(6, 0.42, 0.9),
        ];
        assert_eq!(decide(&table, 0.95).map(|d| d.0), Some(4));
        assert_eq!(decide(&table, 0.80).map(|d| d.0), Some(6));
        assert_eq!(decide(&table, 1.00).map(|d| d.0), Some(3));
    }

    #[test]
    fn no_stability_is_said() {
        let table = [candidate(3, 0.5, 0.5), candidate(4, 0.6, 0.6)];
        let (k, rule) = decide(&table, 0.95).expect("candidates");
        assert_eq!(k, 4);
        assert!(rule.starts_with("no k is stable"));
        assert_eq!(decide(&[], 0.95), None);
    }
}
