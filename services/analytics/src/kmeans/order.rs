//! Clusters in their order.

use super::{Clusters, lloyd::Lloyd};
use std::cmp::Ordering;

/// Largest cluster first, ties by coordinates; what stayed empty goes.
pub(super) fn ordered(run: Lloyd<'_>) -> Clusters {
    let inertia = run.inertia();
    let Lloyd { centres, labels, counts, steps, rests, .. } = run;
    let mut order: Vec<usize> = (0..centres.len()).filter(|&c| counts[c] > 0).collect();
    order.sort_by(|&a, &b| {
        let coordinates =
            || centres[a].iter().zip(&centres[b]).map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne());
        counts[b].cmp(&counts[a]).then_with(|| coordinates().unwrap_or(Ordering::Equal))
    });
    let mut place = vec![0u16; centres.len()];
    for (new, &old) in order.iter().enumerate() {
        place[old] = new as u16;
    }
    Clusters {
        centres: order.iter().map(|&c| centres[c].clone()).collect(),
        labels: labels.iter().map(|&label| place[usize::from(label)]).collect(),
        counts: order.iter().map(|&c| counts[c]).collect(),
        inertia,
        steps,
        converged: rests,
    }
}
