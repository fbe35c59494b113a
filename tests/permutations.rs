//! Whatever the order in which interactions arrive, and however often: equal activity, features and assignments, byte for byte.

use cx_analytics::segmentation::{Parameters, Table};
use cx_analytics::synthetic::Population;
use cx_analytics::{Interaction, Timestamp};
use cx_datastore::{Outcome, Scope, Store};

use crate::support::{Database, Engine};

const CUSTOMERS: u64 = 60;
const AS_OF: i64 = 1_700_000_000_000_000;
const TURNS: u64 = 6;

fn as_of() -> Timestamp {
    Timestamp::from_micros(AS_OF).unwrap()
}

/// Numbers from a seed (splitmix64), so that a failure comes again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Delivers everything in another order, some of it several times, in batches of any size, and gives how many were stored.
async fn deliver(store: &Store, records: &[Interaction], random: &mut Random) -> usize {
    let mut deliveries = records.to_vec();
    for _ in 0..records.len() / 3 {
        deliveries.push(records[random.below(records.len())].clone());
    }
    for place in (1..deliveries.len()).rev() {
        deliveries.swap(place, random.below(place + 1));
    }
    let (mut rest, mut accepted) = (deliveries.as_slice(), 0);
    while !rest.is_empty() {
        let (batch, after) = rest.split_at(rest.len().min(1 + random.below(700)));
        let at = Timestamp::from_micros(AS_OF + (random.next() % 1_000_000) as i64).unwrap();
        let outcomes = store.interactions_record(batch.to_vec(), at).await.unwrap();
        assert!(outcomes.iter().all(|o| matches!(o, Outcome::Accepted | Outcome::Duplicate)));
        accepted += outcomes.iter().filter(|o| **o == Outcome::Accepted).count();
        rest = after;
    }
    accepted
}

/// Activity, coordinates, model and assignments as bytes.
async fn bytes(store: &Store) -> String {
    let currency = store.main_currency(as_of()).await.unwrap();
    let activity = store.activity(as_of(), Scope::Everyone, currency).await.unwrap();
    let parameters = Parameters { k: Some(4), restarts: 2, ..Parameters::at(as_of()) };
    let asked = parameters.check().unwrap().with_currency(currency);
    let fitted = asked.fit(Table::of(&asked, &activity), None, &|_, _| true).unwrap();
    let points = fitted.model.points(&activity, &|_| None, as_of());
    let coordinates: Vec<u32> = points.data().iter().map(|x| x.to_bits()).collect();
    let alone: Vec<_> = (activity.iter())
        .flat_map(|one| fitted.model.assign(std::slice::from_ref(one), &|_| None, as_of()))
        .collect();
    assert_eq!(alone, fitted.assignments, "one by one as all at once");
    serde_json::to_string(&(activity, coordinates, fitted.model, fitted.assignments)).unwrap()
}

async fn any_order_and_any_repetition_gives_equal_bytes(engine: Engine) {
    let population = Population::new(3, CUSTOMERS, as_of());
    let records: Vec<Interaction> = population.flat_map(|member| member.interactions).collect();
    let mut wanted = None;
    for turn in 0..TURNS {
        let database = Database::new(engine).await;
        let store = database.store().await;
        let accepted = deliver(&store, &records, &mut Random(turn)).await;
        assert_eq!(accepted, records.len(), "each once");
        let found = bytes(&store).await;
        assert!(wanted.get_or_insert_with(|| found.clone()) == &found, "turn {turn} differs");
        store.close().await;
    }
}

on_both_engines!(any_order_and_any_repetition_gives_equal_bytes);
