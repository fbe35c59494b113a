use super::{boost::Growth, recipe::Kitchen, recipe::Recipe, sample::Sample, *};
use crate::{Activity, Customer, Gender, Timestamp, codes::Kind, interaction::Currency, time::DAY};
use std::sync::LazyLock;

/// Splitmix64.
struct Draws(u64);

impl Draws {
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, most: i64) -> i64 {
        (self.share() * most as f64) as i64
    }
}

fn at(day: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + day * DAY).expect("in range")
}

/// Somebody who buys at a rhythm of their own until they stop: day and minor units of each order, and what they say of recommending.
type Person = (Customer, Vec<(i64, i64)>, Option<i64>);

/// Who is on the small plan, likes nothing, or is a man stops sooner.
fn people(many: usize) -> Vec<Person> {
    let mut draws = Draws(1);
    let person = |n: usize| {
        let (gap, usual) = (4.0 + 30.0 * draws.share(), 500 + draws.below(9_000));
        let (small, man, likes) = (draws.share() < 0.5, draws.share() < 0.5, draws.below(1001));
        let more = [(small, 0.15), (man, 0.05), (likes < 400, 0.1)];
        let stops = 0.01 + more.iter().filter(|one| one.0).map(|one| one.1).sum::<f64>();
        let mut day = draws.below(440) as f64;
        let mut orders = Vec::new();
        while day < 560.0 {
            orders.push((day as i64, usual / 2 + draws.below(usual)));
            let next = 1.0 - gap * (1.0 - draws.share()).ln();
            day += if draws.share() < stops { 1000.0 } else { next };
        }
        let mut customer = Customer { customer_id: format!("c{n}"), ..Customer::default() };
        customer.plan = Some(if small { "small" } else { "large" }.to_owned());
        customer.gender = Some(if man { Gender::Male } else { Gender::Female });
        (customer, orders, (draws.share() < 0.5).then_some(likes))
    };
    (0..many).map(person).collect()
}

#[derive(Clone)]
struct Seen {
    activity: Activity,
    standing: Standing,
    customer: Customer,
    churned: bool,
    spent: i64,
}

fn seen((customer, orders, likes): &Person, definition: &Definition, today: i64) -> Option<Seen> {
    let past: Vec<_> = orders.iter().filter(|(day, _)| *day < today).collect();
    let (&&(first, _), &&(last, _)) = (past.first()?, past.last()?);
    let within = |from: i64, to: i64| {
        let of = past.iter().filter(|(day, _)| (today - from..today - to).contains(day));
        of.fold((0, 0), |(number, sum), (_, amount)| (number + 1, sum + amount))
    };
    let (number, total) = within(10_000, 0);
    let mut activity = Activity::empty(customer.customer_id.clone(), at(first));
    (activity.last_at, activity.order_last_at) = (at(last), Some(at(last)));
    (activity.order_first_at, activity.order_value) = (Some(at(first)), total);
    (activity.orders, activity.order_days, activity.orders_valued) = (number, number, number);
    (activity.orders_90d, activity.order_value_90d) = within(90, 0);
    (activity.orders_prior_90d, activity.order_value_prior_90d) = within(180, 90);
    (activity.orders_365d, activity.order_value_365d) = within(365, 0);
    activity.interactions_90d = activity.orders_90d;
    activity.nps.permille_last = *likes;
    let standing = Standing { first_at: at(first), last_at: at(last), days: number, runs: false };
    let horizon = today..today + definition.horizon_days();
    let came = orders.iter().filter(|(day, _)| horizon.contains(day));
    let counts = definition.counted(&standing, None, at(today)) == Counted::Present;
    let (churned, customer) = (came.clone().count() == 0, customer.clone());
    let spent = came.map(|(_, amount)| amount).sum();
    counts.then_some(Seen { activity, standing, customer, churned, spent })
}

struct Town {
    definition: Definition,
    columns: Columns,
    past: Vec<Snapshot>,
    present: Snapshot,
    now: Vec<Seen>,
}

const NOW: i64 = 500;
const CUTOFFS: [i64; 4] = [350, 380, 410, 440];

impl Town {
    fn new(many: usize, days: &[i64], change: impl Fn(Seen) -> Seen) -> Self {
        let people = people(many);
        let draft = Draft { horizon_days: Some(60), ..Draft::default() };
        let definition = Definition::new(draft).expect("valid");
        let on = |day: i64| {
            let all = people.iter().filter_map(|one| seen(one, &definition, day));
            all.map(&change).collect::<Vec<Seen>>()
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
    let (as_of, standing, customer) = (at(day), *standing, Some(customer));
    let subject = Subject { activity, standing, customer, as_of, definition, rhythm: None };
    Case { subject, churned: *churned, spent: *spent }
}

static TOWN: LazyLock<(Town, Model, Report)> = LazyLock::new(|| {
    let town = Town::new(2000, &CUTOFFS, |seen| seen);
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
    let unknown = vec![f64::NAN; town.columns.width()];
    assert!(sample.rows.iter().any(|row| row.iter().any(|value| value.is_nan())));
    let (rate, ridge, least_gain) = (0.1, 1.0, 1e-3);
    let stumps = Growth { leaves: 2, rate, rounds: 60, fewest_rows: 20, ridge, least_gain };
    let trees = Growth { leaves: 8, ..stumps };
    for recipe in [Recipe::Logistic { c: 0.1 }, Recipe::Boosted(stumps), Recipe::Boosted(trees)] {
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

#[test]
fn equal_arguments_give_equal_bytes_and_a_model_read_back_equal_bits() {
    let (town, model, report) = &*TOWN;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("a pool");
    let again = serde_json::to_string(&pool.install(|| town.train())).expect("is JSON");
    assert!(again == serde_json::to_string(&(model, report)).expect("is JSON"));
    let (read, _): (Model, Report) = serde_json::from_str(&again).expect("can be read");
    for subject in town.subjects() {
        assert_eq!(read.probability(&subject).to_bits(), model.probability(&subject).to_bits());
    }
}

#[test]
fn attributes_that_know_the_outcome_are_refused_and_honest_ones_kept() {
    let town = Town::new(1200, &CUTOFFS, |mut seen| {
        let mut draws = Draws((seen.activity.order_value + seen.activity.orders_90d) as u64);
        let gone = f64::from(u8::from(seen.churned));
        // No word alone orders outcomes; together they do.
        let word = ["paid", "open", "lost", "ended"][(draws.below(2) + 2 * gone as i64) as usize];
        for (key, value) in [
            ("fee", (draws.share() + 0.95 * gone).to_string()),
            ("state", word.to_owned()),
            ("mood", (draws.share() + 0.3 * gone).to_string()),
        ] {
            seen.customer.attributes.insert(key.to_owned(), value);
        }
        seen
    });
    let (model, report) = town.train();
    let contributions: Vec<(String, f64)> =
        town.subjects().iter().flat_map(|subject| model.contributions(subject)).collect();
    let moves = |name: &str| contributions.iter().any(|(of, by)| of == name && *by != 0.0);
    let (_, told) = report.basis_reason.split_once("too well to be true: ").expect("some are");
    for name in ["fee", "state=paid", "state=open", "state=lost", "state=ended"] {
        let name = format!("attribute:{name}");
        assert!(contributions.iter().any(|(of, _)| *of == name), "{name} is no column");
        assert!(told.contains(&name) && !moves(&name), "{name} of {told}");
    }
    assert!(!told.contains("mood") && !told.contains("plan"), "{told}");
    assert!(moves("attribute:mood") && report.model().expect("tested").auc < 0.97);
}

#[test]
fn a_model_that_learns_beats_the_rule_on_a_later_cutoff() {
    let (town, model, report) = &*TOWN;
    let chosen: Vec<&Candidate> = report.candidates.iter().filter(|one| one.chosen).collect();
    assert!(chosen.len() == 1 && chosen[0].basis == model.basis() && report.calibrated);
    let (own, rule) = (report.model().expect("tested"), report.rule().expect("tested"));
    assert!(own.log_loss < rule.log_loss - 0.01 && own.auc > rule.auc, "{own:?} {rule:?}");
    let said: Vec<f64> = town.subjects().iter().map(|one| model.probability(one)).collect();
    let truth = Quality::measure(&said, &town.present.churned, town.definition.bands());
    for quality in [own, &truth] {
        assert!(quality.auc > 0.65 && quality.calibration_error < 0.06, "{quality:?}");
    }
    assert_eq!(report.test, Some(Test { cutoff: at(440), held_out_customers: false }));
    assert_eq!(report.train_cutoffs, CUTOFFS[..2].iter().map(|day| at(*day)).collect::<Vec<_>>());
    let (_, report) = Town::new(500, &[440], |seen| seen).train();
    assert_eq!(report.test, Some(Test { cutoff: at(440), held_out_customers: true }));
}

#[test]
fn little_data_give_what_is_not_calibrated_and_says_so() {
    for (many, basis) in [(40, Basis::RecencyRank), (400, Basis::BgNbd)] {
        let town = Town::new(many, &[], |seen| seen);
        let (model, report) = town.train();
        assert_eq!((report.basis, report.calibrated, report.test), (basis, false, None));
        assert!(report.basis_reason.contains("uncalibrated: no customer with a known outcome"));
        let risks = model.risks(&town.subjects(), None);
        let silent = |one: &Risk| one.band == Band::InsufficientData && one.interval.is_none();
        assert!(risks.iter().all(silent));
        let said: Vec<f64> = risks.iter().map(|risk| risk.probability).collect();
        assert!(quality::auc(&said, &town.present.churned) > 0.6);
    }
    let town = Town::new(45, &CUTOFFS, |seen| seen);
    let (model, report) = town.train();
    assert_eq!((report.basis, report.calibrated), (Basis::RecencyRule, true));
    assert!(report.basis_reason.contains("at no cut-off") && report.test.is_none());
    let risks = model.risks(&town.subjects(), None);
    assert!(risks.iter().all(|risk| risk.interval.is_none() && risk.band <= Band::High));
}

#[test]
fn where_all_is_noise_the_rule_is_used_and_named() {
    let trainings = (0..8).map(|seed| {
        let mut town = Town::new(700, &CUTOFFS, |seen| seen);
        let mut draws = Draws(seed);
        let outcomes = town.past.iter_mut().flat_map(|one| &mut one.churned);
        outcomes.for_each(|gone| *gone = draws.share() < 0.3);
        town.train()
    });
    let ruled = trainings.filter(|(model, _)| model.basis() == Basis::RecencyRule);
    let ruled: Vec<(Model, Report)> = ruled.collect();
    assert!(ruled.len() >= 7, "{}: chance wins one time in twenty", ruled.len());
    for (model, report) in ruled {
        let reason = &report.basis_reason;
        assert!(
            reason.starts_with("recency rule (") && reason.contains("is not below"),
            "{reason}"
        );
        assert!(report.calibrated && report.importances.is_empty());
        assert!(model.average_log_odds().is_none() && report.basis == Basis::RecencyRule);
    }
}

#[test]
fn violations_are_named_by_field() {
    let fields = |draft: Draft| {
        let violations = Definition::new(draft).expect_err("is wrong");
        violations.into_iter().map(|one| one.field).collect::<Vec<_>>().join(" ")
    };
    let mut wrong = Draft { horizon_days: Some(731), lapse_days: Some(9), ..Draft::default() };
    wrong.among = ["age", "plan=small", "gender=female", "charm=much"].map(str::to_owned).to_vec();
    (wrong.look_back_days, wrong.kinds) = (Some(0), vec![Kind::Order, Kind::Order]);
    (wrong.min_active_days, wrong.min_tenure_days) = (Some(0), Some(-1));
    (wrong.medium_from, wrong.high_from) = (Some(0.8), Some(0.5));
    assert_eq!(
        fields(wrong),
        "horizon_days lapse_days look_back_days qualifying_kinds min_active_days min_tenure_days medium_from \
         customer_attributes[0] customer_attributes[2] customer_attributes[3]"
    );
    let mut wrong = Draft { contractual: true, lapse_days: Some(0), ..Draft::default() };
    wrong.among = vec!["plan=small".to_owned(); 21];
    (wrong.look_back_days, wrong.kinds) = (Some(180), vec![Kind::Order]);
    wrong.high_from = Some(f64::NAN);
    let named = "look_back_days qualifying_kinds lapse_days high_from customer_attributes";
    assert_eq!(fields(wrong), named);
}

#[test]
fn who_counts_and_when_is_as_the_definition_has_it() {
    let standing = Standing { first_at: at(0), last_at: at(90), days: 3, runs: false };
    let mut customer = Customer { country: Some("DE".to_owned()), ..Customer::default() };
    customer.plan = Some("small".to_owned());
    let counted = |draft: Draft, today: i64| {
        Definition::new(draft).expect("valid").counted(&standing, Some(&customer), at(today))
    };
    assert_eq!(counted(Draft::default(), 270), Counted::Present);
    assert_eq!(counted(Draft::default(), 271), Counted::Gone);
    let days = |least: i64| Draft { min_active_days: Some(least), ..Draft::default() };
    assert_eq!([3, 4].map(|n| counted(days(n), 100)), [Counted::Present, Counted::Excluded]);
    let tenure = |least: i64| Draft { min_tenure_days: Some(least), ..Draft::default() };
    assert_eq!([100, 101].map(|n| counted(tenure(n), 100)), [Counted::Present, Counted::Excluded]);
    let among = |one: &str, other: &str| {
        let among = vec![one.to_owned(), other.to_owned()];
        counted(Draft { among, ..Draft::default() }, 100)
    };
    let present = [among("country=AT", "country=DE"), among("country=DE", "plan=small")];
    let excluded = [among("country=AT", "country=FR"), among("country=DE", "plan=large")];
    assert_eq!((present, excluded), ([Counted::Present; 2], [Counted::Excluded; 2]));
    let contract = Definition::new(Draft { contractual: true, ..Draft::default() }).expect("valid");
    let runs = |runs| contract.counted(&Standing { runs, ..standing }, None, at(9_000));
    assert_eq!((runs(true), runs(false)), (Counted::Present, Counted::Gone));
    let of_sixty = Draft { horizon_days: Some(60), ..Draft::default() };
    let definition = Definition::new(of_sixty).expect("valid");
    assert_eq!(cutoffs(&definition, at(NOW), at(260)), CUTOFFS.map(at));
    assert_eq!(cutoffs(&definition, at(NOW), at(321)), [410, 440].map(at));
}

#[test]
fn at_most_three_reasons_each_way_none_of_them_gender() {
    let (town, model, _) = &*TOWN;
    let risks = model.risks(&town.subjects(), Currency::parse("EUR"));
    for risk in &risks {
        for (reasons, sign) in [(&risk.reasons, 1.0), (&risk.counter_reasons, -1.0)] {
            let strengths: Vec<f64> = reasons.iter().map(|one| -sign * one.contribution).collect();
            assert!(strengths.len() <= 3 && strengths.is_sorted(), "{reasons:?}");
            assert!(strengths.iter().all(|strength| *strength < 0.0), "{reasons:?}");
        }
        let (low, high) = risk.interval.expect("is calibrated");
        assert!((low..=high).contains(&risk.probability) && high - low < 0.5);
    }
    let three = |of: fn(&Risk) -> &Vec<Reason>| risks.iter().any(|risk| of(risk).len() == 3);
    assert!(three(|risk| &risk.reasons) && three(|risk| &risk.counter_reasons));
    let mut reasons = risks.iter().flat_map(|risk| &risk.reasons);
    assert!(reasons.any(|one| one.feature.starts_with("plan=")));
    assert!((0..town.columns.width()).all(|column| !town.columns.name(column).contains("gender")));
}

#[test]
fn what_is_at_risk_and_what_is_predicted_are_what_one_who_stays_spends() {
    let (town, model, report) = &*TOWN;
    let least = (report.value_candidates.iter()).min_by(|a, b| a.deviance.total_cmp(&b.deviance));
    assert!(report.value_candidates.len() == 3 && least.is_some_and(|one| one.chosen));
    let (mut said, mut spent) = (0, 0);
    for (risk, seen) in model.risks(&town.subjects(), None).iter().zip(&town.now) {
        let value = risk.value.expect("has ordered");
        assert!((value.at_risk + value.predicted - value.if_stays).abs() <= 1, "{value:?}");
        close(value.at_risk as f64, risk.probability * value.if_stays as f64, 1.0);
        assert_eq!(value.to_date, seen.activity.order_value);
        (said, spent) = (said + value.predicted, spent + seen.spent);
    }
    assert!((0.85..1.15).contains(&(said as f64 / spent as f64)), "{said} {spent}");
    let mut unknown = town.now[0].clone();
    unknown.activity.orders_valued = 0;
    let subject = case(&unknown, &town.definition, NOW).subject;
    assert_eq!(model.risk(&subject, None).value, None);
}

#[test]
fn the_same_people_have_not_moved_and_a_column_that_has_is_first() {
    let (town, model, _) = &*TOWN;
    let all = town.past.iter().flat_map(|one| one.rows.rows());
    let mut rows = Matrix::new(town.columns.width(), all.step_by(3).flatten().copied().collect());
    let same = model.drift(&rows);
    assert!(same.len() == rows.width() && same[0].stability_index < 0.05, "{:?}", same[0]);
    let place = FEATURES.iter().position(|one| one.name == "order_value_mean").expect("is one");
    let width = rows.width();
    rows.values.iter_mut().skip(place).step_by(width).for_each(|value| *value *= 2.0);
    let moved = &model.drift(&rows)[0];
    let (Some(then), Some(now)) = moved.means else { panic!("{moved:?}") };
    assert!(moved.feature == "order_value_mean" && moved.stability_index > 0.25, "{moved:?}");
    close(now / then, 2.0, 0.1);
}
