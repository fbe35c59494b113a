//! Customers: what is known of a person besides their interactions, and what one customer's money adds up to.

mod erase;
mod history;
mod write;

use crate::error::{Error, Result};
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::interaction::Currency;
use cx_analytics::{Consent, Customer, Gender, Timestamp, codes::Kind};
use sea_orm::QueryResult;

/// The columns of the table `customer`, in the order in which they are read and written.
const COLUMNS: [&str; 16] = [
    "customer_id",
    "gender",
    "birth_year",
    "country",
    "region",
    "city",
    "language",
    "plan",
    "email",
    "phone",
    "signed_up_at",
    "attributes",
    "consent_marketing",
    "consent_profiling",
    "consent_at",
    "updated_at",
];

/// What a customer's orders and returns add up to in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoneySums {
    /// The currency.
    pub currency: Currency,
    /// Sum of order totals, in minor units.
    pub orders: i64,
    /// Sum of refunds, in minor units, positive.
    pub refunds: i64,
}

impl Store {
    /// A customer with the instant of their last write; with the id alone and no instant where only interactions are
    /// known. `None` where nothing is.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn customer_get(
        &self,
        customer_id: &str,
    ) -> Result<Option<(Customer, Option<Timestamp>)>> {
        let text = format!("SELECT {} FROM customer WHERE customer_id = $1", COLUMNS.join(", "));
        if let Some(row) = sql::query_one(self.read(), &text, vec![customer_id.into()]).await? {
            let (customer, updated_at) = customer(&row)?;
            return Ok(Some((customer, Some(updated_at))));
        }
        let text = "SELECT 1 FROM interaction WHERE customer_id = $1 LIMIT 1";
        let known = sql::query_one(self.read(), text, vec![customer_id.into()]).await?;
        let bare = || Customer { customer_id: customer_id.to_owned(), ..Customer::default() };
        Ok(known.map(|_| (bare(), None)))
    }

    /// A page of the customers that have attributes, by id, each with the instant of its last write.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn customers_list(
        &self,
        after: Option<String>,
        limit: u64,
    ) -> Result<Vec<(Customer, Timestamp)>> {
        let text = format!(
            "SELECT {} FROM customer WHERE customer_id > $1 ORDER BY customer_id LIMIT $2",
            COLUMNS.join(", ")
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = vec![after.unwrap_or_default().into(), limit.into()];
        sql::query_all(self.read(), &text, values).await?.iter().map(customer).collect()
    }

    /// These customers, those that have attributes, by id.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn customers_get(&self, customer_ids: &[String]) -> Result<Vec<Customer>> {
        let mut ids: Vec<&str> = customer_ids.iter().map(String::as_str).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut customers = Vec::with_capacity(ids.len());
        for part in ids.chunks(500) {
            let marks = (1..=part.len()).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ");
            let text = format!(
                "SELECT {} FROM customer WHERE customer_id IN ({marks}) ORDER BY customer_id",
                COLUMNS.join(", ")
            );
            let values = part.iter().map(|id| (*id).into()).collect();
            for row in sql::query_all(self.long(), &text, values).await? {
                customers.push(customer(&row)?.0);
            }
        }
        Ok(customers)
    }

    /// What a customer's orders and returns before `as_of` add up to, by currency code.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn customer_money(
        &self,
        customer_id: &str,
        as_of: Timestamp,
    ) -> Result<Vec<MoneySums>> {
        let (order, refund) = (Kind::Order.code(), Kind::Return.code());
        let text = format!(
            "SELECT currency,
                    CAST(COALESCE(SUM(amount) FILTER (WHERE kind = {order}), 0) AS BIGINT),
                    CAST(COALESCE(SUM(amount) FILTER (WHERE kind = {refund}), 0) AS BIGINT)
             FROM interaction
             WHERE customer_id = $1 AND occurred_at < $2 AND kind IN ({order}, {refund}) AND currency IS NOT NULL
             GROUP BY currency ORDER BY currency"
        );
        let rows =
            sql::query_all(self.read(), &text, vec![customer_id.into(), as_of.micros().into()])
                .await?;
        let read = |row| {
            let mut columns = Columns::of(row);
            let code: String = columns.take()?;
            let currency = Currency::parse(&code).ok_or(Error::Corrupt { what: "currency" })?;
            Ok(MoneySums { currency, orders: columns.take()?, refunds: columns.take()? })
        };
        rows.iter().map(read).collect()
    }

    /// Who objects to being profiled, sorted by id.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn profiling_objectors(&self) -> Result<Vec<String>> {
        let text =
            "SELECT customer_id FROM customer WHERE consent_profiling = 0 ORDER BY customer_id";
        let rows = sql::query_all(self.long(), text, vec![]).await?;
        rows.iter().map(|row| Columns::of(row).take()).collect()
    }
}

fn customer(row: &QueryResult) -> Result<(Customer, Timestamp)> {
    let mut columns = Columns::of(row);
    let c = &mut columns;
    let customer = Customer {
        customer_id: c.take()?,
        gender: c
            .take::<Option<i16>>()?
            .map(|code| Gender::from_code(code).ok_or(Error::Corrupt { what: "gender" }))
            .transpose()?,
        birth_year: c.take()?,
        country: c.take()?,
        region: c.take()?,
        city: c.take()?,
        language: c.take()?,
        plan: c.take()?,
        email: c.take()?,
        phone: c.take()?,
        signed_up_at: c.opt_instant()?,
        attributes: serde_json::from_str(&c.take::<String>()?)
            .map_err(|_| Error::Corrupt { what: "set of attributes" })?,
        consent: Consent {
            marketing: c.take::<Option<i16>>()?.map(|flag| flag != 0),
            profiling: c.take::<Option<i16>>()?.map(|flag| flag != 0),
            updated_at: c.opt_instant()?,
        },
    };
    Ok((customer, c.instant()?))
}

#[cfg(test)]
mod tests;
