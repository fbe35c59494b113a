//! Columns cut into at most 63 bins of about equal size, and one for what is missing: trees are grown on these.

use rand_xoshiro::rand_core::RngCore;
use rayon::prelude::*;

/// Bins of a column.
pub(super) const BINS: usize = 64;
/// Bins of a column with values; bin 0 is for those without.
const MOST: usize = BINS - 1;
/// Rows from which edges are taken: more would not move them.
const LOOKED_AT: usize = 50_000;

/// Rows as bins, column by column.
pub(super) struct Binned {
    /// Where each column stands in a row.
    pub(super) places: Vec<usize>,
    /// A column's bins, one for each row.
    pub(super) columns: Vec<Vec<u8>>,
    /// A column's edges: bin `i + 1` holds what is above `edges[i - 1]` and not above `edges[i]`.
    pub(super) edges: Vec<Vec<f64>>,
}

/// The columns that one tree may ask about.
pub(super) struct Asked<'a> {
    /// Where each stands in a row.
    pub(super) places: Vec<usize>,
    /// Their bins.
    pub(super) columns: Vec<&'a [u8]>,
    /// Their edges.
    pub(super) edges: Vec<&'a [f64]>,
}

impl Binned {
    /// Half of the columns, drawn anew for each tree: trees that ask about others are wrong in other places, and take half the time.
    pub(super) fn drawn(&self, draws: &mut impl RngCore) -> Asked<'_> {
        let mut drawn: Vec<(u64, usize)> =
            (0..self.columns.len()).map(|column| (draws.next_u64(), column)).collect();
        drawn.sort_unstable();
        drawn.truncate(self.columns.len().div_ceil(2));
        let mut drawn: Vec<usize> = drawn.into_iter().map(|(_, column)| column).collect();
        drawn.sort_unstable();
        Asked {
            places: drawn.iter().map(|&column| self.places[column]).collect(),
            columns: drawn.iter().map(|&column| &self.columns[column][..]).collect(),
            edges: drawn.iter().map(|&column| &self.edges[column][..]).collect(),
        }
    }

    pub(super) fn of(rows: &[&[f64]], places: &[usize]) -> Self {
        let binned = places.par_iter().filter_map(|&column| {
            let edges = edges(rows, column);
            let bins: Vec<u8> = rows.iter().map(|row| bin(&edges, row[column])).collect();
            // What is the same of all tells nobody apart.
            let tells = bins.windows(2).any(|pair| pair[0] != pair[1]);
            tells.then_some((column, (bins, edges)))
        });
        let (places, (columns, edges)) = binned.unzip();
        Self { places, columns, edges }
    }
}

/// 0 where there is none; else 1 and on.
fn bin(edges: &[f64], value: f64) -> u8 {
    if value.is_nan() { 0 } else { 1 + edges.partition_point(|edge| *edge < value) as u8 }
}

/// The middles between neighbouring values at which bins of about equal size end.
fn edges(rows: &[&[f64]], column: usize) -> Vec<f64> {
    let step = rows.len().div_ceil(LOOKED_AT).max(1);
    let values = rows.iter().step_by(step).map(|row| row[column]);
    let mut values: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    let distinct: Vec<&[f64]> = values.chunk_by(|one, other| one == other).collect();
    let mut edges = Vec::new();
    let (mut taken, mut left) = (0, values.len());
    for pair in distinct.windows(2) {
        taken += pair[0].len();
        let share = left.div_ceil(MOST - edges.len());
        if distinct.len() <= MOST || (taken >= share && edges.len() + 1 < MOST) {
            edges.push(f64::midpoint(pair[0][0], pair[1][0]));
            left -= taken;
            taken = 0;
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_keep_few_values_apart_and_many_alike_in_size() {
        let few = [[3.0], [1.0], [f64::NAN], [2.0], [1.0]];
        let binned = Binned::of(&few.iter().map(|row| &row[..]).collect::<Vec<_>>(), &[0]);
        assert_eq!(binned.columns, [[3, 1, 0, 2, 1]]);
        assert_eq!(binned.edges, [[1.5, 2.5]]);
        let many: Vec<[f64; 1]> = (0..10_000).map(|n| [f64::from(n)]).collect();
        let binned = Binned::of(&many.iter().map(|row| &row[..]).collect::<Vec<_>>(), &[0]);
        let mut sizes = [0; 64];
        binned.columns[0].iter().for_each(|&bin| sizes[usize::from(bin)] += 1);
        assert_eq!(sizes[0], 0);
        assert!(sizes[1..].iter().all(|size| (150..=170).contains(size)), "{sizes:?}");
    }
}
