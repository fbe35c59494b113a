//! Where to begin: many starts, weighed on few rows. What starts differ in is which groups they took for one, and a
//! few thousand rows show that as well as a million; so linfa draws on a thousand, all starts take some steps on
//! some thousands, and only the best go on. Measured by `tests/bench/run.sh kmeans`.

use super::{
    draw,
    lloyd::{Lloyd, Until},
    nearest::squared_distance,
    random,
    tiles::Tiles,
};
use crate::features::Points;
use rayon::prelude::*;

/// Rows of which k-means++ draws: each start has its own.
const DRAW: usize = 1_000;
/// Rows on which all starts are weighed, the same for all.
const WEIGH: usize = 5_000;
/// Most steps for that.
const WEIGH_STEPS: usize = 20;
/// Starts that go on to all rows.
const KEEP: usize = 3;
/// Rows whose variance stands for that of all.
const VARIANCE: usize = 20_000;

/// The best start, and where it came to rest.
pub(super) struct Start {
    pub(super) centres: Vec<Vec<f64>>,
    pub(super) steps: usize,
}

/// The best of `restarts` runs over all of `points`, by inertia; the earliest of equals. None where linfa draws
/// none, which checked points do not lead to.
pub(super) fn best(
    points: &Points,
    k: usize,
    restarts: usize,
    seed: u64,
    until: Until,
) -> Option<Start> {
    let weigh = points.select(&random::sample(points.rows(), WEIGH, seed));
    let tiles = Tiles::new(&weigh);
    let weighed = Until { steps: WEIGH_STEPS, ..super::settled(&weigh) };
    let mut runs: Vec<(f64, Start)> = (0..restarts.max(1) as u64)
        .into_par_iter()
        .filter_map(|restart| {
            let seed = random::derive(seed, "start", restart);
            let rows = points.select(&random::sample(points.rows(), DRAW, seed));
            Some(run(&weigh, &tiles, draw::draw(&rows, k, seed)?, weighed))
        })
        .collect();
    runs.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    runs.truncate(KEEP);

    let tiles = Tiles::new(points);
    let runs: Vec<(f64, Start)> =
        runs.into_par_iter().map(|(_, start)| run(points, &tiles, start.centres, until)).collect();
    runs.into_iter().min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, start)| start)
}

fn run(points: &Points, tiles: &Tiles, centres: Vec<Vec<f64>>, until: Until) -> (f64, Start) {
    let mut run = Lloyd::new(points, tiles, centres);
    run.run(until);
    (run.inertia(), Start { steps: run.steps, centres: run.centres })
}

/// Mean squared distance to the mean, of rows that are spread over all.
pub(super) fn variance(points: &Points) -> f64 {
    let every = points.rows().div_ceil(VARIANCE).max(1);
    let rows = || (0..points.rows()).step_by(every).map(|row| points.row(row));
    let count = rows().len().max(1) as f64;
    let mut mean = vec![0.0; points.width()];
    for row in rows() {
        mean.iter_mut().zip(row).for_each(|(mean, &cell)| *mean += f64::from(cell) / count);
    }
    rows().map(|row| squared_distance(row, &mean)).sum::<f64>() / count
}
