//! Webhooks, and the messages that they could not deliver.

use super::run;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait, sea_orm::DbErr,
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0003_webhooks"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, STATEMENTS).await
    }
}

/// `personas` and `secrets` are lists in JSON.
const STATEMENTS: &[&str] = &[
    // `position`: up to where changes were sent or set aside. `sending_until`: the end of the message that is being sent, so
    // that whoever takes over sends the same one.
    "CREATE TABLE webhook (
        webhook_id ID! NOT NULL PRIMARY KEY,
        request_id ID!,
        url TEXT NOT NULL,
        personas TEXT NOT NULL,
        description TEXT NOT NULL,
        secrets TEXT NOT NULL,
        disabled SMALLINT,
        position BIGINT NOT NULL,
        sending_until BIGINT,
        created_at BIGINT NOT NULL,
        last_success_at BIGINT,
        failing_since BIGINT,
        last_failure_at BIGINT,
        last_failure_status INTEGER,
        last_failure TEXT,
        UNIQUE (request_id)
    )",
    "CREATE INDEX webhook_by_age ON webhook (created_at, webhook_id)",
    "CREATE TABLE webhook_delivery (
        webhook_id ID! NOT NULL,
        delivery_id ID! NOT NULL,
        after_position BIGINT NOT NULL,
        until_position BIGINT NOT NULL,
        personas TEXT NOT NULL,
        state SMALLINT NOT NULL,
        attempts INTEGER NOT NULL,
        next_attempt_at BIGINT NOT NULL,
        created_at BIGINT NOT NULL,
        last_failure_at BIGINT NOT NULL,
        last_failure_status INTEGER,
        last_failure TEXT NOT NULL,
        PRIMARY KEY (webhook_id, delivery_id)
    )",
    "CREATE INDEX webhook_delivery_by_position ON webhook_delivery (webhook_id, after_position, delivery_id)",
    "CREATE INDEX webhook_delivery_by_time ON webhook_delivery (webhook_id, state, next_attempt_at)",
];
