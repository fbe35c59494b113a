//! What must hold of any fit.

use super::*;
use rand_xoshiro::rand_core::RngCore;

/// Runs `work` on so many threads.
pub(super) fn on<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(work)
}

/// `per` rows around each of `k` places, `gap` apart, in `width` dimensions.
pub(super) fn blobs(k: usize, per: usize, width: usize, gap: f64, seed: u64) -> Points {
    let mut random = random::generator(seed);
    let mut uniform = move || random.next_u64() as f64 / u64::MAX as f64;
    let mut rows = Vec::new();
    for row in 0..k * per {
        let blob = row % k;
        // The sum of twelve uniforms is a normal, near enough.
        let normal: Vec<f32> = (0..width)
            .map(|d| {
                let noise: f64 = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
                (noise + if d % k == blob { gap } else { 0.0 }) as f32
            })
            .collect();
        rows.push(normal);
    }
    Points::from_rows(width, rows.iter().map(Vec::as_slice))
}

#[test]
fn well_separated_groups_are_found_and_counted() {
    for k in 3..=8 {
        let points = blobs(k, 200, 8, 8.0, k as u64);
        let found = fit(&points, k, 10, 7).expect("distinct rows");
        assert_eq!(found.counts, vec![200; k]);
        assert!((0..points.rows()).all(|row| found.labels[row] == found.labels[row % k]));
        assert!(found.converged);
    }
}

#[test]
fn labels_counts_means_and_inertia_belong_together() {
    let points = blobs(4, 500, 13, 1.5, 1);
    let found = fit(&points, 6, 5, 3).expect("distinct rows");
    assert_eq!(found.counts.iter().sum::<usize>(), points.rows());
    let mut inertia = 0.0;
    for row in 0..points.rows() {
        let near = nearest(points.row(row), &found.centres);
        assert_eq!(near.centre, usize::from(found.labels[row]));
        inertia += near.squared;
    }
    assert!((inertia / found.inertia - 1.0).abs() < 1e-9);
    for (cluster, centre) in found.centres.iter().enumerate() {
        let members = (0..points.rows()).filter(|&row| usize::from(found.labels[row]) == cluster);
        let mean = members.map(|row| f64::from(points.row(row)[0])).sum::<f64>()
            / found.counts[cluster] as f64;
        assert!((mean - centre[0]).abs() < 1e-6, "{mean} {}", centre[0]);
    }
    assert!(found.counts.is_sorted_by(|a, b| a >= b));
}

#[test]
fn the_same_seed_gives_the_same_bits_on_any_number_of_threads() {
    let points = blobs(5, 5_000, 11, 2.0, 9);
    assert!(points.rows() > SAMPLE);
    let one = on(1, || fit(&points, 5, 3, 42));
    assert!(one.is_some());
    assert_eq!(one, on(8, || fit(&points, 5, 3, 42)));
    assert_eq!(one, on(3, || fit(&points, 5, 3, 42)));
}

#[test]
fn nothing_panics_on_hopeless_input() {
    let none = Points::from_rows(3, [].into_iter());
    assert_eq!(fit(&none, 2, 3, 0), None);
    let same = [1.0f32, 2.0];
    let same = Points::from_rows(2, (0..100).map(|_| same.as_slice()));
    assert_eq!(fit(&same, 2, 3, 0), None);
    assert!(fit(&same, 1, 3, 0).is_some());
    let wild = [[f32::NAN, 1.0], [f32::INFINITY, 2.0], [f32::NEG_INFINITY, -3.0], [0.0, -0.0]];
    let wild = Points::from_rows(2, wild.iter().map(<[f32; 2]>::as_slice));
    assert_eq!(fit(&wild, 5, 3, 0), None);
    let found = fit(&wild, 4, 3, 0).expect("four different rows");
    assert_eq!(found.counts, vec![1; 4]);
    assert!(found.inertia < 1e-9);
    assert_eq!(fit(&wild, 0, 3, 0), None);
    assert_eq!(fit(&wild, usize::from(u16::MAX), 3, 0), None);
    // Without a feature all rows are the same.
    let blank = Points::from_rows(0, (0..10).map(|_| [].as_slice()));
    assert_eq!(fit(&blank, 1, 3, 0).map(|found| found.counts), Some(vec![10]));
    assert_eq!(fit(&blank, 2, 3, 0), None);
}

#[test]
fn as_many_clusters_as_different_rows_leave_none_empty() {
    let rows: Vec<[f32; 1]> = (0..200).map(|i| [(i % 7) as f32]).collect();
    let points = Points::from_rows(1, rows.iter().map(<[f32; 1]>::as_slice));
    for seed in 0..20 {
        let found = fit(&points, 7, 1, seed).expect("seven different rows");
        assert_eq!(found.counts.len(), 7, "seed {seed}");
        assert!(found.counts.iter().all(|&c| c > 0));
    }
}

/// A thousand rows are drawn from, and may hold nothing but the one.
#[test]
fn rows_that_are_rare_among_many_equal_ones_get_their_clusters() {
    let rows: Vec<[f32; 2]> = (0..30_000)
        .map(|i| if i % 6_000 == 17 { [i as f32 / 1e3, -1.0] } else { [0.0, 0.0] })
        .collect();
    let points = Points::from_rows(2, rows.iter().map(<[f32; 2]>::as_slice));
    let found = fit(&points, 6, 2, 5).expect("six different rows");
    assert_eq!(found.counts, [29_995, 1, 1, 1, 1, 1]);
    assert!(found.inertia < 1e-9);
}

#[test]
fn a_fit_over_many_rows_is_as_good_as_the_truth() {
    let points = blobs(12, 2_500, 10, 2.5, 4);
    assert!(points.rows() > SAMPLE);
    let truth: Vec<Vec<f64>> = (0..12)
        .map(|blob| (0..10).map(|d| if d % 12 == blob { 2.5 } else { 0.0 }).collect())
        .collect();
    let from_truth = fit_from(&points, &truth).expect("distinct rows").inertia;
    for seed in 0..3 {
        let found = fit(&points, 12, 10, seed).expect("distinct rows");
        assert!(found.converged && found.steps <= MOST_STEPS);
        assert!(found.inertia <= 1.005 * from_truth, "{} {from_truth}", found.inertia);
    }
}
