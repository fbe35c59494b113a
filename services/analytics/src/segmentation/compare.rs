//! How two segmentations differ, from a table of counts: who moved, how much of the grouping is the same whatever it
//! is called, and what became of each persona. It knows no customer and no model.

use std::collections::BTreeMap;

/// Customers by their persona in two segmentations; places are those of the personas. What is not there counts as 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contingency {
    /// Customers in both, by place in the base and then by place in the other.
    pub both: Vec<Vec<u64>>,
    /// Customers who are in the base only, by place.
    pub only_in_base: Vec<u64>,
    /// Customers who are in the other only, by place.
    pub only_in_other: Vec<u64>,
}

impl Contingency {
    /// From the customers in both by their two places, and from all members by place of the base and of the other.
    pub fn new(cross: Vec<((u16, u16), i64)>, base: &[(u16, i64)], other: &[(u16, i64)]) -> Self {
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        let sizes = |of: &[(u16, i64)]| {
            let places = of.iter().map(|(place, _)| usize::from(*place) + 1).max().unwrap_or(0);
            let mut sizes = vec![0; places];
            of.iter().for_each(|(place, size)| sizes[usize::from(*place)] = count(*size));
            sizes
        };
        let (mut only_in_base, mut only_in_other) = (sizes(base), sizes(other));
        let mut both = vec![vec![0; only_in_other.len()]; only_in_base.len()];
        for ((a, b), customers) in cross {
            let (a, b, customers) = (usize::from(a), usize::from(b), count(customers));
            let Some(cell) = both.get_mut(a).and_then(|row: &mut Vec<u64>| row.get_mut(b)) else {
                continue;
            };
            *cell = customers;
            only_in_base[a] = only_in_base[a].saturating_sub(customers);
            only_in_other[b] = only_in_other[b].saturating_sub(customers);
        }
        Self { both, only_in_base, only_in_other }
    }
}

/// A persona as it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// Its id.
    pub persona_id: String,
    /// Its name.
    pub name: String,
}

/// How two segmentations differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Customers in both.
    pub customers_in_both: i64,
    /// Customers of the base who are not in the other.
    pub customers_only_in_base: i64,
    /// Customers of the other who are not in the base.
    pub customers_only_in_other: i64,
    /// Of the customers in both, those whose persona id differs.
    pub customers_moved: i64,
    /// Their share, in `[0, 1]`; none where no customer is in both.
    pub moved_share: Option<f64>,
    /// See [`adjusted_rand_index`].
    pub adjusted_rand_index: Option<f64>,
    /// Every persona of either: those of the other in its order, then those that are in the base only.
    pub personas: Vec<PersonaChange>,
}

/// A persona in two segmentations. Shares are of all members of the segmentation, in `[0, 1]`.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonaChange {
    /// The persona.
    pub persona_id: String,
    /// Its name: in the other, or where it is not there in the base.
    pub name: String,
    /// Members in the base; 0 where it is not there.
    pub base_customers: i64,
    /// Members in the other; 0 where it is not there.
    pub other_customers: i64,
    /// Share of the members of the base.
    pub base_share: f64,
    /// Share of the members of the other.
    pub other_share: f64,
    /// Members who are in it in both.
    pub stayed: i64,
    /// Customers in both segmentations who are in it only in the other.
    pub came: i64,
    /// Customers in both segmentations who are in it only in the base.
    pub went: i64,
}

/// Compares two segmentations whose personas are called `base` and `other`, in the order of their places. Ids are
/// different within each.
pub fn compare(counts: &Contingency, base: &[Called], other: &[Called]) -> Comparison {
    let table = Table { counts, base: base.len(), other: other.len() };
    let base_places: BTreeMap<&str, usize> = base
        .iter()
        .enumerate()
        .map(|(place, called)| (called.persona_id.as_str(), place))
        .collect();
    let in_both: u64 = (0..base.len()).map(|row| table.row(row)).sum();
    let mut seen = vec![false; base.len()];
    let mut stayed = 0;
    let mut personas = Vec::with_capacity(base.len() + other.len());
    for (column, called) in other.iter().enumerate() {
        let row = base_places.get(called.persona_id.as_str()).copied();
        row.into_iter().for_each(|row| seen[row] = true);
        stayed += row.map_or(0, |row| table.both(row, column));
        personas.push(table.change(called, row, Some(column)));
    }
    for (row, called) in base.iter().enumerate().filter(|(row, _)| !seen[*row]) {
        personas.push(table.change(called, Some(row), None));
    }
    let moved = in_both - stayed;
    Comparison {
        customers_in_both: in_both as i64,
        customers_only_in_base: table.only(&counts.only_in_base, base.len()) as i64,
        customers_only_in_other: table.only(&counts.only_in_other, other.len()) as i64,
        customers_moved: moved as i64,
        moved_share: (in_both > 0).then(|| moved as f64 / in_both as f64),
        adjusted_rand_index: adjusted_rand_index(&counts.both),
        personas,
    }
}

struct Table<'a> {
    counts: &'a Contingency,
    base: usize,
    other: usize,
}

impl Table<'_> {
    fn both(&self, row: usize, column: usize) -> u64 {
        self.counts.both.get(row).and_then(|row| row.get(column)).copied().unwrap_or(0)
    }

    fn row(&self, row: usize) -> u64 {
        (0..self.other).map(|column| self.both(row, column)).sum()
    }

    fn column(&self, column: usize) -> u64 {
        (0..self.base).map(|row| self.both(row, column)).sum()
    }

    fn only(&self, only: &[u64], places: usize) -> u64 {
        only.iter().take(places).sum()
    }

    fn change(&self, called: &Called, row: Option<usize>, column: Option<usize>) -> PersonaChange {
        let at = |only: &[u64], place: usize| only.get(place).copied().unwrap_or(0);
        let (from, to) =
            (row.map_or(0, |row| self.row(row)), column.map_or(0, |column| self.column(column)));
        let stayed = row.zip(column).map_or(0, |(row, column)| self.both(row, column));
        let base = from + row.map_or(0, |row| at(&self.counts.only_in_base, row));
        let other = to + column.map_or(0, |column| at(&self.counts.only_in_other, column));
        let in_both: u64 = (0..self.base).map(|row| self.row(row)).sum();
        let share = |part: u64, only: u64| match in_both + only {
            0 => 0.0,
            whole => part as f64 / whole as f64,
        };
        PersonaChange {
            persona_id: called.persona_id.clone(),
            name: called.name.clone(),
            base_customers: base as i64,
            other_customers: other as i64,
            base_share: share(base, self.only(&self.counts.only_in_base, self.base)),
            other_share: share(other, self.only(&self.counts.only_in_other, self.other)),
            stayed: stayed as i64,
            came: (to - stayed) as i64,
            went: (from - stayed) as i64,
        }
    }
}

/// The adjusted Rand index (Hubert and Arabie 1985) of a table of counts: 1 for the same groups, whatever they are
/// called, about 0 for unrelated ones, and less for those that agree less than by chance. Exact up to the last
/// division, for up to 2³² customers. 1 where both put everybody into one group or everybody into one of their own,
/// where the formula has no value and the groups are the same, as scikit-learn says too; none for nobody.
pub fn adjusted_rand_index(both: &[Vec<u64>]) -> Option<f64> {
    let pairs = |count: u64| i128::from(count) * (i128::from(count) - 1) / 2;
    let columns = both.iter().map(Vec::len).max().unwrap_or(0);
    let column = |place: usize| both.iter().filter_map(|row| row.get(place)).sum::<u64>();
    let in_rows: i128 = both.iter().map(|row| pairs(row.iter().sum())).sum();
    let in_columns: i128 = (0..columns).map(|place| pairs(column(place))).sum();
    let together: i128 = both.iter().flatten().map(|&count| pairs(count)).sum();
    let customers: u64 = both.iter().flatten().sum();
    if customers == 0 {
        return None;
    }
    // (together - a b / all) / ((a + b) / 2 - a b / all), times 2 all above and below. Each product is below 2¹²⁷.
    let all = pairs(customers);
    let by_chance = in_rows.saturating_mul(in_columns);
    let above = together.saturating_mul(all) - by_chance;
    let below =
        in_rows.saturating_mul(all) - by_chance + (in_columns.saturating_mul(all) - by_chance);
    Some(if below == 0 { 1.0 } else { 2.0 * above as f64 / below as f64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(ids: &[&str]) -> Vec<Called> {
        let one = |id: &&str| Called { persona_id: (*id).to_owned(), name: format!("The {id}") };
        ids.iter().map(one).collect()
    }

    #[test]
    fn who_moved_is_told_by_ids_and_not_by_places() {
        let counts = Contingency {
            both: vec![vec![5, 80, 15], vec![60, 4, 0], vec![0, 0, 10]],
            only_in_base: vec![10, 0, 6],
            only_in_other: vec![0, 20, 0],
        };
        let base = called(&["a", "b", "c"]);
        let mut other = called(&["b", "a", "d"]);
        other[0].name = "Renamed".to_owned();
        let found = compare(&counts, &base, &other);
        assert_eq!(found.customers_in_both, 174);
        assert_eq!(found.customers_only_in_base, 16);
        assert_eq!(found.customers_only_in_other, 20);
        assert_eq!(found.customers_moved, 5 + 15 + 4 + 10);
        assert_eq!(found.moved_share, Some(34.0 / 174.0));
        let ids: Vec<&str> = found.personas.iter().map(|it| it.persona_id.as_str()).collect();
        assert_eq!(ids, ["b", "a", "d", "c"]);
        assert_eq!(
            found.personas[1],
            PersonaChange {
                persona_id: "a".to_owned(),
                name: "The a".to_owned(),
                base_customers: 110,
                other_customers: 104,
                base_share: 110.0 / 190.0,
                other_share: 104.0 / 194.0,
                stayed: 80,
                came: 4,
                went: 20,
            }
        );
        assert_eq!(found.personas[0].name, "Renamed");
        let (d, c) = (&found.personas[2], &found.personas[3]);
        assert_eq!(
            (d.base_customers, d.other_customers, d.stayed, d.came, d.went),
            (0, 25, 0, 25, 0)
        );
        assert_eq!(
            (c.base_customers, c.other_customers, c.stayed, c.came, c.went),
            (16, 0, 0, 0, 10)
        );
        for shares in [PersonaChange::base, PersonaChange::other] {
            let whole: f64 = found.personas.iter().map(shares).sum();
            assert!((whole - 1.0).abs() < 1e-12, "{whole}");
        }
    }

    impl PersonaChange {
        fn base(&self) -> f64 {
            self.base_share
        }
        fn other(&self) -> f64 {
            self.other_share
        }
    }

    #[test]
    fn versions_without_a_common_customer_have_nothing_to_compare() {
        let counts =
            Contingency { only_in_base: vec![3], only_in_other: vec![4], ..Default::default() };
        let found = compare(&counts, &called(&["a"]), &called(&["a"]));
        assert_eq!((found.moved_share, found.adjusted_rand_index), (None, None));
        assert_eq!((found.personas[0].base_customers, found.personas[0].other_customers), (3, 4));
        let found = compare(&Contingency::default(), &called(&["a"]), &[]);
        assert_eq!(found.personas[0].base_share, 0.0);
    }

    #[test]
    fn the_index_is_that_of_an_independent_measure() {
        // scikit-learn 1.9.1: adjusted_rand_score on the customers of these tables.
        let goldens = [
            (vec![vec![50, 3, 2], vec![4, 60, 1], vec![0, 7, 30]], 0.698_525_461_674_720_7),
            (vec![vec![10, 0], vec![0, 10], vec![5, 5]], 0.417_670_682_730_923_67),
            (vec![vec![25, 25], vec![25, 25]], -0.010_204_081_632_653_06),
            (vec![vec![1, 1], vec![1, 1]], -0.5),
            (
                vec![
                    vec![3_000_000, 100_000, 50_000],
                    vec![20_000, 4_000_000, 7],
                    vec![1, 300_000, 2_529_992],
                ],
                0.862_581_121_552_596_4,
            ),
            (vec![vec![40, 0], vec![60, 0]], 0.0),
            (vec![vec![7]], 1.0),
            (vec![vec![1, 0], vec![0, 1]], 1.0),
            (vec![vec![1]], 1.0),
        ];
        for (table, golden) in goldens {
            let index = adjusted_rand_index(&table).expect("somebody");
            assert!((index - golden).abs() < 1e-12, "{index} {golden} {table:?}");
        }
        assert_eq!(adjusted_rand_index(&[vec![0, 0]]), None);
        // Far beyond where f64 holds every whole number.
        let same = [vec![1 << 31, 0], vec![0, (1 << 31) - 1]];
        assert_eq!(adjusted_rand_index(&same), Some(1.0));
        let halves = [vec![1 << 30, 1 << 30], vec![1 << 30, 1 << 30]];
        let index = adjusted_rand_index(&halves).expect("somebody");
        assert!((-1e-9..0.0).contains(&index), "{index}");
    }
}
