//! Writing customers, whole and many at once.

use super::{COLUMNS, history};
use crate::connect::{Column, bulk_insert, hold_erasures};
use crate::error::{Error, Result};
use crate::rows::refuse_nul;
use crate::store::Store;
use cx_analytics::{Customer, Timestamp};
use std::collections::BTreeMap;

impl Store {
    /// Writes customers whole: what is empty here becomes empty there. Of equal ids the last counts. False for those who
    /// were erased, of whom nothing is written.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Unavailable`].
    pub async fn customers_upsert(
        &self,
        customers: Vec<Customer>,
        now: Timestamp,
    ) -> Result<Vec<bool>> {
        customers.iter().try_for_each(check)?;
        // Sorted, so that two calls never wait for each other in a circle; the last of equal ids stays.
        let latest: BTreeMap<&str, &Customer> =
            customers.iter().map(|customer| (customer.customer_id.as_str(), customer)).collect();
        let assignments: Vec<String> =
            COLUMNS[1..].iter().map(|column| format!("{column} = excluded.{column}")).collect();
        let tail = format!("ON CONFLICT (customer_id) DO UPDATE SET {}", assignments.join(", "));
        let erased = self
            .write(async |tx| {
                hold_erasures(tx).await?;
                let erased = self.suppressed_among(tx, latest.keys().copied().collect()).await?;
                let kept: Vec<&Customer> = latest
                    .values()
                    .copied()
                    .filter(|customer| !erased.contains(customer.customer_id.as_str()))
                    .collect();
                history::keep(tx, &kept, now).await?;
                let mut written = columns(&kept, now)?;
                // The first write stays the first.
                written.push(("created_at", Column::I64(vec![now.micros(); kept.len()])));
                bulk_insert(tx, "customer", &written, &tail).await?;
                Ok(erased)
            })
            .await?;
        Ok(customers
            .iter()
            .map(|customer| !erased.contains(customer.customer_id.as_str()))
            .collect())
    }
}

fn columns(customers: &[&Customer], now: Timestamp) -> Result<Vec<(&'static str, Column)>> {
    let texts = |pick: fn(&Customer) -> &Option<String>| {
        Column::OptText(customers.iter().map(|customer| pick(customer).clone()).collect())
    };
    let codes = |pick: fn(&Customer) -> Option<i16>| {
        Column::OptI16(customers.iter().map(|customer| pick(customer)).collect())
    };
    let instants = |pick: fn(&Customer) -> Option<Timestamp>| {
        Column::OptI64(
            customers.iter().map(|customer| pick(customer).map(Timestamp::micros)).collect(),
        )
    };
    let attributes = customers
        .iter()
        .map(|customer| serde_json::to_string(&customer.attributes))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|_| Error::Invalid { field: "attributes", rule: "cannot be written as JSON" })?;
    let values = [
        Column::Text(customers.iter().map(|customer| customer.customer_id.clone()).collect()),
        codes(|customer| customer.gender.map(|gender| gender.code())),
        Column::OptI32(customers.iter().map(|customer| customer.birth_year).collect()),
        texts(|customer| &customer.country),
        texts(|customer| &customer.region),
        texts(|customer| &customer.city),
        texts(|customer| &customer.language),
        texts(|customer| &customer.plan),
        texts(|customer| &customer.email),
        texts(|customer| &customer.phone),
        instants(|customer| customer.signed_up_at),
        Column::Text(attributes),
        codes(|customer| customer.consent.marketing.map(i16::from)),
        codes(|customer| customer.consent.profiling.map(i16::from)),
        instants(|customer| customer.consent.updated_at),
        Column::I64(vec![now.micros(); customers.len()]),
    ];
    Ok(COLUMNS.into_iter().zip(values).collect())
}

fn check(customer: &Customer) -> Result<()> {
    let texts = [
        ("country", &customer.country),
        ("region", &customer.region),
        ("city", &customer.city),
        ("language", &customer.language),
        ("plan", &customer.plan),
        ("email", &customer.email),
        ("phone", &customer.phone),
    ];
    refuse_nul("customer_id", &customer.customer_id)?;
    for (field, text) in texts {
        refuse_nul(field, text.as_deref().unwrap_or_default())?;
    }
    for (key, value) in &customer.attributes {
        refuse_nul("attributes", key)?;
        refuse_nul("attributes", value)?;
    }
    Ok(())
}
