//! Personas that are followed: members that stay fresh, the log of their changes, and when runs are made by themselves.

use super::run;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, SchemaManagerConnection, async_trait,
    sea_orm::{ConnectionTrait, DbErr, Statement},
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
        run(manager, STATEMENTS).await?;
        move_examples(manager.get_connection()).await
    }
}

/// The typical customer of each persona stood in its profile until now.
async fn move_examples(db: &SchemaManagerConnection<'_>) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let select = "SELECT segmentation_id, persona_id, profile FROM persona";
    for row in db.query_all_raw(Statement::from_string(backend, select)).await? {
        let segmentation: String = row.try_get_by_index(0)?;
        let persona: String = row.try_get_by_index(1)?;
        let corrupt = |error: serde_json::Error| DbErr::Custom(error.to_string());
        let mut profile: serde_json::Value =
            serde_json::from_str(&row.try_get_by_index::<String>(2)?).map_err(corrupt)?;
        let Some(fields) = profile.as_object_mut() else { continue };
        if let Some(serde_json::Value::String(customer)) = fields.remove("typical_customer_id") {
            let insert = "INSERT INTO persona_example (customer_id, segmentation_id, persona_id, role, place)
                          VALUES ($1, $2, $3, 1, 0)";
            let values = [customer.into(), segmentation.as_str().into(), persona.as_str().into()];
            db.execute_raw(Statement::from_sql_and_values(backend, insert, values)).await?;
        }
        let update =
            "UPDATE persona SET profile = $3 WHERE segmentation_id = $1 AND persona_id = $2";
        let values = [segmentation.into(), persona.into(), profile.to_string().into()];
        db.execute_raw(Statement::from_sql_and_values(backend, update, values)).await?;
    }
    Ok(())
}

const STATEMENTS: &[&str] = &[
    // Each assignment has an instant of its own from now on.
    "ALTER TABLE assignment ADD COLUMN as_of BIGINT NOT NULL DEFAULT 0",
    "UPDATE assignment SET as_of =
         (SELECT s.as_of FROM segmentation s WHERE s.segmentation_id = assignment.segmentation_id)",
    "CREATE INDEX assignment_by_age ON assignment (segmentation_id, as_of)",
    // Customers who stand for a persona, in a table of their own, so that erasing one finds them.
    "CREATE TABLE persona_example (
        customer_id ID! NOT NULL,
        segmentation_id ID! NOT NULL,
        persona_id ID! NOT NULL,
        role SMALLINT NOT NULL,
        place SMALLINT NOT NULL,
        PRIMARY KEY (customer_id, segmentation_id, persona_id, role)
    )",
    "CREATE INDEX persona_example_by_version ON persona_example (segmentation_id, persona_id, role, place)",
    // Whether members are kept fresh, and up to which arrival of data they are already.
    "ALTER TABLE segmentation ADD COLUMN live SMALLINT NOT NULL DEFAULT 0",
    "ALTER TABLE segmentation ADD COLUMN seen_until BIGINT NOT NULL DEFAULT 0",
    // How new data are found: by arrival. Both grow at their end, which is cheap.
    "CREATE INDEX interaction_by_arrival ON interaction (received_at, customer_id)",
    "CREATE INDEX customer_by_update ON customer (updated_at)",
    "CREATE INDEX customer_objecting ON customer (customer_id) WHERE consent_profiling = 0",
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
    // Notices of erasure (cause 4) go after their time.
    "CREATE INDEX membership_change_of_erased ON membership_change (changed_at) WHERE cause = 4",
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
