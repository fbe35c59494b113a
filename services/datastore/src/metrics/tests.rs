//! Every statement runs on every engine in every shape, and the counts of each family are those of a population whose
//! figures are known by construction.

use super::*;
use crate::testing::{at, on_every_engine};
use cx_analytics::churn::{Definition, Draft};
use cx_analytics::metrics::{
    Answers, BucketLength, Buckets, CaseClock, Incidence, ResponsePolicy, Share, Spans, Total,
    Waits, WeekStart, buckets::time_zone,
};
use cx_analytics::{Channel, Stage, features::Field};

mod campaigns;
mod cases;
mod churn;
mod cohorts;
mod contacts;
mod groups;
mod orders;
mod subscriptions;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// One row: `(customer, second, kind, channel, stage, further columns)`.
type Row = (&'static str, i64, i16, i16, i16, &'static str);

fn order(customer: &'static str, day: i64, more: &'static str) -> Row {
    (customer, day * DAY, 6, 1, 0, more)
}

async fn record(store: &Store, rows: &[Row]) {
    store
        .write(async |tx| {
            for (number, (customer, second, kind, channel, stage, more)) in rows.iter().enumerate() {
                let (names, values): (Vec<&str>, Vec<&str>) =
                    more.split(' ').filter_map(|pair| pair.split_once('=')).unzip();
                let extra = |parts: &[&str]| parts.iter().map(|part| format!(", {part}")).collect::<String>();
                let text = format!(
                    "INSERT INTO interaction (customer_id, interaction_id, occurred_at, received_at, fingerprint, kind, channel, stage{})
                     VALUES ('{customer}', 'i{number:03}', {}, 0, $1, {kind}, {channel}, {stage}{})",
                    extra(&names),
                    at(*second).micros(),
                    extra(&values),
                );
                sql::execute(tx, &text, vec![vec![0_u8].into()]).await?;
            }
            Ok(())
        })
        .await
        .expect("recorded");
}

struct Asker {
    buckets: Buckets,
    filter: Filter,
    churned: Churned,
    by: Dimensions,
    policy: ResponsePolicy,
    clock: CaseClock,
    known_until: Option<Timestamp>,
}

/// Five days without, after ten with one of these.
fn defined(kinds: Vec<Kind>) -> Definition {
    let draft =
        Draft { look_back_days: Some(10), horizon_days: Some(5), kinds, ..Draft::default() };
    Definition::new(draft).expect("valid")
}

impl Asker {
    fn new(buckets: Buckets) -> Self {
        let cut_offs = buckets.starts().to_vec();
        let definition = defined(vec![Kind::Order]);
        let churned = Churned { definition, cut_offs };
        let (by, filter) = (Dimensions::default(), Filter::default());
        Self {
            buckets,
            filter,
            churned,
            by,
            policy: ResponsePolicy::All,
            clock: CaseClock::Opened,
            known_until: None,
        }
    }

    fn days(days: i64) -> Self {
        let zone = time_zone("UTC").expect("a zone");
        Self::new(Buckets::cut(at(0), at(days * DAY), &zone, BucketLength::Day).expect("few"))
    }

    async fn ask(&self, store: &Store, metric: Metric) -> Vec<(GroupKey, Counts)> {
        let question = Question {
            buckets: &self.buckets,
            as_of: self.buckets.end(),
            known_until: self.known_until.unwrap_or(self.buckets.end()),
            by: self.by.clone(),
            filter: &self.filter,
            segmentation_id: Some("s1"),
            policy: self.policy,
            clock: self.clock,
            churned: &self.churned,
            waits: Waits::default(),
        };
        let groups = store.metric_counts(metric, &question).await.expect("counts");
        groups.iter().map(|(key, counts)| (key.clone(), counts.clone())).collect()
    }

    async fn only(&self, store: &Store, metric: Metric) -> Counts {
        let mut all = self.ask(store, metric).await;
        assert_eq!(all.len(), 1, "{metric:?} {all:?}");
        all.remove(0).1
    }
}

fn whole() -> Asker {
    Asker::new(Buckets::whole(at(0), at(30 * DAY)))
}

#[tokio::test]
async fn every_statement_runs_in_every_shape() {
    on_every_engine(async |store| {
        record(&store, &[("c", 5, 1, 1, 0, "action=2")]).await;
        let zone = time_zone("Europe/Berlin").expect("a zone");
        let week = BucketLength::Week(WeekStart::Sunday);
        let lengths = [BucketLength::Day, week, BucketLength::Month, BucketLength::Quarter];
        for length in lengths.map(Some).into_iter().chain([None]) {
            let buckets = length.map_or(Buckets::whole(at(0), at(900 * DAY)), |length| {
                Buckets::cut(at(0), at(900 * DAY), &zone, length).expect("few")
            });
            let mut asker = Asker::new(buckets);
            for policy in [ResponsePolicy::All, ResponsePolicy::FirstPerCustomer] {
                asker.policy = policy;
                for metric in Metric::ALL {
                    asker.ask(&store, metric).await;
                }
            }
            asker.by = Dimensions {
                persona: true,
                channel: true,
                stage: true,
                attribute: Some(Attribute::Field(Field::Gender)),
                detail: true,
            };
            asker.clock = CaseClock::Ended;
            asker.filter = Filter {
                personas: vec![0, 3],
                channels: vec![Channel::Web],
                stages: vec![Stage::Usage],
                attributes: vec![
                    (Attribute::Field(Field::Country), vec!["DE".to_owned()]),
                    (Attribute::Entry("a 'key\" $.b".to_owned()), vec!["x".to_owned()]),
                ],
                details: vec!["d".to_owned(), String::new()],
            };
            for metric in Metric::ALL {
                assert!(asker.ask(&store, metric).await.is_empty());
            }
        }
    })
    .await;
}

const NPS: &str = "action=1 variant=1 score_min=0 score_max=10 lower_is_better=0 score=";

#[tokio::test]
async fn a_policy_takes_one_answer_of_each_person_within_group_and_bucket() {
    on_every_engine(async |store| {
        let answer = |customer, second, channel, score: i32| -> Row {
            (customer, second, 4, channel, 0, Box::leak(format!("{NPS}{score}").into_boxed_str()))
        };
        // The two of b at the same instant are told apart by their ids.
        record(
            &store,
            &[
                answer("a", 1, 1, 3),
                answer("a", 2, 2, 10),
                answer("b", 5, 1, 9),
                answer("b", 5, 1, 0),
            ],
        )
        .await;
        let mut asker = whole();
        let counted = |counts| match counts {
            Counts::Answers(Answers { mut patterns, excluded }) => {
                patterns.sort_by_key(|pattern| pattern.sum);
                let of = |p: &cx_analytics::metrics::counts::AnswerPattern| {
                    (p.customers, p.answers, p.high, p.low, p.sum)
                };
                (patterns.iter().map(of).collect::<Vec<_>>(), excluded)
            }
            other => panic!("{other:?}"),
        };
        let nps = Metric::NpsRelational;
        assert_eq!(
            counted(asker.only(&store, nps).await),
            (vec![(1, 2, 1, 1, 9), (1, 2, 1, 1, 13)], 0)
        );
        asker.policy = ResponsePolicy::LatestPerCustomer;
        assert_eq!(
            counted(asker.only(&store, nps).await),
            (vec![(1, 1, 0, 1, 0), (1, 1, 1, 0, 10)], 2)
        );
        asker.policy = ResponsePolicy::FirstPerCustomer;
        assert_eq!(
            counted(asker.only(&store, nps).await),
            (vec![(1, 1, 0, 1, 3), (1, 1, 1, 0, 9)], 2)
        );
        asker.by.channel = true;
        assert_eq!(asker.ask(&store, nps).await.len(), 2);
        assert!(asker.ask(&store, Metric::NpsTransactional).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_delivery_is_answered_by_what_follows_it() {
    on_every_engine(async |store| {
        record(
            &store,
            &[
                ("a", 10, 4, 3, 0, "action=2 variant=3 subject='s'"),
                ("a", DAY + 10, 4, 3, 0, "action=1 variant=3 subject='s'"), // answered in the next bucket
                ("a", DAY + 20, 4, 3, 0, "action=1 variant=3 subject='s'"), // a second answer
                ("a", DAY + 30, 4, 3, 0, "action=2 variant=3 subject='s'"), // delivered again, not answered
                ("b", 50, 4, 3, 0, "action=1 variant=3"),                   // never delivered
                ("c", 60, 4, 3, 0, "action=2 variant=4"),
                ("c", 60, 4, 3, 0, "action=1 variant=4"), // at the same instant
            ],
        )
        .await;
        let share = |hits, of, excluded| Counts::Share(Share { hits, of, excluded });
        assert_eq!(whole().only(&store, Metric::SurveyResponseRate).await, share(2, 3, 2));
        let days: Vec<Counts> = Asker::days(2)
            .ask(&store, Metric::SurveyResponseRate)
            .await
            .into_iter()
            .map(|(_, c)| c)
            .collect();
        assert_eq!(days, [share(2, 2, 1), share(0, 1, 1)]);
    })
    .await;
}

/// Case x: opened, bot, human, solved, reopened, solved. Case y of another customer with the same id: opened, solved, reopened.
/// Case z: no opening. Case w: nothing but an opening, by another channel and stage.
const CASES: [Row; 12] = [
    ("a", 100, 3, 5, 6, "action=1 subject='x'"),
    ("a", 110, 3, 3, 6, "action=2 variant=2 subject='x'"),
    ("a", 160, 3, 3, 6, "action=2 variant=1 subject='x'"),
    ("a", DAY, 3, 3, 6, "action=3 subject='x'"),
    ("a", 2 * DAY, 3, 3, 6, "action=4 subject='x'"),
    ("a", 3 * DAY, 3, 3, 6, "action=3 subject='x'"),
    ("b", 200, 3, 5, 6, "action=1 subject='x'"),
    ("b", 300, 3, 5, 6, "action=3 subject='x'"),
    ("b", 400, 3, 5, 6, "action=4 subject='x'"),
    ("c", 500, 3, 5, 6, "action=3 subject='z'"),
    ("c", DAY + 5, 3, 1, 0, "action=1 subject='w'"),
    ("d", 31 * DAY, 3, 5, 6, "action=1 subject='later'"),
];

fn spans(ended: &[i64], open: &[i64], excluded: i64) -> Counts {
    let micros = |seconds: &[i64]| seconds.iter().map(|seconds| (seconds * 1_000_000, 1)).collect();
    Counts::Spans(Spans { ended: micros(ended), open: micros(open), excluded })
}

fn sorted(counts: Counts) -> Counts {
    match counts {
        Counts::Spans(mut spans) => {
            spans.ended.sort_unstable();
            spans.open.sort_unstable();
            Counts::Spans(spans)
        }
        other => other,
    }
}

#[tokio::test]
async fn case_clocks_survive_bots_reopening_and_missing_openings() {
    on_every_engine(async |store| {
        record(&store, &CASES).await;
        let mut asker = whole();
        let end = 30 * DAY;
        let first_response = sorted(asker.only(&store, Metric::FirstResponseTime).await);
        assert_eq!(first_response, spans(&[60], &[end - DAY - 5, end - 200], 1));
        let first = sorted(asker.only(&store, Metric::FirstResolutionTime).await);
        assert_eq!(first, spans(&[100, DAY - 100], &[end - DAY - 5], 1));
        let full = sorted(asker.only(&store, Metric::FullResolutionTime).await);
        assert_eq!(full, spans(&[3 * DAY - 100], &[end - DAY - 5, end - 200], 1));
        asker.clock = CaseClock::Ended;
        assert_eq!(
            sorted(asker.only(&store, Metric::FullResolutionTime).await),
            spans(&[3 * DAY - 100], &[], 1)
        );
    })
    .await;
}

#[tokio::test]
async fn a_case_is_filed_by_its_clock_and_grouped_by_its_opening() {
    on_every_engine(async |store| {
        record(&store, &CASES).await;
        let mut asker = Asker::days(4);
        asker.by = Dimensions { channel: true, stage: true, ..Dimensions::default() };
        let opened = asker.ask(&store, Metric::FullResolutionTime).await;
        let keys: Vec<_> =
            opened.iter().map(|(key, _)| (key.bucket, key.channel, key.stage)).collect();
        let support = Some(Stage::Support);
        assert_eq!(keys, [(0, Some(Channel::Phone), support), (1, Some(Channel::Web), None)]);
        asker.clock = CaseClock::Ended;
        let ended = asker.ask(&store, Metric::FullResolutionTime).await;
        let keys: Vec<_> = ended.iter().map(|(key, _)| (key.bucket, key.channel)).collect();
        // In bucket 0 the case without an opening, in bucket 3 the one that was solved twice.
        assert_eq!(keys, [(0, Some(Channel::Phone)), (3, Some(Channel::Phone))]);
    })
    .await;
}

#[tokio::test]
async fn contacts_and_volumes_are_counted() {
    on_every_engine(async |store| {
        record(
            &store,
            &[
                ("a", 1, 2, 5, 6, "variant=1 flag=0 wait=7000000"),
                ("a", 2, 2, 5, 6, "flag=1 wait=9000000"),
                ("b", 3, 2, 4, 6, "variant=2 flag=0"),
                ("b", 4, 6, 1, 3, "subject='o' currency='EUR' amount=9223372036854775807"),
                ("b", 5, 6, 1, 3, "subject='p' currency='EUR' amount=9223372036854775807"),
                ("c", 6, 6, 1, 3, "subject='q' currency='JPY' amount=5"),
                ("c", 7, 6, 1, 3, "subject='r'"),
                ("c", 8, 10, 3, 0, "action=1 subject='k'"),
                ("c", 9, 10, 3, 0, "action=1"),
                ("c", 9, 10, 3, 0, "action=2 subject='k'"),
            ],
        )
        .await;
        let asker = whole();
        assert_eq!(asker.only(&store, Metric::QueueWait).await, spans(&[7], &[], 2));
        let abandoned = Counts::Share(Share { hits: 1, of: 2, excluded: 1 });
        assert_eq!(asker.only(&store, Metric::AbandonmentRate).await, abandoned);
        let number = |n: i64| Counts::Total(Total { sum: n.into(), n, excluded: 0 });
        assert_eq!(asker.only(&store, Metric::Interactions).await, number(10));
        assert_eq!(asker.only(&store, Metric::ActiveCustomers).await, number(3));
        assert_eq!(asker.only(&store, Metric::Orders).await, number(4));
        let revenue = asker.ask(&store, Metric::Revenue).await;
        let revenue: Vec<_> = revenue
            .iter()
            .map(|(key, counts)| (key.currency.map(|c| c.to_string()), counts.clone()))
            .collect();
        let total = |sum: i128, n, excluded| Counts::Total(Total { sum, n, excluded });
        assert_eq!(
            revenue,
            [
                (None, total(0, 0, 1)),
                (Some("EUR".to_owned()), total(2 * i128::from(i64::MAX), 2, 0)),
                (Some("JPY".to_owned()), total(5, 1, 0)),
            ]
        );
        let complaints =
            Incidence { events: 2, answered: 1, affected: 1, squares: 4, customers: 3 };
        let complaints = Counts::Incidence(complaints);
        assert_eq!(asker.only(&store, Metric::ComplaintsPer100Customers).await, complaints);
        assert_eq!(store.interactions_first_at(at(100)).await.expect("read"), Some(at(1)));
        assert_eq!(store.interactions_first_at(at(1)).await.expect("read"), None);
    })
    .await;
}

#[tokio::test]
async fn personas_are_those_of_the_segmentation_asked_for() {
    on_every_engine(async |store| {
        record(&store, &[("a", 1, 6, 1, 3, ""), ("a", 2, 6, 2, 3, ""), ("b", 3, 6, 1, 3, ""), ("c", 4, 6, 1, 3, "")])
            .await;
        let columns = "customer_id, segmentation_id, persona, distance, runner_up, runner_up_distance, outlier";
        let insert = format!(
            "INSERT INTO assignment ({columns}) VALUES
             ('a', 's1', 0, 0, 1, 0, 0), ('b', 's1', 1, 0, 0, 0, 0), ('b', 's0', 0, 0, 1, 0, 0)"
        );
        store.write(async |tx| sql::execute(tx, &insert, vec![]).await).await.expect("assigned");
        let mut asker = whole();
        asker.by.persona = true;
        let number = |n: i64| Counts::Total(Total { sum: n.into(), n, excluded: 0 });
        let found = asker.ask(&store, Metric::Orders).await;
        let found: Vec<_> = found.into_iter().map(|(key, counts)| (key.persona, counts)).collect();
        assert_eq!(found, [(None, number(1)), (Some(0), number(2)), (Some(1), number(1))]);
        asker.by.persona = false;
        asker.filter.personas = vec![1];
        assert_eq!(asker.only(&store, Metric::Orders).await, number(1));
    })
    .await;
}
