use super::*;
use crate::{Channel, Stage, interaction::Kind};
use std::collections::{BTreeMap, BTreeSet};

fn until() -> Timestamp {
    Timestamp::from_micros(1_767_225_600_000_000).expect("2026-01-01")
}

#[test]
fn equal_arguments_give_equal_records_and_another_seed_gives_others() {
    let print = |seed| format!("{:?}", Population::new(seed, 50, until()).collect::<Vec<_>>());
    assert_eq!(print(7), print(7));
    assert_ne!(print(7), print(8));
}

#[test]
fn a_larger_population_begins_with_the_smaller_one() {
    let ids = |size| {
        Population::new(1, size, until()).take(5).map(|m| m.interactions).collect::<Vec<_>>()
    };
    assert_eq!(ids(5), ids(500));
}

#[test]
fn every_kind_channel_stage_and_archetype_occurs() {
    let (mut kinds, mut channels, mut stages) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut archetypes = BTreeSet::new();
    for member in Population::new(1, 4_000, until()) {
        archetypes.insert(member.archetype);
        for interaction in member.interactions {
            kinds.insert(interaction.payload.kind());
            channels.insert(interaction.channel);
            stages.extend(interaction.stage);
        }
    }
    assert_eq!(kinds.len(), Kind::ALL.len());
    assert_eq!(channels.len(), Channel::ALL.len());
    assert_eq!(stages.len(), Stage::ALL.len());
    assert_eq!(archetypes.len(), Archetype::ALL.len());
}

#[test]
fn records_are_in_time_order_inside_the_year_with_ids_of_their_own() {
    let start = until().days_before(DAYS);
    for member in Population::new(3, 500, until()) {
        let records = &member.interactions;
        assert!(records.is_sorted_by_key(|record| record.occurred_at));
        assert!(records.iter().all(|r| r.occurred_at >= start && r.occurred_at < until()));
        let ids: BTreeSet<_> = records.iter().map(|record| &record.interaction_id).collect();
        assert_eq!(ids.len(), records.len());
    }
}

#[test]
fn a_customer_has_some_twenty_records_on_average() {
    let mut by_archetype: BTreeMap<Archetype, (usize, usize)> = BTreeMap::new();
    for member in Population::new(1, 5_000, until()) {
        let entry = by_archetype.entry(member.archetype).or_default();
        entry.0 += 1;
        entry.1 += member.interactions.len();
    }
    let (customers, records) =
        by_archetype.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let mean = records as f64 / customers as f64;
    assert!((12.0..22.0).contains(&mean), "mean {mean}, by archetype {by_archetype:?}");
}
