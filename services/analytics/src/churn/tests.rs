use super::{
    logistic::Logistic, measures::*, quality::auc, rule::Rule, rule::ranks, scale::Scaler,
    train::Scorer, *,
};
use crate::{Activity, ScoreActivity, Timestamp, codes::Kind, interaction::Currency, time::DAY};

const X: [[f64; 2]; 10] = [
    [-1.2, 0.3],
    [0.4, -0.9],
    [1.5, 0.2],
    [-0.7, 1.1],
    [0.1, 0.6],
    [2.0, -1.4],
    [-0.3, -0.2],
    [0.9, 1.3],
    [-1.6, -0.8],
    [0.5, 0.0],
];
const Y: [bool; 10] = [false, true, true, false, true, true, false, false, false, true];

fn close(one: f64, other: f64, within: f64) {
    assert!((one - other).abs() <= within, "{one} is not {other}");
}

fn at(days: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + days * DAY).expect("in range")
}

/// A customer with orders on these days before `as_of` (the first argument), 10.00 each.
pub(super) fn customer(id: &str, as_of: Timestamp, ago: &[i64]) -> Activity {
    let within = |days: i64| ago.iter().filter(|&&one| one <= days).count() as i64;
    let first = as_of.days_before(ago.iter().copied().max().unwrap_or(0));
    let last = as_of.days_before(ago.iter().copied().min().unwrap_or(0));
    let orders = ago.len() as i64;
    let prior = within(180) - within(90);
    Activity {
        last_at: last,
        interactions: orders,
        active_days: orders,
        interactions_30d: within(30),
        interactions_90d: within(90),
        interactions_prior_90d: prior,
        interactions_365d: within(365),
        orders,
        order_first_at: Some(first),
        order_last_at: Some(last),
        order_days: orders,
        orders_30d: within(30),
        orders_90d: within(90),
        orders_prior_90d: prior,
        orders_365d: within(365),
        order_items: orders,
        orders_valued: orders,
        order_value: 1000 * orders,
        order_value_90d: 1000 * within(90),
        order_value_prior_90d: 1000 * prior,
        order_value_365d: 1000 * within(365),
        order_value_max: 1000,
        ..Activity::empty(id, first)
    }
}

fn subject<'a>(
    activity: &'a Activity,
    as_of: Timestamp,
    definition: &'a Definition,
) -> Subject<'a> {
    let last_qualifying = activity.order_last_at.expect("has ordered");
    Subject { activity, last_qualifying, as_of, definition }
}

/// Customers who order every `3 + i mod 17` days, some of whom stopped; those who are overdue mostly stay away.
fn snapshot(as_of: Timestamp, customers: i64, definition: &Definition) -> Snapshot {
    let (mut rows, mut churned) = (Vec::new(), Vec::new());
    for i in 0..customers {
        let gap = 3 + i % 17;
        let quiet = (i * 37 + as_of.micros() / DAY) % 120;
        let ago: Vec<i64> = (0..2 + i % 9).map(|order| 1 + quiet + order * gap).collect();
        let activity = customer("c", as_of, &ago);
        rows.push(row(&subject(&activity, as_of, definition)));
        let noise = (i * 7919) % 10 < 2;
        churned.push((quiet > 3 * gap) != noise);
    }
    Snapshot { as_of, rows, churned }
}

fn snapshots(customers: i64, definition: &Definition) -> Vec<Snapshot> {
    [0, 45, 90].map(|day| snapshot(at(day), customers, definition)).to_vec()
}

#[test]
fn the_regression_is_that_of_an_independent_solver() {
    // scikit-learn 1.9, LogisticRegression(C, solver="newton-cholesky", tol=1e-14)
    let x = Matrix { width: 2, values: X.concat() };
    for (c, intercept, weights) in [
        (1.0, -0.088_298_355_197_523_59, [1.084_965_630_449_330_5, -0.614_495_778_925_746_8]),
        (0.1, -0.041_128_033_059_301_81, [0.283_581_528_320_700_66, -0.128_754_657_408_238_5]),
    ] {
        let model = Logistic::fit(&x, &Y, c);
        close(model.intercept, intercept, 1e-8);
        close(model.weights[0], weights[0], 1e-8);
        close(model.weights[1], weights[1], 1e-8);
        let mean = model.predict(&x).iter().sum::<f64>() / 10.0;
        close(mean, 0.5, 1e-9);
    }
}

#[test]
fn flipped_labels_flip_every_sign() {
    let x = Matrix { width: 2, values: X.concat() };
    let (model, flipped) = (Logistic::fit(&x, &Y, 1.0), Logistic::fit(&x, &Y.map(|y| !y), 1.0));
    close(model.weights[0], -flipped.weights[0], 1e-8);
    close(model.intercept, -flipped.intercept, 1e-8);
}

#[test]
fn one_outcome_only_does_not_run_away() {
    let model = Logistic::fit(&Matrix { width: 2, values: X.concat() }, &[true; 10], 1.0);
    assert!(model.weights.iter().all(|weight| weight.is_finite()));
    assert!(model.predict(&Matrix { width: 2, values: X.concat() }).iter().all(|&p| p > 0.9));
}

#[test]
fn quality_is_that_of_an_independent_measure() {
    // scikit-learn 1.9: roc_auc_score, brier_score_loss, log_loss
    let p = [0.1, 0.4, 0.4, 0.8, 0.8, 0.9, 0.2, 0.6];
    let y = [false, false, true, true, false, true, false, true];
    let quality = Quality::measure(&p, &y);
    close(quality.auc, 0.8125, 1e-12);
    close(quality.brier, 0.1775, 1e-12);
    close(quality.log_loss, 0.525_548_503_223_038_7, 1e-12);
    assert_eq!(quality.bins.iter().map(|bin| bin.customers).sum::<i64>(), 8);
    close(auc(&[1.0; 4], &[true, false, true, false]), 0.5, 0.0);
}

#[test]
fn the_rule_never_falls_with_recency_and_keeps_ties_together() {
    let recency: Vec<f64> = (0..400).map(|i| f64::from(i / 3)).collect();
    let churned: Vec<bool> = (0..400).map(|i| (i * 31) % 400 < i).collect();
    let rule = Rule::fit(&recency, &churned);
    let shares: Vec<f64> = (0..200).map(|day| rule.predict(f64::from(day))).collect();
    assert!(shares.is_sorted());
    assert!(shares[0] > 0.0 && shares[199] < 1.0);
    assert_eq!(ranks(&[5.0, 1.0, 5.0, 9.0]), [0.5, 0.125, 0.5, 0.875]);
}

#[test]
fn a_model_that_beats_the_rule_is_used_and_its_mean_is_the_base_rate() {
    let definition = Definition::default();
    let snapshots = snapshots(800, &definition);
    let (model, report) = train(&definition, &snapshots);
    assert_eq!(report.basis, Basis::LogisticRegression, "{}", report.basis_reason);
    let (quality, rule) = (report.model.expect("tested"), report.rule.expect("tested"));
    assert!(quality.auc > rule.auc && quality.log_loss < rule.log_loss);
    assert!(quality.calibration_error < 0.1);
    let Scorer::Logistic { scaler, logistic, .. } = &model.scorer else { panic!("a regression") };
    let rows: Vec<&Row> = snapshots.iter().flat_map(|snapshot| &snapshot.rows).collect();
    let mean = logistic.predict(&scaler.apply(&rows)).iter().sum::<f64>() / rows.len() as f64;
    let gone = snapshots.iter().flat_map(|s| &s.churned).filter(|&&gone| gone).count();
    close(mean, gone as f64 / rows.len() as f64, 1e-9);
}

#[test]
fn equal_data_give_equal_bytes() {
    let definition = Definition::default();
    let bytes = || {
        serde_json::to_string(&train(&definition, &snapshots(300, &definition))).expect("is JSON")
    };
    assert_eq!(bytes(), bytes());
}

#[test]
fn little_data_get_a_rule_that_says_so() {
    let definition = Definition::default();
    let (model, report) = train(&definition, &snapshots(10, &definition));
    assert_eq!((report.basis, report.calibrated), (Basis::RecencyRule, false));
    assert!(report.basis_reason.contains("30 customers"), "{}", report.basis_reason);
    let (new, old) = (customer("new", at(90), &[2]), customer("old", at(90), &[150]));
    let subjects = [subject(&new, at(90), &definition), subject(&old, at(90), &definition)];
    let risks = model.score(&subjects, Currency::parse("EUR"));
    assert!(risks.iter().all(|risk| risk.band == Band::InsufficientData));
    assert!(risks[0].probability < risks[1].probability);
    assert_eq!(risks[1].reasons.len(), 1);
    assert!(
        risks[1].reasons[0].text.starts_with("last order 150 days ago"),
        "{:?}",
        risks[1].reasons
    );

    let (_, report) = train(&definition, &snapshots(800, &definition)[2..]);
    assert_eq!((report.basis, report.calibrated), (Basis::RecencyRule, true));
    let (_, report) = train(&definition, &[]);
    assert!(!report.calibrated);
}

#[test]
fn a_model_that_is_no_better_gives_way_to_the_rule() {
    let definition = Definition::default();
    let mut snapshots = snapshots(800, &definition);
    for outcome in &mut snapshots[2].churned {
        *outcome = !*outcome;
    }
    let (_, report) = train(&definition, &snapshots);
    assert_eq!(report.basis, Basis::RecencyRule);
    assert!(report.calibrated && report.model.is_some() && report.coefficients.is_empty());
}

#[test]
fn a_feature_that_knows_the_outcome_is_left_out() {
    let definition = Definition::default();
    let mut snapshots = snapshots(800, &definition);
    let planted =
        FEATURES.iter().position(|feature| feature.name == "complaints").expect("a feature");
    for snapshot in &mut snapshots {
        for (row, &churned) in snapshot.rows.iter_mut().zip(&snapshot.churned) {
            row[planted] = if churned { 3.0 } else { 0.0 };
        }
    }
    let (_, report) = train(&definition, &snapshots);
    assert!(
        report.basis_reason.contains("too well to be true: complaints"),
        "{}",
        report.basis_reason
    );
    assert!(report.coefficients.iter().all(|one| one.feature != "complaints"));
    assert!(report.model.expect("tested").auc < 0.99);
}

#[test]
fn contributions_sum_to_the_difference_in_log_odds() {
    let definition = Definition::default();
    let (model, _) = train(&definition, &snapshots(800, &definition));
    let activity = customer("c", at(90), &[80, 85, 90]);
    let subject = subject(&activity, at(90), &definition);
    let sum: f64 = model.contributions(&subject).iter().map(|(_, share)| share).sum();
    let risk = &model.score(&[subject], Currency::parse("EUR"))[0];
    let log_odds = (risk.probability / (1.0 - risk.probability)).ln();
    close(model.average_log_odds() + sum, log_odds, 1e-9);
    assert!(risk.reasons.len() >= 2);
    assert!(risk.reasons[0].contribution.abs() >= risk.reasons[1].contribution.abs());
    assert!(risk.reasons.iter().all(|reason| !reason.text.is_empty()));
}

#[test]
fn value_at_risk_follows_the_daily_rate() {
    let definition = Definition::default();
    let at_risk = |ago: &[i64]| {
        let activity = customer("c", at(0), ago);
        value_at_risk(&subject(&activity, at(0), &definition), 0.5)
    };
    // Known for 10 days only: spread over a horizon. 20.00 in 90 days, half at risk.
    assert_eq!(at_risk(&[2, 10]), Some(1000));
    // Known for 180 days: 20.00 in 180 days are 10.00 in 90.
    assert_eq!(at_risk(&[2, 180]), Some(500));
    // Known for longer than a year: only the last year counts.
    assert_eq!(at_risk(&[2, 400]), Some(123));
    let mut unvalued = customer("c", at(0), &[2]);
    unvalued.orders_valued = 0;
    assert_eq!(value_at_risk(&subject(&unvalued, at(0), &definition), 0.5), None);
}

#[test]
fn definitions_name_every_rule_they_break() {
    let violations = Definition::new(Some(0), Some(731), vec![Kind::Order, Kind::Order]);
    let fields: Vec<_> = violations.expect_err("three rules").iter().map(|one| one.field).collect();
    assert_eq!(fields, ["look_back_days", "horizon_days", "qualifying_kinds"]);
    let usual = Definition::new(None, None, vec![]).expect("the default");
    assert_eq!(usual, Definition::default());
}

#[test]
fn cutoffs_are_mature_and_have_records_before_them() {
    let definition = Definition::default();
    let all = cutoffs(&definition, at(400), at(0));
    assert_eq!(all, [at(130), at(175), at(220), at(310)]);
    assert_eq!(cutoffs(&definition, at(200), at(0)), [at(110)]);
    assert!(cutoffs(&definition, at(100), at(0)).is_empty());
}

#[test]
fn a_missing_value_weighs_nothing() {
    let wait = FEATURES.iter().position(|feature| feature.name == "wait_mean").expect("a feature");
    let mut rows = [[1.0; FEATURES.len()]; 3];
    for (row, value) in rows.iter_mut().zip([10.0, f64::NAN, 500.0]) {
        row[wait] = value;
    }
    let scaler = Scaler::fit(&rows.iter().collect::<Vec<_>>(), |_| true);
    let scaled: Vec<f64> = rows.iter().flat_map(|row| scaler.row(row)).collect();
    assert_eq!(scaled.len(), 3, "every other column is constant");
    close(scaled[0], -1.0, 1e-12);
    close(scaled[1], 0.0, 0.0);
    close(scaled[2], 1.0, 1e-12);
}

#[test]
fn missing_values_are_missing() {
    assert_eq!(share(1, 0), None);
    assert_eq!(mean_score(&ScoreActivity::default()), None);
    let activity = customer("c", at(0), &[5]);
    let definition = Definition::default();
    let row = row(&subject(&activity, at(0), &definition));
    assert!(FEATURES.iter().zip(row).any(|(f, value)| f.name == "nps_last" && value.is_nan()));
    assert!(row.iter().all(|value| !value.is_infinite()));
}
