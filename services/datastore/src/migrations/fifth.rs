//! What is read in texts: language, sentiment, terms. Derived of `interaction`, which keeps the words themselves.

use super::run;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait, sea_orm::DbErr,
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0005_feedback"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, STATEMENTS).await
    }
}

const STATEMENTS: &[&str] = &[
    // `analyser`: the version that read the text; another one reads it anew. `occurred_at` is the interaction's.
    "CREATE TABLE feedback (
        customer_id ID! NOT NULL,
        interaction_id ID! NOT NULL,
        occurred_at BIGINT NOT NULL,
        analyser ID! NOT NULL,
        language ID! NOT NULL,
        polarity SMALLINT,
        sentiment SMALLINT,
        confidence SMALLINT,
        PRIMARY KEY (customer_id, interaction_id)
    )",
    "CREATE INDEX feedback_by_time ON feedback (occurred_at, customer_id, interaction_id)",
    // The words and pairs of words of a text, each with the form in which it stands there.
    "CREATE TABLE feedback_theme (
        customer_id ID! NOT NULL,
        interaction_id ID! NOT NULL,
        theme ID! NOT NULL,
        surface TEXT NOT NULL,
        PRIMARY KEY (customer_id, interaction_id, theme)
    )",
    "CREATE INDEX feedback_theme_by_theme ON feedback_theme (theme, customer_id, interaction_id)",
    // What the company's own texts taught. The latest is the active one; none is the program's own.
    "CREATE TABLE feedback_analyser (
        analyser_id ID! NOT NULL PRIMARY KEY,
        trained_at BIGINT NOT NULL,
        texts BIGINT NOT NULL,
        model TEXT NOT NULL
    )",
];
