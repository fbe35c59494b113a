//! Training: models compete on customers and a time that they have not seen, and the rule stands where none is better.
//!
//! Everything is chosen (the ridge, the number of trees, the model itself) on customers held out at the training cut-offs. The test
//! cut-off, which is later, judges only: what is reported of it was not chosen by it. Then the model is fitted again on the latest
//! cut-offs, the test's among them, as far before now as those it was tested with were before the test.
//!
//! The mean of a model is that of the latest two cut-offs, not moved to the latest share alone: a share of one season says less of the
//! next than several do. It follows as models are trained again when other cut-offs have come to their end.

use super::{
    Definition,
    basis::Basis,
    calibrate::Calibration,
    columns::Columns,
    drift::Reference,
    likeness::Likeness,
    logistic::{logit, loss_of},
    quality::Quality,
    recipe::{Kitchen, Recipe, Scorer, Tuned, simplest_of_equals},
    report::{Report, Test, reason},
    sample::{FEWEST_OF_A_KIND, FEWEST_ROWS, Sample, Snapshot},
    score::{Model, Ranks},
    sigmoid,
    suspects::suspects,
    typical::Typical,
    value::Worth,
    words,
};
use crate::{stats::mean_and_deviation, time::DAY};

/// Up to here a model has the core columns and stronger ridges only.
const FEW_ROWS: usize = 400;
/// Rows on which models are tuned, and rows on which they are fitted: more would change little.
const TUNED_ON: usize = 40_000;
const FITTED_ON: usize = 100_000;
/// Standard errors by which a model must be better than the rule: chance is so much better one time in twenty.
const SURE: f64 = 1.645;

/// Everything a training is told.
#[derive(Debug, Clone, Copy)]
pub struct Training<'a> {
    /// What "left" means.
    pub definition: &'a Definition,
    /// The columns of all rows.
    pub columns: &'a Columns,
    /// Past cut-offs whose outcome is known, oldest first.
    pub past: &'a [Snapshot],
    /// Those who may leave now; their outcomes are not known.
    pub present: &'a Snapshot,
}

/// Trains, and says how well. Equal arguments give equal bytes.
pub fn train(of: Training<'_>) -> (Model, Report) {
    let teaching: Vec<&Snapshot> = of.past.iter().filter(|one| one.can_teach()).collect();
    let horizon = of.definition.horizon_days() * DAY;
    let newest = of.past.last().map_or(i64::MIN, |one| one.as_of.micros());
    // Those whose outcome was known at the newest, and those that are like today.
    let before = |one: &&&Snapshot| one.as_of.micros() + horizon <= newest;
    let lately = |one: &&&Snapshot| one.as_of.micros() >= newest - horizon / 2;
    let earlier: Vec<&Snapshot> = teaching.iter().filter(before).copied().collect();
    let latest: Vec<&Snapshot> = teaching.iter().filter(lately).copied().collect();
    let all = Sample::of(&of.past.iter().collect::<Vec<_>>());
    let mut report = Report::blank(of.past);
    let (scorer, calibration, likeness) = match teaching[..] {
        [] if all.can_teach() => by_shares(&of, &all, &mut report),
        [] => by_rank(&of, &all, &mut report),
        [..] if earlier.is_empty() => on_held_out_customers(&of, &latest, &mut report),
        [..] => on_a_later_cutoff(&of, &earlier, &latest, &mut report),
    };
    let days = of.definition.horizon_days() as f64;
    let (worth, value_candidates) = Worth::choose(&earlier, &latest, of.columns, days);
    report.value_candidates = value_candidates;
    let learned = if all.rows.is_empty() { Sample::of(&[of.present]) } else { all };
    let learned = learned.thinned(FITTED_ON);
    let typical = Typical::of(&learned, of.columns);
    report.basis = scorer.as_ref().map_or(Basis::RecencyRank, |(basis, _)| *basis);
    let model = Model {
        columns: of.columns.clone(),
        rhythm: of.present.rhythm,
        basis: report.basis,
        calibrated: report.calibrated,
        ranks: Ranks::of(&of.present.rows),
        references: (0..of.columns.width())
            .map(|column| Reference::of(&learned.rows, column))
            .collect(),
        scorer: scorer.map(|(_, scorer)| scorer),
        calibration,
        likeness,
        typical,
        worth,
    };
    report.drift = model.drift(&of.present.rows);
    report.importances = model.importances(&learned);
    (model, report)
}

type Learned = (Option<(Basis, Scorer)>, Calibration, Option<Likeness>);

/// Nothing was observed: what BG/NBD makes of their rhythm, or the rank of their silence.
fn by_rank(of: &Training<'_>, all: &Sample<'_>, report: &mut Report) -> Learned {
    let needed = format!(
        "{} with a known outcome ({} churned), {FEWEST_ROWS} and {FEWEST_OF_A_KIND} of either kind are needed",
        words::count(all.rows.len() as i64, "customer"),
        all.gone(),
    );
    if of.present.rhythm.is_none() || of.present.who.len() < FEWEST_ROWS {
        report.basis_reason = format!("recency rank, uncalibrated: {needed}");
        return (None, Calibration::NONE, None);
    }
    report.basis_reason =
        format!("BG/NBD of how often and how lately they came, uncalibrated: {needed}");
    (Some((Basis::BgNbd, Scorer::BgNbd)), Calibration::NONE, None)
}

/// Enough was observed for shares, but at no cut-off enough to test anything.
fn by_shares(of: &Training<'_>, all: &Sample<'_>, report: &mut Report) -> Learned {
    report.calibrated = true;
    report.basis_reason = format!(
        "recency rule: at no cut-off {FEWEST_ROWS} customers with {FEWEST_OF_A_KIND} of either outcome, which a model needs \
         (horizon {} days)",
        of.definition.horizon_days(),
    );
    let kitchen = kitchen(of, &[], all);
    let scorer = Recipe::Rule { column: 0 }.fit(all, &kitchen);
    (scorer.map(|scorer| (Basis::RecencyRule, scorer)), Calibration::NONE, None)
}

/// No cut-off whose outcome was known at a later one: customers whom the models have not seen are the test.
fn on_held_out_customers(of: &Training<'_>, latest: &[&Snapshot], report: &mut Report) -> Learned {
    let sample = Sample::of(latest).thinned(FITTED_ON);
    let refused = suspects(&sample, of.columns);
    let kitchen = kitchen(of, &refused, &sample);
    let bands = of.definition.bands();
    let tuned = kitchen.tune_all(&sample.thinned(TUNED_ON));
    let tested = tuned.iter().map(|one| {
        let odds = one.held_out.log_odds.iter().map(|&odds| one.calibration.apply(odds));
        let probabilities: Vec<f64> = odds.map(sigmoid).collect();
        (Quality::measure(&probabilities, &one.held_out.churned, bands), probabilities)
    });
    let tested: Vec<(Quality, Vec<f64>)> = tested.collect();
    let chosen = choose(&tuned, &tested, &tuned[0].held_out.churned);
    report.train_cutoffs = latest.iter().map(|one| one.as_of).collect();
    let cutoff = latest[latest.len() - 1].as_of;
    report.test = Some(Test { cutoff, held_out_customers: true });
    report.tell(&tuned, tested.iter().map(|one| &one.0), chosen);
    report.train_rows = sample.rows.len() as i64;
    report.train_churned = sample.gone() as i64;
    report.basis_reason = reason(&report.candidates, "on customers held out", &refused, of.columns);
    let scorer = tuned[chosen].recipe.fit(&sample, &kitchen);
    let likeness = Likeness::of(&tested[chosen].1, &tuned[chosen].held_out.churned);
    (named(&tuned[chosen], scorer), tuned[chosen].calibration, likeness)
}

fn on_a_later_cutoff(
    of: &Training<'_>,
    earlier: &[&Snapshot],
    latest: &[&Snapshot],
    report: &mut Report,
) -> Learned {
    let last = latest[latest.len() - 1];
    let before = Sample::of(earlier).thinned(FITTED_ON);
    let test = Sample::of(&[last]).thinned(FITTED_ON);
    let refused = suspects(&before, of.columns);
    let few = kitchen(of, &refused, &before);
    let tuned = few.tune_all(&before.thinned(TUNED_ON));
    let tested: Vec<(Quality, Vec<f64>)> = (tuned.iter())
        .map(|one| {
            let scorer = one.recipe.fit(&before, &few);
            let probabilities = predict(&scorer, &one.calibration, &test);
            let quality = Quality::measure(&probabilities, &test.churned, of.definition.bands());
            (quality, probabilities)
        })
        .collect();
    let chosen = choose(&tuned, &tested, &test.churned);
    report.test = Some(Test { cutoff: last.as_of, held_out_customers: false });
    report.train_cutoffs = earlier.iter().map(|one| one.as_of).collect();
    report.tell(&tuned, tested.iter().map(|one| &one.0), chosen);
    report.train_rows = before.rows.len() as i64;
    report.train_churned = before.gone() as i64;
    report.basis_reason = reason(&report.candidates, "on the later cut-off", &refused, of.columns);
    let likeness = Likeness::of(&tested[chosen].1, &test.churned);
    let all = Sample::of(latest).thinned(FITTED_ON);
    let scorer = tuned[chosen].recipe.fit(&all, &kitchen(of, &refused, &all));
    (named(&tuned[chosen], scorer), tuned[chosen].calibration, likeness)
}

fn kitchen<'a>(of: &Training<'a>, refused: &'a [usize], sample: &Sample<'_>) -> Kitchen<'a> {
    Kitchen { columns: of.columns, refused, few: sample.rows.len() < FEW_ROWS }
}

fn named(tuned: &Tuned, scorer: Option<Scorer>) -> Option<(Basis, Scorer)> {
    scorer.map(|scorer| (tuned.recipe.basis(), scorer))
}

/// Of the models with the least held-out loss, and those that are as good, the simplest; where it beats the better rule in the test as
/// well, by more than chance would; else the one with the least loss, where that does; else that rule.
fn choose(tuned: &[Tuned], tested: &[(Quality, Vec<f64>)], churned: &[bool]) -> usize {
    let is_rule = |place: &usize| matches!(tuned[*place].recipe, Recipe::Rule { .. });
    let least = |places: Vec<usize>| {
        places.into_iter().min_by(|&i, &j| tuned[i].log_loss.total_cmp(&tuned[j].log_loss))
    };
    let (rules, models): (Vec<usize>, Vec<usize>) = (0..tuned.len()).partition(is_rule);
    let rule = least(rules).unwrap_or(0);
    let loss = |place: usize, row: usize| loss_of(logit(tested[place].1[row]), churned[row]);
    let beats = |model: &usize| {
        let less = (0..churned.len()).map(|row| loss(rule, row) - loss(*model, row));
        let (mean, deviation) = mean_and_deviation(&less.collect::<Vec<f64>>());
        mean > SURE * deviation / (churned.len() as f64).sqrt()
    };
    let losses: Vec<Vec<f64>> = models.iter().map(|&model| tuned[model].losses()).collect();
    let simplest = models.get(simplest_of_equals(&losses)).copied();
    [simplest, least(models)].into_iter().flatten().find(beats).unwrap_or(rule)
}

fn predict(scorer: &Option<Scorer>, calibration: &Calibration, sample: &Sample<'_>) -> Vec<f64> {
    let odds =
        scorer.as_ref().map_or_else(|| vec![0.0; sample.rows.len()], |one| one.log_odds_of(sample));
    odds.into_iter().map(|odds| sigmoid(calibration.apply(odds))).collect()
}
