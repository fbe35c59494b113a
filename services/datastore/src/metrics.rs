//! Metrics: what is counted for each, in portable SQL. The figures are made of the counts in `cx-analytics`.
//!
//! Every statement gives rows of `bucket, …` and what they are told apart by ([`Frame::columns`]), then its counts, which are
//! added up by group. Integers stand in the text of a statement, so that the planner sees them; texts are parameters.

mod campaigns;
mod cases;
mod churn;
mod cohorts;
mod contacts;
mod frame;
mod orders;
mod parts;
mod stakes;
mod subscriptions;
mod surveys;
mod volumes;

pub(crate) use frame::rank;
pub use frame::{Attribute, Churned, Dimensions, Filter, Question};

use crate::error::Result;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::metrics::{Amounts, Counts, GroupKey, Groups, Metric, Share};
use cx_analytics::{Timestamp, codes::Kind};
use frame::Frame;

impl Store {
    /// Counts what a metric rests on. Groups without any observation are not in it.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn metric_counts(&self, metric: Metric, question: &Question<'_>) -> Result<Groups> {
        let frame = Frame::new(question, metric, self.query().get_database_backend());
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
            Metric::AverageOrderValue => orders::average(self, &frame).await,
            Metric::ClickRate | Metric::ClickToOpenRate => {
                campaigns::clicked(self, &frame, metric).await
            }
            Metric::SubscriptionChurnRate => subscriptions::lost(self, &frame).await,
            Metric::RetentionRate => cohorts::retained(self, &frame).await,
            Metric::InteractionShare => parts::of_whole(self, question, Metric::Interactions).await,
            Metric::CustomerShare => parts::of_whole(self, question, Metric::ActiveCustomers).await,
            Metric::ValueAtRisk => stakes::at_risk(self, &frame).await,
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
        let mut key = frame.key(&mut columns)?;
        let counts = read(&mut columns, &mut key)?;
        groups.add(key, counts);
    }
    Ok(groups)
}

/// For customers who each have `n` amounts with a `total`: all that the mean and its error need. Squares are summed in halves, as a
/// sum of many 64-bit numbers may not fit into one; a total has at most 62 bits.
fn sums_of_squares() -> String {
    let (high, low) = ("(total >> 31)", "(total & 2147483647)");
    let wide = |value: String| {
        format!("CAST(SUM(({value}) >> 31) AS BIGINT), CAST(SUM(({value}) & 2147483647) AS BIGINT)")
    };
    [
        "CAST(SUM(n) AS BIGINT), COUNT(*), CAST(SUM(n * n) AS BIGINT)".to_owned(),
        wide("total".to_owned()),
        wide(format!("{high} * {high}")),
        wide(format!("{high} * {low}")),
        wide(format!("{low} * {low}")),
        wide(format!("{high} * n")),
        wide(format!("{low} * n")),
    ]
    .join(", ")
}

/// Reads [`sums_of_squares`].
fn amounts(row: &mut Columns<'_>) -> Result<Amounts> {
    let (n, customers, n_squares) = (row.take()?, row.take()?, row.take()?);
    let mut wide = || -> Result<i128> {
        let (upper, lower): (i64, i64) = (row.take()?, row.take()?);
        Ok((i128::from(upper) << 31) + i128::from(lower))
    };
    let sum = wide()?;
    let sum_squares = (wide()? << 62) + (wide()? << 32) + wide()?;
    let products = (wide()? << 31) + wide()?;
    Ok(Amounts { n, customers, sum, sum_squares, products, n_squares, excluded: 0 })
}

/// The same for rows that end with hits, of how many, and how many are excluded.
async fn shares(store: &Store, frame: &Frame<'_>, text: &str) -> Result<Groups> {
    fold(store, frame, text, |row, _| {
        Ok(Counts::Share(Share { hits: row.take()?, of: row.take()?, excluded: row.take()? }))
    })
    .await
}

#[cfg(test)]
mod tests;
