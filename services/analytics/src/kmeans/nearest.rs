//! The nearest centre and the runner-up of one row, in `f64`: what every label rests on in the end.

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
pub(super) fn squared_distance(row: &[f32], centre: &[f64]) -> f64 {
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
