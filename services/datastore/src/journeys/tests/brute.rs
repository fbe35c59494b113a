//! The same counts by going through each customer's touchpoints one by one, on random records (of which many are of one instant) and
//! on the synthetic population.

use super::*;
use crate::testing::samples;
use cx_analytics::journeys::PathCounts;
use cx_analytics::synthetic::Population;
use std::collections::{BTreeMap, BTreeSet};

/// Each customer's touchpoints in order.
fn timelines(all: &[Interaction], as_of: Timestamp) -> Vec<Vec<&Interaction>> {
    let mut by_customer: BTreeMap<&str, Vec<&Interaction>> = BTreeMap::new();
    for one in all.iter().filter(|one| one.occurred_at < as_of) {
        by_customer.entry(&one.customer_id).or_default().push(one);
    }
    let mut timelines: Vec<_> = by_customer.into_values().collect();
    for timeline in &mut timelines {
        timeline.sort_by_key(|one| (one.occurred_at, &one.interaction_id));
    }
    timelines
}

fn spot(of: &Interaction) -> Cell {
    cell(of.channel, of.stage)
}

fn time(of: &Interaction) -> i64 {
    of.occurred_at.micros()
}

fn middle(mut spans: Vec<i64>) -> (i64, i64) {
    spans.sort_unstable();
    (spans[(spans.len() - 1) / 2], spans[spans.len() / 2])
}

type Map = (BTreeMap<Cell, CellCounts>, BTreeMap<(Cell, Place), (i64, (i64, i64))>);

fn map(all: &[Interaction], of: &Touchpoints<'_>, within: i64) -> Map {
    let mut cells: BTreeMap<Cell, CellCounts> = BTreeMap::new();
    let mut spans: BTreeMap<(Cell, Place), Vec<i64>> = BTreeMap::new();
    for timeline in timelines(all, of.as_of) {
        let mut last = BTreeMap::new();
        for (number, one) in timeline.iter().enumerate() {
            if one.occurred_at < of.start || one.occurred_at >= of.end {
                continue;
            }
            let counts = cells.entry(spot(one)).or_default();
            counts.interactions += 1;
            let next = timeline.get(number + 1).filter(|next| time(next) - time(one) <= within);
            let outcome = if time(one) + within >= of.as_of.micros() {
                counts.immature += 1;
                'i'
            } else if let Some(next) = next {
                counts.followed += 1;
                spans
                    .entry((spot(one), spot(next).place))
                    .or_default()
                    .push(time(next) - time(one));
                'f'
            } else {
                counts.ended += 1;
                'e'
            };
            last.insert(spot(one), outcome);
        }
        for (cell, outcome) in last {
            let counts = cells.entry(cell).or_default();
            counts.customers += 1;
            counts.customers_ended += i64::from(outcome == 'e');
            counts.customers_immature += i64::from(outcome == 'i');
        }
    }
    let steps = spans
        .into_iter()
        .map(|(key, spans)| (key, (i64::try_from(spans.len()).expect("few"), middle(spans))));
    (cells, steps.collect())
}

/// Paths without their order, journeys that are known, those that are open.
fn slow_paths(
    all: &[Interaction],
    of: &Touchpoints<'_>,
    asked: PathRules,
) -> (Vec<PathCounts>, i64, i64) {
    let place = |one: &Interaction| match asked.by {
        By::StageAndChannel => spot(one).place,
        By::Stage => Place { channel: None, ..spot(one).place },
        By::Channel => Place { stage: None, ..spot(one).place },
    };
    let mut found: BTreeMap<Vec<Place>, Vec<(&str, i64, bool)>> = BTreeMap::new();
    let mut open = 0;
    for timeline in timelines(all, of.as_of) {
        for journey in timeline.chunk_by(|one, next| time(next) - time(one) <= asked.gap) {
            let (first, last) = (journey[0], journey[journey.len() - 1]);
            if first.occurred_at < of.start || first.occurred_at >= of.end {
                continue;
            }
            let mut steps: Vec<(Place, i64)> = Vec::new();
            for one in journey {
                let again = steps.last().is_some_and(|(last, _)| *last == place(one));
                if asked.repeats || !again {
                    steps.push((place(one), time(one)));
                }
            }
            let over = time(last) + asked.gap < of.as_of.micros();
            if steps.len() < asked.length && !over {
                open += 1;
                continue;
            }
            let ended = over && steps.len() <= asked.length;
            steps.truncate(asked.length);
            let reached = steps[steps.len() - 1].1 - time(first);
            let path = steps.into_iter().map(|(place, _)| place).collect();
            found.entry(path).or_default().push((&first.customer_id, reached, ended));
        }
    }
    let known = found.values().map(Vec::len).sum::<usize>();
    let count = |n: usize| i64::try_from(n).expect("few");
    let paths = found.into_iter().map(|(steps, journeys)| PathCounts {
        steps,
        journeys: count(journeys.len()),
        customers: count(journeys.iter().map(|one| one.0).collect::<BTreeSet<_>>().len()),
        ended: count(journeys.iter().filter(|one| one.2).count()),
        middle: middle(journeys.iter().map(|one| one.1).collect()),
    });
    (paths.collect(), count(known), open)
}

fn slow_conversion(
    all: &[Interaction],
    of: &Touchpoints<'_>,
    (from, to): (&Condition, &Condition),
    within: i64,
) -> Converted {
    let holds = |condition: &Condition, one: &Interaction| {
        (condition.kinds.is_empty() || condition.kinds.contains(&one.payload.kind()))
            && (condition.channels.is_empty() || condition.channels.contains(&one.channel))
            && (condition.stages.is_empty()
                || one.stage.is_some_and(|stage| condition.stages.contains(&stage)))
    };
    let mut converted = Converted::default();
    for timeline in timelines(all, of.as_of) {
        let first = timeline.iter().position(|one| {
            holds(from, one) && one.occurred_at >= of.start && one.occurred_at < of.end
        });
        let Some(first) = first else { continue };
        let began = time(timeline[first]);
        if began + within >= of.as_of.micros() {
            converted.share.excluded += 1;
            continue;
        }
        converted.share.of += 1;
        let reached = timeline[first + 1..].iter().find(|one| holds(to, one));
        if let Some(reached) = reached.filter(|one| time(one) - began <= within) {
            converted.share.hits += 1;
            converted.times.push((time(reached) - began, 1));
        }
    }
    converted.times.sort_unstable();
    converted
}

async fn compare(store: &Store, all: &[Interaction], of: &Touchpoints<'_>) {
    for within in [1, 3 * DAY, 40 * DAY] {
        let (cells, steps) = store.journey_map(of, within).await.expect("the map");
        let steps: BTreeMap<_, _> =
            steps.into_iter().map(|one| ((one.from, one.to), (one.count, one.middle))).collect();
        assert!((cells, steps) == map(all, of, within), "{of:?} {within}");
    }
    for (by, length, repeats, gap) in [
        (By::StageAndChannel, 5, false, 30 * DAY),
        (By::StageAndChannel, 7, true, 2 * DAY),
        (By::Stage, 3, false, 10 * DAY),
        (By::Channel, 7, false, 366 * DAY),
        (By::Channel, 1, true, 1),
    ] {
        let rules = PathRules { by, length, repeats, gap };
        let page = store.journey_paths(of, rules, None, usize::MAX).await.expect("paths");
        let keys: Vec<_> =
            page.paths.iter().map(|((journeys, path), _)| (-journeys, *path)).collect();
        assert!(keys.is_sorted(), "most frequent first");
        let mut paths: Vec<PathCounts> = page.paths.into_iter().map(|(_, path)| path).collect();
        paths.sort_by(|one, other| one.steps.cmp(&other.steps));
        assert!((paths, page.known, page.open) == slow_paths(all, of, rules), "{rules:?}");
    }
    let kind = |kind| Condition { kinds: vec![kind], ..Condition::default() };
    let support = Condition { stages: vec![Stage::Support], ..kind(Kind::Contact) };
    let web = Condition { channels: vec![Channel::Web, Channel::Email], ..Condition::default() };
    for conditions in [(&web, &kind(Kind::Order)), (&kind(Kind::Order), &support), (&web, &web)] {
        for within in [1, 5 * DAY, 60 * DAY] {
            let found = store.journey_conversions(of, conditions, within).await.expect("some");
            let mut found = found.into_values().next().unwrap_or_default();
            found.times =
                found.times.iter().flat_map(|(span, n)| vec![(*span, 1); *n as usize]).collect();
            found.times.sort_unstable();
            assert!(
                found == slow_conversion(all, of, conditions, within),
                "{conditions:?} {within}"
            );
        }
    }
}

#[tokio::test]
async fn random_records_are_counted_as_a_slow_count_does() {
    on_every_engine(async |store| {
        let all = samples::interactions(7, 1500, 25);
        record(&store, all.clone()).await;
        let end = at(3);
        let year = Touchpoints { start: end.days_before(365), end, as_of: end, ..fifty_days() };
        let ever = Touchpoints { start: Timestamp::MIN, ..year.clone() };
        let past = Touchpoints { end: end.days_before(100), ..year.clone() };
        for of in [year, ever, past] {
            compare(&store, &all, &of).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_population_is_counted_as_a_slow_count_does() {
    on_every_engine(async |store| {
        let until = at(365 * 24 * HOURS);
        let population = Population::new(5, 80, until);
        let all: Vec<Interaction> = population.flat_map(|member| member.interactions).collect();
        record(&store, all.clone()).await;
        let year = Touchpoints { end: until, as_of: until, ..fifty_days() };
        let quarter = Touchpoints {
            start: until.days_before(200),
            end: until.days_before(110),
            ..year.clone()
        };
        // Short ranges are read by another way.
        let days = Touchpoints { start: until.days_before(20), ..year.clone() };
        for of in [year, quarter, days] {
            compare(&store, &all, &of).await;
        }
    })
    .await;
}
