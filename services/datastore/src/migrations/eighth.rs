//! What was known of customers before: what a model of churn may know at a past cut-off. Lists that are judged when their model is gone,
//! and risks in the order of customers, for exports.

use super::run;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait, sea_orm::DbErr,
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0008_customer_history"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, STATEMENTS).await
    }
}

const STATEMENTS: &[&str] = &[
    // 0 of whom there were before, as of whom it is not known: their last write would be taken for their first, and who was written since
    // a cut-off would be told from who was not.
    "ALTER TABLE customer ADD COLUMN created_at BIGINT NOT NULL DEFAULT 0",
    // What is taken as known in that time. `profile` is JSON, without what identifies a person.
    "CREATE TABLE customer_history (
        customer_id ID! NOT NULL,
        known_until BIGINT NOT NULL,
        known_since BIGINT NOT NULL,
        profile TEXT NOT NULL,
        PRIMARY KEY (customer_id, known_until)
    )",
    // So that what became of a list is told when its model is gone.
    "ALTER TABLE churn_backtest ADD COLUMN churn_definition_id ID! NOT NULL DEFAULT ''",
    "ALTER TABLE churn_backtest ADD COLUMN version BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE churn_backtest ADD COLUMN definition TEXT NOT NULL DEFAULT ''",
    "UPDATE churn_backtest SET (churn_definition_id, version, definition) =
        (SELECT m.churn_definition_id, m.version, m.definition FROM churn_model m
         WHERE m.churn_model_id = churn_backtest.churn_model_id)",
    "CREATE INDEX churn_backtest_by_definition ON churn_backtest (churn_definition_id, as_of)",
    "CREATE INDEX churn_risk_by_customer ON churn_risk (churn_model_id, customer_id)",
];
