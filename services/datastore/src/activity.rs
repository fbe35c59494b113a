//! Activity: one aggregate over `interaction`, the same for everybody, for a few customers and for any past instant.
//!
//! Only `occurred_at < as_of` is counted, so a snapshot of the past knows nothing of what came after it.

mod query;

use crate::error::Result;
use crate::journeys::customer_actions;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::interaction::Currency;
use cx_analytics::{Activity, Timestamp, codes::Kind};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use sea_orm::{DatabaseConnection, StreamTrait};
use std::collections::HashSet;

/// Whose activity.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// Everybody who did something, but for those who object to profiling.
    Everyone,
    /// These customers, whatever they consented to.
    Customers(&'a [String]),
}

/// Customers in one statement.
const CHUNK: usize = 500;

impl Store {
    /// The activity before `as_of` of those in `scope` who have any, by id. Money is counted where it is in `currency`; with
    /// `None` no money is.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn activity(
        &self,
        as_of: Timestamp,
        scope: Scope<'_>,
        currency: Option<Currency>,
    ) -> Result<Vec<Activity>> {
        match scope {
            Scope::Everyone => self.activity_stream(as_of, currency).await?.try_collect().await,
            Scope::Customers(ids) => {
                let mut ids = ids.to_vec();
                ids.sort_unstable();
                ids.dedup();
                let mut found = Vec::with_capacity(ids.len());
                for part in ids.chunks(CHUNK) {
                    found.extend(self.activity_of(self.query(), as_of, currency, part).await?);
                }
                Ok(found)
            }
        }
    }

    async fn activity_of(
        &self,
        db: &DatabaseConnection,
        as_of: Timestamp,
        currency: Option<Currency>,
        ids: &[String],
    ) -> Result<Vec<Activity>> {
        let (text, values) = query::statement(as_of, currency, ids);
        let mut rows = db.stream_raw(sql::statement(db, &text, values)).await?;
        let mut found = Vec::new();
        while let Some(row) = rows.try_next().await? {
            found.push(query::read(&row)?);
        }
        Ok(found)
    }

    /// The activity before `as_of` of everybody who did something, but for those who object to profiling: one at a time, by id.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn activity_stream(
        &self,
        as_of: Timestamp,
        currency: Option<Currency>,
    ) -> Result<BoxStream<'_, Result<Activity>>> {
        let objectors: HashSet<String> = self.profiling_objectors().await?.into_iter().collect();
        let (text, values) = query::statement(as_of, currency, &[]);
        let rows = self.long().stream_raw(sql::statement(self.long(), &text, values)).await?;
        let read = move |row: std::result::Result<sea_orm::QueryResult, sea_orm::DbErr>| {
            let activity = row.map_err(Into::into).and_then(|row| query::read(&row));
            let objects =
                activity.as_ref().is_ok_and(|activity| objectors.contains(&activity.customer_id));
            std::future::ready((!objects).then_some(activity))
        };
        Ok(Box::pin(rows.filter_map(read)))
    }

    /// The currency of most orders before `as_of`; of several as frequent the first by code.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn main_currency(&self, as_of: Timestamp) -> Result<Option<Currency>> {
        let text = "SELECT currency FROM interaction WHERE kind = $1 AND occurred_at < $2 AND currency IS NOT NULL
                    GROUP BY currency ORDER BY COUNT(*) DESC, currency LIMIT 1";
        let values = vec![Kind::Order.code().into(), as_of.micros().into()];
        let Some(row) = sql::query_one(self.long(), text, values).await? else { return Ok(None) };
        Ok(Currency::parse(&Columns::of(&row).take::<String>()?))
    }

    /// Who did one of these things at or after `from` and before `to`, sorted by id.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn customers_active(
        &self,
        from: Timestamp,
        to: Timestamp,
        kinds: &[Kind],
    ) -> Result<Vec<String>> {
        let text = format!(
            "SELECT DISTINCT customer_id FROM interaction
             WHERE kind IN ({}) AND occurred_at >= $1 AND occurred_at < $2{} ORDER BY customer_id",
            codes(kinds),
            customer_actions(kinds)
        );
        let rows =
            sql::query_all(self.long(), &text, vec![from.micros().into(), to.micros().into()])
                .await?;
        rows.iter().map(|row| Columns::of(row).take()).collect()
    }

    /// When each customer last did one of these things before `as_of`, sorted by id.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn last_activity(
        &self,
        as_of: Timestamp,
        kinds: &[Kind],
    ) -> Result<Vec<(String, Timestamp)>> {
        let text = format!(
            "SELECT customer_id, MAX(occurred_at) FROM interaction
             WHERE kind IN ({}) AND occurred_at < $1{} GROUP BY customer_id ORDER BY customer_id",
            codes(kinds),
            customer_actions(kinds)
        );
        let rows = sql::query_all(self.long(), &text, vec![as_of.micros().into()]).await?;
        let read = |row| {
            let mut columns = Columns::of(row);
            Ok((columns.take()?, columns.instant()?))
        };
        rows.iter().map(read).collect()
    }
}

/// The codes as a list; one that no row has where there are none.
fn codes(kinds: &[Kind]) -> String {
    let mut codes: Vec<String> = kinds.iter().map(|kind| kind.code().to_string()).collect();
    if codes.is_empty() {
        codes.push("0".to_owned());
    }
    codes.join(", ")
}

#[cfg(test)]
mod tests;
