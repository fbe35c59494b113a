//! Customers of high value who are likely to leave. Who stays so is no news: what a rule found at its last look stands in a table, and
//! only who was not in it is raised.

use super::raise::{Named, PIECE, begin};
use super::{Found, Rule};
use crate::assignments::NO_OBJECTION;
use crate::churn::DEFAULT_DEFINITION;
use crate::connect::{Column, bulk_insert};
use crate::error::{Error, Result};
use crate::sql::{self, Columns, marks};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::alerts::{AtRisk, Facts, Risk};
use cx_analytics::churn::Band;
use cx_analytics::codes::Kind;
use cx_analytics::interaction::Money;
use sea_orm::{DatabaseTransaction, QueryResult};
use std::collections::HashSet;

/// What a look found.
#[derive(Debug, Clone, PartialEq)]
pub struct AtRiskNow {
    /// When the model became active.
    pub activated_at: Timestamp,
    /// Who is at risk and was not at the last look, by id.
    pub new: Vec<Found>,
    /// Who was and is not any more, by id.
    pub gone: Vec<String>,
}

impl Store {
    /// Looks who is at risk under the active model; none where no model is active.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn customers_at_risk(
        &self,
        rule: &Rule,
        of: &AtRisk,
        now: Timestamp,
    ) -> Result<Option<AtRiskNow>> {
        let text = "SELECT churn_model_id, activated_at FROM churn_definition
                    WHERE churn_definition_id = $1 AND churn_model_id IS NOT NULL";
        let Some(row) = sql::query_one(self.long(), text, vec![DEFAULT_DEFINITION.into()]).await?
        else {
            return Ok(None);
        };
        let mut columns = Columns::of(&row);
        let (model, activated_at): (String, _) = (columns.take()?, columns.instant()?);
        let text =
            "SELECT customer_id FROM alert_standing WHERE alert_rule_id = $1 ORDER BY customer_id";
        let rows = sql::query_all(self.long(), text, vec![rule.id.as_str().into()]).await?;
        let standing: Vec<String> =
            rows.iter().map(|row| Columns::of(row).take()).collect::<Result<_>>()?;
        let values = vec![
            model.as_str().into(),
            of.min_probability.into(),
            of.min_value.currency.as_str().into(),
            now.micros().into(),
            of.min_value.amount_minor.into(),
        ];
        let rows = sql::query_all(self.long(), &text_of(of), values).await?;
        let mut new = Vec::new();
        let mut there = HashSet::new();
        let known: HashSet<&str> = standing.iter().map(String::as_str).collect();
        for row in &rows {
            let one = at_risk(row, &model, of, now)?;
            if rule.scope.holds(one.persona_id.as_deref(), None, None) {
                there.insert(one.customer_id.clone());
                if !known.contains(one.customer_id.as_str()) {
                    new.push(one);
                }
            }
        }
        let gone = standing.into_iter().filter(|id| !there.contains(id)).collect();
        Ok(Some(AtRiskNow { activated_at, new, gone }))
    }

    /// Notes who is at risk and who is not any more, and with `raise` raises who is and was not raised before; gives the number of
    /// alerts.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] where `owner` has not the duty any more, [`Error::Unavailable`].
    pub async fn risks_note(
        &self,
        owner: &str,
        rule: &Rule,
        (found, raise): (&AtRiskNow, bool),
        now: Timestamp,
    ) -> Result<usize> {
        let mut raised = 0;
        for piece in found.new.chunks(PIECE) {
            let named = self.named(rule, piece).await?;
            raised += self
                .write(async |tx| {
                    if !begin(tx, owner, rule).await? {
                        return Ok(0);
                    }
                    let all: Vec<&Named<'_>> = named.iter().filter(|_| raise).collect();
                    let raised = self.alerts_put(tx, rule, &all, now).await?;
                    self.stand(tx, rule, piece).await?;
                    Ok(raised)
                })
                .await?;
        }
        for piece in found.gone.chunks(PIECE) {
            let (marks, mut values) = marks(piece, 2);
            values.insert(0, rule.id.as_str().into());
            let text = format!(
                "DELETE FROM alert_standing WHERE alert_rule_id = $1 AND customer_id IN ({marks})"
            );
            self.write(async |tx| {
                if !begin(tx, owner, rule).await? {
                    return Ok(0);
                }
                sql::execute(tx, &text, values).await
            })
            .await?;
        }
        Ok(raised)
    }

    async fn stand(&self, tx: &DatabaseTransaction, rule: &Rule, found: &[Found]) -> Result<()> {
        let ids: Vec<&str> = found.iter().map(|one| one.customer_id.as_str()).collect();
        let erased = self.suppressed_among(tx, ids.clone()).await?;
        let ids = ids.into_iter().filter(|id| !erased.contains(id)).map(str::to_owned);
        let ids: Vec<String> = ids.collect();
        let rules = vec![rule.id.clone(); ids.len()];
        let columns = [("customer_id", Column::Text(ids)), ("alert_rule_id", Column::Text(rules))];
        bulk_insert(tx, "alert_standing", &columns, "ON CONFLICT DO NOTHING").await.map(|_| ())
    }
}

fn text_of(of: &AtRisk) -> String {
    let (order, refund) = (Kind::Order.code(), Kind::Return.code());
    let bands: Vec<String> = of.bands().iter().map(|band| band.code().to_string()).collect();
    let only = match bands.is_empty() {
        true => String::new(),
        false => format!("AND a.band IN ({})", bands.join(", ")),
    };
    format!(
        "SELECT i.customer_id, i.probability, i.band, i.value, p.persona_id FROM (
           SELECT a.customer_id, a.probability, a.band,
                  (SELECT CAST(COALESCE(SUM(CASE WHEN o.kind = {order} THEN o.amount ELSE -o.amount END), 0) AS BIGINT)
                   FROM interaction o
                   WHERE o.customer_id = a.customer_id AND o.kind IN ({order}, {refund}) AND o.currency = $3
                     AND o.occurred_at < $4) AS value
           FROM churn_risk a
           WHERE a.churn_model_id = $1 AND a.probability >= $2 AND a.band <> {gone} {only} AND {NO_OBJECTION}
         ) i {persona}
         WHERE i.value >= $5 ORDER BY i.customer_id",
        gone = Band::Gone.code(),
        persona = super::answers::PERSONA,
    )
}

fn at_risk(row: &QueryResult, model: &str, of: &AtRisk, now: Timestamp) -> Result<Found> {
    let mut columns = Columns::of(row);
    let c = &mut columns;
    let customer_id = c.take()?;
    let probability = c.take()?;
    let band = Band::from_code(c.take()?).ok_or(Error::Corrupt { what: "band" })?;
    let value = Money { currency: of.min_value.currency, amount_minor: c.take()? };
    Ok(Found {
        customer_id,
        persona_id: c.take()?,
        channel: None,
        stage: None,
        event_at: now,
        facts: Facts::Risk(Risk { model_id: model.to_owned(), probability, band, value }),
    })
}
