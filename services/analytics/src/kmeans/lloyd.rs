//! Lloyd's algorithm over all rows: each step gives what one in `f64` gives, at the price of one in `f32`.
//!
//! Three things make it fast. [`super::tiles`] decides nearly all rows, and only what it leaves open is looked at
//! again in `f64`. Sums follow the rows that changed their cluster. And a tile whose rows are all nearer to their
//! centre than to any other by more than the centres have moved since is not looked at (the bound of Hamerly 2010,
//! "Making k-means even faster"). None of them changes a label; sums are taken in pieces of fixed size, in order.

use super::{
    nearest::{nearest, squared_distance},
    tiles::{self, Packed, Tiles},
};
use crate::features::Points;
use rayon::prelude::*;

/// Tiles of a piece. Fixed, so that sums do not depend on the number of threads.
const PIECE: usize = 256;
/// The label of a row that has none yet.
const NONE: u16 = u16::MAX;

/// When to stop.
#[derive(Clone, Copy)]
pub(super) struct Until {
    /// Most steps.
    pub(super) steps: usize,
    /// A run rests when a step brings all rows together nearer to their centres by no more than this, in the mean
    /// of squared distances; 0 means: when no row changes its cluster.
    pub(super) gain: f64,
}

/// A run: centres, and for each row the nearest of them.
pub(super) struct Lloyd<'a> {
    points: &'a Points,
    tiles: &'a Tiles,
    pub(super) centres: Vec<Vec<f64>>,
    pub(super) labels: Vec<u16>,
    pub(super) counts: Vec<usize>,
    sums: Vec<f64>,
    /// For each tile how far the centres may go, as measured by `gone`, before a label can change.
    limits: Vec<f64>,
    gone: f64,
    pub(super) steps: usize,
    pub(super) rests: bool,
}

/// What one piece adds to counts and sums.
struct Change {
    rows: usize,
    counts: Vec<i64>,
    sums: Vec<f64>,
}

impl<'a> Lloyd<'a> {
    /// Gives every row its nearest of `centres`, of which there are at most 65,535.
    pub(super) fn new(points: &'a Points, tiles: &'a Tiles, centres: Vec<Vec<f64>>) -> Self {
        let mut run = Self {
            points,
            tiles,
            labels: vec![NONE; points.rows()],
            counts: vec![0; centres.len()],
            sums: vec![0.0; centres.len() * points.width()],
            limits: vec![f64::NEG_INFINITY; points.rows().div_ceil(tiles::ROWS)],
            gone: 0.0,
            steps: 0,
            rests: false,
            centres,
        };
        run.label();
        run
    }

    /// Steps until it rests or has taken enough steps, but not before every cluster has rows.
    pub(super) fn run(&mut self, until: Until) {
        let most = until.steps + self.counts.len();
        while !self.rests && (self.steps < until.steps || self.some_empty() && self.steps < most) {
            let gain = self.centre();
            let changed = self.label();
            self.steps += 1;
            if self.some_empty() {
                continue;
            }
            if changed == 0 {
                // Rounding wears off sums that only follow changes: taken anew they may give other means.
                self.sum();
                self.rests = (0..self.counts.len())
                    .all(|c| self.mean(c).eq(self.centres[c].iter().copied()));
            } else {
                self.rests = gain <= until.gain * self.labels.len() as f64;
            }
        }
    }

    fn some_empty(&self) -> bool {
        self.counts.contains(&0)
    }

    fn mean(&self, cluster: usize) -> impl Iterator<Item = f64> {
        let width = self.points.width();
        let count = self.counts[cluster] as f64;
        self.sums[cluster * width..][..width].iter().map(move |sum| sum / count)
    }

    /// Labels every row whose nearest centre may have changed; how many did.
    fn label(&mut self) -> usize {
        let Self { points, tiles, centres, labels, limits, gone, .. } = self;
        let packed = Packed::new(tiles, centres);
        let work = Work { points, tiles, centres, packed: packed.as_ref(), gone: *gone };
        let changes: Vec<Change> = labels
            .par_chunks_mut(PIECE * tiles::ROWS)
            .zip(limits.par_chunks_mut(PIECE))
            .enumerate()
            .map(|(piece, (labels, limits))| work.piece(piece, labels, limits))
            .collect();
        let mut rows = 0;
        for change in changes.iter().filter(|change| change.rows > 0) {
            rows += change.rows;
            for (count, change) in self.counts.iter_mut().zip(&change.counts) {
                *count = count.saturating_add_signed(*change as isize);
            }
            for (sum, change) in self.sums.iter_mut().zip(&change.sums) {
                *sum += change;
            }
        }
        rows
    }

    /// Moves every centre to the mean of its rows, and one without rows to the row that is worst off; by how
    /// much that lessens the inertia.
    fn centre(&mut self) -> f64 {
        let mut farthest = None;
        let (mut gain, mut most) = (0.0, 0.0f64);
        for place in 0..self.counts.len() {
            let to: Vec<f64> = if self.counts[place] > 0 {
                self.mean(place).collect()
            } else if farthest.is_none() {
                let row = farthest.insert(farthest_row(self.points, &self.labels, &self.centres));
                self.points.row(*row).iter().map(|&x| f64::from(x)).collect()
            } else {
                continue;
            };
            let way: f64 = to.iter().zip(&self.centres[place]).map(|(a, b)| (a - b).powi(2)).sum();
            gain += way * self.counts[place] as f64;
            most = most.max(way);
            self.centres[place] = to;
        }
        // One comes nearer and another goes away, each by `most` at the most; a little more for the roundings.
        self.gone += 2.0 * most.sqrt() * (1.0 + 1e-9);
        gain
    }

    /// Takes the sums anew.
    fn sum(&mut self) {
        let width = self.points.width();
        let zero = || vec![0.0; self.sums.len()];
        let rows = PIECE * tiles::ROWS;
        let pieces: Vec<Vec<f64>> = (self.labels.par_chunks(rows).enumerate())
            .map(|(piece, labels)| {
                let mut sums = zero();
                for (row, &label) in (piece * rows..).zip(labels) {
                    add(&mut sums, usize::from(label) * width, self.points.row(row), 1.0);
                }
                sums
            })
            .collect();
        let mut sums = zero();
        for piece in pieces {
            sums.iter_mut().zip(piece).for_each(|(sum, piece)| *sum += piece);
        }
        self.sums = sums;
    }

    /// Sum of the squared distances to the nearest centre.
    pub(super) fn inertia(&self) -> f64 {
        let rows = PIECE * tiles::ROWS;
        let pieces: Vec<f64> = (self.labels.par_chunks(rows).enumerate())
            .map(|(piece, labels)| {
                let of = |(row, &label): (usize, &u16)| {
                    squared_distance(self.points.row(row), &self.centres[usize::from(label)])
                };
                (piece * rows..).zip(labels).map(of).sum()
            })
            .collect();
        pieces.iter().sum()
    }
}

fn add(sums: &mut [f64], at: usize, row: &[f32], sign: f64) {
    for (sum, &cell) in sums[at..].iter_mut().zip(row) {
        *sum += sign * f64::from(cell);
    }
}

/// The row that is farthest from its centre; the first of equals.
fn farthest_row(points: &Points, labels: &[u16], centres: &[Vec<f64>]) -> usize {
    let far = |row: usize| squared_distance(points.row(row), &centres[usize::from(labels[row])]);
    let farther = |a: (f64, usize), b: (f64, usize)| {
        if b.0 > a.0 || b.0 == a.0 && b.1 < a.1 { b } else { a }
    };
    let all = (0..points.rows()).into_par_iter().map(|row| (far(row), row));
    all.reduce(|| (-1.0, 0), farther).1
}

impl Change {
    fn set(&mut self, work: &Work<'_>, label: &mut u16, row: usize, new: usize) {
        let (old, width) = (usize::from(*label), work.points.width());
        if old == new {
            return;
        }
        if self.rows == 0 {
            self.counts = vec![0; work.centres.len()];
            self.sums = vec![0.0; work.centres.len() * width];
        }
        self.rows += 1;
        let cells = work.points.row(row);
        if *label != NONE {
            self.counts[old] -= 1;
            add(&mut self.sums, old * width, cells, -1.0);
        }
        self.counts[new] += 1;
        add(&mut self.sums, new * width, cells, 1.0);
        *label = new as u16;
    }
}

/// What a piece needs.
struct Work<'a> {
    points: &'a Points,
    tiles: &'a Tiles,
    centres: &'a [Vec<f64>],
    packed: Option<&'a Packed>,
    gone: f64,
}

impl Work<'_> {
    fn piece(&self, piece: usize, labels: &mut [u16], limits: &mut [f64]) -> Change {
        let mut change = Change { rows: 0, counts: Vec::new(), sums: Vec::new() };
        let first = piece * PIECE;
        let wanted: Vec<usize> = (first..)
            .zip(&*limits)
            .filter(|(_, limit)| **limit <= self.gone)
            .map(|(t, _)| t)
            .collect();
        let rows =
            |tile: usize| tile * tiles::ROWS..((tile + 1) * tiles::ROWS).min(self.points.rows());
        let exact = |row: usize| nearest(self.points.row(row), self.centres).centre;
        let Some(packed) = self.packed else {
            for row in wanted.into_iter().flat_map(rows) {
                change.set(self, &mut labels[row - first * tiles::ROWS], row, exact(row));
            }
            return change;
        };
        tiles::find(self.tiles, packed, &wanted, |tile, found| {
            let mut least = f32::INFINITY;
            let rows = rows(tile);
            let known = &labels[rows.start - first * tiles::ROWS..rows.end - first * tiles::ROWS];
            let mut as_known = true;
            for ((&margin, &nearest), &label) in found.margin.iter().zip(&found.nearest).zip(known)
            {
                // Without a branch, and false for NaN.
                least = if margin < least { margin } else { least };
                as_known &= margin > 0.0 && f32::from(label) == nearest;
            }
            if as_known {
                limits[tile - first] = self.gone + f64::from(least);
                return;
            }
            for (lane, row) in rows.enumerate() {
                if found.margin[lane] > 0.0 {
                    change.set(
                        self,
                        &mut labels[row - first * tiles::ROWS],
                        row,
                        found.nearest[lane] as usize,
                    );
                } else {
                    least = 0.0;
                    change.set(self, &mut labels[row - first * tiles::ROWS], row, exact(row));
                }
            }
            limits[tile - first] = self.gone + f64::from(least);
        });
        change
    }
}
