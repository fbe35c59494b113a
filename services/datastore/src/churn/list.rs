//! Risks, page by page, highest first. Objectors to profiling are on no list, even where they objected after the
//! training.

use crate::connect::entry_of;
use crate::error::{Error, Result};
use crate::segmentations::parsed;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::churn::{Band, Driver, Reason, Risk, Value as Worth};
use cx_analytics::customer::Gender;
use cx_analytics::features::{Attribute, Field};
use cx_analytics::interaction::{Currency, Money};
use sea_orm::{QueryResult, Value};
use serde::{Deserialize, Serialize};

/// A risk with what surrounds it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRisk {
    /// The risk.
    pub risk: Risk,
    /// The instant before which interactions were counted.
    pub as_of: Timestamp,
    /// What the same model says of the customer a week before, where it says anything.
    pub week_before: Option<f64>,
    /// The currency of its values.
    pub currency: Option<Currency>,
    /// The persona under the segmentation asked for.
    pub persona_id: Option<String>,
}

/// What is told of a risk and neither looked for nor ordered by.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Detail {
    pub(super) interval: Option<(f64, f64)>,
    pub(super) reasons: Vec<Reason>,
    pub(super) counter_reasons: Vec<Reason>,
    pub(super) week_before: Option<f64>,
    pub(super) value: Option<Worth>,
    pub(super) drivers: Vec<Driver>,
}

/// Which risks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RiskFilter {
    /// Only this band; without one all but those who have left.
    pub band: Option<Band>,
    /// Only members of this persona, by its place in the segmentation.
    pub persona: Option<u16>,
    /// Only probabilities from this one.
    pub min_probability: f64,
    /// Only values at risk in this currency, from this one.
    pub min_value: Option<Money>,
    /// Only customers with this attribute.
    pub attribute: Option<Attribute>,
}

/// How risks are ordered, highest first; equal ones by id, backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RiskOrder {
    /// By probability.
    Probability,
    /// By value at risk; those without one last.
    ValueAtRisk,
    /// By band, and within a band by value at risk.
    BandThenValue,
    /// By nothing but the customer's id, which stays as it is while risks move.
    Customer,
}

impl RiskOrder {
    /// What rows are compared by, before the customer's id.
    const fn columns(self) -> &'static str {
        match self {
            Self::Probability => "r.probability, ",
            Self::ValueAtRisk => "r.value_at_risk, ",
            Self::BandThenValue => "r.urgency, r.value_at_risk, ",
            Self::Customer => "",
        }
    }
}

/// Where a page ended: whatever it was ordered by, and the customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RiskKey {
    /// Bits of the probability: their decimal form need not come back exactly.
    probability: u64,
    value_at_risk: i64,
    urgency: i16,
    customer_id: String,
}

impl RiskKey {
    fn values(&self, order: RiskOrder) -> Vec<Value> {
        let mut values = match order {
            RiskOrder::Probability => vec![f64::from_bits(self.probability).into()],
            RiskOrder::ValueAtRisk => vec![self.value_at_risk.into()],
            RiskOrder::BandThenValue => vec![self.urgency.into(), self.value_at_risk.into()],
            RiskOrder::Customer => vec![],
        };
        values.push(self.customer_id.as_str().into());
        values
    }
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
    pub fn key(&self) -> RiskKey {
        RiskKey {
            probability: self.risk.probability.to_bits(),
            value_at_risk: value_at_risk(&self.risk),
            urgency: urgency(self.risk.band),
            customer_id: self.risk.customer_id.clone(),
        }
    }

    /// An amount with its currency.
    pub fn money(&self, pick: fn(&Worth) -> i64) -> Option<Money> {
        let (value, currency) = self.risk.value.as_ref().zip(self.currency)?;
        Some(Money { currency, amount_minor: pick(value) })
    }
}

/// What rows are compared by: -1 stands for none.
pub(super) fn value_at_risk(risk: &Risk) -> i64 {
    risk.value.map_or(-1, |value| value.at_risk)
}

/// The place of a band in a list by urgency.
pub(super) const fn urgency(band: Band) -> i16 {
    match band {
        Band::High => 4,
        Band::Medium => 3,
        Band::Low => 2,
        Band::InsufficientData => 1,
        Band::Gone => 0,
    }
}

const SELECT: &str = "SELECT r.customer_id, r.probability, r.band, r.currency, r.last_activity_at, r.as_of, r.detail, p.persona_id
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
        let (mut text, mut values) = self.filtered(page);
        let columns = page.order.columns();
        if let Some(after) = &page.after {
            let first = values.len() + 1;
            values.extend(after.values(page.order));
            let marks: Vec<String> = (first..=values.len()).map(|n| format!("${n}")).collect();
            // A comparison of rows, which the index answers in one step on both engines.
            text += &format!(" AND ({columns}r.customer_id) < ({})", marks.join(", "));
        }
        let descending = columns.replace(',', " DESC,");
        text +=
            &format!(" ORDER BY {descending}r.customer_id DESC LIMIT {limit}", limit = page.limit);
        sql::query_all(self.query(), &text, values).await?.iter().map(risk).collect()
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

    /// The statement with its filters so far, and their values.
    fn filtered(&self, page: &RiskPage<'_>) -> (String, Vec<Value>) {
        let mut text = SELECT.to_owned();
        let mut values: Vec<Value> =
            vec![page.model_id.into(), page.segmentation_id.unwrap_or_default().into()];
        let filter = &page.filter;
        let mut only = |clause: &str, value: Value| {
            values.push(value);
            text += &format!(" AND {clause} ${}", values.len());
        };
        match filter.band {
            Some(band) => only("r.band =", band.code().into()),
            None => only("r.band <>", Band::Gone.code().into()),
        }
        if let Some(persona) = filter.persona {
            only("a.persona =", i32::from(persona).into());
        }
        if filter.min_probability > 0.0 {
            only("r.probability >=", filter.min_probability.into());
        }
        if let Some(least) = filter.min_value {
            only("r.currency =", least.currency.as_str().into());
            only("r.value_at_risk >=", least.amount_minor.into());
        }
        if let Some((column, value)) = filter.attribute.as_ref().and_then(wanted) {
            let column = match column {
                Ok(field) => field,
                Err(key) => {
                    values.push(key.into());
                    let mark = format!("${}", values.len());
                    entry_of(self.query().get_database_backend(), "w.attributes", &mark)
                }
            };
            values.push(value);
            text += &format!(
                " AND EXISTS (SELECT 1 FROM customer w WHERE w.customer_id = r.customer_id AND {column} = ${})",
                values.len()
            );
        }
        (text, values)
    }
}

/// The column of an attribute, or the key of an entry, and the value that it must have.
fn wanted(attribute: &Attribute) -> Option<(std::result::Result<String, &str>, Value)> {
    match attribute {
        Attribute::Is(Field::Gender, name) => {
            let gender = Gender::ALL.into_iter().find(|gender| gender.name() == name)?;
            Some((Ok("w.gender".to_owned()), gender.code().into()))
        }
        Attribute::Is(field, value) => {
            Some((Ok(format!("w.{}", field.name())), value.as_str().into()))
        }
        Attribute::EntryIs(key, value) => Some((Err(key), value.as_str().into())),
        _ => None,
    }
}

fn risk(row: &QueryResult) -> Result<StoredRisk> {
    let mut columns = Columns::of(row);
    let customer_id = columns.take()?;
    let probability = columns.take()?;
    let band = Band::from_code(columns.take()?).ok_or(Error::Corrupt { what: "band" })?;
    let currency = columns.take::<Option<String>>()?.and_then(|code| Currency::parse(&code));
    let (last_activity_at, as_of) = (columns.instant()?, columns.instant()?);
    let detail: Detail = parsed(&columns.take::<String>()?, "detail of a risk")?;
    let Detail { interval, reasons, counter_reasons, week_before, value, drivers } = detail;
    let risk = Risk {
        customer_id,
        probability,
        interval,
        band,
        reasons,
        counter_reasons,
        last_activity_at,
        value,
        drivers,
    };
    Ok(StoredRisk { risk, as_of, week_before, currency, persona_id: columns.take()? })
}
