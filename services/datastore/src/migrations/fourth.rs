//! What the first months of following members taught: an index for the members of a version by customer, one for records that
//! are dated after their arrival, erasures that were cut off, and the log's beginning for members found before there was one.

use super::run;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait, sea_orm::DbErr,
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0004_upkeep"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, STATEMENTS).await
    }
}

const STATEMENTS: &[&str] = &[
    // Reading all members of a version in the order of customers, page by page.
    "CREATE INDEX assignment_by_version ON assignment (segmentation_id, customer_id)",
    // A record that is dated after its arrival becomes news at its date. There are few.
    "CREATE INDEX interaction_ahead ON interaction (occurred_at, customer_id) WHERE occurred_at > received_at",
    // Until when a version was the active one: what was so of late stays, for the rollback.
    "ALTER TABLE segmentation ADD COLUMN active_until BIGINT",
    // Whose erasure has begun and not ended.
    "ALTER TABLE suppression ADD COLUMN pending_id ID!",
    "CREATE INDEX suppression_pending ON suppression (pending_id) WHERE pending_id IS NOT NULL",
    // Members of the active version whom the log does not know, because it is younger than they: each has entered (cause 3:
    // by a retrain). `kind` 1 is segmentation.
    "INSERT INTO membership_change
         (customer_id, position, changed_at, segmentation_id, from_persona, to_persona, cause)
     SELECT a.customer_id, f.head + ROW_NUMBER() OVER (ORDER BY a.customer_id),
            CASE WHEN f.head_at < v.activated_at THEN v.activated_at ELSE f.head_at END,
            a.segmentation_id, NULL, p.persona_id, 3
     FROM active v
     JOIN feed f ON f.name = 'membership'
     JOIN assignment a ON a.segmentation_id = v.version_id
     JOIN persona p ON p.segmentation_id = a.segmentation_id AND p.ordinal = a.persona
     WHERE v.kind = 1 AND NOT EXISTS (SELECT 1 FROM membership_change m WHERE m.customer_id = a.customer_id)
       AND NOT EXISTS (SELECT 1 FROM customer c WHERE c.customer_id = a.customer_id AND c.consent_profiling = 0)",
    "UPDATE feed SET head = (SELECT COALESCE(MAX(position), 0) FROM membership_change WHERE position > feed.head)
     WHERE name = 'membership' AND EXISTS (SELECT 1 FROM membership_change WHERE position > feed.head)",
    "UPDATE feed SET head_at = (SELECT MAX(changed_at) FROM membership_change)
     WHERE name = 'membership' AND EXISTS (SELECT 1 FROM membership_change WHERE changed_at > feed.head_at)",
];
