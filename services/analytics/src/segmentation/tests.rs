//! What must hold of any segmentation, on the synthetic population.

use super::*;
use crate::{
    Activity, Channel, Customer, ScoreActivity, Timestamp,
    codes::{CaseAction, EngagementAction, FeedbackAction, SurveyAction, SurveyKind},
    interaction::{Interaction, Payload, Score},
    synthetic::{Archetype, Population},
    time::DAY,
};

const AS_OF: i64 = 1_700_000_000_000_000;

pub(super) fn as_of() -> Timestamp {
    Timestamp::from_micros(AS_OF).expect("in range")
}

fn score(into: &mut ScoreActivity, score: &Score) {
    let permille = i64::from(score.value - score.min) * 1000 / i64::from(score.max - score.min);
    into.answers += 1;
    into.permille_sum += if score.lower_is_better { 1000 - permille } else { permille };
}

/// What the database counts, as far as features look at it.
fn count(activity: &mut Activity, interaction: &Interaction) {
    let age = AS_OF - interaction.occurred_at.micros();
    let (recent, prior) =
        (i64::from(age <= 90 * DAY), i64::from(age > 90 * DAY && age <= 180 * DAY));
    activity.interactions += 1;
    activity.first_at = activity.first_at.min(interaction.occurred_at);
    activity.last_at = activity.last_at.max(interaction.occurred_at);
    activity.interactions_90d += recent;
    activity.interactions_prior_90d += prior;
    activity.by_channel[interaction.channel.code() as usize - 1] += 1;
    if let Some(stage) = interaction.stage {
        activity.by_stage[stage.code() as usize - 1] += 1;
    }
    match &interaction.payload {
        Payload::Engagement { action, .. } if *action != EngagementAction::Sent => {
            activity.engagements += 1
        }
        Payload::Contact { queue_wait, .. } => {
            activity.contacts += 1;
            activity.waits += i64::from(queue_wait.is_some());
            activity.wait_sum += queue_wait.unwrap_or(0);
        }
        Payload::Case { action: CaseAction::Opened, .. } => activity.cases_opened += 1,
        Payload::Case { action: CaseAction::Reopened, .. } => activity.cases_reopened += 1,
        Payload::Survey { kind, action: SurveyAction::Answered, score: Some(answer), .. } => {
            match kind {
                SurveyKind::NpsRelational | SurveyKind::NpsTransactional => {
                    score(&mut activity.nps, answer)
                }
                SurveyKind::Csat => score(&mut activity.csat, answer),
                SurveyKind::Ces => score(&mut activity.ces, answer),
                SurveyKind::Other => {}
            }
        }
        Payload::Review { rating: Some(rating), .. } => score(&mut activity.rating, rating),
        Payload::Order { total, .. } => {
            activity.orders += 1;
            activity.orders_90d += recent;
            activity.orders_prior_90d += prior;
            activity.order_last_at = activity.order_last_at.max(Some(interaction.occurred_at));
            if let Some(total) = total {
                activity.orders_valued += 1;
                activity.order_value += total.amount_minor;
            }
        }
        Payload::Return { .. } => activity.returns += 1,
        Payload::Complaint { action: FeedbackAction::Raised, .. } => activity.complaints += 1,
        _ => {}
    }
}

/// Customers who have interactions, by id.
pub(super) fn members(size: u64) -> Vec<(Activity, Customer, Archetype)> {
    let members =
        Population::new(1, size, as_of()).filter(|member| !member.interactions.is_empty());
    let counted = members.map(|member| {
        let mut activity =
            Activity::empty(&member.customer.customer_id, member.interactions[0].occurred_at);
        member.interactions.iter().for_each(|interaction| count(&mut activity, interaction));
        (activity, member.customer, member.archetype)
    });
    counted.collect()
}

pub(super) fn population(size: u64) -> (Vec<Activity>, Vec<Archetype>) {
    members(size).into_iter().map(|(activity, _, archetype)| (activity, archetype)).unzip()
}

fn fit(parameters: Parameters, activities: Vec<Activity>) -> Result<Fitted, Refusal> {
    let asked = parameters.check().expect("rules hold");
    asked.fit(Table::of(&asked, &activities), None, &|_, _| true)
}

/// Hubert and Arabie's adjusted Rand index.
fn adjusted_rand(a: &[usize], b: &[usize]) -> f64 {
    let pairs = |n: f64| n * (n - 1.0) / 2.0;
    let mut table = std::collections::BTreeMap::<(usize, usize), f64>::new();
    a.iter().zip(b).for_each(|(&a, &b)| *table.entry((a, b)).or_default() += 1.0);
    let margin = |pick: fn(&(usize, usize)) -> usize| {
        let mut sums = std::collections::BTreeMap::<usize, f64>::new();
        table.iter().for_each(|(key, n)| *sums.entry(pick(key)).or_default() += n);
        sums.values().map(|&n| pairs(n)).sum::<f64>()
    };
    let (index, rows, columns) =
        (table.values().map(|&n| pairs(n)).sum::<f64>(), margin(|k| k.0), margin(|k| k.1));
    let expected = rows * columns / pairs(a.len() as f64);
    (index - expected) / ((rows + columns) / 2.0 - expected)
}

#[test]
fn the_personas_of_the_population_are_found_again() {
    let (activities, truth) = population(4_000);
    let fitted = fit(Parameters::at(as_of()), activities).expect("structure");
    let truth: Vec<usize> = truth.iter().map(|&archetype| archetype as usize).collect();
    let found: Vec<usize> = fitted.assignments.iter().map(|a| usize::from(a.persona)).collect();
    assert_eq!(fitted.personas.iter().map(|p| p.customers).sum::<i64>(), fitted.report.customers);
    assert!(adjusted_rand(&truth, &found) >= 0.7);
}

#[test]
fn order_of_arrival_and_threads_change_no_byte() {
    let (activities, _) = population(600);
    let bytes = |activities: Vec<Activity>, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let fitted = pool.install(|| fit(Parameters::at(as_of()), activities)).expect("structure");
        let parts = (&fitted.model, &fitted.report, &fitted.personas, &fitted.assignments);
        serde_json::to_string(&parts).expect("json")
    };
    let mut permuted = activities.clone();
    permuted.reverse();
    permuted.rotate_left(123);
    let first = bytes(activities.clone(), 1);
    assert_eq!(first, bytes(permuted, 8));
    assert_eq!(first, bytes(activities, 2));
}

#[test]
fn a_stored_model_places_everybody_as_the_fit_did() {
    let (activities, _) = population(1_500);
    let fitted = fit(Parameters { k: Some(5), ..Parameters::at(as_of()) }, activities.clone())
        .expect("structure");
    let json = serde_json::to_string(&fitted.model).expect("json");
    let model: PersonaModel = serde_json::from_str(&json).expect("json");
    assert_eq!(model, fitted.model);
    assert_eq!(model.assign(&activities, &|_| None, as_of()), fitted.assignments);
    assert!(fitted.assignments.iter().all(|a| (0.0..=1.0).contains(&a.confidence())));
    let outliers = fitted.assignments.iter().filter(|a| a.outlier).count();
    assert!((1..=10).contains(&outliers), "{outliers}");
}

#[test]
fn each_refusal_has_its_name() {
    let (activities, _) = population(200);
    let few: Vec<Activity> = activities.iter().take(29).cloned().collect();
    let refusal = fit(Parameters::at(as_of()), few).expect_err("29");
    assert_eq!(refusal, Refusal::TooFewCustomers { customers: 29, needed: 30 });
    let refusal = fit(Parameters { k: Some(50), ..Parameters::at(as_of()) }, activities.clone())
        .expect_err("200 for 50");
    assert_eq!(refusal, Refusal::TooFewCustomers { customers: activities.len(), needed: 500 });
    let refusal = fit(Parameters::at(as_of()), Vec::new()).expect_err("nobody");
    assert_eq!(refusal, Refusal::TooFewCustomers { customers: 0, needed: 30 });

    let same: Vec<Activity> =
        (0..100).map(|i| Activity::empty(format!("c{i:03}"), as_of().days_before(3))).collect();
    let refusal = fit(Parameters::at(as_of()), same.clone()).expect_err("all alike");
    assert_eq!(refusal, Refusal::ConstantFeatures { distinct: 1, k: 3 });
    let two = same.into_iter().enumerate().map(|(i, mut activity)| {
        activity.orders = i as i64 % 2;
        activity
    });
    let refusal = fit(Parameters::at(as_of()), two.collect()).expect_err("two kinds");
    assert_eq!(refusal, Refusal::ConstantFeatures { distinct: 2, k: 3 });

    let asked = Parameters::at(as_of()).check().expect("rules");
    let stopped = asked.fit(Table::of(&asked, &activities), None, &|done, _| done < 0.3);
    assert_eq!(stopped, Err(Refusal::Stopped));
}

#[test]
fn two_kinds_of_customers_make_two_personas() {
    let customers = (0..60).map(|i| {
        let mut activity = Activity::empty(format!("c{i:03}"), as_of().days_before(3));
        activity.orders = if i % 3 == 0 { 8 } else { 1 };
        activity.orders_valued = activity.orders;
        activity.order_value = activity.orders * 1000;
        activity
    });
    let fitted = fit(Parameters { k: Some(2), ..Parameters::at(as_of()) }, customers.collect())
        .expect("two kinds");
    let names: Vec<&str> = fitted.personas.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(fitted.personas.iter().map(|p| p.customers).collect::<Vec<_>>(), [40, 20]);
    assert_eq!(names, ["One-time buyers", "Frequent high spenders"]);
    assert!(fitted.report.inertia < 1e-9);
}

#[test]
fn absurd_numbers_do_not_panic() {
    let customers = (0..90).map(|i| {
        let mut activity =
            Activity::empty(format!("c{i:03}"), if i % 2 == 0 { Timestamp::MIN } else { as_of() });
        activity.orders = [0, 1, i64::MAX][i % 3];
        activity.orders_valued = activity.orders.min(1);
        activity.order_value = [i64::MIN, -5, i64::MAX][i % 3];
        activity.returns = -1;
        activity.wait_sum = i64::MAX;
        activity.waits = i as i64;
        activity
    });
    let fitted = fit(Parameters::at(as_of()), customers.collect());
    assert!(fitted.is_ok_and(|fitted| fitted.report.inertia.is_finite()));
}

#[test]
fn asked_features_are_the_ones_used() {
    let (activities, _) = population(300);
    let asked = vec!["orders".to_owned(), "days_since_order".to_owned(), "order_value".to_owned()];
    let parameters = Parameters { features: asked.clone(), k: Some(3), ..Parameters::at(as_of()) };
    let fitted = fit(parameters, activities).expect("structure");
    let mut used: Vec<&str> = fitted.model.coordinates().collect();
    used.sort_unstable();
    let mut asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    asked.sort_unstable();
    assert_eq!(used, asked);
    assert_eq!(fitted.report.features.iter().filter(|f| f.used).count(), 3);
}

#[test]
fn every_broken_rule_is_named() {
    let parameters = Parameters {
        k: Some(1),
        min_k: 6,
        max_k: 5,
        restarts: 0,
        granularity: f64::NAN,
        features: vec!["orders".to_owned(), "charm".to_owned(), "orders".to_owned()],
        ..Parameters::at(as_of())
    };
    let problems = parameters.check().expect_err("rules are broken");
    let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(fields, ["k", "max_k", "restarts", "granularity", "features[1]", "features[2]"]);
}

#[test]
fn a_missing_answer_stands_at_the_average_and_makes_no_persona() {
    let (mut activities, _) = population(1_000);
    for (i, activity) in activities.iter_mut().enumerate() {
        activity.csat = ScoreActivity::default();
        if i % 3 == 0 {
            activity.csat = ScoreActivity {
                answers: 1,
                permille_sum: (i as i64 * 37) % 1000,
                permille_last: None,
            };
        }
    }
    let fitted = fit(Parameters { k: Some(4), ..Parameters::at(as_of()) }, activities.clone())
        .expect("structure");
    let report = fitted
        .report
        .features
        .iter()
        .find(|feature| feature.name == "csat")
        .expect("in the registry");
    assert!((report.missing_share - 2.0 / 3.0).abs() < 0.01 && report.used);
    // Answering has nothing to do with the persona: the rates are alike in all of them.
    for persona in 0..4 {
        let members: Vec<usize> =
            (0..activities.len()).filter(|&i| fitted.assignments[i].persona == persona).collect();
        let rate = members.iter().filter(|&&i| activities[i].csat.answers > 0).count() as f64
            / members.len() as f64;
        assert!((rate - 1.0 / 3.0).abs() < 0.12, "{rate}");
    }
    let channel =
        activities.iter().map(|a| a.by_channel[Channel::Web.code() as usize - 1]).sum::<i64>();
    assert_eq!(fitted.personas.iter().map(|p| p.by_channel[0]).sum::<i64>(), channel);
}
