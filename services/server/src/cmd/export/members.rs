//! `cx export members`.

use super::{Cell, Kind, Rows, Version};
use crate::{clock, cmd::instant, config::Invalid};
use clap::Args;
use cx_analytics::Timestamp;
use cx_datastore::Store;
use std::collections::HashMap;

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
    /// The members as of this earlier moment, of whatever was active then: a date, or as in 2011-12-10T00:00:00Z. Of each
    /// only the persona is kept
    #[arg(
        long,
        env = "CX_EXPORT_AT",
        value_parser = instant::parse,
        conflicts_with = "segmentation",
        value_name = "INSTANT"
    )]
    at: Option<Timestamp>,
    #[command(flatten)]
    version: Version,
}

impl Members {
    /// Writes the members by customer id.
    pub(super) async fn run(self, store: &Store) -> anyhow::Result<u64> {
        if let Some(at) = self.at {
            return self.run_at(store, at).await;
        }
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
                    member.as_of.into(),
                ])?;
            }
        }
        rows.end()
    }
    /// Writes the members as of an earlier moment, by customer id, as membership changes tell them.
    async fn run_at(self, store: &Store, at: Timestamp) -> anyhow::Result<u64> {
        if at > clock::now() {
            let reason = "is in the future, of which nothing is known".to_owned();
            return Err(Invalid { key: "--at (CX_EXPORT_AT)", reason }.into());
        }
        let mut names = HashMap::new();
        if let Some(id) = &self.persona {
            let Some(name) = store.persona_called(id).await? else {
                let reason = format!("there is no persona {id:?}");
                return Err(Invalid { key: "--persona (CX_EXPORT_PERSONA)", reason }.into());
            };
            names.insert(id.clone(), Some(name));
        }
        let mut rows = Rows::begin(&self.version.destination, &COLUMNS)?;
        let (only, mut after) = (self.persona.as_deref(), None::<String>);
        loop {
            let page = store.members_at(only, at, after.as_deref(), PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (customer_id, persona_id) in page {
                if !names.contains_key(&persona_id) {
                    names.insert(persona_id.clone(), store.persona_called(&persona_id).await?);
                }
                let mut row = vec![Cell::Absent; COLUMNS.len()];
                row[2] = names.get(&persona_id).cloned().flatten().into();
                row[0] = customer_id.into();
                row[1] = persona_id.into();
                row[COLUMNS.len() - 1] = at.into();
                rows.row(row)?;
            }
        }
        rows.end()
    }
}
