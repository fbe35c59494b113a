//! Raising what was found, once. Whoever finds the same thing again finds its row: after another look, a restart, from another
//! replica, or in another order.

use super::cases;
use super::log::{NewChange, append};
use super::rules::{self, Rule};
use crate::connect::{Column, bulk_insert, hold_erasures};
use crate::duties::{Duty, held};
use crate::error::Result;
use crate::membership::positions;
use crate::segmentations::json;
use crate::sql::{self, Columns, marks};
use crate::store::Store;
use cx_analytics::alerts::{Action, Facts, Kind, State};
use cx_analytics::{Channel, Stage, Timestamp};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use std::collections::HashSet;

/// Found by a rule, about a customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The customer; empty where it is about none.
    pub customer_id: String,
    /// The persona that the customer has.
    pub persona_id: Option<String>,
    /// The channel.
    pub channel: Option<Channel>,
    /// The stage.
    pub stage: Option<Stage>,
    /// When it happened.
    pub event_at: Timestamp,
    /// What it is.
    pub facts: Facts,
}

/// Alerts written in one transaction.
pub(super) const PIECE: usize = 500;

impl Store {
    /// Raises what a rule has found and was not raised before, but nothing about customers who were erased; gives the number. None where
    /// a person changed the rule meanwhile: then not all is raised.
    ///
    /// # Errors
    /// [`crate::Error::LeaseLost`] where `owner` has not the duty any more, [`crate::Error::Unavailable`].
    pub async fn alerts_raise(
        &self,
        owner: &str,
        rule: &Rule,
        found: &[Found],
        now: Timestamp,
    ) -> Result<Option<usize>> {
        let mut raised = 0;
        for piece in found.chunks(PIECE) {
            let named = self.named(rule, piece).await?;
            let ids: Vec<&str> = named.iter().map(|(id, _)| id.as_str()).collect();
            // Most of what is found was found before: then nothing is to be written, and nobody waits for it.
            let known = known(self.read(), &ids).await?;
            let new: Vec<&Named<'_>> = named.iter().filter(|(id, _)| !known.contains(id)).collect();
            if new.is_empty() {
                continue;
            }
            let put = self.write(async |tx| {
                if !begin(tx, owner, rule).await? {
                    return Ok(None);
                }
                self.alerts_put(tx, rule, &new, now).await.map(Some)
            });
            let Some(put) = put.await? else { return Ok(None) };
            raised += put;
        }
        Ok(Some(raised))
    }

    /// What was found, each with the id of its alert. The id is a keyed hash: it tells nobody what it was made of.
    pub(super) async fn named<'a>(
        &self,
        rule: &Rule,
        found: &'a [Found],
    ) -> Result<Vec<Named<'a>>> {
        let mut named = Vec::with_capacity(found.len());
        for one in found {
            let content = ("alert", &rule.id, &one.customer_id, one.facts.subject());
            let hash = self.keys().hash(&json(&content, "alert")?).await?;
            let id = blake3::Hash::from_bytes(hash).to_hex()[..32].to_owned();
            named.push((id, one));
        }
        Ok(named)
    }

    /// Writes those of the alerts that are not there, and that they were raised.
    pub(super) async fn alerts_put(
        &self,
        tx: &DatabaseTransaction,
        rule: &Rule,
        found: &[&Named<'_>],
        now: Timestamp,
    ) -> Result<usize> {
        hold_erasures(tx).await?;
        let customers = found.iter().map(|(_, one)| one.customer_id.as_str()).collect();
        let erased = self.suppressed_among(tx, customers).await?;
        let ids: Vec<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
        let mut there = known(tx, &ids).await?;
        let mut new: Vec<&Named<'_>> = (found.iter().copied())
            .filter(|(id, one)| {
                !erased.contains(one.customer_id.as_str()) && there.insert(id.clone())
            })
            .collect();
        if rule.condition.kind() == Kind::CaseOpenTooLong {
            cases::forget_raised(tx, rule, &mut new).await?;
        }
        let changes: Vec<NewChange<'_>> = (new.iter())
            .map(|(id, one)| NewChange::plain(&one.customer_id, id, Action::Raised))
            .collect();
        let at = append(tx, &changes, now).await?;
        bulk_insert(tx, "alert", &columns(rule, &new, at)?, "").await?;
        Ok(new.len())
    }
}

/// What was found, with the id of its alert.
pub(super) type Named<'a> = (String, &'a Found);

/// Takes the locks of whoever raises alerts, in their order: the head of the log, the duty, the rule. False where a person
/// changed the rule.
pub(super) async fn begin(tx: &DatabaseTransaction, owner: &str, rule: &Rule) -> Result<bool> {
    positions(tx, 0, Timestamp::MIN).await?;
    held(tx, Duty::Alerts, owner).await?;
    rules::lock(tx, rule).await
}

/// Those of the alerts that are there.
async fn known(db: &impl ConnectionTrait, ids: &[&str]) -> Result<HashSet<String>> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let (marks, values) = marks(ids, 1);
    let text = format!("SELECT alert_id FROM alert WHERE alert_id IN ({marks})");
    let rows = sql::query_all(db, &text, values).await?;
    rows.iter().map(|row| Columns::of(row).take()).collect()
}

fn columns(
    rule: &Rule,
    found: &[&Named<'_>],
    at: Timestamp,
) -> Result<Vec<(&'static str, Column)>> {
    let each =
        |of: fn(&Found) -> String| Column::Text(found.iter().map(|(_, one)| of(one)).collect());
    let codes = |of: fn(&Found) -> i16| Column::I16(found.iter().map(|(_, one)| of(one)).collect());
    let facts: Result<Vec<String>> =
        found.iter().map(|(_, one)| json(&one.facts, "subject of an alert")).collect();
    let all = |text: &str| Column::Text(vec![text.to_owned(); found.len()]);
    Ok(vec![
        ("customer_id", each(|one| one.customer_id.clone())),
        ("alert_id", Column::Text(found.iter().map(|(id, _)| id.clone()).collect())),
        ("alert_rule_id", all(&rule.id)),
        ("rule_name", all(&rule.name)),
        ("kind", codes(|one| one.facts.kind().code())),
        (
            "persona_id",
            Column::OptText(found.iter().map(|(_, one)| one.persona_id.clone()).collect()),
        ),
        ("channel", codes(|one| one.channel.map_or(0, Channel::code))),
        ("stage", codes(|one| one.stage.map_or(0, Stage::code))),
        ("subject", each(|one| about(&one.facts).to_owned())),
        ("measure", Column::OptI16(found.iter().map(|(_, one)| measure(&one.facts)).collect())),
        ("facts", Column::Text(facts?)),
        ("event_at", Column::I64(found.iter().map(|(_, one)| one.event_at.micros()).collect())),
        ("raised_at", Column::I64(vec![at.micros(); found.len()])),
        ("state", Column::I16(vec![State::Open.code(); found.len()])),
        ("revision", Column::I64(vec![1; found.len()])),
    ])
}

/// The one thing that an alert is about, by its id.
fn about(facts: &Facts) -> &str {
    match facts {
        Facts::Answer(answer) => &answer.interaction_id,
        Facts::Case(case) => &case.case_id,
        Facts::Risk(risk) => &risk.model_id,
        Facts::Metric(_) => "",
    }
}

fn measure(facts: &Facts) -> Option<i16> {
    match facts {
        Facts::Answer(answer) => Some(answer.measure.code()),
        _ => None,
    }
}
