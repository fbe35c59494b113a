//! How good churn models are on data of one's own. Not a test: it prints figures for the documentation.
//!
//! ```text
//! cargo bench -p cx-analytics --bench churn -- orders FILE.csv AT HORIZON_DAYS [LOOK_BACK_DAYS]
//! cargo bench -p cx-analytics --bench churn -- attributes FILE.csv LABEL_COLUMN POSITIVE
//! ```
//!
//! `orders` reads the columns customer, day (YYYY-MM-DD), amount (minor units), items, kind (order or return), knows nothing of what is
//! dated at AT or later, scores everybody who was active in the look-back, and judges by what followed. `attributes` reads one customer
//! a row, of whom nothing is known but the other columns, and judges customers held out.

use cx_analytics::churn::{
    Case, Columns, Counted, Definition, Draft, Quality, Report, Snapshot, Standing, Subject,
    Training, cutoffs, train,
};
use cx_analytics::time::DAY;
use cx_analytics::{Activity, Customer, Timestamp};
use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    match asked[..] {
        ["orders", file, at, horizon, ref rest @ ..] => {
            let look_back = rest.first().map_or(3650, |days| number(days));
            orders(file, instant(at), number(horizon), look_back);
        }
        ["attributes", file, label, positive] => attributes(file, label, positive),
        _ => println!(
            "orders FILE.csv AT HORIZON_DAYS [LOOK_BACK_DAYS] or attributes FILE.csv LABEL_COLUMN POSITIVE"
        ),
    }
}

fn number(text: &str) -> i64 {
    text.parse().expect("a number")
}

fn instant(day: &str) -> Timestamp {
    let date: jiff::civil::Date = day.parse().expect("a day as 2011-12-09");
    let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).expect("in range");
    Timestamp::from_micros(zoned.timestamp().as_microsecond()).expect("in range")
}

/// What somebody ordered or sent back.
#[derive(Clone)]
struct Event {
    at: Timestamp,
    amount: i64,
    items: i64,
    order: bool,
}

fn orders(file: &str, at: Timestamp, horizon: i64, look_back: i64) {
    let mut people: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    let mut reader = csv::Reader::from_path(file).expect("a file with a heading");
    for row in reader.records() {
        let row = row.expect("a row");
        let event = Event {
            at: instant(&row[1]),
            amount: number(&row[2]),
            items: number(&row[3]),
            order: &row[4] == "order",
        };
        people.entry(row[0].to_owned()).or_default().push(event);
    }
    let draft =
        Draft { look_back_days: Some(look_back), horizon_days: Some(horizon), ..Draft::default() };
    let definition = Definition::new(draft).expect("valid");
    let first = people.values().flatten().map(|event| event.at).min().expect("an event");
    let columns = Columns::default();
    let begun = Instant::now();
    let past: Vec<Snapshot> = cutoffs(&definition, at, first)
        .into_iter()
        .map(|cutoff| snapshot(&people, &definition, &columns, cutoff))
        .collect();
    let test = snapshot(&people, &definition, &columns, at);
    for one in &past {
        let gone = one.churned.iter().filter(|&&gone| gone).count();
        println!(
            "cut-off {}: {} customers, {gone} churned",
            one.as_of.micros() / DAY,
            one.churned.len()
        );
    }
    println!("counted in {:.2} s", begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    let of = Training { definition: &definition, columns: &columns, past: &past, present: &test };
    let (model, report) = train(of);
    println!("trained in {:.2} s", begun.elapsed().as_secs_f64());
    show(&report);
    worth(&report);
    let mut probabilities = Vec::new();
    each(&people, &definition, at, |subject| probabilities.push(model.probability(subject)));
    println!("what followed after {}:", at.micros() / DAY);
    line("all", &Quality::measure(&probabilities, &test.churned, definition.bands()));
}

/// Everybody who counts at an instant.
fn each(
    people: &BTreeMap<String, Vec<Event>>,
    definition: &Definition,
    as_of: Timestamp,
    mut look: impl FnMut(&Subject<'_>),
) {
    for (id, events) in people {
        let before: Vec<&Event> = events.iter().filter(|event| event.at < as_of).collect();
        let Some((activity, standing)) = activity(id, &before, as_of) else { continue };
        if definition.counted(&standing, None, as_of) == Counted::Present {
            look(&Subject {
                activity: &activity,
                standing,
                customer: None,
                as_of,
                definition,
                rhythm: None,
            });
        }
    }
}

fn snapshot(
    people: &BTreeMap<String, Vec<Event>>,
    definition: &Definition,
    columns: &Columns,
    as_of: Timestamp,
) -> Snapshot {
    let until = as_of.plus(definition.horizon_days() * DAY);
    let mut seen = Vec::new();
    each(people, definition, as_of, |subject| {
        let id = &subject.activity.customer_id;
        let came = |event: &Event| event.order && event.at >= as_of && event.at < until;
        let ordered = people[id].iter().filter(|event| came(event));
        let spent = ordered.clone().map(|event| event.amount).sum::<i64>();
        seen.push((subject.activity.clone(), subject.standing, ordered.count() == 0, spent));
    });
    let cases: Vec<Case<'_>> = (seen.iter())
        .map(|(activity, standing, churned, spent)| Case {
            subject: Subject {
                activity,
                standing: *standing,
                customer: None,
                as_of,
                definition,
                rhythm: None,
            },
            churned: *churned,
            spent: *spent,
        })
        .collect();
    Snapshot::of(as_of, columns, &cases)
}

/// What is counted of somebody before an instant; none of who never ordered.
fn activity(id: &str, before: &[&Event], as_of: Timestamp) -> Option<(Activity, Standing)> {
    let orders: Vec<&Event> = before.iter().copied().filter(|event| event.order).collect();
    let (first, last) = (orders.iter().map(|o| o.at).min()?, orders.iter().map(|o| o.at).max()?);
    let days = |events: &[&Event]| events.iter().map(|e| e.at).collect::<HashSet<_>>().len() as i64;
    let within = |events: &[&Event], from: i64, to: i64| {
        let of = |e: &&&Event| e.at >= as_of.days_before(from) && e.at < as_of.days_before(to);
        let of: Vec<Event> = events.iter().filter(of).map(|e| (*e).clone()).collect();
        (of.len() as i64, of.iter().map(|e| e.amount).sum::<i64>())
    };
    let mut activity = Activity::empty(id, first);
    activity.interactions = before.len() as i64;
    activity.first_at = before.iter().map(|e| e.at).min()?;
    activity.last_at = before.iter().map(|e| e.at).max()?;
    activity.active_days = days(before);
    activity.interactions_30d = within(before, 30, 0).0;
    activity.interactions_90d = within(before, 90, 0).0;
    activity.interactions_prior_90d = within(before, 180, 90).0;
    activity.interactions_365d = within(before, 365, 0).0;
    activity.orders = orders.len() as i64;
    activity.order_first_at = Some(first);
    activity.order_last_at = Some(last);
    activity.order_days = days(&orders);
    activity.orders_30d = within(&orders, 30, 0).0;
    (activity.orders_90d, activity.order_value_90d) = within(&orders, 90, 0);
    (activity.orders_prior_90d, activity.order_value_prior_90d) = within(&orders, 180, 90);
    (activity.orders_365d, activity.order_value_365d) = within(&orders, 365, 0);
    activity.order_items = orders.iter().map(|o| o.items).sum();
    activity.orders_valued = activity.orders;
    activity.order_value = orders.iter().map(|o| o.amount).sum();
    activity.order_value_max = orders.iter().map(|o| o.amount).max().unwrap_or(0);
    activity.returns = before.len() as i64 - activity.orders;
    activity.refund_value = before.iter().filter(|e| !e.order).map(|e| e.amount).sum();
    let standing = Standing { first_at: first, last_at: last, days: days(&orders), runs: false };
    Some((activity, standing))
}

fn attributes(file: &str, label: &str, positive: &str) {
    let mut reader = csv::Reader::from_path(file).expect("a file with a heading");
    let heading = reader.headers().expect("a heading").clone();
    let place = heading.iter().position(|name| name == label).expect("the label");
    let (mut customers, mut churned) = (Vec::new(), Vec::new());
    for row in reader.records() {
        let row = row.expect("a row");
        churned.push(&row[place] == positive);
        let named = heading.iter().zip(&row).enumerate().filter(|(column, _)| *column != place);
        let entries = named.map(|(_, (name, value))| (name.to_owned(), value.to_owned()));
        customers.push(Customer { attributes: entries.collect(), ..Customer::default() });
    }
    let draft = Draft { contractual: true, horizon_days: Some(30), ..Draft::default() };
    let definition = Definition::new(draft).expect("valid");
    let as_of = instant("2020-01-01");
    let standing = Standing { first_at: as_of, last_at: as_of, days: 1, runs: true };
    let activities: Vec<Activity> =
        (0..customers.len()).map(|n| Activity::empty(n.to_string(), as_of)).collect();
    let columns = Columns::learn(customers.iter().map(Some));
    let cases: Vec<Case<'_>> = (activities.iter().zip(&customers).zip(churned))
        .map(|((activity, customer), churned)| Case {
            subject: Subject {
                activity,
                standing,
                customer: Some(customer),
                as_of,
                definition: &definition,
                rhythm: None,
            },
            churned,
            spent: 0,
        })
        .collect();
    let snapshot = Snapshot::of(as_of, &columns, &cases);
    let begun = Instant::now();
    let past = [snapshot.clone()];
    let of =
        Training { definition: &definition, columns: &columns, past: &past, present: &snapshot };
    let (_, report) = train(of);
    println!("trained in {:.2} s", begun.elapsed().as_secs_f64());
    show(&report);
}

fn show(report: &Report) {
    println!("{}", report.basis_reason);
    for one in &report.candidates {
        let name =
            format!("{}{:?} {}", if one.chosen { "* " } else { "" }, one.basis, one.parameters);
        line(&format!("{name} (held out {:.5})", one.held_out_log_loss), &one.quality);
    }
}

fn worth(report: &Report) {
    for one in &report.value_candidates {
        println!(
            "{}{}: deviance {:.3}, mean absolute error {:.0}, said over spent {:.3}",
            if one.chosen { "* " } else { "" },
            one.method.in_words(),
            one.deviance,
            one.mean_absolute_error,
            one.said_over_spent,
        );
    }
}

fn line(name: &str, quality: &Quality) {
    println!(
        "{name}\n    n {} base {:.4} AUC {:.4} ({:.4}-{:.4}) AP {:.4} Brier {:.5} log loss {:.5} ECE {:.4} lift {:.2} deciles {}",
        quality.customers,
        quality.base_rate(),
        quality.auc,
        quality.auc_interval.0,
        quality.auc_interval.1,
        quality.average_precision,
        quality.brier,
        quality.log_loss,
        quality.calibration_error,
        quality.lift_top_decile,
        quality
            .bins
            .iter()
            .map(|bin| format!("{:.2}", bin.churned_share))
            .collect::<Vec<_>>()
            .join(" "),
    );
}
