//! `cx export members`.

use super::{Cell, Kind, Rows, Version};
use crate::config::Invalid;
use clap::Args;
use cx_datastore::Store;

/// Rows read at once: memory does not grow with the number of members.
const PAGE: u64 = 5000;

const COLUMNS: [(&str, Kind); 10] = [
    ("customer_id", Kind::Text),
    ("persona_id", Kind::Text),
    ("persona_name", Kind::Text),
    ("segmentation_id", Kind::Text),
    ("distance", Kind::Float),
    ("runner_up_persona_id", Kind::Text),
    ("runner_up_distance", Kind::Float),
    ("confidence", Kind::Float),
    ("outlier", Kind::Flag),
    ("as_of", Kind::Instant),
];

/// Whose members.
#[derive(Debug, Args)]
pub(super) struct Members {
    /// The persona [default: all]
    #[arg(long, env = "CX_EXPORT_PERSONA", value_name = "ID")]
    persona: Option<String>,
    #[command(flatten)]
    version: Version,
}

impl Members {
    /// Writes the members by customer id.
    pub(super) async fn run(self, store: &Store) -> anyhow::Result<u64> {
        let id = self.version.id(store).await?;
        let personas = store.personas_list(&id).await?;
        let only = match self.persona {
            None => None,
            Some(wanted) => {
                let found = personas.iter().find(|stored| stored.persona.persona_id == wanted);
                let reason = format!("there is no persona {wanted:?} in segmentation {id:?}");
                let key = "--persona (CX_EXPORT_PERSONA)";
                Some(found.ok_or(Invalid { key, reason })?.ordinal)
            }
        };
        let mut rows = Rows::begin(&self.version.destination, &COLUMNS)?;
        let mut after = None;
        loop {
            let page = store.assignments_list(&id, only, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.customer_id.clone());
            for member in page {
                let persona = personas.get(usize::from(member.persona));
                let runner_up = personas.get(usize::from(member.runner_up));
                let name = persona.map(|s| s.label.name.as_ref().unwrap_or(&s.persona.name));
                rows.row(vec![
                    Cell::from(&member.customer_id),
                    persona.map(|stored| &stored.persona.persona_id).into(),
                    name.into(),
                    Cell::from(&id),
                    member.distance.into(),
                    runner_up.map(|stored| &stored.persona.persona_id).into(),
                    member.runner_up_distance.into(),
                    member.confidence().into(),
                    member.outlier.into(),
                    persona.map(|stored| stored.as_of).into(),
                ])?;
            }
        }
        rows.end()
    }
}
