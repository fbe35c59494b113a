//! Personas that are followed: members that stay fresh, the log of their changes, and when runs are made by themselves.

use crate::connect::type_words;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait, sea_orm::ConnectionTrait,
    sea_orm::DbErr,
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0002_membership"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let words = type_words(manager.get_database_backend());
        for statement in STATEMENTS {
            db.execute_unprepared(&statement.replace("ID!", words.id)).await?;
        }
        Ok(())
    }
}

/// `ID!` stands for the engine's word.
const STATEMENTS: &[&str] = &[
    // Each assignment has an instant of its own from now on.
    "ALTER TABLE assignment ADD COLUMN as_of BIGINT NOT NULL DEFAULT 0",
    "UPDATE assignment SET as_of =
         (SELECT s.as_of FROM segmentation s WHERE s.segmentation_id = assignment.segmentation_id)",
    "CREATE INDEX assignment_by_age ON assignment (segmentation_id, as_of)",
    // Whether members are kept fresh, and up to which arrival of data they are already.
    "ALTER TABLE segmentation ADD COLUMN live SMALLINT NOT NULL DEFAULT 0",
    "ALTER TABLE segmentation ADD COLUMN seen_until BIGINT NOT NULL DEFAULT 0",
    // How new data are found: by arrival. Both grow at their end, which is cheap.
    "CREATE INDEX interaction_by_arrival ON interaction (received_at, customer_id)",
    "CREATE INDEX customer_by_update ON customer (updated_at)",
    // Positions are given under a lock on the head, so that their order is that of the commits.
    "CREATE TABLE membership_change (
        customer_id ID! NOT NULL,
        position BIGINT NOT NULL,
        changed_at BIGINT NOT NULL,
        segmentation_id ID! NOT NULL,
        from_persona ID!,
        to_persona ID!,
        cause SMALLINT NOT NULL,
        PRIMARY KEY (customer_id, position)
    )",
    "CREATE INDEX membership_change_by_position ON membership_change (position)",
    "CREATE INDEX membership_change_by_to ON membership_change (to_persona, customer_id, position)",
    "CREATE INDEX membership_change_by_from ON membership_change (from_persona, position)",
    "CREATE TABLE feed (name ID! NOT NULL PRIMARY KEY, head BIGINT NOT NULL, head_at BIGINT NOT NULL)",
    "INSERT INTO feed (name, head, head_at) VALUES ('membership', 0, 0)",
    // Work that goes on for ever, of which one replica at a time has the lease.
    "CREATE TABLE duty (
        name ID! NOT NULL PRIMARY KEY,
        lease_owner TEXT,
        lease_until BIGINT NOT NULL,
        done_until BIGINT NOT NULL
    )",
    "CREATE TABLE schedule (
        kind SMALLINT NOT NULL PRIMARY KEY,
        every BIGINT NOT NULL,
        next_at BIGINT NOT NULL,
        parameters TEXT NOT NULL,
        activate SMALLINT NOT NULL
    )",
];
