//! A seeded population with known personas, for the demonstration, the tests and the benchmarks.
//!
//! Equal arguments give equal records. It knows the domain types and nothing of how they are stored or
//! clustered; the archetype of a member is returned beside the records and never stands in them.

mod agreement;
mod archetype;
mod attributes;
mod life;
mod random;
mod service;

pub use agreement::adjusted_rand;
pub use archetype::Archetype;

use crate::{Customer, Interaction, Timestamp, time::DAY};
use random::Random;

/// Days of records before the end.
pub const DAYS: i64 = 365;

/// One customer with everything that is recorded of them.
#[derive(Debug, Clone)]
pub struct Member {
    /// What kind of customer it is, in truth.
    pub archetype: Archetype,
    /// The attributes.
    pub customer: Customer,
    /// A year of interactions, in time order.
    pub interactions: Vec<Interaction>,
}

/// The members of a population, one after the other.
#[derive(Debug, Clone)]
pub struct Population {
    seed: u64,
    size: u64,
    next: u64,
    until: Timestamp,
}

impl Population {
    /// `size` customers and the year of interactions before `until`.
    pub fn new(seed: u64, size: u64, until: Timestamp) -> Self {
        Self { seed, size, next: 0, until }
    }
}

impl Iterator for Population {
    type Item = Member;

    fn next(&mut self) -> Option<Member> {
        (self.next < self.size).then(|| {
            self.next += 1;
            member(self.seed, self.next, self.until)
        })
    }
}

fn member(seed: u64, number: u64, until: Timestamp) -> Member {
    let mut random = Random::new(seed, number);
    let weighted = Archetype::ALL.map(|archetype| (archetype, archetype.traits().share));
    let archetype = random.choose(&weighted).unwrap_or(Archetype::OneTimer);
    let traits = archetype.traits();
    let joined_days_ago = random.between(traits.joined.0, traits.joined.1);
    let customer_id = format!("demo-{number:06}");
    let signed_up_at = until.plus(-(joined_days_ago * DAY as f64) as i64);
    let customer = attributes::customer(&mut random, archetype, &customer_id, signed_up_at);
    let interactions = life::live(random, archetype, customer_id, joined_days_ago, until);
    Member { archetype, customer, interactions }
}

#[cfg(test)]
mod tests;
