//! Randomness from a seed: every use has a stream of its own, so that adding one changes no other.

use rand_xoshiro::{
    Xoshiro256Plus,
    rand_core::{RngCore, SeedableRng},
};

/// A generator for `seed`.
pub(crate) fn generator(seed: u64) -> Xoshiro256Plus {
    Xoshiro256Plus::seed_from_u64(seed)
}

/// The seed of the `index`-th use for `purpose`.
pub(crate) fn derive(seed: u64, purpose: &str, index: u64) -> u64 {
    let mut hash = blake3::Hasher::new();
    hash.update(&seed.to_le_bytes()).update(&index.to_le_bytes()).update(purpose.as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = *hash.finalize().as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// A number below `bound`, all equally likely but for a bias below 2⁻⁴⁰ at the sizes used here.
fn below(random: &mut impl RngCore, bound: usize) -> usize {
    ((u128::from(random.next_u64()) * bound as u128) >> 64) as usize
}

/// `size` different rows of `rows`, ascending; all of them where there are no more.
pub(crate) fn sample(rows: usize, size: usize, seed: u64) -> Vec<usize> {
    let mut all: Vec<usize> = (0..rows).collect();
    if size >= rows {
        return all;
    }
    let mut random = generator(derive(seed, "sample", size as u64));
    for place in 0..size {
        let other = place + below(&mut random, rows - place);
        all.swap(place, other);
    }
    all.truncate(size);
    all.sort_unstable();
    all
}

/// The numbers below `size` in an order that the seed gives.
pub(crate) fn permutation(size: usize, seed: u64) -> Vec<usize> {
    let mut random = generator(seed);
    let mut order: Vec<usize> = (0..size).collect();
    for place in (1..size).rev() {
        order.swap(place, below(&mut random, place + 1));
    }
    order
}
