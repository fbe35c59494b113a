//! What was known of customers before: profiles that others took the place of. A model that learns from the past may know
//! nothing of a customer that was written later, the outcome least of all.

use super::{COLUMNS, customer};
use crate::activity::Past;
use crate::connect::{Column, bulk_insert, locking};
use crate::error::Result;
use crate::segmentations::{json, parsed};
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::{Consent, Customer, Timestamp};
use sea_orm::DatabaseTransaction;
use std::{collections::HashMap, ops::Range};

/// Customers in one statement.
const CHUNK: usize = 500;

impl Store {
    /// Of whom something else was known at an instant than is now, each with what was, without what identifies a person and consent;
    /// none of whom nothing was. Of everybody where no customers are named.
    ///
    /// Where the instant is not taken as it was known then, what was known first stands for the time before it.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn customers_then(
        &self,
        past: Past,
        customers: &[String],
    ) -> Result<HashMap<String, Option<Customer>>> {
        let mut then = HashMap::new();
        for part in sql::parts(customers) {
            let (marks, ids) = sql::marks(part, 2);
            let whose = match part {
                [] => String::new(),
                _ => format!(" AND c.customer_id IN ({marks})"),
            };
            let values = || {
                let mut values = vec![past.as_of.micros().into()];
                values.extend(ids.clone());
                values
            };
            if past.as_known {
                let text =
                    format!("SELECT c.customer_id FROM customer c WHERE c.created_at >= $1{whose}");
                for row in sql::query_all(self.long(), &text, values()).await? {
                    then.insert(Columns::of(&row).take()?, None);
                }
            }
            let text = format!(
                "SELECT c.customer_id, c.profile FROM customer_history c
                 WHERE c.known_until >= $1{whose} AND NOT EXISTS (
                     SELECT 1 FROM customer_history e WHERE e.customer_id = c.customer_id
                     AND e.known_until >= $1 AND e.known_until < c.known_until)"
            );
            for row in sql::query_all(self.long(), &text, values()).await? {
                let mut columns = Columns::of(&row);
                let id: String = columns.take()?;
                let profile = parsed(&columns.take::<String>()?, "profile of a customer")?;
                then.entry(id).or_insert(Some(profile));
            }
        }
        Ok(then)
    }

    /// What was known of a customer before, latest first, each with from when until when it stands.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn customer_history(
        &self,
        customer_id: &str,
    ) -> Result<Vec<(Customer, Range<Timestamp>)>> {
        let text =
            "SELECT profile, known_since, known_until FROM customer_history WHERE customer_id = $1
                    ORDER BY known_until DESC";
        let rows = sql::query_all(self.read(), text, vec![customer_id.into()]).await?;
        let read = |row| {
            let mut columns = Columns::of(row);
            let profile = parsed(&columns.take::<String>()?, "profile of a customer")?;
            Ok((profile, columns.instant()?..columns.instant()?))
        };
        rows.iter().map(read).collect()
    }
}

/// Keeps what is known of these customers, where what is about to be written says something else. At most one profile a week: who changes
/// more often is taken as they were at the week's beginning, so that nothing is known too early and a field that changes every hour does
/// not fill the disk. Nothing of those who object to profiling, for which it is kept.
pub(super) async fn keep(
    tx: &DatabaseTransaction,
    written: &[&Customer],
    now: Timestamp,
) -> Result<()> {
    let objects = |one: &&&Customer| one.consent.profiling == Some(false);
    let (objectors, others): (Vec<&Customer>, Vec<&Customer>) =
        written.iter().partition(|one| objects(one));
    for part in objectors.chunks(CHUNK) {
        let ids: Vec<&str> = part.iter().map(|one| one.customer_id.as_str()).collect();
        let (marks, values) = sql::marks(&ids, 1);
        let text = format!("DELETE FROM customer_history WHERE customer_id IN ({marks})");
        sql::execute(tx, &text, values).await?;
    }
    for part in others.chunks(CHUNK) {
        let changed = changed(tx, part).await?;
        let ids: Vec<&str> = changed.iter().map(|(one, _)| one.customer_id.as_str()).collect();
        let last = last(tx, &ids).await?;
        let week_ago = now.days_before(7);
        let (mut stands, mut kept) = (Vec::new(), Vec::new());
        for (profile, created_at) in &changed {
            match last.get(&profile.customer_id) {
                Some((since, _)) if *since > week_ago => stands.push(&*profile.customer_id),
                Some((_, until)) => kept.push((profile, *until)),
                None => kept.push((profile, *created_at)),
            }
        }
        let until = now.micros();
        extend(tx, &stands, until).await?;
        let profiles: Result<Vec<String>> =
            kept.iter().map(|(one, _)| json(one, "profile")).collect();
        let columns = [
            (
                "customer_id",
                Column::Text(kept.iter().map(|(one, _)| one.customer_id.clone()).collect()),
            ),
            ("known_since", Column::I64(kept.iter().map(|(_, since)| since.micros()).collect())),
            ("known_until", Column::I64(vec![until; kept.len()])),
            ("profile", Column::Text(profiles?)),
        ];
        bulk_insert(tx, "customer_history", &columns, "ON CONFLICT DO NOTHING").await?;
    }
    Ok(())
}

/// The profiles in whose place others are about to be written, each with when the customer was written first. Nobody else changes them
/// before this transaction ends.
async fn changed(
    tx: &DatabaseTransaction,
    written: &[&Customer],
) -> Result<Vec<(Customer, Timestamp)>> {
    let news: HashMap<&str, &Customer> =
        written.iter().map(|one| (one.customer_id.as_str(), *one)).collect();
    let ids: Vec<&str> = news.keys().copied().collect();
    let (marks, values) = sql::marks(&ids, 1);
    let text = format!(
        "SELECT {}, created_at FROM customer WHERE customer_id IN ({marks}) ORDER BY customer_id{}",
        COLUMNS.join(", "),
        locking(tx),
    );
    let mut changed = Vec::new();
    for row in sql::query_all(tx, &text, values).await? {
        let before = profile(customer(&row)?.0);
        let after = news.get(before.customer_id.as_str()).map(|&one| profile(one.clone()));
        if after.is_some_and(|after| after != before) {
            changed.push((before, Columns::after(&row, COLUMNS.len()).instant()?));
        }
    }
    Ok(changed)
}

/// From when until when what was kept last of these customers stands.
async fn last(
    tx: &DatabaseTransaction,
    ids: &[&str],
) -> Result<HashMap<String, (Timestamp, Timestamp)>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let (marks, values) = sql::marks(ids, 1);
    let text = format!(
        "SELECT customer_id, MAX(known_since), MAX(known_until) FROM customer_history
         WHERE customer_id IN ({marks}) GROUP BY customer_id"
    );
    let rows = sql::query_all(tx, &text, values).await?;
    let read = |row| {
        let mut columns = Columns::of(row);
        Ok((columns.take()?, (columns.instant()?, columns.instant()?)))
    };
    rows.iter().map(read).collect()
}

/// Lets what was kept last of these customers stand longer.
async fn extend(tx: &DatabaseTransaction, ids: &[&str], until: i64) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let (marks, of) = sql::marks(ids, 2);
    let text = format!(
        "UPDATE customer_history SET known_until = $1
         WHERE customer_id IN ({marks}) AND known_until < $1 AND known_until =
             (SELECT MAX(e.known_until) FROM customer_history e WHERE e.customer_id = customer_history.customer_id)"
    );
    let mut values = vec![until.into()];
    values.extend(of);
    sql::execute(tx, &text, values).await.map(|_| ())
}

/// What models may know of a customer.
fn profile(customer: Customer) -> Customer {
    Customer { email: None, phone: None, consent: Consent::default(), ..customer }
}
