//! Mixtures whose number of components is known, and noise, from seeds. Shared by the benchmark of the choice of k and its tests.

use cx_analytics::features::Points;
use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{RngCore, SeedableRng},
};

/// The distributions that the mixtures need.
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    /// Equal seeds give equal draws.
    pub fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// How the members of a component lie around its centre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// Normal with the same spread in every direction and component.
    Even,
    /// Normal with a spread of its own (0.6 to 1.4) in every component.
    Uneven,
    /// Normal with a spread of its own (0.4 to 1.6) in every component and direction, turned at random.
    Ellipse,
    /// Student's t with 4 degrees of freedom, scaled to variance one.
    Tails,
    /// Uniform in a cube of variance one.
    Cube,
}

/// A mixture to draw.
#[derive(Debug, Clone, Copy)]
pub struct Mixture {
    /// Components.
    pub k: usize,
    /// Features.
    pub width: usize,
    /// Rows.
    pub rows: usize,
    /// Root mean square difference of two centres in a feature, in the deviations of the members: two centres are
    /// about `separation · √width` apart.
    pub separation: f64,
    /// How the members lie.
    pub shape: Shape,
    /// The seed.
    pub seed: u64,
}

impl Mixture {
    /// The points, and the component of each.
    pub fn draw(&self) -> (Points, Vec<usize>) {
        let mut random = self.random();
        let deviation = self.separation / std::f64::consts::SQRT_2;
        let centre = |random: &mut Random| -> Vec<f64> {
            (0..self.width).map(|_| deviation * random.normal()).collect()
        };
        let centres: Vec<Vec<f64>> = (0..self.k).map(|_| centre(&mut random)).collect();
        self.around(&centres, &mut random)
    }

    /// The same, with centres that are all at least `apart` from each other and the nearest ones just that.
    pub fn draw_apart(&self, apart: f64) -> (Points, Vec<usize>) {
        let mut random = self.random();
        let mut centres: Vec<Vec<f64>> =
            (0..self.k).map(|_| (0..self.width).map(|_| random.normal()).collect()).collect();
        let mut nearest = f64::INFINITY;
        for (place, one) in centres.iter().enumerate() {
            for other in &centres[..place] {
                let squared: f64 = one.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum();
                nearest = nearest.min(squared.sqrt());
            }
        }
        centres.iter_mut().flatten().for_each(|x| *x *= apart / nearest);
        self.around(&centres, &mut random)
    }

    fn random(&self) -> Random {
        let Self { k, width, separation, .. } = *self;
        Random::new(
            self.seed.wrapping_mul(1_000_003)
                ^ (k as u64) << 32
                ^ (width as u64) << 40
                ^ (separation * 1000.0) as u64,
        )
    }

    /// Uneven shares: the largest component may have four times the rows of the smallest.
    fn around(&self, centres: &[Vec<f64>], random: &mut Random) -> (Points, Vec<usize>) {
        let components: Vec<Component> =
            centres.iter().map(|centre| Component::new(self.shape, centre, random)).collect();
        let total: f64 = components.iter().map(|component| component.share).sum();
        let (mut labels, mut rows) = (Vec::new(), Vec::new());
        for _ in 0..self.rows {
            let mut left = random.unit() * total;
            let chosen = |component: &Component| {
                left -= component.share;
                left < 0.0
            };
            let label = components.iter().position(chosen).unwrap_or(self.k - 1);
            rows.push(components[label].row(random));
            labels.push(label);
        }
        (Points::from_rows(self.width, rows.iter().map(Vec::as_slice)), labels)
    }
}

/// One component of a mixture.
struct Component {
    shape: Shape,
    share: f64,
    centre: Vec<f64>,
    spreads: Vec<f64>,
    turns: Vec<(usize, usize, f64)>,
}

impl Component {
    fn new(shape: Shape, centre: &[f64], random: &mut Random) -> Self {
        let width = centre.len();
        let share = 0.4 + 1.2 * random.unit();
        let even = 0.6 + 0.8 * random.unit();
        let spread = |_| match shape {
            Shape::Uneven => even,
            Shape::Ellipse => 0.4 + 1.2 * random.unit(),
            _ => 1.0,
        };
        let spreads = (0..width).map(spread).collect();
        let turns = if shape == Shape::Ellipse { turns(width, random) } else { Vec::new() };
        Self { shape, share, centre: centre.to_vec(), spreads, turns }
    }

    fn row(&self, random: &mut Random) -> Vec<f32> {
        let scale = match self.shape {
            Shape::Tails => {
                let chi: f64 = (0..4).map(|_| random.normal().powi(2)).sum();
                (2.0 / chi).sqrt()
            }
            _ => 1.0,
        };
        let mut cells: Vec<f64> = (self.spreads.iter())
            .map(|spread| match self.shape {
                Shape::Cube => 12f64.sqrt() * (random.unit() - 0.5),
                _ => scale * spread * random.normal(),
            })
            .collect();
        turn(&mut cells, &self.turns);
        cells.iter().zip(&self.centre).map(|(x, c)| (x + c) as f32).collect()
    }
}

/// Rotations in random planes.
fn turns(width: usize, random: &mut Random) -> Vec<(usize, usize, f64)> {
    let axis = |random: &mut Random| (random.unit() * width as f64) as usize;
    (0..2 * width)
        .map(|_| (axis(random), axis(random), std::f64::consts::TAU * random.unit()))
        .filter(|(a, b, _)| a != b)
        .collect()
}

fn turn(cells: &mut [f64], turns: &[(usize, usize, f64)]) {
    for &(a, b, angle) in turns {
        let (sine, cosine) = angle.sin_cos();
        (cells[a], cells[b]) =
            (cosine * cells[a] - sine * cells[b], sine * cells[a] + cosine * cells[b]);
    }
}

/// Noise without structure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Noise {
    /// A normal ball.
    Ball,
    /// Normal with correlations: every feature mixes all sources.
    Correlated,
    /// Uniform in a cube.
    Cube,
}

impl Noise {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Ball, Self::Correlated, Self::Cube];

    /// Rows of it.
    pub fn draw(self, rows: usize, width: usize, seed: u64) -> Points {
        let mut random =
            Random::new(seed ^ (rows as u64) << 40 ^ (width as u64) << 32 ^ (self as u64) << 24);
        let mix: Vec<f64> = (0..width * width).map(|_| random.normal()).collect();
        let mut row = || -> Vec<f32> {
            let sources: Vec<f64> = (0..width)
                .map(|_| if self == Self::Cube { random.unit() } else { random.normal() })
                .collect();
            let mixed = |weights: &[f64]| weights.iter().zip(&sources).map(|(w, x)| w * x).sum();
            let cells: Vec<f64> = match self {
                Self::Correlated => mix.chunks(width).map(mixed).collect(),
                _ => sources,
            };
            cells.iter().map(|&x| x as f32).collect()
        };
        let rows: Vec<Vec<f32>> = (0..rows).map(|_| row()).collect();
        Points::from_rows(width, rows.iter().map(Vec::as_slice))
    }
}
