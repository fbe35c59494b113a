//! Definitions of churn: what each says now, and from which model its risks are answered.

use super::log;
use crate::duties::{self, Duty};
use crate::error::{Error, Result};
use crate::membership::positions;
use crate::segmentations::{json, parsed};
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::churn::Definition;
use sea_orm::{DatabaseTransaction, QueryResult};

/// The definition that is always there.
pub const DEFAULT_DEFINITION: &str = "default";

/// Most definitions side by side.
const MOST: i64 = 100;

/// A definition of churn.
#[derive(Debug, Clone, PartialEq)]
pub struct ChurnDefinition {
    /// Its id.
    pub id: String,
    /// Its name for people; may be empty.
    pub display_name: String,
    /// Grows whenever the terms change.
    pub version: i64,
    /// The terms.
    pub definition: Definition,
    /// When it was first put.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The active model.
    pub model_id: Option<String>,
}

const COLUMNS: &str = "churn_definition_id, display_name, version, definition, created_at, updated_at, churn_model_id";

impl Store {
    /// Writes a definition; its version grows where its terms are other ones by that.
    ///
    /// # Errors
    /// [`Error::Invalid`] beyond the most definitions, [`Error::Unavailable`].
    pub async fn churn_definition_put(
        &self,
        id: &str,
        display_name: &str,
        definition: &Definition,
        now: Timestamp,
    ) -> Result<ChurnDefinition> {
        let terms = json(definition, "definition")?;
        self.write(async |tx| {
            let all = sql::query_one(tx, "SELECT COUNT(*) FROM churn_definition", vec![]).await?;
            let all: i64 = all.map_or(Ok(0), |row| Columns::of(&row).take())?;
            if all >= MOST && definition_in(tx, id).await?.is_none() {
                let rule = "would be one more than the 100 definitions that there may be";
                return Err(Error::Invalid { field: "churn_definition_id", rule });
            }
            let text = "INSERT INTO churn_definition (churn_definition_id, display_name, version, definition, created_at, updated_at)
                 VALUES ($1, $2, 1, $3, $4, $4)
                 ON CONFLICT (churn_definition_id) DO UPDATE SET
                     version = churn_definition.version
                         + CASE WHEN churn_definition.definition = excluded.definition THEN 0 ELSE 1 END,
                     updated_at = CASE WHEN churn_definition.definition = excluded.definition
                             AND churn_definition.display_name = excluded.display_name
                         THEN churn_definition.updated_at ELSE excluded.updated_at END,
                     display_name = excluded.display_name, definition = excluded.definition";
            let values =
                vec![id.into(), display_name.into(), terms.as_str().into(), now.micros().into()];
            sql::execute(tx, text, values).await?;
            definition_in(tx, id).await?.ok_or(Error::Corrupt { what: "definition of churn" })
        })
        .await
    }

    /// A definition.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn churn_definition_get(&self, id: &str) -> Result<Option<ChurnDefinition>> {
        let text = format!("SELECT {COLUMNS} FROM churn_definition WHERE churn_definition_id = $1");
        let found = sql::query_one(self.read(), &text, vec![id.into()]).await?;
        found.map(|row| read(&row)).transpose()
    }

    /// All definitions, by id.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn churn_definitions_list(&self) -> Result<Vec<ChurnDefinition>> {
        let text = format!("SELECT {COLUMNS} FROM churn_definition ORDER BY churn_definition_id");
        sql::query_all(self.read(), &text, vec![]).await?.iter().map(read).collect()
    }
}

async fn definition_in(tx: &DatabaseTransaction, id: &str) -> Result<Option<ChurnDefinition>> {
    let text = format!("SELECT {COLUMNS} FROM churn_definition WHERE churn_definition_id = $1");
    sql::query_one(tx, &text, vec![id.into()]).await?.map(|row| read(&row)).transpose()
}

impl Store {
    /// Makes a published model the active one of its definition. False where there is no such model.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn churn_activate(&self, model_id: &str, now: Timestamp) -> Result<bool> {
        self.write_long(async |tx| {
            // First the log, as everybody who locks both does.
            positions(tx, 0, Timestamp::MIN).await?;
            let text =
                "SELECT churn_definition_id, as_of FROM churn_model WHERE churn_model_id = $1";
            let row = sql::query_one(tx, text, vec![model_id.into()]).await?;
            let Some(row) = row else { return Ok(false) };
            let mut columns = Columns::of(&row);
            let (definition_id, as_of): (String, _) = (columns.take()?, columns.instant()?);
            if active_model(tx, &definition_id).await?.as_deref() != Some(model_id) {
                activate(tx, &definition_id, (model_id, as_of), now).await?;
            }
            Ok(true)
        })
        .await
    }
}

/// The active model of a definition.
pub(super) async fn active_model(tx: &DatabaseTransaction, id: &str) -> Result<Option<String>> {
    Ok(definition_in(tx, id).await?.and_then(|definition| definition.model_id))
}

/// Makes a model the one from which the risks of its definition are answered, and writes who crosses a band by that.
pub(crate) async fn activate(
    tx: &DatabaseTransaction,
    definition_id: &str,
    (model_id, as_of): (&str, Timestamp),
    now: Timestamp,
) -> Result<()> {
    log::append_activation(tx, definition_id, model_id, now).await?;
    let text = "UPDATE churn_definition SET churn_model_id = $2, activated_at = $3 WHERE churn_definition_id = $1";
    let values = vec![definition_id.into(), model_id.into(), now.micros().into()];
    sql::execute(tx, text, values).await?;
    // Whatever arrived after its risks were made is looked at again.
    duties::done(tx, Duty::Churn, as_of).await
}

fn read(row: &QueryResult) -> Result<ChurnDefinition> {
    let mut columns = Columns::of(row);
    let c = &mut columns;
    Ok(ChurnDefinition {
        id: c.take()?,
        display_name: c.take()?,
        version: c.take()?,
        definition: parsed(&c.take::<String>()?, "definition of churn")?,
        created_at: c.instant()?,
        updated_at: c.instant()?,
        model_id: c.take()?,
    })
}
