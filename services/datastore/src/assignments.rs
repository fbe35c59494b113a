//! Assignments: who is in which persona, one row for each customer and segmentation.

use crate::connect::Column;
use crate::error::Result;
use crate::personas::ordinal;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::segmentation::Assignment;
use sea_orm::{QueryResult, Value};

/// Who objects to profiling is in no persona from that moment on, whatever was found before.
const NO_OBJECTION: &str = "NOT EXISTS (SELECT 1 FROM customer c
    WHERE c.customer_id = assignment.customer_id AND c.consent_profiling = 0)";
const COLUMNS: &str = "customer_id, persona, distance, runner_up, runner_up_distance, outlier";

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
        let sql = format!(
            "SELECT {COLUMNS} FROM assignment WHERE customer_id = $1 AND segmentation_id = $2 AND {NO_OBJECTION}"
        );
        let values = vec![customer_id.into(), segmentation_id.into()];
        sql::query_one(self.read(), &sql, values).await?.as_ref().map(assignment).transpose()
    }

    /// The next `limit` members after the customer `after`, by customer id: of one persona, or of all. A loop over
    /// this is the export: a segmentation does not change, so that pages fit together without a transaction around them.
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
            "AND persona = $4"
        });
        let sql = format!(
            "SELECT {COLUMNS} FROM assignment WHERE segmentation_id = $1 {only} AND customer_id > $2 AND {NO_OBJECTION} ORDER BY customer_id LIMIT $3"
        );
        sql::query_all(self.query(), &sql, values).await?.iter().map(assignment).collect()
    }

    /// How many members a persona has: those found, less those who were erased or objected since.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn assignments_count(&self, segmentation_id: &str, persona: u16) -> Result<i64> {
        let sql = format!(
            "SELECT COUNT(*) FROM assignment WHERE segmentation_id = $1 AND persona = $2 AND {NO_OBJECTION}"
        );
        let values = vec![segmentation_id.into(), (persona as i16).into()];
        sql::query_one(self.query(), &sql, values)
            .await?
            .map_or(Ok(0), |row| Columns::of(&row).take())
    }
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
    })
}

/// The rows of a segmentation's assignments.
pub(crate) fn columns(segmentation_id: &str, of: &[Assignment]) -> Vec<(&'static str, Column)> {
    vec![
        ("customer_id", Column::Text(of.iter().map(|a| a.customer_id.clone()).collect())),
        ("segmentation_id", Column::Text(vec![segmentation_id.to_owned(); of.len()])),
        ("persona", Column::I16(of.iter().map(|a| a.persona as i16).collect())),
        ("distance", Column::F64(of.iter().map(|a| a.distance).collect())),
        ("runner_up", Column::I16(of.iter().map(|a| a.runner_up as i16).collect())),
        ("runner_up_distance", Column::F64(of.iter().map(|a| a.runner_up_distance).collect())),
        ("outlier", Column::I16(of.iter().map(|a| i16::from(a.outlier)).collect())),
    ]
}

#[cfg(test)]
mod tests;
