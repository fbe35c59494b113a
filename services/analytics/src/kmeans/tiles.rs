//! The nearest centre of many rows at once, in `f32` and with lanes; what `f32` cannot decide is named, so that
//! the caller decides it in `f64`. Hence no instruction set, and no fused multiplication, changes an answer.
//!
//! Rows lie in tiles of sixteen, feature by feature: lanes run over rows, so that no sum runs across lanes, and a
//! number of centres that is no multiple of the lanes wastes none.

use crate::features::Points;
use fearless_simd::{Level, dispatch, prelude::*};
use rayon::prelude::*;

/// Rows of a tile: a register of AVX-512, two of AVX2, four of what every x86-64 has.
pub(super) const ROWS: usize = 16;
/// Centres weighed at once: as many sums as registers hold.
const GROUP: usize = 4;
/// Beyond this `f32` may overflow on the way, and no row is decided here.
const MOST: f64 = 1e30;

/// All rows in tiles. After the features of a tile come the squared lengths of its rows.
pub(super) struct Tiles {
    width: usize,
    cells: Vec<[f32; ROWS]>,
    /// The greatest squared length.
    longest: f64,
    level: Level,
}

impl Tiles {
    /// For the best instruction set that this machine has.
    pub(super) fn new(points: &Points) -> Self {
        Self::for_level(points, Level::new())
    }

    pub(super) fn for_level(points: &Points, level: Level) -> Self {
        let width = points.width();
        let tiles = points.rows().div_ceil(ROWS);
        let mut cells = vec![[0.0f32; ROWS]; tiles * (width + 1)];
        let longest = cells.par_chunks_exact_mut(width + 1).enumerate().map(|(tile, cells)| {
            let (lengths, features) = cells.split_last_mut()?;
            for (lane, row) in (tile * ROWS..points.rows()).take(ROWS).enumerate() {
                for (feature, &cell) in features.iter_mut().zip(points.row(row)) {
                    feature[lane] = cell;
                    lengths[lane] += cell * cell;
                }
            }
            lengths.iter().copied().reduce(f32::max)
        });
        let longest = longest.flatten().max_by(f32::total_cmp).map_or(0.0, f64::from);
        Self { width, cells, longest, level }
    }

    /// Tile number `tile`, features first, then squared lengths.
    fn tile(&self, tile: usize) -> &[[f32; ROWS]] {
        &self.cells[tile * (self.width + 1)..][..self.width + 1]
    }
}

/// Centres made ready for tiles, four side by side: a row is nearest to the centre `c` for which
/// `x·c − |c|²/2` is greatest.
pub(super) struct Packed {
    starts: Vec<[f32; GROUP]>,
    cells: Vec<[f32; GROUP]>,
    /// What a difference of two such numbers may be wrong by: `error[0] · |x|² + error[1]`.
    error: [f32; 2],
}

impl Packed {
    /// None where the numbers are too large for `f32`, or where there are none.
    pub(super) fn new(tiles: &Tiles, centres: &[Vec<f64>]) -> Option<Self> {
        let halves = centres.iter().map(|c| c.iter().map(|x| x * x).sum::<f64>() / 2.0);
        let halves: Vec<f64> = halves.collect();
        let half = halves.iter().copied().fold(0.0, f64::max);
        if !(half < MOST && tiles.longest < MOST) || tiles.width == 0 {
            return None;
        }
        let groups = centres.len().div_ceil(GROUP);
        // A place without a centre is infinitely far.
        let mut starts = vec![[f32::NEG_INFINITY; GROUP]; groups];
        let mut cells = vec![[0.0; GROUP]; groups * tiles.width];
        for (place, (centre, half)) in centres.iter().zip(&halves).enumerate() {
            let (group, side) = (place / GROUP, place % GROUP);
            starts[group][side] = -half as f32;
            for (cells, &x) in cells[group * tiles.width..].iter_mut().zip(centre) {
                cells[side] = x as f32;
            }
        }
        // Wilkinson's bound for a sum of products, (terms + 1) units on Σ|x·c| + |c|²/2, twice for a difference;
        // Σ|x·c| ≤ (|x|² + |c|²)/2. Eight units more for the rounding of the centres, of |x|² and of this line.
        let units = 2.0 * (tiles.width + 10) as f64 * f64::from(f32::EPSILON) / 2.0;
        let error = [(units / 2.0) as f32, (units * 2.0 * half) as f32 + 1e-30];
        Some(Self { starts, cells, error })
    }
}

/// What was found for a tile.
pub(super) struct Found {
    /// The nearest centre of each row.
    pub(super) nearest: [f32; ROWS],
    /// By how much each row is nearer to it than to any other, at the least: distances, not their squares. 0, less
    /// or NaN where `f32` cannot tell.
    pub(super) margin: [f32; ROWS],
}

/// Calls `each` with the number of a tile and what was found for it, for those of `tiles` which `wanted` names.
pub(super) fn find(
    tiles: &Tiles,
    packed: &Packed,
    wanted: &[usize],
    each: impl FnMut(usize, &Found),
) {
    dispatch!(tiles.level, simd => find_with(simd, tiles, packed, wanted, each))
}

#[inline(always)]
fn find_with<S: Simd>(
    simd: S,
    tiles: &Tiles,
    packed: &Packed,
    wanted: &[usize],
    mut each: impl FnMut(usize, &Found),
) {
    for &tile in wanted {
        let found = one(simd, tiles.tile(tile), packed);
        each(tile, &found);
    }
}

#[inline(always)]
fn one<S: Simd>(simd: S, tile: &[[f32; ROWS]], packed: &Packed) -> Found {
    use fearless_simd::f32x16;
    let width = tile.len() - 1;
    let splat = |x: f32| f32x16::splat(simd, x);
    let mut best = splat(f32::NEG_INFINITY);
    let mut second = best;
    let mut nearest = splat(0.0);
    let mut place = 0.0f32;
    for (starts, cells) in packed.starts.iter().zip(packed.cells.chunks_exact(width)) {
        let mut sums = starts.map(splat);
        for (x, cells) in tile.iter().zip(cells) {
            let x = f32x16::load_array_ref(simd, x);
            for side in 0..GROUP {
                sums[side] = x.mul_add(splat(cells[side]), sums[side]);
            }
        }
        for sum in sums {
            nearest = sum.simd_gt(best).select(splat(place), nearest);
            second = second.max(sum.min(best));
            best = best.max(sum);
            place += 1.0;
        }
    }
    let lengths = f32x16::load_array_ref(simd, &tile[width]);
    let error = lengths.mul_add(splat(packed.error[0]), splat(packed.error[1]));
    // d₂² − d₁² = 2 (best − second), and (d₂² − d₁²) / (d₂ + d₁) ≥ (d₂² − d₁²) / (2 d₂).
    let way = (lengths + error - second - second + error).sqrt();
    let margin = (best - second - error) / way;
    let mut found = Found { nearest: [0.0; ROWS], margin: [0.0; ROWS] };
    nearest.store_array(&mut found.nearest);
    margin.store_array(&mut found.margin);
    found
}
