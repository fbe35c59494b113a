//! Counts of a population known by construction; then those of random ones, against a slow count that is written otherwise.

use super::*;
use crate::Store;
use crate::testing::{at, on_every_engine};
use cx_analytics::codes::{Channel, Stage};
use cx_analytics::journeys::{By, Converted, Place};
use cx_analytics::metrics::Share;
use cx_analytics::{Interaction, Payload};

mod brute;
mod filters;

const HOURS: i64 = 3600;

/// Something on a day (of 24 hours after the beginning) that is no more than a touchpoint.
fn touch(
    customer: &str,
    id: &str,
    day: i64,
    channel: Channel,
    stage: Option<Stage>,
) -> Interaction {
    Interaction {
        customer_id: customer.to_owned(),
        interaction_id: id.to_owned(),
        occurred_at: at(day * 24 * HOURS),
        channel,
        stage,
        payload: Payload::SelfService { topic: None, resolved: None, duration: None },
    }
}

const WEB: Channel = Channel::Web;
const PHONE: Channel = Channel::Phone;
const LOOKS: Option<Stage> = Some(Stage::Consideration);
const BUYS: Option<Stage> = Some(Stage::Purchase);
const ASKS: Option<Stage> = Some(Stage::Support);

/// Five customers whose touchpoints are written beside the expectations.
fn known() -> Vec<Interaction> {
    let mut all = vec![
        touch("a", "1", 1, WEB, LOOKS),
        touch("a", "2", 2, WEB, BUYS),
        touch("a", "3", 4, PHONE, ASKS),
        touch("b", "1", 1, WEB, LOOKS),
        touch("b", "2", 5, WEB, BUYS),
        touch("b", "3", 40, PHONE, ASKS),
        touch("b", "4", 49, WEB, LOOKS),
        touch("b", "5", 60, WEB, LOOKS),
        // Two of one instant: their ids tell which came first.
        touch("c", "y", 3, Channel::Email, None),
        touch("c", "x", 3, WEB, LOOKS),
        touch("d", "1", 46, WEB, LOOKS),
        touch("e", "1", 10, WEB, BUYS),
        touch("e", "2", 30, WEB, BUYS),
        touch("e", "3", 31, PHONE, ASKS),
    ];
    // As good as any order of arrival.
    all.sort_by_key(|one| (one.occurred_at.micros() % 7, one.customer_id.clone()));
    all
}

async fn record(store: &Store, interactions: Vec<Interaction>) {
    store.interactions_record(interactions, at(0)).await.expect("recorded");
}

/// The first 50 days, seen after 55.
fn fifty_days() -> Touchpoints<'static> {
    Touchpoints {
        start: at(0),
        end: at(50 * 24 * HOURS),
        as_of: at(55 * 24 * HOURS),
        kinds: &[],
        customer_actions: false,
        personas: &[],
        by_persona: false,
        segmentation_id: None,
    }
}

fn on(channel: Channel, stage: Option<Stage>) -> Place {
    Place { stage, channel: Some(channel) }
}

fn cell(channel: Channel, stage: Option<Stage>) -> Cell {
    Cell { persona: None, place: on(channel, stage) }
}

#[tokio::test]
async fn the_map_counts_what_followed_and_who_dropped_off() {
    on_every_engine(async |store| {
        record(&store, known()).await;
        let (cells, _) = store.journey_map(&fifty_days(), 10 * DAY).await.expect("the map");
        let counts = |of: [i64; 7]| CellCounts {
            interactions: of[0],
            customers: of[1],
            followed: of[2],
            ended: of[3],
            immature: of[4],
            customers_ended: of[5],
            customers_immature: of[6],
        };
        let expected = [
            (cell(Channel::Email, None), counts([1, 1, 0, 1, 0, 1, 0])),
            // a and b went on, c at the same instant; of b's second and of d nothing is known yet.
            (cell(WEB, LOOKS), counts([5, 4, 3, 0, 2, 0, 2])),
            // b came back after 35 days; e's first was not followed in time, but e's last was.
            (cell(WEB, BUYS), counts([4, 3, 2, 2, 0, 1, 0])),
            (cell(PHONE, ASKS), counts([3, 3, 1, 2, 0, 2, 0])),
        ];
        assert_eq!(cells.into_iter().collect::<Vec<_>>(), expected);

        // What follows b's second in time may happen at the very instant as of which is asked, which is not seen; d's is over.
        let (cells, _) = store.journey_map(&fifty_days(), 6 * DAY).await.expect("the map");
        assert_eq!(cells[&cell(WEB, LOOKS)], counts([5, 4, 3, 1, 1, 1, 1]));
    })
    .await;
}

#[tokio::test]
async fn transitions_have_their_exact_middle_times() {
    on_every_engine(async |store| {
        record(&store, known()).await;
        let (_, found) = store.journey_map(&fifty_days(), 10 * DAY).await.expect("the map");
        let step = |from: Cell, to: Place, count, middle: (i64, i64)| Transition {
            from,
            to,
            count,
            middle: (middle.0 * DAY, middle.1 * DAY),
        };
        let (looks, buys, asks) = (on(WEB, LOOKS), on(WEB, BUYS), on(PHONE, ASKS));
        let expected = [
            step(cell(WEB, LOOKS), buys, 2, (1, 4)),
            step(cell(WEB, LOOKS), on(Channel::Email, None), 1, (0, 0)),
            step(cell(WEB, BUYS), asks, 2, (1, 2)),
            step(cell(PHONE, ASKS), looks, 1, (9, 9)),
        ];
        assert_eq!(found.len(), expected.len(), "{found:?}");
        assert!(expected.iter().all(|one| found.contains(one)), "{found:?}");
    })
    .await;
}

/// Paths as `steps: journeys customers ended middle`, steps as channel codes and stage codes.
async fn paths(store: &Store, of: &Touchpoints<'_>, rules: PathRules) -> (Vec<String>, i64, i64) {
    shown(store.journey_paths(of, rules, None, 50).await.expect("paths"))
}

fn shown(page: PathPage) -> (Vec<String>, i64, i64) {
    let step = |place: &Place| {
        let code = |code: Option<i16>| code.map_or("-".to_owned(), |code| code.to_string());
        let (channel, stage) = (place.channel.map(Channel::code), place.stage.map(Stage::code));
        format!("{}/{}", code(channel), code(stage))
    };
    let shown = page.paths.iter().map(|(_, path)| {
        let steps: Vec<String> = path.steps.iter().map(step).collect();
        let (low, high) = path.middle;
        let (steps, low, high) = (steps.join(" "), low / DAY, high / DAY);
        format!("{steps}: {} {} {} {low} {high}", path.journeys, path.customers, path.ended)
    });
    (shown.collect(), page.known, page.open)
}

const RULES: PathRules =
    PathRules { by: By::StageAndChannel, length: 5, repeats: false, gap: 12 * DAY };

#[tokio::test]
async fn paths_are_counted_by_journey_and_paged() {
    on_every_engine(async |store| {
        record(&store, known()).await;
        // With a gap of 12 days b has two journeys (days 1 and 5; 40, 49), e two (10; 30 and 31); b's second and d's are not over.
        let (found, known, open) = paths(&store, &fifty_days(), RULES).await;
        let expected = [
            "1/2 1/3: 1 1 1 4 4",
            "1/2 1/3 5/6: 1 1 1 3 3",
            "1/2 3/-: 1 1 1 0 0",
            "1/3: 1 1 1 0 0",
            "1/3 5/6: 1 1 1 1 1",
        ];
        assert_eq!((found, known, open), (expected.map(String::from).to_vec(), 5, 2));

        // The same journeys by stage, told by their first touchpoint: now that of b's second and of d are known as well.
        let rules = PathRules { by: By::Stage, length: 1, ..RULES };
        let (found, known, open) = paths(&store, &fifty_days(), rules).await;
        let expected = ["-/2: 4 4 0 0 0", "-/3: 2 1 1 0 0", "-/6: 1 1 0 0 0"];
        assert_eq!((found, known, open), (expected.map(String::from).to_vec(), 7, 0));

        // Page by page.
        let mut one_by_one = Vec::new();
        let mut after = None;
        loop {
            let page = store.journey_paths(&fifty_days(), RULES, after, 1).await.expect("a page");
            let Some((key, _)) = page.paths.last() else { break };
            after = Some(*key);
            let (paths, known, open) = shown(page);
            assert_eq!((paths.len(), known, open), (1, 5, 2));
            one_by_one.extend(paths);
        }
        assert_eq!(one_by_one, paths(&store, &fifty_days(), RULES).await.0);
    })
    .await;
}

#[tokio::test]
async fn repeats_are_one_touchpoint_unless_they_are_kept() {
    on_every_engine(async |store| {
        let days = [(1, WEB), (2, WEB), (3, PHONE), (4, WEB), (5, WEB)];
        let all = days.map(|(day, channel)| touch("a", &day.to_string(), day, channel, BUYS));
        record(&store, all.to_vec()).await;
        let (mut of, mut rules) = (fifty_days(), RULES);
        assert_eq!(paths(&store, &of, rules).await.0, ["1/3 5/3 1/3: 1 1 1 3 3"]);
        rules.by = By::Channel;
        assert_eq!(paths(&store, &of, rules).await.0, ["1/- 5/- 1/-: 1 1 1 3 3"]);
        rules.by = By::Stage;
        assert_eq!(paths(&store, &of, rules).await.0, ["-/3: 1 1 1 0 0"]);
        rules.repeats = true;
        rules.by = By::Channel;
        assert_eq!(paths(&store, &of, rules).await.0, ["1/- 1/- 5/- 1/- 1/-: 1 1 1 4 4"]);
        // Longer than the path: not ended with it.
        rules.length = 2;
        assert_eq!(paths(&store, &of, rules).await.0, ["1/- 1/-: 1 1 0 1 1"]);
        rules.length = 7;
        rules.gap = DAY - 1;
        assert_eq!(paths(&store, &of, rules).await.0, ["1/-: 4 1 4 0 0", "5/-: 1 1 1 0 0"]);
        // A journey that began before the range is none of it, though it goes on there.
        rules.gap = DAY;
        of.start = at(2 * 24 * HOURS);
        assert_eq!(paths(&store, &of, rules).await, (Vec::new(), 0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_conversion_is_a_later_one_in_time_by_customer() {
    on_every_engine(async |store| {
        record(&store, known()).await;
        let stage = |stage: Option<Stage>| Condition {
            stages: stage.into_iter().collect(),
            ..Condition::default()
        };
        let ask = async |from: &Condition, to: &Condition, days: i64| {
            let of = fifty_days();
            store.journey_conversions(&of, (from, to), days * DAY).await.expect("conversions")
        };
        let share = |hits, of, excluded| Share { hits, of, excluded };
        let days = |days: &[i64]| days.iter().map(|day| (day * DAY, 1)).collect::<Vec<_>>();
        let sorted = |mut converted: Converted| {
            converted.times.sort_unstable();
            converted
        };
        // a after 1 day, b after 4; c never; d's window is not over.
        let found = ask(&stage(LOOKS), &stage(BUYS), 10).await.remove(&None).expect("some");
        assert_eq!(sorted(found), Converted { share: share(2, 3, 1), times: days(&[1, 4]) });
        // a after 2 days, b only after 35, e after 21 (not after 1: the first time at the first counts).
        let found = ask(&stage(BUYS), &stage(ASKS), 21).await.remove(&None).expect("some");
        assert_eq!(sorted(found), Converted { share: share(2, 3, 0), times: days(&[2, 21]) });
        // From a touchpoint to the same one it takes another: b after 48 days, of which nothing is known for d.
        let found = ask(&stage(LOOKS), &stage(LOOKS), 48).await.remove(&None).expect("some");
        assert_eq!(sorted(found), Converted { share: share(1, 3, 1), times: days(&[48]) });
        // Of one instant, and in the other direction.
        let (looks, mail) =
            (stage(LOOKS), Condition { channels: vec![Channel::Email], ..Condition::default() });
        let found = ask(&looks, &mail, 1).await.remove(&None).expect("some");
        assert_eq!(found, Converted { share: share(1, 4, 0), times: vec![(0, 1)] });
        let found = ask(&mail, &looks, 1).await.remove(&None).expect("some");
        assert_eq!(found, Converted { share: share(0, 1, 0), times: Vec::new() });
        assert!(ask(&stage(Some(Stage::Advocacy)), &looks, 1).await.is_empty());
    })
    .await;
}
