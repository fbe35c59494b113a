//! The last steps in `f64`: labels from centres, means from labels, until nothing moves.

use super::{Clusters, kernel::Run};
use crate::features::Points;
use rayon::prelude::*;

/// Most steps here. linfa has come to rest before, so that a few settle what `f32` left open.
const MOST_STEPS: usize = 50;
/// Rows summed in one piece. Fixed, so that sums do not depend on the number of threads.
const CHUNK: usize = 4096;

/// The nearest centre and the runner-up; squared distances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nearest {
    /// The nearest centre.
    pub centre: usize,
    /// Its squared distance.
    pub squared: f64,
    /// The second nearest centre; the same where there is only one.
    pub runner_up: usize,
    /// Its squared distance.
    pub runner_up_squared: f64,
}

/// The nearest of `centres` to `row`; the first of equals.
pub fn nearest(row: &[f32], centres: &[Vec<f64>]) -> Nearest {
    let far = f64::INFINITY;
    let mut found = Nearest { centre: 0, squared: far, runner_up: 0, runner_up_squared: far };
    for (centre, at) in centres.iter().enumerate() {
        let squared = squared_distance(row, at);
        if squared < found.squared {
            (found.runner_up, found.runner_up_squared) = (found.centre, found.squared);
            (found.centre, found.squared) = (centre, squared);
        } else if squared < found.runner_up_squared {
            (found.runner_up, found.runner_up_squared) = (centre, squared);
        }
    }
    if found.runner_up_squared.is_infinite() {
        (found.runner_up, found.runner_up_squared) = (found.centre, found.squared);
    }
    found
}

/// Four sums side by side let the compiler use lanes; their order is fixed all the same.
fn squared_distance(row: &[f32], centre: &[f64]) -> f64 {
    let (rows, row_rest) = row.as_chunks::<4>();
    let (centres, centre_rest) = centre.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (row, centre) in rows.iter().zip(centres) {
        for lane in 0..4 {
            let difference = f64::from(row[lane]) - centre[lane];
            sums[lane] += difference * difference;
        }
    }
    let rest: f64 =
        row_rest.iter().zip(centre_rest).map(|(&x, c)| (f64::from(x) - c).powi(2)).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

/// One pass over all rows: labels, sums and the row that is worst off.
struct Pass {
    labels: Vec<u16>,
    counts: Vec<usize>,
    sums: Vec<Vec<f64>>,
    inertia: f64,
    farthest: (f64, usize),
}

fn pass(points: &Points, centres: &[Vec<f64>]) -> Pass {
    let rows: Vec<usize> = (0..points.rows()).step_by(CHUNK).collect();
    let pieces: Vec<Pass> = rows.into_par_iter().map(|from| piece(points, centres, from)).collect();
    let mut whole = empty(points, centres.len());
    for piece in pieces {
        whole.labels.extend(piece.labels);
        for (into, from) in whole.counts.iter_mut().zip(piece.counts) {
            *into += from;
        }
        for (into, from) in whole.sums.iter_mut().flatten().zip(piece.sums.iter().flatten()) {
            *into += from;
        }
        whole.inertia += piece.inertia;
        if piece.farthest.0 > whole.farthest.0 {
            whole.farthest = piece.farthest;
        }
    }
    whole
}

fn empty(points: &Points, k: usize) -> Pass {
    Pass {
        labels: Vec::new(),
        counts: vec![0; k],
        sums: vec![vec![0.0; points.width()]; k],
        inertia: 0.0,
        farthest: (-1.0, 0),
    }
}

fn piece(points: &Points, centres: &[Vec<f64>], from: usize) -> Pass {
    let mut piece = empty(points, centres.len());
    for row in from..(from + CHUNK).min(points.rows()) {
        let cells = points.row(row);
        let found = nearest(cells, centres);
        piece.labels.push(found.centre as u16);
        piece.counts[found.centre] += 1;
        piece.inertia += found.squared;
        for (sum, &cell) in piece.sums[found.centre].iter_mut().zip(cells) {
            *sum += f64::from(cell);
        }
        if found.squared > piece.farthest.0 {
            piece.farthest = (found.squared, row);
        }
    }
    piece
}

/// Sum of squared distances to the nearest of `centres`.
pub(super) fn inertia(points: &Points, centres: &[Vec<f64>]) -> f64 {
    pass(points, centres).inertia
}

/// Brings a run to rest in `f64` and puts the clusters in their order.
pub(super) fn refine(points: &Points, run: Run) -> Clusters {
    let mut centres = run.centres;
    let mut last = pass(points, &centres);
    let mut steps = run.steps;
    let mut rests = false;
    for _ in 0..MOST_STEPS {
        centres = moved(points, &last, &centres);
        steps += 1;
        let next = pass(points, &centres);
        rests = next.labels == last.labels;
        // A large table rests early enough: the last drops of inertia are not worth dozens of passes.
        let slow = points.rows() > super::SAMPLE
            && next.counts.iter().all(|&c| c > 0)
            && last.inertia - next.inertia <= 1e-5 * last.inertia;
        last = next;
        if rests || slow {
            rests = true;
            break;
        }
    }
    ordered(centres, last, steps, rests || run.converged)
}

/// The means of the last pass. A cluster that lost all its rows starts again at the row that is worst off.
fn moved(points: &Points, last: &Pass, centres: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut reseeded = false;
    (last.sums.iter().zip(&last.counts).zip(centres))
        .map(|((sum, &count), centre)| match count {
            0 if reseeded => centre.clone(),
            0 => {
                reseeded = true;
                points.row(last.farthest.1).iter().map(|&x| f64::from(x)).collect()
            }
            count => sum.iter().map(|s| s / count as f64).collect(),
        })
        .collect()
}

/// Largest cluster first, ties by coordinates; what stayed empty goes.
fn ordered(centres: Vec<Vec<f64>>, last: Pass, steps: usize, converged: bool) -> Clusters {
    let mut order: Vec<usize> = (0..centres.len()).filter(|&c| last.counts[c] > 0).collect();
    order.sort_by(|&a, &b| {
        let coordinates =
            || centres[a].iter().zip(&centres[b]).map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne());
        last.counts[b]
            .cmp(&last.counts[a])
            .then_with(|| coordinates().unwrap_or(std::cmp::Ordering::Equal))
    });
    let mut place = vec![0u16; centres.len()];
    for (new, &old) in order.iter().enumerate() {
        place[old] = new as u16;
    }
    Clusters {
        centres: order.iter().map(|&c| centres[c].clone()).collect(),
        labels: last.labels.iter().map(|&label| place[usize::from(label)]).collect(),
        counts: order.iter().map(|&c| last.counts[c]).collect(),
        inertia: last.inertia,
        steps,
        converged,
    }
}
