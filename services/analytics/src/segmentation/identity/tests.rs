use super::*;
use crate::kmeans::random::derive;
use LineageKind::{Continued, Merged, New, Retired, Split};

fn ids(letters: &str) -> Vec<String> {
    letters.chars().map(|letter| letter.to_string()).collect()
}

/// Everybody is in both versions.
fn known(shared: Vec<Vec<u64>>, distances: Vec<Vec<f64>>) -> Overlap {
    let columns = shared.first().map_or(0, Vec::len);
    let old_sizes = shared.iter().map(|row| row.iter().sum()).collect();
    let new_sizes = (0..columns).map(|j| shared.iter().map(|row| row[j]).sum()).collect();
    Overlap { shared, old_sizes, new_sizes, distances }
}

fn far(old: usize, new: usize) -> Vec<Vec<f64>> {
    vec![vec![5.0; new]; old]
}

fn found(overlap: &Overlap, letters: &str) -> Identity {
    identify(overlap, &ids(letters), b"model", &BTreeSet::new())
}

fn kinds(identity: &Identity) -> Vec<LineageKind> {
    identity.lineage.iter().map(|lineage| lineage.kind).collect()
}

#[test]
fn equal_data_keep_every_id() {
    let overlap = known(
        vec![vec![50, 0, 0], vec![0, 40, 0], vec![0, 0, 30]],
        vec![vec![0.0, 3.0, 3.0], vec![3.0, 0.0, 3.0], vec![3.0, 3.0, 0.0]],
    );
    let identity = found(&overlap, "abc");
    assert_eq!(identity.ids, ids("abc"));
    assert_eq!(identity.continues, [Some(0), Some(1), Some(2)]);
    assert_eq!(kinds(&identity), [Continued; 3]);
    let first = &identity.lineage[0];
    assert_eq!(first.overlaps.len(), 1);
    assert_eq!(
        first.overlaps[0],
        PersonaOverlap {
            persona_id: "a".to_owned(),
            customers: 50,
            jaccard: 1.0,
            share_of_earlier: 1.0,
            share_of_later: 1.0
        }
    );
    assert_eq!(first.previous_customers, Some(50));
    assert_eq!(first.previous_share, Some(50.0 / 120.0));
    assert_eq!(first.centre_distance, Some(0.0));
}

/// Versions as retrains make them: most stay, some move, some are gone or new.
fn retrain(old: usize, new: usize, seed: u64) -> Overlap {
    let draw =
        |purpose: &str, i: usize, j: usize| derive(seed, purpose, (i * 64 + j) as u64) % 1000;
    let shared: Vec<Vec<u64>> = (0..old)
        .map(|i| {
            let at =
                |j| draw("moved", i, j) / 10 + if i == j { 200 + draw("stayed", i, j) } else { 0 };
            (0..new).map(at).collect()
        })
        .collect();
    let away = |i, j| 0.2 + draw("away", i, j) as f64 / 400.0;
    let distances = (0..old).map(|i| (0..new).map(|j| away(i, j)).collect()).collect();
    let mut overlap = known(shared, distances);
    overlap.old_sizes.iter_mut().enumerate().for_each(|(i, size)| *size += draw("left", i, 0));
    overlap.new_sizes.iter_mut().enumerate().for_each(|(j, size)| *size += draw("came", 0, j));
    overlap
}

#[test]
fn the_order_of_the_new_personas_changes_no_id() {
    for seed in 0..200u64 {
        let (old, new) = (2 + seed as usize % 9, 2 + seed as usize / 9 % 8);
        let overlap = retrain(old, new, seed);
        let letters: String = ('a'..).take(old).collect();
        let straight = found(&overlap, &letters);
        let mut order: Vec<usize> = (0..new).collect();
        order.sort_by_key(|&place| derive(seed, "order", place as u64));
        let pick = |row: &Vec<u64>| order.iter().map(|&place| row[place]).collect();
        let permuted = Overlap {
            shared: overlap.shared.iter().map(pick).collect(),
            new_sizes: pick(&overlap.new_sizes),
            old_sizes: overlap.old_sizes.clone(),
            distances: (overlap.distances.iter())
                .map(|row| order.iter().map(|&place| row[place]).collect())
                .collect(),
        };
        let other = found(&permuted, &letters);
        for (at, &place) in order.iter().enumerate() {
            assert_eq!(other.continues[at], straight.continues[place], "seed {seed}");
            assert_eq!(other.lineage[at].kind, straight.lineage[place].kind, "seed {seed}");
            if straight.continues[place].is_some() {
                assert_eq!(other.ids[at], straight.ids[place], "seed {seed}");
                assert_eq!(other.lineage[at], straight.lineage[place], "seed {seed}");
            }
        }
        assert_eq!(found(&overlap, &letters), straight, "seed {seed}");
    }
}

#[test]
fn the_larger_part_of_a_split_keeps_the_id() {
    let identity = found(&known(vec![vec![40, 60, 0], vec![2, 0, 80]], far(2, 3)), "ab");
    assert_eq!(identity.continues, [None, Some(0), Some(1)]);
    assert_eq!(kinds(&identity), [Split, Split, Continued]);
    let other = &identity.lineage[0];
    assert_eq!(other.persona_id, identity.ids[0]);
    assert!(!ids("ab").contains(&other.persona_id));
    assert_eq!((other.previous_customers, other.centre_distance), (None, None));
    assert_eq!(other.overlaps[0].persona_id, "a");
    assert_eq!(other.overlaps[0].share_of_earlier, 0.4);
    assert_eq!(other.overlaps[0].share_of_later, 40.0 / 42.0);
    assert_eq!(other.overlaps[0].jaccard, 40.0 / 102.0);
    assert_eq!(other.overlaps.len(), 1, "2 of 82 and of 42 are less than a twentieth");
    // A fifth that left is no part.
    let identity = found(&known(vec![vec![20, 80]], far(1, 2)), "a");
    assert_eq!(kinds(&identity), [New, Continued]);
    // Neither are many who are few of those among whom they went.
    let identity = found(&known(vec![vec![40, 60], vec![50, 0]], far(2, 2)), "ab");
    assert_eq!(kinds(&identity), [Continued, Continued]);
}

#[test]
fn a_merger_has_the_id_of_the_one_it_is_most_like() {
    let identity = found(&known(vec![vec![90, 10], vec![35, 5], vec![0, 70]], far(3, 2)), "abc");
    assert_eq!(identity.ids, ids("ac"));
    assert_eq!(kinds(&identity), [Merged, Continued, Retired]);
    let gone = &identity.lineage[2];
    assert_eq!((gone.persona_id.as_str(), gone.previous_customers), ("b", Some(40)));
    let went: Vec<_> =
        gone.overlaps.iter().map(|to| (to.persona_id.as_str(), to.customers)).collect();
    assert_eq!(went, [("a", 35), ("c", 5)]);
    assert_eq!(gone.overlaps[0].share_of_earlier, 35.0 / 40.0);
    assert_eq!(gone.centre_distance, None);
    // Four that become one are like none of them any more, but the kind says what happened.
    let identity = found(&known(vec![vec![50]; 4], far(4, 1)), "abcd");
    assert_eq!(kinds(&identity), [Merged, Retired, Retired, Retired, Retired]);
}

#[test]
fn what_is_unlike_everything_is_new_and_what_is_gone_is_retired() {
    // The members of "b" did not come back, and the second persona is all newcomers.
    let overlap = Overlap {
        shared: vec![vec![80, 0], vec![0, 0]],
        old_sizes: vec![100, 50],
        new_sizes: vec![90, 60],
        distances: far(2, 2),
    };
    let identity = found(&overlap, "ab");
    assert_eq!(kinds(&identity), [Continued, New, Retired]);
    assert!(identity.lineage[1].overlaps.is_empty() && identity.lineage[2].overlaps.is_empty());
    let kept = &identity.lineage[0].overlaps[0];
    assert_eq!(
        (kept.jaccard, kept.share_of_earlier),
        (1.0, 0.8),
        "Jaccard is of those known to both"
    );
    // The same newcomers at the old place are the old persona.
    let near = Overlap { distances: vec![vec![0.1, 5.0], vec![5.0, 1.0]], ..overlap.clone() };
    assert_eq!(found(&near, "ab").ids, ids("ab"));
    let less_near = Overlap { distances: vec![vec![0.1, 5.0], vec![5.0, 1.01]], ..overlap };
    assert_eq!(found(&less_near, "ab").continues, [Some(0), None]);
}

#[test]
fn an_id_stays_from_three_tenths_of_the_members_on() {
    let at = |shared| known(vec![vec![shared, 100 - shared], vec![100 - shared, 900]], far(2, 2));
    // 46 of 154 are less than three tenths, 47 of 153 more.
    assert_eq!(found(&at(46), "ab").continues, [None, Some(1)]);
    assert_eq!(found(&at(47), "ab").continues, [Some(0), Some(1)]);
}

#[test]
fn all_together_are_most_alike() {
    // One by one "a" would take the first, which is most like it, and "b" would be left with nothing.
    let shared = vec![vec![50, 30], vec![30, 0]];
    assert_eq!(found(&known(shared, far(2, 2)), "ab").continues, [Some(1), Some(0)]);
}

#[test]
fn without_common_customers_the_distance_decides() {
    let overlap = Overlap {
        shared: vec![vec![0, 0], vec![0, 0]],
        old_sizes: vec![10, 10],
        new_sizes: vec![10, 10],
        distances: vec![vec![0.9, 0.2], vec![0.3, 0.8]],
    };
    let identity = found(&overlap, "ab");
    assert_eq!(identity.ids, ids("ba"));
    assert_eq!(identity.lineage[0].centre_distance, Some(0.3));
    assert_eq!(kinds(&identity), [Continued, Continued]);
    let unplaced =
        Overlap { distances: vec![vec![f64::NAN, 0.9], vec![1.0, 0.1]], ..overlap.clone() };
    assert_eq!(
        found(&unplaced, "ab").ids,
        ids("ba"),
        "two that are near enough are more than one nearer"
    );
    let nothing_known = Overlap { shared: Vec::new(), distances: Vec::new(), ..overlap };
    assert_eq!(kinds(&found(&nothing_known, "ab")), [New, New, Retired, Retired]);
}

#[test]
fn between_equals_the_larger_and_then_the_earlier_keeps_the_id() {
    let equal = |new_sizes: Vec<u64>| Overlap {
        shared: vec![vec![50, 50]],
        old_sizes: vec![100],
        new_sizes,
        distances: far(1, 2),
    };
    assert_eq!(found(&equal(vec![50, 50]), "a").continues, [Some(0), None]);
    assert_eq!(found(&equal(vec![50, 60]), "a").continues, [None, Some(0)]);
    let alike = known(vec![vec![50, 50], vec![50, 50]], vec![vec![1.0; 2]; 2]);
    assert_eq!(found(&alike, "ab").ids, ids("ab"));
}

#[test]
fn more_and_fewer_personas_than_before() {
    let wide = found(&known(vec![vec![9, 0, 1, 0, 0], vec![0, 9, 0, 0, 1]], far(2, 5)), "ab");
    assert_eq!(wide.continues, [Some(0), Some(1), None, None, None]);
    let mut all = wide.ids.clone();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 5);
    let tall =
        found(&known(vec![vec![9, 0], vec![0, 1], vec![1, 0], vec![0, 9]], far(4, 2)), "abcd");
    assert_eq!(tall.ids, ids("ad"));
    assert_eq!(tall.lineage.len(), 4);
}

#[test]
fn minted_ids_are_new_and_the_same_every_time() {
    let none = BTreeSet::new();
    let first = mint(b"model", 3, &none);
    assert_eq!(first, mint(b"model", 3, &none));
    assert_ne!(first, mint(b"model", 4, &none));
    assert_ne!(first, mint(b"other", 3, &none));
    assert!(first.len() == 13 && first.starts_with('p'));
    let mut taken = none;
    for _ in 0..100 {
        assert!(taken.insert(mint(b"model", 3, &taken)));
    }
    // What was in use long ago is not given again.
    let overlap = known(vec![vec![10, 0], vec![0, 0]], far(2, 2));
    let minted = found(&overlap, "ab").ids[1].clone();
    let again = identify(&overlap, &ids("ab"), b"model", &BTreeSet::from([minted.clone()]));
    assert_ne!(again.ids[1], minted);
}

#[test]
fn lineage_is_stored_as_it_is() {
    let identity = found(&retrain(4, 5, 7), "abcd");
    let text = serde_json::to_string(&identity.lineage).expect("JSON");
    let back: Vec<Lineage> = serde_json::from_str(&text).expect("JSON");
    assert_eq!(back, identity.lineage);
    assert!(text.contains("\"CONTINUED\""), "{text}");
}
