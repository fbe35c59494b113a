//! Duties: work that goes on for ever, of which one replica at a time holds the lease. A replica that dies lets its lease
//! end, and another goes on from where the duty was done until.

use crate::error::{Error, Result};
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use sea_orm::DatabaseTransaction;

/// Which duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Duty {
    /// Keeps the members of the active segmentation fresh.
    Refresh,
    /// Keeps the risks of live churn models fresh.
    Churn,
    /// Sends what webhooks wait for.
    Webhooks,
    /// Raises alerts.
    Alerts,
    /// Reads what customers say.
    Voice,
}

impl Duty {
    const fn name(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::Churn => "churn",
            Self::Webhooks => "webhooks",
            Self::Alerts => "alerts",
            Self::Voice => "voice",
        }
    }
}

impl Store {
    /// Takes a duty that nobody has, or keeps the one that `owner` has, until `now + lease_micros`. Gives the instant until which it
    /// is done, as [`Store::duty_done`] told it last (the earliest instant there is at first); none where somebody else has it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn duty_hold(
        &self,
        duty: Duty,
        owner: &str,
        now: Timestamp,
        lease_micros: i64,
    ) -> Result<Option<Timestamp>> {
        self.write(async |tx| {
            let values = vec![duty.name().into(), Timestamp::MIN.micros().into()];
            sql::execute(
                tx,
                "INSERT INTO duty (name, lease_until, done_until) VALUES ($1, $2, $2) ON CONFLICT DO NOTHING",
                values,
            )
            .await?;
            let found = sql::query_one(
                tx,
                "UPDATE duty SET lease_owner = $2, lease_until = $4
                 WHERE name = $1 AND (lease_owner = $2 OR lease_until < $3) RETURNING done_until",
                vec![
                    duty.name().into(),
                    owner.into(),
                    now.micros().into(),
                    now.plus(lease_micros).micros().into(),
                ],
            )
            .await?;
            found.map(|row| Columns::of(&row).instant()).transpose()
        })
        .await
    }

    /// Lets a duty go, so that another replica need not wait for the end of the lease.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn duty_release(&self, duty: Duty, owner: &str) -> Result<()> {
        self.write(async |tx| {
            let text = "UPDATE duty SET lease_until = $3 WHERE name = $1 AND lease_owner = $2";
            let values = vec![duty.name().into(), owner.into(), Timestamp::MIN.micros().into()];
            sql::execute(tx, text, values).await
        })
        .await?;
        Ok(())
    }

    /// Moves the instant until which a duty is done from where [`Store::duty_hold`] gave it. False where it was moved meanwhile,
    /// as whoever activates another segmentation does, or somebody else has the duty.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn duty_done(
        &self,
        duty: Duty,
        owner: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<bool> {
        self.write(async |tx| {
            let text = "UPDATE duty SET done_until = $4
                        WHERE name = $1 AND lease_owner = $2 AND done_until = $3";
            let values =
                vec![duty.name().into(), owner.into(), from.micros().into(), until.micros().into()];
            Ok(sql::execute(tx, text, values).await? == 1)
        })
        .await
    }
}

/// Fails where somebody else has taken the duty over; else keeps them from it until this transaction ends.
pub(crate) async fn held(tx: &DatabaseTransaction, duty: Duty, owner: &str) -> Result<()> {
    let text = "UPDATE duty SET lease_owner = lease_owner WHERE name = $1 AND lease_owner = $2";
    let touched = sql::execute(tx, text, vec![duty.name().into(), owner.into()]).await?;
    if touched == 1 { Ok(()) } else { Err(Error::LeaseLost) }
}

/// Sets until when a duty is done, whoever has it.
pub(crate) async fn done(tx: &DatabaseTransaction, duty: Duty, until: Timestamp) -> Result<()> {
    let text = "INSERT INTO duty (name, lease_until, done_until) VALUES ($1, $2, $3)
                ON CONFLICT (name) DO UPDATE SET done_until = excluded.done_until";
    let values = vec![duty.name().into(), Timestamp::MIN.micros().into(), until.micros().into()];
    sql::execute(tx, text, values).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, on_every_engine};

    const LEASE: i64 = 10_000_000;

    #[tokio::test]
    async fn a_duty_has_one_holder_and_passes_on() {
        on_every_engine(async |store| {
            let hold = async |owner: &str, second: i64| {
                store.duty_hold(Duty::Refresh, owner, at(second), LEASE).await.expect("an answer")
            };
            assert_eq!(hold("a", 0).await, Some(Timestamp::MIN));
            assert_eq!(hold("b", 5).await, None);
            assert_eq!(hold("a", 9).await, Some(Timestamp::MIN), "kept");
            assert_eq!(hold("b", 12).await, None, "the lease was kept until 19");
            let done = async |owner: &str, from: Timestamp, second: i64| {
                store.duty_done(Duty::Refresh, owner, from, at(second)).await.expect("an answer")
            };
            assert!(done("a", Timestamp::MIN, 8).await);
            assert!(!done("a", Timestamp::MIN, 9).await, "it was moved meanwhile");
            assert_eq!(hold("b", 20).await, Some(at(8)), "the lease ended");
            assert!(!done("a", at(8), 9).await, "somebody else has it");
            assert_eq!(hold("a", 21).await, None);
            store.duty_release(Duty::Refresh, "b").await.expect("let go");
            assert_eq!(hold("a", 21).await, Some(at(8)));
            let other = store.duty_hold(Duty::Webhooks, "b", at(21), LEASE).await;
            assert!(other.expect("an answer").is_some(), "another duty");
        })
        .await;
    }
}
