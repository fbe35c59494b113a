use super::{
    boost::Growth,
    recipe::{Kitchen, Recipe},
    sample::Sample,
    *,
};
use crate::{Activity, Customer, Gender, Timestamp, codes::Kind, interaction::Currency, time::DAY};
use std::sync::LazyLock;

/// Numbers as good as drawn: splitmix64.
struct Draws(u64);

impl Draws {
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, most: i64) -> i64 {
        (self.share() * most as f64) as i64
    }
}

fn at(day: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + day * DAY).expect("in range")
}

/// Somebody who buys at a rhythm of their own until they stop.
struct Person {
    customer: Customer,
    /// Day and minor units of each order.
    orders: Vec<(i64, i64)>,
    /// What they would say of recommending, and whether they are asked.
    likes: i64,
    answers: bool,
}

/// Who is on the small plan, likes nothing, or is a man stops sooner.
fn people(seed: u64, many: usize) -> Vec<Person> {
    let mut draws = Draws(seed);
    let person = |n: usize| {
        let (gap, usual) = (4.0 + 30.0 * draws.share(), 500 + draws.below(9_000));
        let (small, man, likes) = (draws.share() < 0.5, draws.share() < 0.5, draws.below(1001));
        let stops = 0.01
            + if small { 0.15 } else { 0.0 }
            + if man { 0.05 } else { 0.0 }
            + if likes < 400 { 0.1 } else { 0.0 };
        let mut day = draws.below(440) as f64;
        let mut orders = Vec::new();
        while day < 560.0 {
            orders.push((day as i64, usual / 2 + draws.below(usual)));
            let stopped = draws.share() < stops;
            day += if stopped { 1000.0 } else { 1.0 - gap * (1.0 - draws.share()).ln() };
        }
        let customer = Customer {
            customer_id: format!("c{seed}-{n}"),
            plan: Some(if small { "small" } else { "large" }.to_owned()),
            gender: Some(if man { Gender::Male } else { Gender::Female }),
            birth_year: Some(1950 + draws.below(50) as i32),
            ..Customer::default()
        };
        Person { customer, orders, likes, answers: draws.share() < 0.5 }
    };
    (0..many).map(person).collect()
}

/// Who counted on a day, and what became of them.
#[derive(Clone)]
struct Seen {
    activity: Activity,
    standing: Standing,
    customer: Customer,
    churned: bool,
    spent: i64,
}

impl Person {
    fn seen(&self, definition: &Definition, today: i64) -> Option<Seen> {
        let orders: Vec<_> = self.orders.iter().filter(|(day, _)| *day < today).collect();
        let (&&(first, _), &&(last, _)) = (orders.first()?, orders.last()?);
        let within = |from: i64, to: i64| {
            let of = orders.iter().filter(|(day, _)| (today - from..today - to).contains(day));
            of.fold((0, 0), |(number, sum), (_, amount)| (number + 1, sum + amount))
        };
        let (number, total) = within(10_000, 0);
        let mut activity = Activity::empty(self.customer.customer_id.clone(), at(first));
        (activity.last_at, activity.order_last_at) = (at(last), Some(at(last)));
        activity.order_first_at = Some(at(first));
        (activity.interactions, activity.orders, activity.order_days) = (number, number, number);
        (activity.active_days, activity.order_items, activity.orders_valued) =
            (number, number, number);
        activity.order_value = total;
        activity.order_value_max =
            orders.iter().map(|(_, amount)| *amount).max().unwrap_or_default();
        activity.orders_30d = within(30, 0).0;
        (activity.orders_90d, activity.order_value_90d) = within(90, 0);
        (activity.orders_prior_90d, activity.order_value_prior_90d) = within(180, 90);
        (activity.orders_365d, activity.order_value_365d) = within(365, 0);
        (activity.interactions_90d, activity.interactions_365d) =
            (activity.orders_90d, activity.orders_365d);
        if self.answers {
            activity.surveys = 1;
            activity.nps.answers = 1;
            (activity.nps.permille_sum, activity.nps.permille_last) =
                (self.likes, Some(self.likes));
        }
        let standing =
            Standing { first_at: at(first), last_at: at(last), days: number, runs: false };
        let horizon = today..today + definition.horizon_days();
        let came = self.orders.iter().filter(|(day, _)| horizon.contains(day));
        let counts = definition.counted(&standing, None, at(today)) == Counted::Present;
        counts.then(|| Seen {
            activity,
            standing,
            customer: self.customer.clone(),
            churned: came.clone().count() == 0,
            spent: came.map(|(_, amount)| amount).sum(),
        })
    }
}

/// Customers, and what is trained on them.
struct Town {
    definition: Definition,
    columns: Columns,
    past: Vec<Snapshot>,
    present: Snapshot,
    now: Vec<Seen>,
}

const NOW: i64 = 500;
/// A horizon and half of one apart, as `cutoffs` has them.
const CUTOFFS: [i64; 5] = [320, 350, 380, 410, 440];

impl Town {
    fn new(many: usize, days: &[i64], change: impl Fn(&mut Seen)) -> Self {
        let people = people(1, many);
        let draft = Draft { horizon_days: Some(60), ..Draft::default() };
        let definition = Definition::new(draft).expect("valid");
        let on = |day: i64| {
            let mut seen: Vec<Seen> =
                people.iter().filter_map(|one| one.seen(&definition, day)).collect();
            seen.iter_mut().for_each(&change);
            seen
        };
        let (then, now): (Vec<Vec<Seen>>, _) = (days.iter().map(|&day| on(day)).collect(), on(NOW));
        let columns = Columns::learn(then.iter().flatten().chain(&now).map(|s| Some(&s.customer)));
        let of = |day: i64, seen: &[Seen]| {
            let case = |one| case(one, &definition, day);
            Snapshot::of(at(day), &columns, &seen.iter().map(case).collect::<Vec<_>>())
        };
        let past = days.iter().zip(&then).map(|(&day, seen)| of(day, seen)).collect();
        let present = of(NOW, &now);
        Self { definition, past, present, columns, now }
    }

    fn train(&self) -> (Model, Report) {
        let Self { definition, columns, past, present, .. } = self;
        train(Training { definition, columns, past, present })
    }

    fn subjects(&self) -> Vec<Subject<'_>> {
        self.now.iter().map(|one| case(one, &self.definition, NOW).subject).collect()
    }
}

fn case<'a>(seen: &'a Seen, definition: &'a Definition, day: i64) -> Case<'a> {
    let Seen { activity, standing, customer, churned, spent } = seen;
    let (as_of, customer) = (at(day), Some(customer));
    let subject =
        Subject { activity, standing: *standing, customer, as_of, definition, rhythm: None };
    Case { subject, churned: *churned, spent: *spent }
}

/// The town that most tests look at, and what is made of it.
static TOWN: LazyLock<(Town, Model, Report)> = LazyLock::new(|| {
    let town = Town::new(2000, &CUTOFFS, |_| {});
    let (model, report) = town.train();
    (town, model, report)
});

fn close(one: f64, other: f64, within: f64) {
    assert!((one - other).abs() <= within, "{one} is not {other}");
}

#[test]
fn contributions_sum_to_the_score() {
    let (town, model, report) = &*TOWN;
    let sample = Sample::of(&town.past.iter().collect::<Vec<_>>());
    let kitchen = Kitchen { columns: &town.columns, refused: &[], few: false };
    let growth = |leaves| Growth {
        leaves,
        rate: 0.1,
        rounds: 60,
        fewest_rows: 20,
        ridge: 1.0,
        least_gain: 1e-3,
    };
    let recipes =
        [Recipe::Logistic { c: 0.1 }, Recipe::Boosted(growth(2)), Recipe::Boosted(growth(8))];
    let unknown = vec![f64::NAN; town.columns.width()];
    assert!(sample.rows.iter().any(|row| row.iter().any(|value| value.is_nan())));
    for recipe in recipes {
        let scorer = recipe.fit(&sample, &kitchen).expect("fits");
        let mut spread = 0.0_f64;
        for &row in sample.rows.iter().chain([&&unknown[..]]) {
            let added: f64 = scorer.contributions(row).iter().sum();
            close(scorer.average().expect("a sum") + added, scorer.log_odds(row), 1e-9);
            spread = spread.max(added.abs());
        }
        assert!(spread > 0.5, "{recipe:?} tells nobody apart: {spread}");
    }
    assert_ne!(report.basis, Basis::RecencyRule, "{}", report.basis_reason);
    for subject in town.subjects() {
        let added: f64 = model.contributions(&subject).iter().map(|(_, share)| share).sum();
        let average = model.average_log_odds().expect("a sum");
        close(average + added, model.log_odds(&subject).expect("a score"), 1e-9);
    }
}
