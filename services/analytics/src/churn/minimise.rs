//! The least value of a smooth function of few parameters, without derivatives: Nelder and Mead 1965, begun anew once from where
//! it ended, as a simplex may collapse before it is there.

const STEPS: usize = 400;
const TOLERANCE: f64 = 1e-9;

/// Where `of` is least near `start`; `size` is how far the first look goes.
pub(super) fn minimise<const N: usize>(
    of: impl Fn(&[f64; N]) -> f64,
    start: [f64; N],
    size: f64,
) -> [f64; N] {
    let first = search(&of, start, size);
    search(&of, first, size / 4.0)
}

fn search<const N: usize>(of: &impl Fn(&[f64; N]) -> f64, start: [f64; N], size: f64) -> [f64; N] {
    let value = |point: [f64; N]| {
        let value = of(&point);
        (if value.is_nan() { f64::INFINITY } else { value }, point)
    };
    let mut simplex = vec![value(start)];
    for axis in 0..N {
        let mut point = start;
        point[axis] += size;
        simplex.push(value(point));
    }
    for _ in 0..STEPS {
        simplex.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (best, worst) = (simplex[0], simplex[N]);
        if (worst.0 - best.0).abs() <= TOLERANCE * (1.0 + best.0.abs()) {
            break;
        }
        let mut centre = [0.0; N];
        for (_, point) in &simplex[..N] {
            (0..N).for_each(|axis| centre[axis] += point[axis] / N as f64);
        }
        let along = |length: f64| {
            let mut point = centre;
            (0..N).for_each(|axis| point[axis] += length * (worst.1[axis] - centre[axis]));
            value(point)
        };
        let mirrored = along(-1.0);
        simplex[N] = if mirrored.0 < best.0 {
            let further = along(-2.0);
            if further.0 < mirrored.0 { further } else { mirrored }
        } else if mirrored.0 < simplex[N - 1].0 {
            mirrored
        } else {
            let nearer = along(if mirrored.0 < worst.0 { -0.5 } else { 0.5 });
            if nearer.0 >= worst.0.min(mirrored.0) {
                for corner in &mut simplex[1..] {
                    let mut point = corner.1;
                    (0..N).for_each(|axis| point[axis] = f64::midpoint(point[axis], best.1[axis]));
                    *corner = value(point);
                }
                continue;
            }
            nearer
        };
    }
    simplex.sort_by(|one, other| one.0.total_cmp(&other.0));
    simplex[0].1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_bottom_of_a_bent_valley() {
        let valley = |[x, y]: &[f64; 2]| (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2);
        let [x, y] = minimise(valley, [-1.2, 1.0], 0.5);
        assert!((x - 1.0).abs() < 1e-3 && (y - 1.0).abs() < 2e-3, "{x} {y}");
    }
}
