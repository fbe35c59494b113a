//! One tree: the leaf whose split gains most is split, until there are leaves enough.
//!
//! Sums run over the rows of a column in a fixed order, one column on one thread: the same bits on any number of threads.

use super::{
    Growth, Node,
    bins::{Asked, BINS},
};
use rayon::prelude::*;

/// First and second derivative of a row's loss.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Slope {
    pub(super) first: f32,
    pub(super) second: f32,
}

/// Sums over rows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sums {
    first: f64,
    second: f64,
    rows: u32,
}

/// Neighbours are summed apart: of a column nearly all of whose rows are in one bin, each sum would wait for the one before.
const APART: usize = 4;

/// The sums of each bin of a column: those of rows whose bins and slopes these are.
fn by_bin(bins: impl Iterator<Item = u8>, slopes: &[Slope]) -> Vec<Sums> {
    let mut apart = [[Sums::default(); BINS]; APART];
    for (place, (bin, slope)) in bins.zip(slopes).enumerate() {
        apart[place % APART][usize::from(bin) % BINS].add(*slope);
    }
    let whole = |bin| apart.iter().fold(Sums::default(), |sum, part| sum.plus(part[bin]));
    (0..BINS).map(whole).collect()
}

impl Sums {
    fn add(&mut self, slope: Slope) {
        self.first += f64::from(slope.first);
        self.second += f64::from(slope.second);
        self.rows += 1;
    }

    fn plus(self, other: Self) -> Self {
        Self {
            first: self.first + other.first,
            second: self.second + other.second,
            rows: self.rows + other.rows,
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            first: self.first - other.first,
            second: self.second - other.second,
            rows: self.rows - other.rows,
        }
    }

    /// How much the loss falls where these rows take their best value.
    fn gain(self, growth: &Growth) -> f64 {
        self.first * self.first / (self.second + growth.ridge)
    }

    fn value(self, growth: &Growth) -> f64 {
        -growth.rate * self.first / (self.second + growth.ridge)
    }
}

#[derive(Debug, Clone, Copy)]
struct Split {
    gain: f64,
    column: usize,
    /// Bins up to this one go left.
    bin: u8,
    missing_left: bool,
}

/// A leaf that may be split.
struct Leaf {
    /// Its place in the tree.
    node: usize,
    rows: Vec<u32>,
    sums: Sums,
    /// Sums by bin, column after column.
    bins: Vec<Vec<Sums>>,
    split: Option<Split>,
}

/// A tree, and for each row the leaf's value added to `odds`.
pub(super) fn grow(
    asked: &Asked<'_>,
    slopes: &[Slope],
    growth: &Growth,
    odds: &mut [f64],
) -> Vec<Node> {
    let everything = Leaf::root(asked, slopes, growth);
    let mut tree = vec![Node::leaf(everything.sums.value(growth))];
    let mut leaves = vec![everything];
    while leaves.len() < growth.leaves {
        let best = leaves.iter().enumerate().filter_map(|(place, leaf)| Some((place, leaf.split?)));
        // The first of equals, so that equal data grow equal trees.
        let best =
            best.max_by(|one, other| one.1.gain.total_cmp(&other.1.gain).then(other.0.cmp(&one.0)));
        let Some((place, split)) = best else { break };
        let last = leaves.len() + 1 == growth.leaves;
        let leaf = leaves.swap_remove(place);
        let (at, sides) = (leaf.node, leaf.divide(asked, slopes, split, growth, last));
        let place = tree.len() as u32;
        for (side, mut leaf) in sides.into_iter().enumerate() {
            leaf.node = place as usize + side;
            tree.push(Node::leaf(leaf.sums.value(growth)));
            leaves.push(leaf);
        }
        tree[at].split = Some(super::Branch {
            column: asked.places[split.column] as u32,
            // After the last edge only what is missing goes right. (JSON has no infinity.)
            up_to: asked.edges[split.column]
                .get(usize::from(split.bin) - 1)
                .copied()
                .unwrap_or(f64::MAX),
            missing_left: split.missing_left,
            left: place,
        });
    }
    for leaf in &leaves {
        let value = tree[leaf.node].value;
        leaf.rows.iter().for_each(|&row| odds[row as usize] += value);
    }
    tree
}

impl Leaf {
    fn root(asked: &Asked<'_>, slopes: &[Slope], growth: &Growth) -> Self {
        let bins: Vec<Vec<Sums>> = (asked.columns.par_iter())
            .map(|column| by_bin(column.iter().copied(), slopes))
            .collect();
        let all = |bins: &Vec<Sums>| bins.iter().fold(Sums::default(), |sum, bin| sum.plus(*bin));
        let sums = bins.first().map(all).unwrap_or_default();
        let mut leaf =
            Self { node: 0, rows: (0..slopes.len() as u32).collect(), sums, bins, split: None };
        leaf.split = leaf.best(growth);
        leaf
    }

    /// The two sides of a split. Where no split can follow (`last`), their bins are not counted.
    fn divide(
        self,
        asked: &Asked<'_>,
        slopes: &[Slope],
        split: Split,
        growth: &Growth,
        last: bool,
    ) -> [Self; 2] {
        let column = &asked.columns[split.column];
        let goes_left = |row: &u32| match column[*row as usize] {
            0 => split.missing_left,
            bin => bin <= split.bin,
        };
        let (left, right): (Vec<u32>, Vec<u32>) = self.rows.into_iter().partition(goes_left);
        let own = &self.bins[split.column];
        let left_sums = own.iter().enumerate().filter(|(bin, _)| match bin {
            0 => split.missing_left,
            bin => *bin <= usize::from(split.bin),
        });
        let left_sums = left_sums.fold(Sums::default(), |sum, (_, bin)| sum.plus(*bin));
        let right_sums = self.sums.minus(left_sums);
        let side =
            |rows: Vec<u32>, sums| Self { node: 0, rows, sums, bins: Vec::new(), split: None };
        let mut sides = [side(left, left_sums), side(right, right_sums)];
        if !last {
            // Only the smaller side is counted; the other is what it leaves.
            let smaller = usize::from(sides[1].rows.len() < sides[0].rows.len());
            sides[smaller].count(asked, slopes);
            let rest = (self.bins.iter().zip(&sides[smaller].bins)).map(|(all, part)| {
                all.iter().zip(part).map(|(all, part)| all.minus(*part)).collect()
            });
            sides[1 - smaller].bins = rest.collect();
            sides.iter_mut().for_each(|side| side.split = side.best(growth));
        }
        sides
    }

    fn count(&mut self, asked: &Asked<'_>, slopes: &[Slope]) {
        let rows = &self.rows;
        let slopes: Vec<Slope> = rows.iter().map(|&row| slopes[row as usize]).collect();
        self.bins = (asked.columns.par_iter())
            .map(|column| by_bin(rows.iter().map(|&row| column[row as usize]), &slopes))
            .collect();
    }

    /// The split that gains most; of equals the first.
    fn best(&self, growth: &Growth) -> Option<Split> {
        let mut best: Option<Split> = None;
        for (column, bins) in self.bins.iter().enumerate() {
            for missing_left in [false, true] {
                if missing_left && bins[0].rows == 0 {
                    continue;
                }
                let mut left = if missing_left { bins[0] } else { Sums::default() };
                for (bin, sums) in bins.iter().enumerate().skip(1) {
                    left = left.plus(*sums);
                    let right = self.sums.minus(left);
                    if sums.rows == 0 || left.rows < growth.fewest_rows {
                        continue;
                    }
                    if right.rows < growth.fewest_rows {
                        break;
                    }
                    let gain = left.gain(growth) + right.gain(growth) - self.sums.gain(growth);
                    if gain > best.map_or(growth.least_gain, |best| best.gain) {
                        best = Some(Split { gain, column, bin: bin as u8, missing_left });
                    }
                }
            }
        }
        best
    }
}
