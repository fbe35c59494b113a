//! The choice of k and the judgement of structure find the truth where it is known. A small part of the benchmark
//! `choice`, with room for chance.

#[path = "../benches/choice/mixtures.rs"]
mod mixtures;

use cx_analytics::{
    Timestamp,
    features::Points,
    kmeans,
    segmentation::{Checked, Parameters, Structure, choose, judge},
    synthetic::adjusted_rand,
};
use mixtures::{Mixture, Noise, Shape};

fn asked(parameters: Parameters) -> Checked {
    parameters.check().expect("rules hold")
}

fn defaults() -> Parameters {
    Parameters::at(Timestamp::MIN)
}

fn chosen(points: &Points) -> usize {
    let choice = choose(points, &asked(defaults()), None, &|_| true).expect("not stopped");
    usize::from(choice.expect("candidates").k)
}

#[test]
fn separated_blobs_are_counted_found_and_called_separated() {
    for k in 3..=8 {
        let (rows, shape, seed) = (1_000, Shape::Even, 100 + k as u64);
        let mixture = Mixture { k, width: 8, rows, separation: 0.0, shape, seed };
        let (points, truth) = mixture.draw_apart(6.0);
        assert_eq!(chosen(&points), k);
        let found = kmeans::fit(&points, k, 10, 0).expect("distinct rows");
        let pairs: Vec<(usize, u16)> = truth.into_iter().zip(found.labels).collect();
        assert!(adjusted_rand(&pairs).expect("groups") >= 0.95, "k {k}");
        assert_eq!(judge(&points, &asked(defaults())).0, Structure::Separated, "k {k}");
    }
}

#[test]
fn noise_is_called_none_whatever_k_is_asked_for() {
    for (rows, width) in [(200, 3), (200, 20), (1_500, 8)] {
        for noise in Noise::ALL {
            let points = noise.draw(rows, width, 100);
            let (structure, reason) = judge(&points, &asked(defaults()));
            assert_eq!(structure, Structure::None, "{rows} {width} {noise:?}: {reason}");
        }
    }
    let points = Noise::Cube.draw(300, 4, 100);
    let given = asked(Parameters { k: Some(7), min_k: 2, max_k: 50, ..defaults() });
    assert_eq!(judge(&points, &given), judge(&points, &asked(defaults())));
}

#[test]
fn the_number_of_overlapping_components_is_mostly_found() {
    let (mut right, mut off, mut all) = (0, 0, 0);
    for separation in [1.4, 1.8, 2.4] {
        for k in 3..=7 {
            let mixture =
                Mixture { k, width: 8, rows: 2_000, separation, shape: Shape::Uneven, seed: 100 };
            let found = chosen(&mixture.draw().0);
            right += usize::from(found == k);
            off += found.abs_diff(k);
            all += 1;
        }
    }
    assert!(right * 10 >= all * 6, "{right} of {all}");
    assert!(off * 100 <= all * 55, "{off} over {all}");
}

#[test]
fn shapes_other_than_balls_are_counted_too() {
    let mut right = 0;
    for shape in [Shape::Even, Shape::Ellipse, Shape::Tails, Shape::Cube] {
        for k in [4, 6] {
            let mixture = Mixture { k, width: 8, rows: 2_000, separation: 2.4, shape, seed: 100 };
            right += usize::from(chosen(&mixture.draw().0) == k);
        }
    }
    assert!(right >= 6, "{right} of 8");
}

#[test]
fn nothing_and_sameness_have_no_structure_and_do_not_panic() {
    let same = [1.0f32, 2.0];
    for rows in [0, 1, 2, 40] {
        let points = Points::from_rows(2, (0..rows).map(|_| same.as_slice()));
        let choice = choose(&points, &asked(defaults()), None, &|_| true);
        assert_eq!(choice, Ok(None), "{rows}");
        assert_eq!(judge(&points, &asked(defaults())).0, Structure::None, "{rows}");
    }
    let three: Vec<[f32; 1]> = (0..90).map(|i| [(i % 3) as f32]).collect();
    let points = Points::from_rows(1, three.iter().map(<[f32; 1]>::as_slice));
    assert_eq!(chosen(&points), 3);
    assert_eq!(judge(&points, &asked(defaults())).0, Structure::Separated);
}
