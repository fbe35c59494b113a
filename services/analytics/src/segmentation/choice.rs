//! How many personas. The rule, in the order in which it decides:
//!
//! 1. A number is *stable* where every cluster comes back on halves of the sample with a mean Jaccard similarity
//!    of at least 0.75 (Hennig 2007: "valid"). Where none is, the most stable one is taken.
//! 2. *By gaps*: the largest stable number whose clusters all have a gap between them, or at least no hill, which
//!    a cluster cut in two has (`gaps`). Where these gaps are deep, that number is taken: there is a truth to find.
//! 3. *By silhouette*: the largest stable number whose simplified silhouette is at least `granularity` of the best
//!    stable one. Taken where it is larger than the number by gaps and these are shallow, or where there is none:
//!    real spending is a continuum, any number is a choice, and `granularity` is for who wants more and smaller
//!    personas (below the default it may go beyond deep gaps as well).
//! 4. The number that is in use already stays where it would do as well as the one taken by 3: stable, and without
//!    a hill or near the best silhouette. Personas are not to flap between retrains.
//!
//! Silhouette alone nearly always says two, and Calinski–Harabasz as well; the largest by silhouette was the best
//! of nine rules before gaps were looked at. Share of 45 overlapping mixtures of a family of which k is found, and
//! mean error of k, as `cargo bench -p cx-analytics --bench choice` prints them; that rule alone, then this one:
//!
//! | family | by silhouette | this rule |
//! |---|---|---|
//! | on which the thresholds were picked | 0.58 / 0.53 | 0.71 / 0.36 |
//! | the same, fresh seeds | 0.58 / 0.56 | 0.73 / 0.33 |
//! | even spreads | 0.53 / 0.89 | 0.73 / 0.42 |
//! | ellipses turned at random | 0.64 / 0.53 | 0.80 / 0.24 |
//! | Student's t, 4 degrees of freedom | 0.76 / 0.36 | 0.93 / 0.07 |
//! | uniform cubes | 0.58 / 0.78 | 0.51 / 0.80 |
//! | 16 features | 0.82 / 0.24 | 0.98 / 0.02 |

use super::{
    Checked, Refusal, indices, quality,
    resamples::{Halved, Repeated},
};
use crate::{
    features::Points,
    kmeans::{self, Clusters, random},
};
use serde::{Deserialize, Serialize};

/// Stability from which a partition counts as found and not made up.
const STABLE: f64 = 0.75;
/// Depth of a gap from which on there is no hill between two clusters. A normal cloud cut in two has −0.36, a
/// uniform one 0, two normal clouds two standard deviations apart about 0.
const NO_HILL: f64 = -0.15;
/// Depth from which on a gap needs no second opinion.
const DEEP: f64 = 0.2;
/// Depth from which on gaps are not outdone by a number with none.
const CLEAR: f64 = 0.75;
/// Granularity below which more personas are wanted than the data show.
const FINE: f64 = 0.95;

/// What was measured for one number of personas, on a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The number.
    pub k: u16,
    /// Sum of squared distances on the sample.
    pub inertia: f64,
    /// Simplified silhouette, in [0, 1]: distances to centres in place of distances to members.
    pub simplified_silhouette: f64,
    /// True silhouette, in [−1, 1]; only of the number that was taken.
    pub silhouette: Option<f64>,
    /// Calinski–Harabasz index; greater is better.
    #[serde(default)]
    pub calinski_harabasz: f64,
    /// Davies–Bouldin index; less is better, 0 is best.
    #[serde(default)]
    pub davies_bouldin: f64,
    /// Mean Jaccard similarity over resamples of the cluster that has least of it, in [0, 1].
    pub stability: f64,
    /// The same of each cluster, in the order of the clusters: largest first.
    #[serde(default)]
    pub stabilities: Vec<f64>,
    /// Depth of the shallowest gap between two clusters, in [−1, 1]: 1 where nobody is half-way, 0 where as many are
    /// as around the centres, negative where there is a hill and no gap.
    #[serde(default)]
    pub gap: f64,
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
    /// The centres of that many clusters of the sample, from which the fit of everybody may begin.
    centres: Vec<Vec<f64>>,
}

impl Choice {
    /// Fits everybody: from starts of its own, and from the centres that were found as the number was chosen. What is better
    /// is taken: with many clusters far apart, some starts of either kind put two into one.
    pub fn fit(&self, points: &Points, restarts: usize, seed: u64) -> Option<Clusters> {
        let cold = kmeans::fit(points, usize::from(self.k), restarts, seed)?;
        match kmeans::fit_from(points, &self.centres) {
            Some(warm)
                if warm.centres.len() == cold.centres.len() && warm.inertia < cold.inertia =>
            {
                Some(warm)
            }
            _ => Some(cold),
        }
    }

    /// What was measured for each number that was tried, ascending.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// The table, with the silhouette that the final fit has.
    pub(super) fn with_silhouette(&self, silhouette: f64) -> Vec<Candidate> {
        let mut table = self.candidates.clone();
        for candidate in table.iter_mut().filter(|candidate| candidate.k == self.k) {
            candidate.silhouette = Some(silhouette);
        }
        table
    }
}

/// Chooses k on a sample. `reference_k` is the number that is in use already, and is kept where it would do as
/// well. None where not even one number could be tried.
///
/// # Errors
/// [`Refusal::Stopped`] where `progress`, told the share of the work done, says so.
pub fn choose(
    points: &Points,
    asked: &Checked,
    reference_k: Option<u16>,
    progress: &(dyn Fn(f64) -> bool + Sync),
) -> Result<Option<Choice>, Refusal> {
    let sample = points.select(&random::sample(points.rows(), quality::SAMPLE, asked.seed));
    let distinct = sample.distinct(asked.greatest_k());
    let halved = Halved::new(sample, asked.seed);
    let least = asked.least_k();
    let greatest = asked.greatest_k().min(points.rows() / 10).min(distinct).max(least);
    let (mut candidates, mut centres) = (Vec::new(), Vec::new());
    for k in least..=greatest {
        if !progress((k - least) as f64 / (greatest - least + 1) as f64) {
            return Err(Refusal::Stopped);
        }
        if let Some(found) = halved.repeat(k) {
            candidates.push(measure(halved.sample(), &found));
            centres.push(found.clusters.centres);
        }
    }
    let decided = match asked.k {
        Some(_) => Some((least as u16, "given".to_owned())),
        None => decide(&candidates, asked.granularity, reference_k),
    };
    let found = |k: u16| centres.into_iter().find(|centres| centres.len() == usize::from(k));
    Ok(decided.map(|(k, rule)| Choice {
        k,
        rule,
        candidates,
        centres: found(k).unwrap_or_default(),
    }))
}

fn measure(sample: &Points, found: &Repeated) -> Candidate {
    Candidate {
        k: found.clusters.centres.len() as u16,
        inertia: found.clusters.inertia,
        simplified_silhouette: quality::simplified_silhouette(sample, &found.clusters.centres),
        silhouette: None,
        calinski_harabasz: indices::calinski_harabasz(sample, &found.clusters),
        davies_bouldin: indices::davies_bouldin(sample, &found.clusters),
        stability: found.stability(),
        smallest_share: found.smallest_share(),
        gap: found.gap,
        stabilities: found.stabilities.clone(),
    }
}

/// The number and the rule in words; none where there is no candidate.
fn decide(
    candidates: &[Candidate],
    granularity: f64,
    reference_k: Option<u16>,
) -> Option<(u16, String)> {
    let stable: Vec<&Candidate> = candidates.iter().filter(|c| c.stability >= STABLE).collect();
    let Some(best) = stable.iter().map(|c| c.simplified_silhouette).max_by(f64::total_cmp) else {
        return most_stable(candidates);
    };
    let near_best = |c: &Candidate| c.simplified_silhouette >= granularity * best;
    let by_gaps = stable.iter().filter(|c| c.gap >= NO_HILL).max_by_key(|c| c.k);
    let by_silhouette = stable.iter().filter(|c| near_best(c)).max_by_key(|c| c.k)?;
    let found = "every persona comes back on halves of the customers with a mean Jaccard similarity of at least 0.75, Hennig 2007";
    let silhouette =
        format!("a simplified silhouette of at least {granularity} of the best stable one");
    // One more, that hardly has a gap in a part of few customers, is no match for gaps that are clear.
    let clear = stable.iter().filter(|c| c.gap >= CLEAR).max_by_key(|c| c.k);
    let by_gaps = match (by_gaps, clear) {
        (Some(more), Some(clear)) if more.gap < DEEP && !near_best(more) => Some(clear),
        (by_gaps, _) => by_gaps,
    };
    if let Some(taken) = by_gaps.filter(|c| c.gap >= DEEP && granularity >= FINE) {
        let rule = format!(
            "largest stable k ({found}) with a gap between every two personas: fewer customers half-way than around either centre (after dip-means, \
             Kalogeratos and Likas 2012)"
        );
        return Some((taken.k, rule));
    }
    let kept = |c: &&&Candidate| Some(c.k) == reference_k && (c.gap >= NO_HILL || near_best(c));
    if let Some(kept) = stable.iter().find(kept) {
        let rule = format!(
            "the k in use is kept, because it is stable ({found}) and has no hill between two personas or {silhouette}"
        );
        return Some((kept.k, rule));
    }
    match by_gaps.filter(|c| c.k >= by_silhouette.k) {
        Some(taken) => {
            let rule = format!(
                "largest stable k ({found}) with no hill between two personas: hardly more customers half-way than around either centre (after \
                 dip-means, Kalogeratos and Likas 2012)"
            );
            Some((taken.k, rule))
        }
        None => Some((by_silhouette.k, format!("largest stable k ({found}) with {silhouette}"))),
    }
}

fn most_stable(candidates: &[Candidate]) -> Option<(u16, String)> {
    let taken =
        candidates.iter().max_by(|a, b| a.stability.total_cmp(&b.stability).then(b.k.cmp(&a.k)))?;
    let rule = format!(
        "no k is stable (mean Jaccard over halves of each persona at least {STABLE}): the most stable one was taken, with {:.2}. \
         Read the personas as slices of a continuum, or as no structure at all",
        taken.stability
    );
    Some((taken.k, rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(k: u16, simplified_silhouette: f64, stability: f64, gap: f64) -> Candidate {
        Candidate {
            k,
            inertia: 1.0,
            simplified_silhouette,
            silhouette: None,
            calinski_harabasz: 1.0,
            davies_bouldin: 1.0,
            stability,
            stabilities: vec![stability; usize::from(k)],
            gap,
            smallest_share: 0.1,
        }
    }

    fn k(table: &[Candidate], granularity: f64, reference: Option<u16>) -> Option<u16> {
        decide(table, granularity, reference).map(|decided| decided.0)
    }

    fn continuum() -> [Candidate; 4] {
        [
            candidate(3, 0.50, 0.9, -0.4),
            candidate(4, 0.49, 0.8, -0.6),
            candidate(5, 0.48, 0.6, -0.5),
            candidate(6, 0.42, 0.9, -0.5),
        ]
    }

    #[test]
    fn without_gaps_the_largest_stable_k_near_the_best_is_taken() {
        let table = continuum();
        assert_eq!(k(&table, 0.95, None), Some(4));
        assert_eq!(k(&table, 0.80, None), Some(6));
        assert_eq!(k(&table, 1.00, None), Some(3));
    }

    #[test]
    fn deep_gaps_decide_and_shallow_ones_may_be_outbid() {
        let mut table = continuum();
        table[0].gap = 0.6;
        assert_eq!(k(&table, 0.95, None), Some(3));
        // Who wants more personas than there are gaps gets them.
        assert_eq!(k(&table, 0.80, None), Some(6));
        table[0].gap = 0.1;
        assert_eq!(k(&table, 0.95, None), Some(4));
        table[3].gap = -0.1;
        assert_eq!(k(&table, 0.95, None), Some(6));
        // What does not come back has no gaps worth the name.
        table[3].stability = 0.7;
        assert_eq!(k(&table, 0.95, None), Some(4));
    }

    #[test]
    fn the_k_in_use_stays_where_it_would_do_as_well() {
        let mut table = continuum();
        let (kept, rule) = decide(&table, 0.95, Some(3)).expect("candidates");
        assert_eq!(kept, 3);
        assert!(rule.starts_with("the k in use is kept"), "{rule}");
        // Unstable, too far from the best, not tried.
        for reference in [5, 6, 9] {
            assert_eq!(k(&table, 0.95, Some(reference)), Some(4));
        }
        // Deep gaps are the truth, whatever is in use.
        table[1].gap = 0.5;
        assert_eq!(k(&table, 0.95, Some(3)), Some(4));
    }

    #[test]
    fn clear_gaps_are_not_outdone_by_one_more_with_hardly_any() {
        let mut table = continuum();
        (table[0].gap, table[3].gap) = (0.9, -0.1);
        assert_eq!(k(&table, 0.95, None), Some(3));
        // But where it is as good by silhouette.
        table[3].simplified_silhouette = 0.49;
        assert_eq!(k(&table, 0.95, None), Some(6));
    }

    #[test]
    fn no_stability_is_said() {
        let table = [candidate(3, 0.5, 0.5, 0.5), candidate(4, 0.6, 0.6, 0.5)];
        let (k, rule) = decide(&table, 0.95, Some(3)).expect("candidates");
        assert_eq!(k, 4);
        assert!(rule.starts_with("no k is stable"));
        assert_eq!(decide(&[], 0.95, None), None);
    }
}
