//! That nothing which makes it fast changes what comes out.

use super::{
    tests::{blobs, on},
    *,
};

/// Lloyd's algorithm as the textbook has it, every distance in `f64`: labels and centres once nothing moves.
fn naive(points: &Points, mut centres: Vec<Vec<f64>>) -> (Vec<usize>, Vec<Vec<f64>>) {
    let label = |centres: &[Vec<f64>]| -> Vec<usize> {
        (0..points.rows()).map(|row| nearest(points.row(row), centres).centre).collect()
    };
    let mut labels = label(&centres);
    for _ in 0..500 {
        for (cluster, centre) in centres.iter_mut().enumerate() {
            let members: Vec<usize> = (0..labels.len()).filter(|&r| labels[r] == cluster).collect();
            assert!(!members.is_empty(), "starts from rows lose no cluster here");
            for (column, cell) in centre.iter_mut().enumerate() {
                let sum: f64 = members.iter().map(|&r| f64::from(points.row(r)[column])).sum();
                *cell = sum / members.len() as f64;
            }
        }
        let next = label(&centres);
        if next == labels {
            return (labels, centres);
        }
        labels = next;
    }
    panic!("the naive run does not rest");
}

fn rows_as_centres(points: &Points, k: usize) -> Vec<Vec<f64>> {
    let row = |c| points.row(c * points.rows() / k).iter().map(|&x| f64::from(x)).collect();
    (0..k).map(row).collect()
}

#[test]
fn a_run_is_what_a_naive_one_is_at_every_width() {
    for (seed, width) in [1, 3, 8, 9, 16, 17, 24, 31, 32, 40, 48, 57, 64].into_iter().enumerate() {
        for (k, gap) in [(2, 3.0), (5, 1.0), (9, 2.0)] {
            let points = blobs(k, 101, width, gap, seed as u64);
            let start = rows_as_centres(&points, k);
            let found = fit_from(&points, &start).expect("distinct rows");
            let (labels, centres) = naive(&points, start);
            // The clusters were put in order: follow them by their rows.
            let mut place = vec![None; k];
            for (&ours, &theirs) in found.labels.iter().zip(&labels) {
                let place = place[theirs].get_or_insert(usize::from(ours));
                assert_eq!(*place, usize::from(ours), "width {width}, k {k}");
            }
            for (theirs, centre) in centres.iter().enumerate() {
                let ours = &found.centres[place[theirs].expect("no cluster is empty")];
                for (ours, theirs) in ours.iter().zip(centre) {
                    assert!((ours - theirs).abs() < 1e-12, "{ours} {theirs}");
                }
            }
            assert!(found.converged);
        }
    }
}

/// Labels where `f32` is of no use: rows far from the origin, rows as near to one centre as to another, and numbers
/// whose squares it cannot hold.
#[test]
fn labels_are_those_of_the_nearest_centres_whatever_the_numbers() {
    let offset = |by: f32, times: f32| {
        let points = blobs(6, 400, 7, 1.0, 3);
        let rows: Vec<Vec<f32>> = (0..points.rows())
            .map(|row| points.row(row).iter().map(|x| by + times * x).collect())
            .collect();
        Points::from_rows(7, rows.iter().map(Vec::as_slice))
    };
    let grid: Vec<[f32; 2]> = (0..2_500).map(|i| [(i % 50) as f32, (i / 50) as f32]).collect();
    let grid = Points::from_rows(2, grid.iter().map(<[f32; 2]>::as_slice));
    for points in [
        offset(0.0, 1.0),
        offset(1e3, 1.0),
        offset(1e6, 1.0),
        offset(0.0, 1e18),
        offset(0.0, 1e37),
        offset(0.0, 1e-25),
        grid,
    ] {
        for k in [1, 2, 4, 5, 16, 19] {
            let mut centres = rows_as_centres(&points, k);
            for _ in 0..4 {
                let tiles = Tiles::new(&points);
                let mut run = Lloyd::new(&points, &tiles, centres);
                for step in 0..4 {
                    for (row, &label) in run.labels.iter().enumerate() {
                        let exact = nearest(points.row(row), &run.centres).centre;
                        assert_eq!(usize::from(label), exact, "row {row}, k {k}, step {step}");
                    }
                    run.run(Until { steps: run.steps + 1, gain: 0.0 });
                }
                centres = run.centres;
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn every_instruction_set_gives_the_same_bytes() {
    use fearless_simd::{Level, Simd};
    let points = blobs(7, 3_000, 13, 1.0, 8);
    let run = |level: Level| {
        let tiles = Tiles::for_level(&points, level);
        let mut run = Lloyd::new(&points, &tiles, rows_as_centres(&points, 7));
        run.run(AT_REST);
        order::ordered(run)
    };
    let best = run(Level::new());
    for level in [
        Level::new().as_sse2().map(Simd::level),
        Level::new().as_sse4_2().map(Simd::level),
        Level::new().as_avx2().map(Simd::level),
    ] {
        let Some(level) = level else { continue };
        assert_eq!(run(level), best, "{level:?}");
    }
}

#[test]
fn from_its_own_centres_a_fit_stays_where_it_is() {
    for (k, width, gap) in [(4, 8, 2.0), (9, 13, 0.5), (3, 2, 0.0)] {
        let points = blobs(k, 700, width, gap, 2);
        let found = fit(&points, k, 4, 1).expect("distinct rows");
        assert!(found.converged);
        let again = fit_from(&points, &found.centres).expect("distinct rows");
        assert!(again.steps <= 1);
        assert_eq!(Clusters { steps: found.steps, ..again }, found);
    }
}

#[test]
fn a_start_over_many_rows_is_only_bettered_and_on_any_number_of_threads() {
    let points = blobs(6, 5_000, 9, 1.0, 6);
    assert!(points.rows() > SAMPLE);
    let found = fit(&points, 6, 3, 1).expect("distinct rows");
    let one = on(1, || fit_from(&points, &found.centres)).expect("distinct rows");
    assert_eq!(Some(&one), on(5, || fit_from(&points, &found.centres)).as_ref());
    assert!(one.inertia <= found.inertia);
    assert!(one.inertia >= 0.999 * found.inertia);
}

#[test]
fn hopeless_starts_are_refused_and_poor_ones_mended() {
    let points = blobs(3, 300, 4, 6.0, 1);
    assert_eq!(fit_from(&points, &[]), None);
    assert_eq!(fit_from(&points, &[vec![0.0; 3]]), None);
    assert_eq!(fit_from(&points, &[vec![0.0; 4], vec![f64::NAN; 4]]), None);
    assert_eq!(fit_from(&points, &[vec![f64::INFINITY; 4]]), None);
    assert_eq!(fit_from(&points, &vec![vec![0.0; 4]; 901]), None);
    // Three times the same, and one beyond all rows.
    for start in [vec![vec![0.0; 4]; 3], vec![vec![0.0; 4], vec![1.0; 4], vec![1e9; 4]]] {
        let found = fit_from(&points, &start).expect("distinct rows");
        assert_eq!(found.counts, [300; 3]);
    }
}
