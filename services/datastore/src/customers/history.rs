//! What was known of customers before: each profile that another one took the place of. A model that learns from the past may know
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
use std::collections::HashMap;

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
        let parts: Vec<&[String]> =
            if customers.is_empty() { vec![&[]] } else { customers.chunks(CHUNK).collect() };
        let mut then = HashMap::new();
        for part in parts {
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
}

/// Keeps what is known of these customers, where what is about to be written says something else.
pub(super) async fn keep(
    tx: &DatabaseTransaction,
    written: &[&Customer],
    now: Timestamp,
) -> Result<()> {
    let (mut ids, mut profiles) = (Vec::new(), Vec::new());
    for part in written.chunks(CHUNK) {
        let keys: Vec<&str> = part.iter().map(|one| one.customer_id.as_str()).collect();
        let (marks, values) = sql::marks(&keys, 1);
        let text = format!(
            "SELECT {} FROM customer WHERE customer_id IN ({marks}) ORDER BY customer_id{}",
            COLUMNS.join(", "),
            locking(tx),
        );
        let news: HashMap<&str, &Customer> =
            part.iter().map(|one| (one.customer_id.as_str(), *one)).collect();
        for row in sql::query_all(tx, &text, values).await? {
            let before = profile(customer(&row)?.0);
            let after = news.get(before.customer_id.as_str()).map(|&one| profile(one.clone()));
            if after.is_some_and(|after| after != before) {
                profiles.push(json(&before, "profile")?);
                ids.push(before.customer_id);
            }
        }
    }
    let until = vec![now.micros(); ids.len()];
    let columns = [
        ("customer_id", Column::Text(ids)),
        ("known_until", Column::I64(until)),
        ("profile", Column::Text(profiles)),
    ];
    bulk_insert(tx, "customer_history", &columns, "ON CONFLICT DO NOTHING").await?;
    Ok(())
}

/// What models may know of a customer.
fn profile(customer: Customer) -> Customer {
    Customer { email: None, phone: None, consent: Consent::default(), ..customer }
}
