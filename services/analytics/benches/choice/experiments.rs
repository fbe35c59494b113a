//! What is done with missing answers and with skewed values, on the synthetic population.

use crate::{
    mixtures::Random,
    population::{activities, answer, as_of},
    rules::describe,
};
use cx_analytics::{
    Activity, ScoreActivity,
    features::{Points, REGISTRY, find},
    kmeans,
    segmentation::{Parameters, Table, choose},
    stats,
    synthetic::adjusted_rand,
};

const CUSTOMERS: u64 = 4_000;
const K: usize = 5;

/// The points that the project would make of these customers, over the features that are named, or all.
fn points(activities: &[Activity], asked: &[String]) -> Points {
    let parameters = Parameters { features: asked.to_vec(), ..Parameters::at(as_of()) };
    let asked = parameters.check().unwrap_or_else(|problems| panic!("{problems:?}"));
    Table::of(&asked, activities).space().1
}

fn labels(points: &Points) -> Vec<u16> {
    kmeans::fit(points, K, 10, 0).map_or(Vec::new(), |found| found.labels)
}

/// What is chosen for the population, over all features and over three.
pub fn population() {
    let known = activities(CUSTOMERS);
    describe("synthetic population, all features", &points(&known, &[]));
    let asked = ["order_value", "orders", "days_since_order"].map(str::to_owned);
    describe("synthetic population, recency, frequency, value", &points(&known, &asked));
}

/// How well partitions with hidden answers agree with the one where all are known.
pub fn answers() {
    println!("hidden satisfaction answers, k 5: adjusted Rand against all known");
    println!("{:>10} {:>8} {:>10} {:>8}", "hidden", "neutral", "regressed", "dropped");
    let known = activities(CUSTOMERS);
    let truth = labels(&points(&known, &[]));
    let without: Vec<String> =
        REGISTRY.iter().map(|f| f.name.to_owned()).filter(|name| name != "csat").collect();
    let agree = |found: &[u16]| {
        let pairs: Vec<(u16, u16)> = truth.iter().copied().zip(found.iter().copied()).collect();
        adjusted_rand(&pairs).unwrap_or(0.0)
    };
    let dropped = agree(&labels(&points(&known, &without)));
    for (share, by_mood) in
        [(0.3, false), (0.7, false), (0.9, false), (0.3, true), (0.7, true), (0.84, true)]
    {
        let mut random = Random::new(11);
        let mut hidden = known.clone();
        for activity in &mut hidden {
            // Where silence depends on the mood, the content are silent more often.
            let mood = activity.csat.permille_sum as f64 / 1000.0;
            let odds: f64 = if by_mood {
                share / (1.0 - share) * (4.0 * (mood - 0.6)).exp()
            } else {
                share / (1.0 - share)
            };
            if random.unit() < odds / (1.0 + odds) {
                activity.csat = ScoreActivity::default();
            }
        }
        let silent = hidden.iter().filter(|a| a.csat.answers == 0).count();
        let neutral = agree(&labels(&points(&hidden, &[])));
        let regressed = agree(&labels(&points(&regressed(&hidden, &without), &[])));
        let name = format!(
            "{:.0} % {}",
            100.0 * stats::share(silent, hidden.len()),
            if by_mood { "MNAR" } else { "MCAR" }
        );
        println!("{name:>10} {neutral:>8.2} {regressed:>10.2} {dropped:>8.2}");
    }
}

/// The customers with every missing answer predicted by ridge regression on all other features.
fn regressed(hidden: &[Activity], others: &[String]) -> Vec<Activity> {
    let points = points(hidden, others);
    let width = points.width() + 1;
    let row = |row: usize| -> Vec<f64> {
        points.row(row).iter().map(|&x| f64::from(x)).chain([1.0]).collect()
    };
    let mut system = vec![vec![0.0; width + 1]; width];
    for (place, activity) in hidden.iter().enumerate().filter(|(_, a)| a.csat.answers > 0) {
        let cells = row(place);
        for (i, equation) in system.iter_mut().enumerate() {
            for (j, x) in cells.iter().enumerate() {
                equation[j] += cells[i] * x;
            }
            equation[width] += cells[i] * activity.csat.permille_sum as f64;
        }
    }
    (0..width).for_each(|i| system[i][i] += 1e-3);
    let weights = solve(system);
    let mut filled = hidden.to_vec();
    for (place, activity) in filled.iter_mut().enumerate().filter(|(_, a)| a.csat.answers == 0) {
        let predicted = row(place).iter().zip(&weights).map(|(x, w)| x * w).sum();
        activity.csat = answer(predicted);
    }
    filled
}

/// Gauss's elimination; the right side is the last column. Needs no pivots: the matrix is positive definite.
fn solve(mut system: Vec<Vec<f64>>) -> Vec<f64> {
    let size = system.len();
    for pivot in 0..size {
        let upper = system[pivot].clone();
        for (place, equation) in system.iter_mut().enumerate().filter(|(place, _)| *place != pivot)
        {
            let factor = equation[pivot] / upper[pivot];
            if place != pivot {
                equation.iter_mut().zip(&upper).for_each(|(x, above)| *x -= factor * above);
            }
        }
    }
    (0..size).map(|i| system[i][size] / system[i][i]).collect()
}

/// Stability of five clusters of value, frequency and recency by what is done to the values first.
pub fn scaling() {
    println!(
        "orders, order value and recency, k 5: least stability of a persona, silhouette, smallest share"
    );
    let names = ["order_value", "orders", "days_since_order"];
    let buyers: Vec<Activity> =
        activities(CUSTOMERS).into_iter().filter(|a| a.orders > 0).collect();
    let asked = names.map(str::to_owned).to_vec();
    let columns: Vec<Vec<f64>> = (names.iter().filter_map(|name| find(name)))
        .map(|(_, feature)| buyers.iter().map(|a| (feature.extract)(a, as_of())).collect())
        .collect();
    let tables = [
        ("log1p, winsorised, z-scored", points(&buyers, &asked)),
        ("raw, z-scored", table(&columns, z_scored)),
        ("ranks", table(&columns, ranks)),
    ];
    let parameters = Parameters { k: Some(K as i64), ..Parameters::at(as_of()) };
    let asked = parameters.check().unwrap_or_else(|problems| panic!("{problems:?}"));
    for (name, points) in tables {
        let choice = choose(&points, &asked, None, &|_| true).ok().flatten();
        for c in choice.iter().flat_map(|choice| choice.candidates()) {
            println!(
                "{name:30} {:.2} {:.2} {:.3}",
                c.stability, c.simplified_silhouette, c.smallest_share
            );
        }
    }
}

fn table(columns: &[Vec<f64>], scale: impl Fn(&[f64]) -> Vec<f64>) -> Points {
    let scaled: Vec<Vec<f64>> = columns.iter().map(|column| scale(column)).collect();
    let row = |row: usize| scaled.iter().map(|column| column[row] as f32).collect();
    let rows: Vec<Vec<f32>> = (0..scaled.first().map_or(0, Vec::len)).map(row).collect();
    Points::from_rows(columns.len(), rows.iter().map(Vec::as_slice))
}

fn z_scored(values: &[f64]) -> Vec<f64> {
    let (mean, deviation) = stats::mean_and_deviation(values);
    values.iter().map(|x| (x - mean) / deviation.max(f64::MIN_POSITIVE)).collect()
}

/// Ranks, scaled to the deviation of a z-score; equals have the mean of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = |x: &f64| {
        let (below, through) =
            (sorted.partition_point(|y| y < x), sorted.partition_point(|y| y <= x));
        f64::midpoint(below as f64, through as f64) / values.len() as f64
    };
    z_scored(&values.iter().map(rank).collect::<Vec<_>>())
}
