//! Churn: definitions with versions, risks with everything that is told of them, the log of who
//! crosses a band, and what lists said until they are judged. What was trained before can be trained again, and goes.

use super::run;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait, sea_orm::DbErr,
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0007_churn"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, STATEMENTS).await
    }
}

const STATEMENTS: &[&str] = &[
    "DROP TABLE churn_risk",
    "DROP TABLE churn_model",
    "DELETE FROM active WHERE kind = 2",
    "DELETE FROM job WHERE kind = 2",
    // `churn_model_id`: the active one.
    "CREATE TABLE churn_definition (
        churn_definition_id ID! NOT NULL PRIMARY KEY,
        display_name TEXT NOT NULL,
        version BIGINT NOT NULL,
        definition TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        churn_model_id ID!,
        activated_at BIGINT
    )",
    r#"INSERT INTO churn_definition (churn_definition_id, display_name, version, definition, created_at, updated_at)
       VALUES ('default', '', 1,
        '{"terms":{"non_contractual":{"look_back_days":180,"kinds":["ORDER"]}},"horizon_days":90,"min_active_days":1,"min_tenure_days":0,"among":[],"bands":{"medium_from":0.4,"high_from":0.7}}',
        0, 0)"#,
    "CREATE TABLE churn_model (
        churn_model_id ID! NOT NULL PRIMARY KEY,
        churn_definition_id ID! NOT NULL,
        version BIGINT NOT NULL,
        as_of BIGINT NOT NULL,
        definition TEXT NOT NULL,
        model TEXT NOT NULL,
        report TEXT NOT NULL,
        live SMALLINT NOT NULL
    )",
    // `value_at_risk` is -1 where no value is known and `urgency` orders bands, so that one comparison of rows pages every order.
    // `detail` is JSON: what is told and neither looked for nor ordered by.
    "CREATE TABLE churn_risk (
        customer_id ID! NOT NULL,
        churn_model_id ID! NOT NULL,
        as_of BIGINT NOT NULL,
        probability DOUBLE PRECISION NOT NULL,
        band SMALLINT NOT NULL,
        urgency SMALLINT NOT NULL,
        value_at_risk BIGINT NOT NULL,
        currency TEXT,
        last_activity_at BIGINT NOT NULL,
        detail TEXT NOT NULL,
        PRIMARY KEY (customer_id, churn_model_id)
    )",
    "CREATE INDEX churn_risk_by_probability ON churn_risk (churn_model_id, probability, customer_id)",
    "CREATE INDEX churn_risk_by_value ON churn_risk (churn_model_id, value_at_risk, customer_id)",
    "CREATE INDEX churn_risk_by_urgency ON churn_risk (churn_model_id, urgency, value_at_risk, customer_id)",
    // Who crossed a band, in the same positions as membership changes; no band for who came to the list or left it.
    "CREATE TABLE churn_change (
        customer_id ID! NOT NULL,
        position BIGINT NOT NULL,
        changed_at BIGINT NOT NULL,
        churn_definition_id ID! NOT NULL,
        churn_model_id ID! NOT NULL,
        from_band SMALLINT,
        to_band SMALLINT,
        probability DOUBLE PRECISION,
        cause SMALLINT NOT NULL,
        PRIMARY KEY (customer_id, position)
    )",
    "CREATE UNIQUE INDEX churn_change_by_position ON churn_change (position)",
    // What lists said, until their horizon is over; then how they came true. `quality` is JSON.
    "CREATE TABLE churn_forecast (
        customer_id ID! NOT NULL,
        churn_model_id ID! NOT NULL,
        as_of BIGINT NOT NULL,
        probability DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (customer_id, churn_model_id, as_of)
    )",
    "CREATE INDEX churn_forecast_by_list ON churn_forecast (churn_model_id, as_of)",
    "CREATE TABLE churn_backtest (
        churn_model_id ID! NOT NULL,
        as_of BIGINT NOT NULL,
        ends_at BIGINT NOT NULL,
        quality TEXT,
        PRIMARY KEY (churn_model_id, as_of)
    )",
    "CREATE INDEX churn_risk_by_age ON churn_risk (churn_model_id, as_of, customer_id)",
];
