//! Risks, page by page, highest first. Objectors to profiling are on no list, even where they objected after the
//! training.

use crate::error::{Error, Result};
use crate::segmentations::parsed;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::churn::{Band, Risk};
use cx_analytics::interaction::{Currency, Money};
use sea_orm::{QueryResult, Value};

/// A risk with what surrounds it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRisk {
    /// The risk.
    pub risk: Risk,
    /// The value at risk with its currency.
    pub value_at_risk: Option<Money>,
    /// The persona under the segmentation asked for.
    pub persona_id: Option<String>,
}

/// Which risks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RiskFilter {
    /// Only this band.
    pub band: Option<Band>,
    /// Only members of this persona, by its place in the segmentation.
    pub persona: Option<u16>,
    /// Only probabilities from this one.
    pub min_probability: f64,
}

/// How risks are ordered, highest first; equal ones by id, backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RiskOrder {
    /// By probability.
    Probability,
    /// By value at risk; those without one last.
    ValueAtRisk,
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq)]
pub enum RiskKey {
    /// Ordered by probability.
    Probability(f64, String),
    /// Ordered by value at risk.
    ValueAtRisk(Option<i64>, String),
}

/// Which page of risks.
#[derive(Debug, Clone, PartialEq)]
pub struct RiskPage<'a> {
    /// The model.
    pub model_id: &'a str,
    /// The segmentation from which personas are told.
    pub segmentation_id: Option<&'a str>,
    /// Which risks.
    pub filter: RiskFilter,
    /// In which order.
    pub order: RiskOrder,
    /// After which row.
    pub after: Option<RiskKey>,
    /// Most rows.
    pub limit: u64,
}

impl StoredRisk {
    /// Where a page that ends with this risk ends.
    pub fn key(&self, order: RiskOrder) -> RiskKey {
        let id = self.risk.customer_id.clone();
        match order {
            RiskOrder::Probability => RiskKey::Probability(self.risk.probability, id),
            RiskOrder::ValueAtRisk => RiskKey::ValueAtRisk(self.risk.value_at_risk, id),
        }
    }
}

const SELECT: &str = "SELECT r.customer_id, r.probability, r.band, r.reasons, r.value_at_risk, r.currency,
        r.last_activity_at, p.persona_id
    FROM churn_risk r
    LEFT JOIN assignment a ON a.customer_id = r.customer_id AND a.segmentation_id = $2
    LEFT JOIN persona p ON p.segmentation_id = a.segmentation_id AND p.ordinal = a.persona
    WHERE r.churn_model_id = $1
        AND NOT EXISTS (SELECT 1 FROM customer c WHERE c.customer_id = r.customer_id AND c.consent_profiling = 0)";

impl Store {
    /// A page of risks, highest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn churn_risks_list(&self, page: &RiskPage<'_>) -> Result<Vec<StoredRisk>> {
        match (page.order, &page.after) {
            (RiskOrder::Probability, after) => {
                let after = match after {
                    Some(RiskKey::Probability(p, id)) => Some(((*p).into(), id.as_str())),
                    _ => None,
                };
                self.risks(page, "r.probability", after, page.limit).await
            }
            (RiskOrder::ValueAtRisk, Some(RiskKey::ValueAtRisk(None, id))) => {
                self.risks_without_value(page, Some(id), page.limit).await
            }
            (RiskOrder::ValueAtRisk, after) => {
                let after = match after {
                    Some(RiskKey::ValueAtRisk(Some(value), id)) => {
                        Some(((*value).into(), id.as_str()))
                    }
                    _ => None,
                };
                let mut risks = self.risks(page, "r.value_at_risk", after, page.limit).await?;
                let left = page.limit - risks.len() as u64;
                if left > 0 {
                    risks.extend(self.risks_without_value(page, None, left).await?);
                }
                Ok(risks)
            }
        }
    }

    /// One customer's risk under a model.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn churn_risk_get(
        &self,
        model_id: &str,
        segmentation_id: Option<&str>,
        customer_id: &str,
    ) -> Result<Option<StoredRisk>> {
        let text = format!("{SELECT} AND r.customer_id = $3");
        let values =
            vec![model_id.into(), segmentation_id.unwrap_or_default().into(), customer_id.into()];
        sql::query_one(self.read(), &text, values).await?.map(|row| risk(&row)).transpose()
    }

    /// Those that have a value in `column`, by it.
    async fn risks(
        &self,
        page: &RiskPage<'_>,
        column: &str,
        after: Option<(Value, &str)>,
        limit: u64,
    ) -> Result<Vec<StoredRisk>> {
        let (mut text, mut values) = filtered(page);
        text += &format!(" AND {column} IS NOT NULL");
        if let Some((value, id)) = after {
            let place = values.len() + 1;
            // A comparison of rows, which the index answers in one step on both engines.
            text += &format!(" AND ({column}, r.customer_id) < (${place}, ${})", place + 1);
            values.extend([value, id.into()]);
        }
        text += &format!(" ORDER BY {column} DESC, r.customer_id DESC LIMIT {limit}");
        sql::query_all(self.query(), &text, values).await?.iter().map(risk).collect()
    }

    async fn risks_without_value(
        &self,
        page: &RiskPage<'_>,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Vec<StoredRisk>> {
        let (mut text, mut values) = filtered(page);
        text += " AND r.value_at_risk IS NULL";
        if let Some(id) = after {
            values.push(id.into());
            text += &format!(" AND r.customer_id < ${}", values.len());
        }
        text += &format!(" ORDER BY r.customer_id DESC LIMIT {limit}");
        sql::query_all(self.query(), &text, values).await?.iter().map(risk).collect()
    }
}

/// The statement with its filters so far, and their values.
fn filtered(page: &RiskPage<'_>) -> (String, Vec<Value>) {
    let mut text = SELECT.to_owned();
    let mut values: Vec<Value> =
        vec![page.model_id.into(), page.segmentation_id.unwrap_or_default().into()];
    let mut only = |clause: &str, value: Value| {
        values.push(value);
        text += &format!(" AND {clause} ${}", values.len());
    };
    if let Some(band) = page.filter.band {
        only("r.band =", band.code().into());
    }
    if let Some(persona) = page.filter.persona {
        only("a.persona =", i32::from(persona).into());
    }
    if page.filter.min_probability > 0.0 {
        only("r.probability >=", page.filter.min_probability.into());
    }
    (text, values)
}

fn risk(row: &QueryResult) -> Result<StoredRisk> {
    let mut columns = Columns::of(row);
    let customer_id = columns.take()?;
    let probability = columns.take()?;
    let band = Band::from_code(columns.take()?).ok_or(Error::Corrupt { what: "band" })?;
    let reasons = parsed(&columns.take::<String>()?, "list of reasons")?;
    let value_at_risk: Option<i64> = columns.take()?;
    let currency = columns.take::<Option<String>>()?.and_then(|code| Currency::parse(&code));
    let last_activity_at = columns.instant()?;
    let money = value_at_risk.zip(currency);
    Ok(StoredRisk {
        risk: Risk { customer_id, probability, band, reasons, value_at_risk, last_activity_at },
        value_at_risk: money.map(|(amount_minor, currency)| Money { currency, amount_minor }),
        persona_id: columns.take()?,
    })
}
