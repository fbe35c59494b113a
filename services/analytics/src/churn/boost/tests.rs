use super::*;

/// Outcomes that two columns decide together, and a third that says nothing.
fn rows() -> (Vec<[f64; 3]>, Vec<bool>) {
    let row = |n: u32| {
        let (x, y) = (f64::from(n * 37 % 101), f64::from(n * 53 % 97));
        [x, if n.is_multiple_of(7) { f64::NAN } else { y }, f64::from(n * 71 % 89)]
    };
    let rows: Vec<[f64; 3]> = (0..3000).map(row).collect();
    let churned = rows.iter().map(|[x, y, _]| *x > 50.0 && (y.is_nan() || *y < 48.0)).collect();
    (rows, churned)
}

const GROWTH: Growth =
    Growth { leaves: 4, rate: 0.1, rounds: 100, fewest_rows: 20, ridge: 1.0, least_gain: 1e-3 };

fn fit(growth: &Growth) -> (Vec<[f64; 3]>, Vec<bool>, Boosted) {
    let (rows, churned) = rows();
    let views: Vec<&[f64]> = rows.iter().map(|row| &row[..]).collect();
    let model = Boosted::fit(&views, &[0, 1, 2], &churned, growth);
    (rows, churned, model)
}

#[test]
fn trees_find_what_two_columns_decide_together() {
    let (rows, churned, model) = fit(&GROWTH);
    let right = |(row, gone): &(&[f64; 3], &bool)| (model.log_odds(*row) > 0.0) == **gone;
    // Leaves of twenty rows do not tell the last few apart.
    assert!(rows.iter().zip(&churned).filter(right).count() > 2_900);
}

#[test]
fn contributions_sum_to_the_score() {
    for leaves in [2, 4] {
        let (rows, _, model) = fit(&Growth { leaves, ..GROWTH });
        for row in rows.iter().take(200) {
            let mut shares = [0.0; 3];
            model.contributions(row, &mut shares);
            let sum = model.average() + shares.iter().sum::<f64>();
            assert!((sum - model.log_odds(row)).abs() < 1e-9);
            assert!(shares[2].abs() < shares[0].abs() + shares[1].abs());
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| fit(&GROWTH).2)
    };
    assert_eq!(on(1), on(4));
}
