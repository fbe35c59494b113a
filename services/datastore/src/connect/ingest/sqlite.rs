//! Storing interactions in SQLite: prepared statements of many rows, in one transaction that holds the write lock.

use super::{CustomerHash, Held};
use crate::error::{Error, Result};
use crate::rows::{COLUMNS, Fingerprint, Row, fingerprint};
use sqlx::sqlite::{Sqlite, SqliteArguments, SqlitePool};
use sqlx::{Arguments, AssertSqlSafe, Row as _};
use std::sync::LazyLock;

/// Rows in one statement: fewer cost a call each, more gain nothing.
const ROWS: usize = 50;

static INSERT: LazyLock<String> = LazyLock::new(|| insert_sql(ROWS));

pub(crate) struct Transaction {
    connection: Held<Sqlite>,
    pub(super) any_suppression: bool,
    /// Rows up to here were there before this transaction: SQLite numbers new rows past the highest.
    last_rowid: i64,
}

impl Transaction {
    pub(super) async fn begin(pool: &SqlitePool) -> Result<Self> {
        let mut connection = Held::new(pool.acquire().await?);
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(connection.get()?).await?;
        let sql = "SELECT EXISTS (SELECT 1 FROM suppression), (SELECT COALESCE(MAX(rowid), 0) FROM interaction)";
        let row = sqlx::query(sql).fetch_one(connection.get()?).await?;
        Ok(Self { connection, any_suppression: row.try_get(0)?, last_rowid: row.try_get(1)? })
    }

    pub(super) async fn suppressed(&mut self, hashes: &[CustomerHash]) -> Result<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        for part in hashes.chunks(500) {
            let marks = vec!["?"; part.len()].join(",");
            let sql =
                format!("SELECT customer_hash FROM suppression WHERE customer_hash IN ({marks})");
            let mut query = sqlx::query_scalar(AssertSqlSafe(sql));
            for hash in part {
                query = query.bind(hash.as_slice());
            }
            found.extend(query.fetch_all(self.connection.get()?).await?);
        }
        Ok(found)
    }

    pub(super) async fn insert_new(&mut self, rows: &[&Row]) -> Result<Vec<Option<Fingerprint>>> {
        let mut stored = Vec::with_capacity(rows.len());
        for part in rows.chunks(ROWS) {
            let arguments = arguments(part)?;
            let query = if part.len() == ROWS {
                sqlx::query_with(INSERT.as_str(), arguments)
            } else {
                sqlx::query_with(AssertSqlSafe(insert_sql(part.len())), arguments).persistent(false)
            };
            let inserted = query.execute(self.connection.get()?).await?.rows_affected();
            if usize::try_from(inserted) == Ok(part.len()) {
                stored.resize(stored.len() + part.len(), None);
            } else {
                stored.extend(self.stored_before(part).await?);
            }
        }
        Ok(stored)
    }

    /// The fingerprints of those rows that were there before this transaction.
    async fn stored_before(&mut self, rows: &[&Row]) -> Result<Vec<Option<Fingerprint>>> {
        let keys =
            (0..rows.len()).map(|place| format!("({place},?,?)")).collect::<Vec<_>>().join(",");
        let sql = format!(
            "WITH wanted (place, customer, interaction) AS (VALUES {keys})
             SELECT place, fingerprint FROM wanted CROSS JOIN interaction
             ON customer_id = customer AND interaction_id = interaction AND interaction.rowid <= ?"
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for row in rows {
            query = query.bind(row.customer_id.as_str()).bind(row.interaction_id.as_str());
        }
        let mut stored = vec![None; rows.len()];
        for found in query.bind(self.last_rowid).fetch_all(self.connection.get()?).await? {
            let place = usize::try_from(found.try_get::<i64, _>(0)?)
                .ok()
                .and_then(|place| stored.get_mut(place));
            *place.ok_or(Error::Corrupt { what: "place" })? = Some(fingerprint(found.try_get(1)?)?);
        }
        Ok(stored)
    }

    pub(super) async fn commit(mut self) -> Result<()> {
        sqlx::raw_sql("COMMIT").execute(self.connection.get()?).await?;
        self.connection.release();
        Ok(())
    }
}

fn insert_sql(rows: usize) -> String {
    let tuple = format!("({})", vec!["?"; COLUMNS.len()].join(","));
    let tuples = vec![tuple.as_str(); rows].join(",");
    format!(
        "INSERT INTO interaction ({}) VALUES {tuples} ON CONFLICT DO NOTHING",
        COLUMNS.join(",")
    )
}

fn arguments(rows: &[&Row]) -> Result<SqliteArguments> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(rows.len() * COLUMNS.len(), 0);
    for row in rows {
        bind(&mut arguments, row)
            .map_err(|_| Error::Invalid { field: "row", rule: "cannot be bound" })?;
    }
    Ok(arguments)
}

fn bind(
    arguments: &mut SqliteArguments,
    row: &Row,
) -> std::result::Result<(), sqlx::error::BoxDynError> {
    let content = &row.content;
    arguments.add(row.customer_id.as_str())?;
    arguments.add(row.interaction_id.as_str())?;
    arguments.add(row.occurred_at)?;
    arguments.add(row.received_at)?;
    arguments.add(row.fingerprint.as_slice())?;
    arguments.add(content.kind)?;
    arguments.add(content.channel)?;
    arguments.add(content.stage)?;
    arguments.add(content.action)?;
    arguments.add(content.variant)?;
    arguments.add(content.subject.as_deref())?;
    arguments.add(content.topic.as_deref())?;
    arguments.add(content.body.as_deref())?;
    arguments.add(content.currency.as_deref())?;
    arguments.add(content.amount)?;
    arguments.add(content.items)?;
    arguments.add(content.wait)?;
    arguments.add(content.duration)?;
    arguments.add(content.score)?;
    arguments.add(content.score_min)?;
    arguments.add(content.score_max)?;
    arguments.add(content.lower_is_better)?;
    arguments.add(content.flag)
}
