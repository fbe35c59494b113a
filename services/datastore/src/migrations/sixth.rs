//! Alerts: the rules that raise them, where each stands, the log of their changes, and webhooks that are told of them.

use super::run;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait, sea_orm::DbErr,
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0006_alerts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, STATEMENTS).await
    }
}

/// `condition`, `scope` and `facts` are JSON. Where there is no customer, `customer_id` is empty.
const STATEMENTS: &[&str] = &[
    // `since`: what happened before raises nothing. `seen_until`: up to where a rule has looked; nothing yet where it is NULL.
    "CREATE TABLE alert_rule (
        alert_rule_id ID! NOT NULL PRIMARY KEY,
        request_id ID!,
        name TEXT NOT NULL,
        description TEXT NOT NULL,
        condition TEXT NOT NULL,
        scope TEXT NOT NULL,
        enabled SMALLINT NOT NULL,
        revision BIGINT NOT NULL,
        since BIGINT NOT NULL,
        seen_until BIGINT,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        UNIQUE (request_id)
    )",
    "CREATE INDEX alert_rule_by_age ON alert_rule (created_at, alert_rule_id)",
    // `alert_id` is made of rule, customer and what raised it: the same thing has one row for ever. `subject` and `measure` are
    // what the figures of recovery join with.
    "CREATE TABLE alert (
        customer_id ID! NOT NULL,
        alert_id ID! NOT NULL,
        alert_rule_id ID! NOT NULL,
        rule_name TEXT NOT NULL,
        kind SMALLINT NOT NULL,
        persona_id ID!,
        channel SMALLINT NOT NULL,
        stage SMALLINT NOT NULL,
        subject ID! NOT NULL,
        measure SMALLINT,
        facts TEXT NOT NULL,
        event_at BIGINT NOT NULL,
        raised_at BIGINT NOT NULL,
        state SMALLINT NOT NULL,
        assignee ID!,
        acknowledged_at BIGINT,
        acknowledged_by ID!,
        resolved_at BIGINT,
        resolved_by ID!,
        outcome SMALLINT,
        note TEXT,
        revision BIGINT NOT NULL,
        PRIMARY KEY (customer_id, alert_id)
    )",
    "CREATE INDEX alert_by_id ON alert (alert_id)",
    "CREATE INDEX alert_by_age ON alert (raised_at, alert_id)",
    "CREATE INDEX alert_unresolved ON alert (state, raised_at, alert_id) WHERE state < 3",
    // Positions are those of the feed 'membership': one order for all that is followed. A notice of an erasure (action 5) has
    // no customer, and goes after its time.
    "CREATE TABLE alert_change (
        customer_id ID! NOT NULL,
        position BIGINT NOT NULL,
        alert_id ID! NOT NULL,
        action SMALLINT NOT NULL,
        changed_at BIGINT NOT NULL,
        actor ID!,
        assignee ID!,
        outcome SMALLINT,
        note TEXT,
        PRIMARY KEY (customer_id, position)
    )",
    "CREATE INDEX alert_change_by_position ON alert_change (position)",
    "CREATE INDEX alert_change_by_alert ON alert_change (alert_id, position)",
    "CREATE INDEX alert_change_of_erased ON alert_change (changed_at) WHERE action = 5",
    // Who was at risk when a rule looked last: who stays so is no news.
    "CREATE TABLE alert_standing (
        customer_id ID! NOT NULL,
        alert_rule_id ID! NOT NULL,
        PRIMARY KEY (customer_id, alert_rule_id)
    )",
    "CREATE INDEX alert_standing_by_rule ON alert_standing (alert_rule_id, customer_id)",
    // What a webhook is told: 1 changes of membership, 2 those of alerts, 3 both.
    "ALTER TABLE webhook ADD COLUMN events SMALLINT NOT NULL DEFAULT 1",
    "ALTER TABLE webhook_delivery ADD COLUMN events SMALLINT NOT NULL DEFAULT 1",
];
