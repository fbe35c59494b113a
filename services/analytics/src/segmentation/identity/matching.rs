//! The best pairs of a table: maximum-weight matching in a bipartite graph, by shortest augmenting paths with
//! potentials (Kuhn 1955, Munkres 1957, Jonker and Volgenant 1987). O(n³), exact: weights are whole numbers.

/// For each row the column that it is paired with, so that the weights of the pairs add up to the most possible. A
/// pair of weight 0 or less is never made. Rows may have any lengths; where choices are worth the same, the answer
/// depends on the table alone.
pub(super) fn best_pairs(weights: &[Vec<i128>]) -> Vec<Option<usize>> {
    let (rows, columns) = (weights.len(), weights.iter().map(Vec::len).max().unwrap_or(0));
    let weight = |row: usize, column: usize| weights[row].get(column).copied().unwrap_or(0).max(0);
    let mut column_of = vec![None; rows];
    let mut pair = |row: usize, column: usize| {
        if weight(row, column) > 0 {
            column_of[row] = Some(column);
        }
    };
    // The paths want every row to find a column, so that the shorter side must be the rows.
    if rows <= columns {
        let found = assign(rows, columns, |row, column| -weight(row, column));
        found.into_iter().enumerate().for_each(|(row, column)| pair(row, column));
    } else {
        let found = assign(columns, rows, |column, row| -weight(row, column));
        found.into_iter().enumerate().for_each(|(column, row)| pair(row, column));
    }
    column_of
}

/// A column for each row at the least cost in all; `rows <= columns`. Places are counted from 1 within, 0 being the
/// column from which a path starts.
fn assign(rows: usize, columns: usize, cost: impl Fn(usize, usize) -> i128) -> Vec<usize> {
    let (mut row_price, mut column_price) = (vec![0i128; rows + 1], vec![0i128; columns + 1]);
    let mut row_of = vec![0; columns + 1];
    for row in 1..=rows {
        row_of[0] = row;
        let mut before = vec![0; columns + 1];
        let mut least = vec![i128::MAX; columns + 1];
        let mut seen = vec![false; columns + 1];
        let mut at = 0;
        while row_of[at] != 0 {
            seen[at] = true;
            let from = row_of[at];
            let (mut step, mut next) = (i128::MAX, 0);
            for column in (1..=columns).filter(|&column| !seen[column]) {
                let reduced = cost(from - 1, column - 1) - row_price[from] - column_price[column];
                if reduced < least[column] {
                    (least[column], before[column]) = (reduced, at);
                }
                if least[column] < step {
                    (step, next) = (least[column], column);
                }
            }
            for column in 0..=columns {
                if seen[column] {
                    row_price[row_of[column]] += step;
                    column_price[column] -= step;
                } else {
                    least[column] -= step;
                }
            }
            at = next;
        }
        while at != 0 {
            row_of[at] = row_of[before[at]];
            at = before[at];
        }
    }
    let mut column_of = vec![0; rows];
    for column in 1..=columns {
        if row_of[column] != 0 {
            column_of[row_of[column] - 1] = column - 1;
        }
    }
    column_of
}

#[cfg(test)]
mod tests {
    use super::best_pairs;
    use crate::kmeans::random::derive;

    /// The most that any choice of pairs is worth.
    fn by_force(weights: &[Vec<i128>], used: u32) -> i128 {
        let Some((first, rest)) = weights.split_first() else { return 0 };
        let free = |column: &usize| used & (1 << column) == 0;
        let with = |column: usize| first[column] + by_force(rest, used | 1 << column);
        (0..first.len()).filter(free).map(with).fold(by_force(rest, used), i128::max)
    }

    fn table(rows: usize, columns: usize, seed: u64, values: u64) -> Vec<Vec<i128>> {
        let cell = |place: usize| i128::from(derive(seed, "cell", place as u64) % values);
        (0..rows).map(|i| (0..columns).map(|j| cell(i * columns + j)).collect()).collect()
    }

    #[test]
    fn no_other_choice_is_worth_more() {
        for seed in 0..300 {
            // Few values make ties and forbidden pairs.
            let values = [3, 10, 1_000_000][seed as usize % 3];
            for (rows, columns) in [(5, 6), (6, 5), (5, 5), (1, 6), (6, 1)] {
                let weights = table(rows, columns, seed, values);
                let pairs = best_pairs(&weights);
                let mut columns: Vec<usize> = pairs.iter().flatten().copied().collect();
                columns.sort_unstable();
                assert!(columns.windows(2).all(|pair| pair[0] < pair[1]), "{pairs:?}");
                let worth: Vec<i128> = (pairs.iter().enumerate())
                    .filter_map(|(row, column)| column.map(|column| weights[row][column]))
                    .collect();
                assert!(worth.iter().all(|&worth| worth > 0), "{pairs:?} of {weights:?}");
                assert_eq!(worth.iter().sum::<i128>(), by_force(&weights, 0), "{weights:?}");
            }
        }
    }

    #[test]
    fn odd_tables_have_answers() {
        assert_eq!(best_pairs(&[]), []);
        assert_eq!(best_pairs(&[vec![], vec![]]), [None, None]);
        assert_eq!(best_pairs(&[vec![0, -4], vec![-1]]), [None, None]);
        assert_eq!(best_pairs(&[vec![], vec![0, 2]]), [None, Some(1)]);
        assert_eq!(best_pairs(&[vec![7; 3], vec![7; 3]]), [Some(0), Some(1)]);
        let large = table(50, 50, 1, u64::MAX);
        assert_eq!(best_pairs(&large).iter().flatten().count(), 50);
        assert_eq!(best_pairs(&large), best_pairs(&large));
    }
}
