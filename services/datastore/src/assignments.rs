//! Assignments: who is in which persona, one row for each customer and segmentation. Those of the active segmentation are kept
//! fresh (see `refresh`); the others stay as they were when it ceased to be the active one.

use crate::connect::Column;
use crate::error::Result;
use crate::personas::ordinal;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::segmentation::Assignment;
use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult, Value};

/// Who objects to profiling is in no persona from that moment on, whatever was found before.
pub(crate) const NO_OBJECTION: &str = "NOT EXISTS (SELECT 1 FROM customer o
    WHERE o.customer_id = a.customer_id AND o.consent_profiling = 0)";
const COLUMNS: &str =
    "a.customer_id, a.persona, a.distance, a.runner_up, a.runner_up_distance, a.outlier, a.as_of";
/// Customers in one statement.
const CHUNK: usize = 500;

impl Store {
    /// A customer's place in a segmentation.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn assignment_get(
        &self,
        segmentation_id: &str,
        customer_id: &str,
    ) -> Result<Option<Assignment>> {
        let found = self.assignments_get(segmentation_id, &[customer_id.to_owned()]).await?;
        Ok(found.into_iter().next())
    }

    /// The places of these customers in a segmentation, of those who have one, by customer id.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn assignments_get(
        &self,
        segmentation_id: &str,
        customer_ids: &[String],
    ) -> Result<Vec<Assignment>> {
        let mut found =
            assignments_in(self.read(), segmentation_id, customer_ids, NO_OBJECTION).await?;
        found.sort_by(|a, b| a.customer_id.cmp(&b.customer_id));
        Ok(found)
    }

    /// The next `limit` members after the customer `after`, by customer id: of one persona, or of all. A loop over
    /// this is the export.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn assignments_list(
        &self,
        segmentation_id: &str,
        persona: Option<u16>,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Vec<Assignment>> {
        // No id is empty, so that everything comes after "".
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut values: Vec<Value> =
            vec![segmentation_id.into(), after.unwrap_or_default().into(), limit.into()];
        let only = persona.map_or("", |persona| {
            values.push((persona as i16).into());
            "AND a.persona = $4"
        });
        let sql = format!(
            "SELECT {COLUMNS} FROM assignment a WHERE a.segmentation_id = $1 {only} AND a.customer_id > $2
             AND {NO_OBJECTION} ORDER BY a.customer_id LIMIT $3"
        );
        sql::query_all(self.query(), &sql, values).await?.iter().map(assignment).collect()
    }

    /// How many members each persona has now, by its place: those found, less those who left, were erased or objected, plus those
    /// who came. Personas without any are left out.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn assignments_counts(&self, segmentation_id: &str) -> Result<Vec<(u16, i64)>> {
        let sql = format!(
            "SELECT a.persona, COUNT(*) FROM assignment a WHERE a.segmentation_id = $1 AND {NO_OBJECTION}
             GROUP BY a.persona ORDER BY a.persona"
        );
        let rows = sql::query_all(self.query(), &sql, vec![segmentation_id.into()]).await?;
        let read = |row| {
            let mut columns = Columns::of(row);
            Ok((ordinal(columns.take()?)?, columns.take()?))
        };
        rows.iter().map(read).collect()
    }

    /// How many customers are in one place in a first segmentation and in another in a second, of those who are in both.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn assignments_cross(
        &self,
        first: &str,
        second: &str,
    ) -> Result<Vec<((u16, u16), i64)>> {
        let sql = format!(
            "SELECT a.persona, b.persona, COUNT(*) FROM assignment a
             JOIN assignment b ON b.customer_id = a.customer_id AND b.segmentation_id = $2
             WHERE a.segmentation_id = $1 AND {NO_OBJECTION}
             GROUP BY a.persona, b.persona ORDER BY a.persona, b.persona"
        );
        let rows = sql::query_all(self.query(), &sql, vec![first.into(), second.into()]).await?;
        let read = |row| {
            let mut columns = Columns::of(row);
            Ok(((ordinal(columns.take()?)?, ordinal(columns.take()?)?), columns.take()?))
        };
        rows.iter().map(read).collect()
    }
}

/// The places of these customers, in any order; `condition` is one more on the assignment `a`.
pub(crate) async fn assignments_in(
    db: &impl ConnectionTrait,
    segmentation_id: &str,
    customer_ids: &[String],
    condition: &str,
) -> Result<Vec<Assignment>> {
    let mut found = Vec::with_capacity(customer_ids.len());
    for part in customer_ids.chunks(CHUNK) {
        let (marks, mut values) = sql::marks(part, 2);
        values.insert(0, segmentation_id.into());
        let sql = format!(
            "SELECT {COLUMNS} FROM assignment a
             WHERE a.segmentation_id = $1 AND a.customer_id IN ({marks}) AND {condition}"
        );
        for row in sql::query_all(db, &sql, values).await? {
            found.push(assignment(&row)?);
        }
    }
    Ok(found)
}

/// Takes these customers out of a segmentation.
pub(crate) async fn assignments_delete(
    tx: &DatabaseTransaction,
    segmentation_id: &str,
    customer_ids: &[String],
) -> Result<()> {
    for part in customer_ids.chunks(CHUNK) {
        let (marks, mut values) = sql::marks(part, 2);
        values.insert(0, segmentation_id.into());
        let sql = format!(
            "DELETE FROM assignment WHERE segmentation_id = $1 AND customer_id IN ({marks})"
        );
        sql::execute(tx, &sql, values).await?;
    }
    Ok(())
}

fn assignment(row: &QueryResult) -> Result<Assignment> {
    let mut columns = Columns::of(row);
    Ok(Assignment {
        customer_id: columns.take()?,
        persona: ordinal(columns.take()?)?,
        distance: columns.take()?,
        runner_up: ordinal(columns.take()?)?,
        runner_up_distance: columns.take()?,
        outlier: columns.take::<i16>()? != 0,
        as_of: columns.instant()?,
    })
}

/// The rows of a segmentation's assignments.
pub(crate) fn columns(segmentation_id: &str, of: &[&Assignment]) -> Vec<(&'static str, Column)> {
    vec![
        ("customer_id", Column::Text(of.iter().map(|a| a.customer_id.clone()).collect())),
        ("segmentation_id", Column::Text(vec![segmentation_id.to_owned(); of.len()])),
        ("persona", Column::I16(of.iter().map(|a| a.persona as i16).collect())),
        ("distance", Column::F64(of.iter().map(|a| a.distance).collect())),
        ("runner_up", Column::I16(of.iter().map(|a| a.runner_up as i16).collect())),
        ("runner_up_distance", Column::F64(of.iter().map(|a| a.runner_up_distance).collect())),
        ("outlier", Column::I16(of.iter().map(|a| i16::from(a.outlier)).collect())),
        ("as_of", Column::I64(of.iter().map(|a| a.as_of.micros()).collect())),
    ]
}

#[cfg(test)]
mod tests;
