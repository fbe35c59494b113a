//! `cx export changes`.

use super::{Cell, Destination, Kind, Rows};
use clap::Args;
use cx_datastore::Store;

/// Rows read at once: memory does not grow with the number of changes.
const PAGE: u64 = 5000;

const COLUMNS: [(&str, Kind); 8] = [
    ("position", Kind::Integer),
    ("customer_id", Kind::Text),
    ("kind", Kind::Text),
    ("from_persona_id", Kind::Text),
    ("to_persona_id", Kind::Text),
    ("cause", Kind::Text),
    ("segmentation_id", Kind::Text),
    ("change_time", Kind::Instant),
];

/// From where on, and where to.
#[derive(Debug, Args)]
pub(super) struct Changes {
    /// Only changes after this position: that of the last one seen
    #[arg(
        long,
        env = "CX_EXPORT_AFTER",
        default_value_t = 0,
        value_parser = clap::value_parser!(i64).range(0..),
        value_name = "POSITION"
    )]
    after: i64,
    #[command(flatten)]
    destination: Destination,
}

impl Changes {
    /// Writes the changes in their order.
    pub(super) async fn run(self, store: &Store) -> anyhow::Result<u64> {
        let mut rows = Rows::begin(&self.destination, &COLUMNS)?;
        let mut after = self.after;
        loop {
            let page = store.membership_changes_after(after, &[], PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.position;
            for change in page {
                let kind = match (&change.from, &change.to) {
                    (None, _) => "ENTERED",
                    (_, None) => "LEFT",
                    _ => "MOVED",
                };
                rows.row(vec![
                    change.position.into(),
                    change.customer_id.into(),
                    kind.into(),
                    change.from.into(),
                    change.to.into(),
                    Cell::named(change.cause),
                    change.segmentation_id.into(),
                    change.at.into(),
                ])?;
            }
        }
        rows.end()
    }
}
