//! Small statistics that more than one model needs. Sums run in the order given: equal input, equal bits.

/// `part / whole`; 0 of nothing.
pub fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The `q` quantile of ascending values, linear between neighbours (Hyndman and Fan, type 7); none of nothing.
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = q.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    Some(below + (above - below) * at.fract())
}

/// Mean and population standard deviation, in two passes; zeros of nothing.
pub fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    if values.is_empty() {
        return (0.0, 0.0);
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

/// Pearson's correlation over the places where both have a value (NaN = none); none where fewer than
/// `least_share` of the places have both, or one of them does not vary.
pub fn correlation(x: &[f32], y: &[f32], least_share: f64) -> Option<f64> {
    let (mut n, mut sx, mut sy, mut sxx, mut syy, mut sxy) = (0usize, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (&x, &y) in x.iter().zip(y).filter(|(x, y)| !x.is_nan() && !y.is_nan()) {
        let (x, y) = (f64::from(x), f64::from(y));
        n += 1;
        sx += x;
        sy += y;
        sxx += x * x;
        syy += y * y;
        sxy += x * y;
    }
    if n == 0 || share(n, x.len()) < least_share {
        return None;
    }
    let n = n as f64;
    let (vx, vy) = (sxx - sx * sx / n, syy - sy * sy / n);
    (vx > 1e-9 && vy > 1e-9).then(|| (sxy - sx * sy / n) / (vx * vy).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numpy_s() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0, 8.0], 0.5), Some(3.0));
        assert_eq!(quantile(&[1.0, 2.0, 4.0, 8.0], 0.25), Some(1.75));
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[7.0], 0.99), Some(7.0));
    }

    #[test]
    fn correlation_ignores_the_missing_and_needs_variation() {
        let x = [1.0, 2.0, 3.0, f32::NAN];
        assert!((correlation(&x, &[2.0, 4.0, 6.0, 0.0], 0.1).expect("varies") - 1.0).abs() < 1e-12);
        assert_eq!(correlation(&x, &[1.0; 4], 0.1), None);
        assert_eq!(correlation(&x, &[f32::NAN, f32::NAN, f32::NAN, 1.0], 0.1), None);
    }
}
