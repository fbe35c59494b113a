//! Activity: one aggregate over `interaction`, the same for everybody, for a few customers and for any past instant.
//!
//! Only `occurred_at < as_of` is counted, so a snapshot of the past knows nothing of what came after it; as it was known then, nothing either
//! of what had happened and arrived later.

mod query;

pub(crate) use query::days;

use crate::error::Result;
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

/// An instant before which interactions are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// The instant.
    pub as_of: Timestamp,
    /// Whether only those count that had arrived by then.
    pub as_known: bool,
}

impl From<Timestamp> for Past {
    /// As it is known now.
    fn from(as_of: Timestamp) -> Self {
        Self { as_of, as_known: false }
    }
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
        past: impl Into<Past>,
        scope: Scope<'_>,
        currency: Option<Currency>,
    ) -> Result<Vec<Activity>> {
        let past = past.into();
        match scope {
            Scope::Everyone => self.activity_stream(past, currency).await?.try_collect().await,
            Scope::Customers(ids) => {
                let mut ids = ids.to_vec();
                ids.sort_unstable();
                ids.dedup();
                let mut found = Vec::with_capacity(ids.len());
                for part in ids.chunks(CHUNK) {
                    found.extend(self.activity_of(self.query(), past, currency, part).await?);
                }
                Ok(found)
            }
        }
    }

    async fn activity_of(
        &self,
        db: &DatabaseConnection,
        past: Past,
        currency: Option<Currency>,
        ids: &[String],
    ) -> Result<Vec<Activity>> {
        let (text, values) = query::statement(past, currency, ids);
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
        past: impl Into<Past>,
        currency: Option<Currency>,
    ) -> Result<BoxStream<'_, Result<Activity>>> {
        let objectors: HashSet<String> = self.profiling_objectors().await?.into_iter().collect();
        let (text, values) = query::statement(past.into(), currency, &[]);
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
}

#[cfg(test)]
mod tests;
