//! The members of personas, page by page: those of a version now, or those that the log of changes tells of an earlier moment.

use super::{Api, persona::names, status::Refusal, to_proto};
use crate::proto;
use cx_analytics::Timestamp;
use std::collections::HashMap;
use to_proto::PersonaNames;

/// Whose members, and from where.
pub(super) enum Members {
    /// Of a version, as it is now.
    Of {
        /// The version.
        segmentation_id: String,
        /// Its personas.
        names: PersonaNames,
        /// The persona; none for all.
        persona: Option<u16>,
    },
    /// As of an earlier moment.
    At {
        /// The moment.
        at: Timestamp,
        /// The persona; none for all.
        persona_id: Option<String>,
        /// What personas are called, of those that came up so far.
        names: HashMap<String, String>,
    },
}

impl Members {
    /// Those of one persona of a version.
    pub(super) async fn of(
        api: &Api,
        segmentation_id: String,
        persona_id: &str,
    ) -> Result<Self, Refusal> {
        let names = names(api, &segmentation_id).await?;
        let unknown = || Refusal::PersonaNotFound(persona_id.to_owned());
        let persona = Some(names.place(persona_id).ok_or_else(unknown)?);
        Ok(Self::Of { segmentation_id, names, persona })
    }

    /// Those of all personas of a version.
    pub(super) async fn everybody(api: &Api, segmentation_id: String) -> Result<Self, Refusal> {
        let names = names(api, &segmentation_id).await?;
        Ok(Self::Of { segmentation_id, names, persona: None })
    }

    /// Those of a persona, or of all, at an earlier moment.
    pub(super) async fn at(
        api: &Api,
        persona_id: Option<&str>,
        at: Timestamp,
    ) -> Result<Self, Refusal> {
        let mut names = HashMap::new();
        if let Some(id) = persona_id {
            let called = api.store.persona_called(id).await?;
            let called = called.ok_or_else(|| Refusal::PersonaNotFound(id.to_owned()))?;
            names.insert(id.to_owned(), called);
        }
        Ok(Self::At { at, persona_id: persona_id.map(str::to_owned), names })
    }

    /// The version; empty where it is whatever was active then.
    pub(super) fn segmentation_id(&self) -> &str {
        match self {
            Self::Of { segmentation_id, .. } => segmentation_id,
            Self::At { .. } => "",
        }
    }

    /// How many there are.
    pub(super) async fn count(&self, api: &Api) -> Result<i64, Refusal> {
        match self {
            Self::Of { segmentation_id, persona, .. } => {
                let counts = api.store.assignments_counts(segmentation_id).await?;
                let wanted = |place: &u16| persona.is_none_or(|persona| persona == *place);
                Ok(counts.iter().filter(|(place, _)| wanted(place)).map(|(_, n)| n).sum())
            }
            Self::At { at, persona_id, .. } => {
                Ok(api.store.members_at_count(persona_id.as_deref(), *at).await?)
            }
        }
    }

    /// The next ones after a customer, by customer id.
    pub(super) async fn page(
        &mut self,
        api: &Api,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Vec<proto::Assignment>, Refusal> {
        match self {
            Self::Of { segmentation_id, names, persona } => {
                let list = api.store.assignments_list(segmentation_id, *persona, after, limit);
                let found = list.await?;
                if (found.len() as u64) < limit {
                    // Who is told that this is the end must not be told so because the version went meanwhile.
                    let gone = || Refusal::SegmentationNotFound(segmentation_id.clone());
                    api.store.job_get(segmentation_id).await?.ok_or_else(gone)?;
                }
                let found = found.into_iter();
                Ok(found.map(|member| to_proto::assignment(member, names)).collect())
            }
            Self::At { at, persona_id, names } => {
                let found = api.store.members_at(persona_id.as_deref(), *at, after, limit).await?;
                let mut members = Vec::with_capacity(found.len());
                for member in found {
                    if !names.contains_key(&member.1) {
                        let called = api.store.persona_called(&member.1).await?;
                        names.insert(member.1.clone(), called.unwrap_or_default());
                    }
                    let name = names.get(&member.1).cloned().unwrap_or_default();
                    members.push(to_proto::member_at(member, name, *at));
                }
                Ok(members)
            }
        }
    }
}
