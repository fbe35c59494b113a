//! The first schema. Instants are microseconds since 1970, money is minor units, codes are those of the domain enums.
//!
//! `customer_id` leads every key that has it: rows of one customer lie together, and can be spread by it.

use super::run;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait, sea_orm::ConnectionTrait,
    sea_orm::DbErr,
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0001_first"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        run(manager, &[CUSTOMERS, WORK, RESULTS].concat()).await?;
        // The key under which ids of erased customers are hashed: 32 bytes that nobody can guess.
        let random = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
        let key = blake3::hash(random.map(uuid::Uuid::into_bytes).as_flattened()).to_hex();
        db.execute_unprepared(&format!(
            "INSERT INTO setting (name, value) VALUES ('suppression_key', '{key}')"
        ))
        .await?;
        Ok(())
    }
}

/// What is known of customers.
const CUSTOMERS: &[&str] = &[
    "CREATE TABLE interaction (
        customer_id ID! NOT NULL,
        interaction_id ID! NOT NULL,
        occurred_at BIGINT NOT NULL,
        received_at BIGINT NOT NULL,
        fingerprint BYTES! NOT NULL,
        kind SMALLINT NOT NULL,
        channel SMALLINT NOT NULL,
        stage SMALLINT NOT NULL,
        action SMALLINT,
        variant SMALLINT,
        subject ID!,
        topic ID!,
        body TEXT,
        currency ID!,
        amount BIGINT,
        items BIGINT,
        wait BIGINT,
        duration BIGINT,
        score INTEGER,
        score_min INTEGER,
        score_max INTEGER,
        lower_is_better SMALLINT,
        flag SMALLINT,
        PRIMARY KEY (customer_id, interaction_id)
    )",
    "CREATE INDEX interaction_by_kind ON interaction (kind, occurred_at)",
    "CREATE TABLE customer (
        customer_id ID! NOT NULL PRIMARY KEY,
        gender SMALLINT,
        birth_year INTEGER,
        country TEXT,
        region TEXT,
        city TEXT,
        language TEXT,
        plan TEXT,
        email TEXT,
        phone TEXT,
        signed_up_at BIGINT,
        attributes TEXT NOT NULL,
        consent_marketing SMALLINT,
        consent_profiling SMALLINT,
        consent_at BIGINT,
        updated_at BIGINT NOT NULL
    )",
    "CREATE TABLE suppression (customer_hash BYTES! NOT NULL PRIMARY KEY, erased_at BIGINT NOT NULL)",
    "CREATE TABLE setting (name ID! NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
];

/// Long work, and which of its results counts.
const WORK: &[&str] = &[
    "CREATE TABLE job (
        job_id ID! NOT NULL PRIMARY KEY,
        kind SMALLINT NOT NULL,
        state SMALLINT NOT NULL,
        progress DOUBLE PRECISION NOT NULL,
        step TEXT NOT NULL,
        parameters TEXT NOT NULL,
        activate SMALLINT NOT NULL,
        request_id ID!,
        lease_owner TEXT,
        lease_until BIGINT,
        attempt INTEGER NOT NULL,
        failure_reason TEXT,
        failure_message TEXT,
        created_at BIGINT NOT NULL,
        ended_at BIGINT,
        UNIQUE (kind, request_id)
    )",
    "CREATE INDEX job_by_age ON job (kind, created_at, job_id)",
    "CREATE TABLE active (kind SMALLINT NOT NULL PRIMARY KEY, version_id ID! NOT NULL, activated_at BIGINT NOT NULL)",
];

/// Results, each written whole and never changed (but for what a person names).
const RESULTS: &[&str] = &[
    "CREATE TABLE segmentation (
        segmentation_id ID! NOT NULL PRIMARY KEY,
        as_of BIGINT NOT NULL,
        model TEXT NOT NULL,
        report TEXT NOT NULL
    )",
    "CREATE TABLE persona (
        segmentation_id ID! NOT NULL,
        persona_id ID! NOT NULL,
        ordinal SMALLINT NOT NULL,
        customers BIGINT NOT NULL,
        profile TEXT NOT NULL,
        PRIMARY KEY (segmentation_id, persona_id)
    )",
    "CREATE TABLE persona_label (
        persona_id ID! NOT NULL PRIMARY KEY,
        name TEXT,
        description TEXT,
        etag TEXT NOT NULL,
        updated_at BIGINT NOT NULL
    )",
    "CREATE TABLE assignment (
        customer_id ID! NOT NULL,
        segmentation_id ID! NOT NULL,
        persona SMALLINT NOT NULL,
        distance DOUBLE PRECISION NOT NULL,
        runner_up SMALLINT NOT NULL,
        runner_up_distance DOUBLE PRECISION NOT NULL,
        outlier SMALLINT NOT NULL,
        PRIMARY KEY (customer_id, segmentation_id)
    )",
    "CREATE INDEX assignment_by_persona ON assignment (segmentation_id, persona, customer_id)",
    "CREATE TABLE churn_model (
        churn_model_id ID! NOT NULL PRIMARY KEY,
        as_of BIGINT NOT NULL,
        definition TEXT NOT NULL,
        model TEXT NOT NULL,
        report TEXT NOT NULL
    )",
    "CREATE TABLE churn_risk (
        customer_id ID! NOT NULL,
        churn_model_id ID! NOT NULL,
        probability DOUBLE PRECISION NOT NULL,
        band SMALLINT NOT NULL,
        reasons TEXT NOT NULL,
        value_at_risk BIGINT,
        currency TEXT,
        last_activity_at BIGINT,
        PRIMARY KEY (customer_id, churn_model_id)
    )",
    "CREATE INDEX churn_risk_by_probability ON churn_risk (churn_model_id, probability, customer_id)",
    "CREATE INDEX churn_risk_by_value ON churn_risk (churn_model_id, value_at_risk, customer_id)",
];
