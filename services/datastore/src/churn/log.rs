//! The log of who crosses a band, under the active model of each definition. Its positions are those of the membership log, given under the
//! same lock, so that whoever has read up to one has missed nothing before it.

use crate::assignments::NO_OBJECTION;
use crate::connect::{Column, bulk_insert};
use crate::error::{Error, Result};
use crate::membership::positions;
use crate::sql::{self, Columns, numbers};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::churn::Band;
use sea_orm::{DatabaseTransaction, QueryResult};

/// Why somebody crossed a band.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeCause {
    /// Data arrived.
    NewData,
    /// Time passed.
    Time,
    /// Another model became the active one.
    NewModel,
}

impl ChangeCause {
    const fn code(self) -> i16 {
        match self {
            Self::NewData => 1,
            Self::Time => 2,
            Self::NewModel => 3,
        }
    }

    const fn from_code(code: i16) -> Option<Self> {
        match code {
            1 => Some(Self::NewData),
            2 => Some(Self::Time),
            3 => Some(Self::NewModel),
            _ => None,
        }
    }
}

/// Somebody crossed a band.
#[derive(Debug, Clone, PartialEq)]
pub struct BandChange {
    /// The place in the log.
    pub position: i64,
    /// Who.
    pub customer_id: String,
    /// From which; none where they were on no list.
    pub from: Option<Band>,
    /// To which; none where they are on no list any more.
    pub to: Option<Band>,
    /// The probability now.
    pub probability: Option<f64>,
    /// Why.
    pub cause: ChangeCause,
    /// The definition.
    pub definition_id: String,
    /// The model.
    pub model_id: String,
    /// When it was noticed.
    pub at: Timestamp,
}

/// Which changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangesOf {
    /// Under this definition.
    pub definition_id: String,
    /// Into or out of these bands; all where there are none.
    pub bands: Vec<Band>,
}

impl Store {
    /// The next `limit` changes after a position, in their order.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn churn_changes_after(
        &self,
        position: i64,
        of: &ChangesOf,
        limit: u64,
    ) -> Result<Vec<BandChange>> {
        let bands = numbers(of.bands.iter().map(|band| band.code()));
        let only = match of.bands[..] {
            [] => String::new(),
            _ => format!(" AND (a.to_band IN ({bands}) OR a.from_band IN ({bands}))"),
        };
        let text = format!(
            "SELECT a.position, a.customer_id, a.from_band, a.to_band, a.probability, a.cause, a.churn_definition_id,
                    a.churn_model_id, a.changed_at
             FROM churn_change a WHERE a.position > $1 AND a.churn_definition_id = $2{only} AND {NO_OBJECTION}
             ORDER BY a.position LIMIT $3"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = vec![position.into(), of.definition_id.as_str().into(), limit.into()];
        sql::query_all(self.query(), &text, values).await?.iter().map(read).collect()
    }
}

/// A change that has no place yet.
pub(super) struct NewChange {
    pub customer_id: String,
    pub from: Option<Band>,
    pub to: Option<Band>,
    pub probability: f64,
}

/// Writes changes at the end of the log.
pub(super) async fn append(
    tx: &DatabaseTransaction,
    changes: &[NewChange],
    (definition_id, model_id, cause): (&str, &str, ChangeCause),
    now: Timestamp,
) -> Result<()> {
    let n = changes.len();
    let count = i64::try_from(n).unwrap_or(i64::MAX);
    let (first, at) = positions(tx, count, now).await?;
    let band = |band: Option<Band>| band.map(Band::code);
    let columns = [
        ("customer_id", Column::Text(changes.iter().map(|c| c.customer_id.clone()).collect())),
        ("position", Column::I64((first..first + count).collect())),
        ("changed_at", Column::I64(vec![at.micros(); n])),
        ("churn_definition_id", Column::Text(vec![definition_id.to_owned(); n])),
        ("churn_model_id", Column::Text(vec![model_id.to_owned(); n])),
        ("from_band", Column::OptI16(changes.iter().map(|c| band(c.from)).collect())),
        ("to_band", Column::OptI16(changes.iter().map(|c| band(c.to)).collect())),
        ("probability", Column::F64(changes.iter().map(|c| c.probability).collect())),
        ("cause", Column::I16(vec![cause.code(); n])),
    ];
    bulk_insert(tx, "churn_change", &columns, "").await.map(|_| ())
}

/// Writes who crosses a band as a model becomes the active one of its definition.
pub(super) async fn append_activation(
    tx: &DatabaseTransaction,
    definition_id: &str,
    model_id: &str,
    now: Timestamp,
) -> Result<()> {
    let (first, at) = positions(tx, 0, now).await?;
    // Two lookups by key and no FULL JOIN, which SQLite does by comparing everybody with everybody.
    let text = "INSERT INTO churn_change (customer_id, position, changed_at, churn_definition_id, churn_model_id, from_band, to_band,
                    probability, cause)
                SELECT d.customer_id, $1 + ROW_NUMBER() OVER (ORDER BY d.customer_id), $2, $3, $4, d.was, d.is_now, d.probability, $5
                FROM (SELECT n.customer_id, o.band AS was, n.band AS is_now, n.probability FROM churn_risk n
                      LEFT JOIN churn_risk o ON o.customer_id = n.customer_id AND o.churn_model_id =
                          (SELECT churn_model_id FROM churn_definition WHERE churn_definition_id = $3)
                      WHERE n.churn_model_id = $4 AND n.band IS DISTINCT FROM o.band
                      UNION ALL
                      SELECT o.customer_id, o.band, NULL, NULL FROM churn_risk o
                      WHERE o.churn_model_id = (SELECT churn_model_id FROM churn_definition WHERE churn_definition_id = $3)
                        AND NOT EXISTS (SELECT 1 FROM churn_risk n WHERE n.customer_id = o.customer_id AND n.churn_model_id = $4)) d";
    let values = vec![
        (first - 1).into(),
        at.micros().into(),
        definition_id.into(),
        model_id.into(),
        ChangeCause::NewModel.code().into(),
    ];
    let written = sql::execute(tx, text, values).await?;
    positions(tx, i64::try_from(written).unwrap_or(i64::MAX), now).await.map(|_| ())
}

fn read(row: &QueryResult) -> Result<BandChange> {
    let mut columns = Columns::of(row);
    let c = &mut columns;
    let band = |code: Option<i16>| match code {
        None => Ok(None),
        Some(code) => Band::from_code(code).map(Some).ok_or(Error::Corrupt { what: "band" }),
    };
    Ok(BandChange {
        position: c.take()?,
        customer_id: c.take()?,
        from: band(c.take()?)?,
        to: band(c.take()?)?,
        probability: c.take()?,
        cause: ChangeCause::from_code(c.take()?).ok_or(Error::Corrupt { what: "cause" })?,
        definition_id: c.take()?,
        model_id: c.take()?,
        at: c.instant()?,
    })
}
