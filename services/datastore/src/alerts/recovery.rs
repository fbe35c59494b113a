//! Counts of what came of alerts, and of what those they are about did afterwards.

use crate::error::{Error, Result};
use crate::segmentations::parsed;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::alerts::{
    After, Answer, Facts, Kind, Measure, Outcome, Pair, Scale, State, Tally,
};
use cx_analytics::codes::{self, CaseAction, SurveyAction};
use sea_orm::Value;
use std::collections::BTreeMap;

/// Of which alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryFilter {
    /// Of this rule.
    pub rule: Option<String>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// About customers who were in this persona.
    pub persona: Option<String>,
    /// Raised from then on …
    pub start: Timestamp,
    /// … and before.
    pub end: Timestamp,
    /// For how long after the resolution is waited for what happens, in microseconds.
    pub follow_up: i64,
}

impl RecoveryFilter {
    /// Conditions on an alert `a`, and their values.
    fn only(&self) -> (String, Vec<Value>) {
        let mut text = "a.raised_at >= $1 AND a.raised_at < $2".to_owned();
        let mut values: Vec<Value> = vec![self.start.micros().into(), self.end.micros().into()];
        let kind = self.kind.map(|kind| kind.code().into());
        let rule = self.rule.as_deref().map(Value::from);
        let persona = self.persona.as_deref().map(Value::from);
        for (column, value) in [("kind", kind), ("alert_rule_id", rule), ("persona_id", persona)] {
            if let Some(value) = value {
                values.push(value);
                text += &format!(" AND a.{column} = ${}", values.len());
            }
        }
        (text, values)
    }

    /// The latest resolved alert of each customer about the same thing, false alarms apart, as a table `l`.
    fn latest(&self, kind: Kind, same: &str) -> (String, Vec<Value>) {
        let (only, values) = self.only();
        let text = format!(
            "(SELECT r.* FROM (
                SELECT a.customer_id, a.alert_id, a.kind, a.measure, a.subject, a.facts, a.event_at, a.resolved_at,
                       ROW_NUMBER() OVER (PARTITION BY {same} ORDER BY a.resolved_at DESC, a.alert_id) AS place
                FROM alert a WHERE {only} AND a.kind = {} AND a.resolved_at IS NOT NULL AND a.outcome <> {}
              ) r WHERE r.place = 1) l",
            kind.code(),
            Outcome::FalseAlarm.code()
        );
        (text, values)
    }

    fn is_over(&self, resolved_at: Timestamp, now: Timestamp) -> bool {
        resolved_at.plus(self.follow_up) <= now
    }
}

impl Store {
    /// Counts what came of alerts, by kind; kinds without any are not in it.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn recovery_tallies(
        &self,
        filter: &RecoveryFilter,
        now: Timestamp,
    ) -> Result<BTreeMap<Kind, Tally>> {
        let mut tallies = self.states(filter).await?;
        self.spans(filter, now, &mut tallies).await?;
        for (kind, tally) in &mut tallies {
            tally.after = match kind {
                Kind::Detractor => self.next_answers(filter, now).await?,
                Kind::CaseOpenTooLong | Kind::HighValueAtRisk => {
                    self.events_after(filter, *kind, now).await?
                }
                // What becomes of a metric is measured, not counted here.
                Kind::MetricMoved => After::default(),
            };
        }
        Ok(tallies)
    }

    async fn states(&self, filter: &RecoveryFilter) -> Result<BTreeMap<Kind, Tally>> {
        let (only, values) = filter.only();
        let text = format!(
            "SELECT a.kind, a.state, a.outcome, COUNT(*) FROM alert a WHERE {only} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        );
        let mut tallies: BTreeMap<Kind, Tally> = BTreeMap::new();
        for row in sql::query_all(self.query(), &text, values).await? {
            let mut row = Columns::of(&row);
            let tally = tallies.entry(kind(row.take()?)?).or_default();
            let state = State::from_code(row.take()?);
            let outcome = row.take::<Option<i16>>()?.and_then(Outcome::from_code);
            let alerts: i64 = row.take()?;
            match (state, outcome) {
                (Some(State::Open), _) => tally.open += alerts,
                (Some(State::Acknowledged), _) => tally.acknowledged += alerts,
                (Some(State::Resolved), Some(outcome)) => tally.outcomes.push((outcome, alerts)),
                _ => return Err(Error::Corrupt { what: "state of an alert" }),
            }
        }
        Ok(tallies)
    }

    async fn spans(
        &self,
        filter: &RecoveryFilter,
        now: Timestamp,
        tallies: &mut BTreeMap<Kind, Tally>,
    ) -> Result<()> {
        let (only, mut values) = filter.only();
        values.push(now.micros().into());
        let now = values.len();
        // Who resolves an alert has seen it.
        for (seen, ended) in
            [(true, "COALESCE(a.acknowledged_at, a.resolved_at)"), (false, "a.resolved_at")]
        {
            let text = format!(
                "SELECT a.kind, CASE WHEN {ended} IS NULL THEN 0 ELSE 1 END AS over, COALESCE({ended}, ${now}) - a.raised_at AS span,
                        COUNT(*)
                 FROM alert a WHERE {only} GROUP BY 1, 2, 3"
            );
            for row in sql::query_all(self.query(), &text, values.clone()).await? {
                let mut row = Columns::of(&row);
                let tally = tallies.entry(kind(row.take()?)?).or_default();
                let over = row.take::<i32>()? != 0;
                // Clocks of replicas differ.
                let span = (row.take::<i64>()?.max(0), row.take()?);
                let spans = if seen { &mut tally.seen } else { &mut tally.resolved };
                if over { spans.ended.push(span) } else { spans.open.push(span) }
            }
        }
        Ok(())
    }

    /// Whether cases were solved and customers ordered.
    async fn events_after(
        &self,
        filter: &RecoveryFilter,
        kind: Kind,
        now: Timestamp,
    ) -> Result<After> {
        let (same, event) = match kind {
            Kind::CaseOpenTooLong => (
                "a.customer_id, a.subject",
                format!(
                    "e.kind = {} AND e.action = {} AND e.subject = l.subject AND e.occurred_at > l.event_at",
                    codes::Kind::Case.code(),
                    CaseAction::Solved.code()
                ),
            ),
            _ => (
                "a.customer_id",
                format!("e.kind = {} AND e.occurred_at > l.resolved_at", codes::Kind::Order.code()),
            ),
        };
        let (latest, mut values) = filter.latest(kind, same);
        values.extend([filter.follow_up.into(), now.micros().into()]);
        let (wait, now) = (values.len() - 1, values.len());
        let text = format!(
            "SELECT b.better, b.over, COUNT(*) FROM (
               SELECT CASE WHEN l.resolved_at + ${wait} <= ${now} THEN 1 ELSE 0 END AS over,
                      CASE WHEN EXISTS (SELECT 1 FROM interaction e WHERE e.customer_id = l.customer_id AND {event}
                        AND e.occurred_at <= l.resolved_at + ${wait} AND e.occurred_at < ${now}) THEN 1 ELSE 0 END AS better
               FROM {latest}) b GROUP BY 1, 2"
        );
        let mut after = After::default();
        for row in sql::query_all(self.query(), &text, values).await? {
            let mut row = Columns::of(&row);
            let (better, over) = (row.take::<i32>()? != 0, row.take::<i32>()? != 0);
            let subjects: i64 = row.take()?;
            // Good news is known before bad news: nobody is judged before both may be.
            match (over, better) {
                (false, _) => after.followed.waiting += subjects,
                (true, true) => after.followed.better += subjects,
                (true, false) => after.followed.not += subjects,
            }
        }
        Ok(after)
    }

    /// What detractors answered next.
    async fn next_answers(&self, filter: &RecoveryFilter, now: Timestamp) -> Result<After> {
        let (latest, mut values) = filter.latest(Kind::Detractor, "a.customer_id, a.measure");
        values.extend([filter.follow_up.into(), now.micros().into()]);
        let (wait, before) = (values.len() - 1, values.len());
        // Measures of surveys have the codes of the surveys' kinds.
        let text = format!(
            "SELECT l.alert_id, l.facts, l.resolved_at, o.score, o.score_min, o.score_max, o.lower_is_better
             FROM {latest}
             LEFT JOIN interaction o ON o.customer_id = l.customer_id
               AND ((l.measure = {review} AND o.kind = {reviews})
                 OR (l.measure <> {review} AND o.kind = {surveys} AND o.variant = l.measure AND o.action = {answered}))
               AND o.score IS NOT NULL AND o.occurred_at > l.resolved_at
               AND o.occurred_at <= l.resolved_at + ${wait} AND o.occurred_at < ${before}
             ORDER BY l.alert_id, o.occurred_at, o.interaction_id",
            review = Measure::Review.code(),
            reviews = codes::Kind::Review.code(),
            surveys = codes::Kind::Survey.code(),
            answered = SurveyAction::Answered.code(),
        );
        let mut after = After::default();
        let mut pairs: BTreeMap<(bool, i32, i32), i64> = BTreeMap::new();
        let mut last: Option<Detracted> = None;
        for row in sql::query_all(self.query(), &text, values).await? {
            let mut row = Columns::of(&row);
            let id: String = row.take()?;
            if last.as_ref().is_none_or(|last| last.id != id) {
                if let Some(done) = last.take() {
                    done.count(&mut after, &mut pairs, filter, now);
                }
                let Facts::Answer(first) = parsed(&row.take::<String>()?, "subject of an alert")?
                else {
                    return Err(Error::Corrupt { what: "subject of an alert" });
                };
                last = Some(Detracted { id, first, resolved_at: row.instant()?, next: None });
            } else {
                row.take::<String>()?;
                row.take::<i64>()?;
            }
            let next = next(&mut row)?;
            // The first one on the same scale.
            if let (Some(last), Some((score, scale))) = (&mut last, next)
                && last.next.is_none()
                && scale == last.first.scale
            {
                last.next = Some(score);
            }
        }
        if let Some(done) = last {
            done.count(&mut after, &mut pairs, filter, now);
        }
        let pair = |((relational, before, after), customers)| Pair {
            relational,
            before,
            after,
            customers,
        };
        after.pairs = pairs.into_iter().map(pair).collect();
        Ok(after)
    }
}

/// A detractor, and what they answered next.
struct Detracted {
    id: String,
    first: Answer,
    resolved_at: Timestamp,
    next: Option<i32>,
}

impl Detracted {
    fn count(
        self,
        after: &mut After,
        pairs: &mut BTreeMap<(bool, i32, i32), i64>,
        filter: &RecoveryFilter,
        now: Timestamp,
    ) {
        let followed = &mut after.followed;
        match self.next {
            Some(next) if self.first.scale.as_bad(next, self.first.threshold) => followed.not += 1,
            Some(_) => followed.better += 1,
            None if filter.is_over(self.resolved_at, now) => followed.unknown += 1,
            None => followed.waiting += 1,
        }
        if let Some(next) = self.next.filter(|_| self.first.measure.is_nps()) {
            let relational = self.first.measure == Measure::NpsRelational;
            *pairs.entry((relational, self.first.score, next)).or_default() += 1;
        }
    }
}

fn next(row: &mut Columns<'_>) -> Result<Option<(i32, Scale)>> {
    let (score, min, max, lower): (Option<i32>, Option<i32>, Option<i32>, Option<i16>) =
        (row.take()?, row.take()?, row.take()?, row.take()?);
    let (Some(score), Some(min), Some(max), Some(lower)) = (score, min, max, lower) else {
        return Ok(None);
    };
    Ok(Some((score, Scale { min, max, lower_is_better: lower != 0 })))
}

fn kind(code: i16) -> Result<Kind> {
    Kind::from_code(code).ok_or(Error::Corrupt { what: "kind of an alert" })
}
