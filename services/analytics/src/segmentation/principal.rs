//! Principal components: the directions in which points vary, by Jacobi's rotations of their covariance. For tens
//! of features that is exact enough and needs no library.

use crate::features::Points;

/// Most sweeps over all pairs of features; Jacobi's method converges quadratically, and six or seven do.
const MOST_SWEEPS: usize = 30;

/// The points in the axes of their principal components, column by column, centred; the order is not by variance.
pub(super) fn scores(points: &Points) -> Vec<Vec<f64>> {
    let columns = columns(points);
    let axes = eigenvectors(covariance(&columns));
    (axes.iter())
        .map(|axis| {
            let score =
                |row: usize| columns.iter().zip(axis).map(move |(column, a)| column[row] * a);
            (0..points.rows()).map(|row| score(row).sum()).collect()
        })
        .collect()
}

/// The points column by column, centred.
pub(super) fn columns(points: &Points) -> Vec<Vec<f64>> {
    let centred = |column: usize| {
        let cells: Vec<f64> =
            (0..points.rows()).map(|row| f64::from(points.row(row)[column])).collect();
        let mean = cells.iter().sum::<f64>() / cells.len().max(1) as f64;
        cells.into_iter().map(|x| x - mean).collect()
    };
    (0..points.width()).map(centred).collect()
}

fn covariance(columns: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let product = |a: &Vec<f64>, b: &Vec<f64>| {
        a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / a.len().max(1) as f64
    };
    columns.iter().map(|a| columns.iter().map(|b| product(a, b)).collect()).collect()
}

/// Orthonormal eigenvectors of a symmetric matrix (cyclic Jacobi; Golub and Van Loan, section 8.5).
fn eigenvectors(mut matrix: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let size = matrix.len();
    let mut vectors: Vec<Vec<f64>> =
        (0..size).map(|i| (0..size).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    let trace: f64 = (0..size).map(|i| matrix[i][i].abs()).sum();
    for _ in 0..MOST_SWEEPS {
        let mut rests = true;
        for p in 0..size {
            for q in p + 1..size {
                if matrix[p][q].abs() > 1e-12 * trace {
                    rests = false;
                    rotate(&mut matrix, &mut vectors, p, q);
                }
            }
        }
        if rests {
            break;
        }
    }
    vectors
}

/// Turns the axes `p` and `q` so that the two no longer vary together.
fn rotate(matrix: &mut [Vec<f64>], vectors: &mut [Vec<f64>], p: usize, q: usize) {
    let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * matrix[p][q]);
    let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let c = 1.0 / t.hypot(1.0);
    let s = t * c;
    let turn = |a: f64, b: f64| (c * a - s * b, s * a + c * b);
    for row in matrix.iter_mut() {
        (row[p], row[q]) = turn(row[p], row[q]);
    }
    for column in 0..matrix.len() {
        (matrix[p][column], matrix[q][column]) = turn(matrix[p][column], matrix[q][column]);
        (vectors[p][column], vectors[q][column]) = turn(vectors[p][column], vectors[q][column]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_uncorrelated_and_keep_every_distance() {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state as f32 / u32::MAX as f32
        };
        let rows: Vec<[f32; 4]> = (0..200)
            .map(|_| {
                let (a, b, c) = (next(), next(), next());
                [a, a + 0.3 * b, 5.0 * c - a, b - c + next()]
            })
            .collect();
        let points = Points::from_rows(4, rows.iter().map(<[f32; 4]>::as_slice));
        let scores = scores(&points);
        let covariance = covariance(&scores);
        let trace: f64 = (0..4).map(|i| covariance[i][i]).sum();
        for (i, row) in covariance.iter().enumerate() {
            assert!(
                row.iter().enumerate().all(|(j, x)| i == j || x.abs() < 1e-9 * trace),
                "{row:?}"
            );
        }
        let squared = |x: f64, y: f64| (x - y) * (x - y);
        let columns = columns(&points);
        for row in 1..200 {
            let before: f64 = columns.iter().map(|c| squared(c[0], c[row])).sum();
            let after: f64 = scores.iter().map(|c| squared(c[0], c[row])).sum();
            assert!((before - after).abs() < 1e-9 * before.max(1.0));
        }
    }
}
