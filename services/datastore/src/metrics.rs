//! Metrics: what is counted for each, in portable SQL. The figures are made of the counts in `cx-analytics`.
//!
//! Every statement gives rows of `bucket, persona, channel, stage, …`, which are added up by group. Integers stand in the
//! text of a statement, so that the planner sees them; the one text is a parameter.

mod cases;
mod churn;
mod contacts;
mod frame;
mod orders;
mod surveys;
mod volumes;

pub use frame::{Churned, Dimensions, Filter, Question};

use crate::error::{Error, Result};
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::metrics::{Counts, GroupKey, Groups, Metric, Share};
use cx_analytics::{Channel, Stage, Timestamp, codes::Kind};
use frame::Frame;

impl Store {
    /// Counts what a metric rests on. Groups without any observation are not in it.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn metric_counts(&self, metric: Metric, question: &Question<'_>) -> Result<Groups> {
        let frame = Frame::new(question);
        match metric {
            Metric::NpsRelational
            | Metric::NpsTransactional
            | Metric::CsatTop2Box
            | Metric::CsatMean
            | Metric::CesEasyShare
            | Metric::CesMean => surveys::answers(self, &frame, metric).await,
            Metric::SurveyResponseRate => surveys::response_rate(self, &frame).await,
            Metric::FirstResponseTime
            | Metric::FirstResolutionTime
            | Metric::FullResolutionTime
            | Metric::CycleResolutionTime => cases::spans(self, &frame, metric).await,
            Metric::QueueWait => contacts::waits(self, &frame).await,
            Metric::AbandonmentRate => contacts::abandonment(self, &frame).await,
            Metric::ServiceLevel => contacts::in_time(self, &frame).await,
            Metric::FirstContactResolution => contacts::settled(self, &frame).await,
            Metric::SelfServiceShare => contacts::self_served(self, &frame).await,
            Metric::ChurnRate => churn::churned(self, &frame).await,
            Metric::Interactions | Metric::ActiveCustomers | Metric::Orders => {
                volumes::number(self, &frame, metric).await
            }
            Metric::Revenue => volumes::money(self, &frame, &[Kind::Order]).await,
            Metric::CustomerValue => {
                volumes::money(self, &frame, &[Kind::Order, Kind::Return]).await
            }
            Metric::ComplaintsPer100Customers => {
                volumes::raised(self, &frame, Kind::Complaint).await
            }
            Metric::FeatureRequestsPer100Customers => {
                volumes::raised(self, &frame, Kind::FeatureRequest).await
            }
            Metric::PurchaseFrequency => orders::frequency(self, &frame).await,
            Metric::RepeatPurchaseRate => orders::repeated(self, &frame).await,
            Metric::ReturnRate => orders::returned(self, &frame).await,
        }
    }

    /// When the earliest interaction before an instant took place.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn interactions_first_at(&self, before: Timestamp) -> Result<Option<Timestamp>> {
        // One look into the index for each kind, instead of reading the table.
        let of_kind = |kind: Kind| {
            let (kind, before) = (kind.code(), before.micros());
            format!(
                "SELECT MIN(occurred_at) AS first_at FROM interaction WHERE kind = {kind} AND occurred_at < {before}"
            )
        };
        let kinds = Kind::ALL.map(of_kind).join(" UNION ALL ");
        let found =
            sql::query_one(self.read(), &format!("SELECT MIN(first_at) FROM ({kinds}) k"), vec![])
                .await?;
        found.map_or(Ok(None), |row| Columns::of(&row).opt_instant())
    }
}

/// Runs a statement whose rows start with bucket and group, and adds up what `read` makes of the rest of each row.
async fn fold(
    store: &Store,
    frame: &Frame<'_>,
    text: &str,
    read: impl Fn(&mut Columns<'_>, &mut GroupKey) -> Result<Counts>,
) -> Result<Groups> {
    let mut groups = Groups::default();
    for row in sql::query_all(store.query(), text, frame.values()).await? {
        let mut columns = Columns::of(&row);
        let mut key = group(&mut columns)?;
        let counts = read(&mut columns, &mut key)?;
        groups.add(key, counts);
    }
    Ok(groups)
}

/// The same for rows that end with hits, of how many, and how many are excluded.
async fn shares(store: &Store, frame: &Frame<'_>, text: &str) -> Result<Groups> {
    fold(store, frame, text, |row, _| {
        Ok(Counts::Share(Share { hits: row.take()?, of: row.take()?, excluded: row.take()? }))
    })
    .await
}

/// `bucket, persona, channel, stage`, as [`Frame::columns`] writes them.
fn group(columns: &mut Columns<'_>) -> Result<GroupKey> {
    let bucket = columns.take::<i64>()?;
    let mut code = || columns.take::<i64>().map(|code| i16::try_from(code).unwrap_or(-1));
    let (persona, channel, stage) = (code()?, code()?, code()?);
    Ok(GroupKey {
        bucket: usize::try_from(bucket).map_err(|_| Error::Corrupt { what: "bucket" })?,
        persona: (persona >= 0).then_some(persona),
        channel: Channel::from_code(channel),
        stage: Stage::from_code(stage),
        currency: None,
    })
}

#[cfg(test)]
mod tests;
