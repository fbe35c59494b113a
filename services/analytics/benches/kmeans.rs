//! k-means against scikit-learn on the same matrix: interleaved rounds, medians, ratios. `tests/bench/run.sh kmeans`
//! runs it. Both sides are timed from the matrix in memory to labels and inertia.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on should stop with a panic")]

use cx_analytics::{features::Points, kmeans};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const WIDTH: usize = 16;
const ROUNDS: usize = 5;
/// What the service is called with when nobody says otherwise.
const STARTS: usize = 10;

fn main() {
    let sizes = match std::env::var("CX_BENCH_ROWS") {
        Ok(rows) => vec![rows.parse().unwrap()],
        Err(_) => vec![100_000, 1_000_000],
    };
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!(
        "k-means, {WIDTH} features, median of {ROUNDS} interleaved rounds with a seed each; load {load}"
    );
    println!(
        "{:<28} {:>11} {:>13} {:>7} {:>14} {:>11} {:>13}",
        "rows, data, k", "cx", "scikit-learn", "ratio", "cx/its best", "cx median", "its median"
    );
    let file = std::env::temp_dir().join(format!("cx-bench-{}.f32", std::process::id()));
    for rows in sizes {
        for (name, matrix) in [("continuum", continuum(rows)), ("blobs", blobs(rows))] {
            let bytes: Vec<u8> = matrix.iter().flat_map(|cell| cell.to_le_bytes()).collect();
            std::fs::write(&file, bytes).unwrap();
            let points = Points::from_rows(WIDTH, matrix.chunks_exact(WIDTH));
            let mut rival = Rival::start(&file);
            for k in [8, 20] {
                compare(&format!("{rows} {name} k={k}"), &points, k, &mut rival);
            }
        }
    }
    std::fs::remove_file(&file).unwrap();
}

fn compare(name: &str, points: &Points, k: usize, rival: &mut Rival) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for seed in 0..ROUNDS as u64 {
        let start = Instant::now();
        let found = kmeans::fit(points, k, STARTS, seed).unwrap();
        ours.push((start.elapsed(), found.inertia));
        theirs.push(rival.fit(k, seed));
    }
    let best = theirs.iter().map(|(_, inertia)| *inertia).fold(f64::INFINITY, f64::min);
    let excess = |of: &[(Duration, f64)]| 100.0 * (median(of, |fit| fit.1) / best - 1.0);
    let seconds = |of: &[(Duration, f64)]| median(of, |fit| fit.0.as_secs_f64());
    println!(
        "{name:<28} {:>9.3} s {:>11.3} s {:>7.3} {:>14} {:>+10.2} % {:>+11.2} %",
        seconds(&ours),
        seconds(&theirs),
        seconds(&ours) / seconds(&theirs),
        "inertia:",
        excess(&ours),
        excess(&theirs),
    );
}

fn median(of: &[(Duration, f64)], what: impl Fn(&(Duration, f64)) -> f64) -> f64 {
    let mut all: Vec<f64> = of.iter().map(what).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// scikit-learn in a process that has read the matrix.
struct Rival {
    process: Child,
}

impl Rival {
    fn start(file: &Path) -> Self {
        let python = std::env::var("CX_BENCH_PYTHON")
            .expect("tests/bench/run.sh names a Python with scikit-learn");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/bench/kmeans.py");
        let process = Command::new(python)
            .arg(script)
            .arg(file)
            .arg(WIDTH.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self { process }
    }

    /// Time and inertia of one fit.
    fn fit(&mut self, k: usize, seed: u64) -> (Duration, f64) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{k} {seed}").unwrap();
        let mut line = String::new();
        // One line comes for one that went, so that nothing of the next is read ahead.
        BufReader::new(self.process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let (time, inertia) =
            line.trim().split_once(' ').expect("the rival answers time and inertia");
        (Duration::from_secs_f64(time.parse().unwrap()), inertia.parse().unwrap())
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }
}

/// Numbers from a seed (Steele 2014, SplitMix64).
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// Skewed and without groups, as spending is: a few traits behind all features, long tails, then log1p.
fn continuum(rows: usize) -> Vec<f32> {
    let mut random = Random(1);
    let weights: Vec<f64> = (0..4 * WIDTH).map(|_| 0.6 * random.normal()).collect();
    let mut cells = Vec::with_capacity(rows * WIDTH);
    for _ in 0..rows {
        let traits: [f64; 4] = std::array::from_fn(|_| random.normal());
        for feature in 0..WIDTH {
            let sum: f64 = (0..4).map(|t| traits[t] * weights[t * WIDTH + feature]).sum();
            let waiting = -(1.0 - random.uniform()).ln();
            cells.push(((sum + 0.7 * random.normal()).exp() * waiting).ln_1p());
        }
    }
    scaled(&cells)
}

/// Twenty-four groups that overlap, of unequal size and width.
fn blobs(rows: usize) -> Vec<f32> {
    const GROUPS: usize = 24;
    let mut random = Random(2);
    let centres: Vec<f64> = (0..GROUPS * WIDTH).map(|_| random.normal()).collect();
    let widths: Vec<f64> = (0..GROUPS).map(|_| 0.5 + 0.6 * random.uniform()).collect();
    let mut cells = Vec::with_capacity(rows * WIDTH);
    for _ in 0..rows {
        // The square makes the first groups larger than the last.
        let group = (random.uniform().powi(2) * GROUPS as f64) as usize;
        let centre = &centres[group * WIDTH..][..WIDTH];
        cells.extend(centre.iter().map(|c| c + widths[group] * random.normal()));
    }
    scaled(&cells)
}

/// Every feature with mean 0 and variance 1.
fn scaled(cells: &[f64]) -> Vec<f32> {
    let rows = (cells.len() / WIDTH) as f64;
    let column = |feature: usize| cells.iter().skip(feature).step_by(WIDTH);
    let scales: Vec<(f64, f64)> = (0..WIDTH)
        .map(|feature| {
            let mean = column(feature).sum::<f64>() / rows;
            let variance = column(feature).map(|x| (x - mean).powi(2)).sum::<f64>() / rows;
            (mean, variance.sqrt())
        })
        .collect();
    let scale = |(place, x): (usize, &f64)| {
        let (mean, deviation) = scales[place % WIDTH];
        ((x - mean) / deviation) as f32
    };
    cells.iter().enumerate().map(scale).collect()
}
