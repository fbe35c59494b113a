//! Rules for k and structure against known truth.

use crate::mixtures::{Mixture, Noise, Shape};
use cx_analytics::{
    Timestamp,
    features::Points,
    segmentation::{Candidate, Checked, Choice, Parameters, Structure, choose, judge},
    synthetic::adjusted_rand,
};
use std::time::Instant;

/// Family, how its components look, number of features, first of three seeds. The thresholds of the rule were picked
/// on the first; the others are for judging it.
const FAMILIES: [(&str, Shape, usize, u64); 7] = [
    ("tuned on: uneven spreads, 8 features", Shape::Uneven, 8, 1),
    ("the same, fresh seeds", Shape::Uneven, 8, 1001),
    ("even spreads", Shape::Even, 8, 2001),
    ("ellipses turned at random", Shape::Ellipse, 8, 3001),
    ("Student's t, 4 degrees of freedom", Shape::Tails, 8, 4001),
    ("uniform cubes", Shape::Cube, 8, 5001),
    ("uneven spreads, 16 features", Shape::Uneven, 16, 6001),
];

fn asked(min_k: i64, max_k: i64, k: Option<i64>) -> Checked {
    let parameters = Parameters { min_k, max_k, k, ..Parameters::at(Timestamp::MIN) };
    parameters.check().unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn chosen(points: &Points, asked: &Checked) -> Option<Choice> {
    choose(points, asked, None, &|_| true).ok().flatten()
}

/// The candidate that is best by a measure.
fn best(candidates: &[Candidate], by: impl Fn(&Candidate) -> f64) -> u16 {
    candidates.iter().max_by(|a, b| by(a).total_cmp(&by(b))).map_or(0, |c| c.k)
}

/// The rule before gaps: the largest stable k of at least 3 whose simplified silhouette is nearly the best.
fn old_rule(candidates: &[Candidate]) -> u16 {
    let tried = || candidates.iter().filter(|c| c.k >= 3);
    let stable: Vec<&Candidate> = tried().filter(|c| c.stability >= 0.75).collect();
    let near = stable.iter().map(|c| c.simplified_silhouette).fold(0.0, f64::max) * 0.95;
    let taken = stable.iter().filter(|c| c.simplified_silhouette >= near).map(|c| c.k).max();
    taken.unwrap_or_else(|| best(&tried().cloned().collect::<Vec<_>>(), |c| c.stability))
}

/// Share exactly right and mean absolute error of five rules on 45 mixtures of each family.
pub fn mixtures() {
    println!(
        "mixtures: exactly right / mean |error|; k 3..7, separations 1.4, 1.8, 2.4, 2,000 rows"
    );
    println!("{:38} silhouette  CH          DB          old rule    new rule", "family");
    for (name, shape, width, seed) in FAMILIES {
        let mut errors: [Vec<i32>; 5] = Default::default();
        for (separation, k, seed) in cases(seed) {
            let mixture = Mixture { k, width, rows: 2_000, separation, shape, seed };
            let (points, _) = mixture.draw();
            let Some(two) = chosen(&points, &asked(2, 2, Some(2))) else { continue };
            let Some(taken) = chosen(&points, &asked(3, 10, None)) else { continue };
            let table = &[two.candidates(), taken.candidates()].concat();
            let found = [
                best(table, |c| c.simplified_silhouette),
                best(table, |c| c.calinski_harabasz),
                best(table, |c| -c.davies_bouldin),
                old_rule(table),
                taken.k,
            ];
            for (errors, found) in errors.iter_mut().zip(found) {
                errors.push(i32::from(found) - k as i32);
            }
        }
        let figures = errors.iter().map(|errors| {
            let count = errors.len() as f64;
            let right = errors.iter().filter(|&&error| error == 0).count() as f64 / count;
            let off = errors.iter().map(|error| f64::from(error.abs())).sum::<f64>() / count;
            format!("{right:.2} / {off:.2}")
        });
        println!("{name:38} {}", figures.collect::<Vec<_>>().join(" "));
    }
}

fn cases(first: u64) -> impl Iterator<Item = (f64, usize, u64)> {
    let of = move |separation| {
        (3..=7).flat_map(move |k| (first..first + 3).map(move |seed| (separation, k, seed)))
    };
    [1.4, 1.8, 2.4].into_iter().flat_map(of)
}

/// Blobs whose nearest centres are six deviations apart: seeds of twenty with the right k and adjusted Rand of at
/// least 0.95, and called separated.
pub fn blobs() {
    println!(
        "blobs six deviations apart, 8 features, 1,500 rows: right k and adjusted Rand >= .95; called separated"
    );
    for k in 3..=8 {
        let (mut right, mut separated) = (0, 0);
        for seed in 0..20 {
            let mixture =
                Mixture { k, width: 8, rows: 1_500, separation: 0.0, shape: Shape::Even, seed };
            let (points, truth) = mixture.draw_apart(6.0);
            let asked = asked(3, 10, None);
            let Some(choice) = chosen(&points, &asked) else { continue };
            let taken = usize::from(choice.k);
            let found = choice.fit(&points, 10, 0).map_or(Vec::new(), |found| found.labels);
            let pairs: Vec<(usize, u16)> = truth.into_iter().zip(found).collect();
            let agrees = adjusted_rand(&pairs).is_some_and(|rand| rand >= 0.95);
            right += u32::from(taken == k && agrees);
            separated += u32::from(judge(&points, &asked).0 == Structure::Separated);
        }
        println!("k {k}: {right}/20; {separated}/20");
    }
}

/// Noise: seeds of twenty that are called none.
pub fn noise() {
    println!("noise: called none, of 20 seeds");
    println!("{:>6} {:>8} {:>6} {:>10} {:>6}", "rows", "features", "ball", "correlated", "cube");
    for rows in [200, 1_000, 5_000] {
        for width in [3, 8, 20] {
            let none = Noise::ALL.map(|noise| {
                let called = |seed| judge(&noise.draw(rows, width, seed), &asked(3, 10, None)).0;
                (0..20).filter(|&seed| called(seed) == Structure::None).count()
            });
            println!("{rows:>6} {width:>8} {:>6} {:>10} {:>6}", none[0], none[1], none[2]);
        }
    }
}

/// Seconds for choosing k of 3 to 10 on 5,000 rows, and for judging structure; best of three.
pub fn seconds() {
    println!("seconds on 5,000 rows: choosing k of 3..10, judging structure");
    for (name, separation) in [("overlapping", 1.4), ("separated", 4.0)] {
        for width in [8, 24] {
            let shape = Shape::Uneven;
            let mixture = Mixture { k: 6, width, rows: 5_000, separation, shape, seed: 1 };
            let (points, _) = mixture.draw();
            let asked = asked(3, 10, None);
            let least = |work: &dyn Fn()| {
                let time = |_| {
                    let start = Instant::now();
                    work();
                    start.elapsed().as_secs_f64()
                };
                (0..3).map(time).fold(f64::INFINITY, f64::min)
            };
            let choosing = least(&|| drop(chosen(&points, &asked)));
            let judging = least(&|| drop(judge(&points, &asked)));
            println!("{name}, {width} features: {choosing:.2} {judging:.2}");
        }
    }
}

/// What is chosen for a table of a file, and what its structure is called.
pub fn table(file: &str) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let cell = |cell: &str| cell.trim().parse::<f32>().unwrap_or(f32::NAN);
    let rows: Vec<Vec<f32>> =
        text.lines().map(|line| line.split(',').map(cell).collect()).collect();
    let width = rows.first().map_or(0, Vec::len);
    describe(file, &Points::from_rows(width, rows.iter().map(Vec::as_slice)));
}

/// Prints what is chosen for points, and what their structure is called.
pub fn describe(name: &str, points: &Points) {
    println!("{name}: {} rows, {} features", points.rows(), points.width());
    for granularity in [0.95, 0.9, 0.8] {
        let parameters = Parameters { granularity, ..Parameters::at(Timestamp::MIN) };
        let Some(choice) = parameters.check().ok().and_then(|asked| chosen(points, &asked)) else {
            continue;
        };
        println!("  granularity {granularity}: k {}: {}", choice.k, choice.rule);
        if granularity == 0.95 {
            println!("   k  silhouette      CH      DB  stability     gap  smallest");
            for c in choice.candidates() {
                println!(
                    "  {:2}  {:10.3} {:7.0} {:7.3} {:10.2} {:7.2} {:9.3}",
                    c.k,
                    c.simplified_silhouette,
                    c.calinski_harabasz,
                    c.davies_bouldin,
                    c.stability,
                    c.gap,
                    c.smallest_share
                );
            }
        }
    }
    let (structure, reason) = judge(points, &asked(3, 10, None));
    println!("  {structure:?}: {reason}");
}
