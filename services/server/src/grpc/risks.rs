//! Lists of churn risks, page by page: each keeps to one model, and to the personas of one segmentation.

use super::{
    churn::{active, published},
    from_proto::ChurnList,
    page_token,
    status::Refusal,
    to_proto,
};
use crate::proto::{ChurnRisk, ExportChurnRisksResponse};
use cx_datastore::{
    JobKind, Store,
    churn::{ChurnModel, RiskFilter, RiskKey, RiskPage},
};
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use tonic::Status;

/// A list, and how far it was read.
pub(super) struct Risks {
    place: Place,
    model: ChurnModel,
    persona: Option<u16>,
}

/// Where a list stands: the versions it keeps to, and its last row.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Place {
    model_id: String,
    segmentation_id: Option<String>,
    /// None at the beginning.
    after: Option<RiskKey>,
}

/// Some of a list.
pub(super) struct Page {
    pub(super) risks: Vec<ChurnRisk>,
    /// Whether others come after them.
    pub(super) more: bool,
}

impl Risks {
    /// Where the token of a question says, else at the beginning of the versions asked for.
    pub(super) async fn at(store: &Store, asked: &ChurnList) -> Result<Self, Refusal> {
        let place = match page_token::read(&asked.token, &scope(asked))? {
            Some(place) => place,
            None => {
                let model_id = match &asked.model_id {
                    Some(id) => id.clone(),
                    None => active(store, &asked.definition_id).await?,
                };
                let segmentation_id = store.active_get(JobKind::Segmentation).await?;
                Place { model_id, segmentation_id, after: None }
            }
        };
        let model = published(store, &place.model_id).await?;
        let persona = match &asked.persona_id {
            None => None,
            Some(persona) => Some(ordinal(store, place.segmentation_id.as_deref(), persona).await?),
        };
        Ok(Self { place, model, persona })
    }

    /// What comes next.
    pub(super) async fn page(&mut self, store: &Store, asked: &ChurnList) -> Result<Page, Refusal> {
        let Place { model_id, segmentation_id, after } = &self.place;
        let page = RiskPage {
            model_id,
            segmentation_id: segmentation_id.as_deref(),
            filter: RiskFilter { persona: self.persona, ..asked.filter.clone() },
            order: asked.order,
            after: after.clone(),
            limit: asked.limit + 1,
        };
        let mut risks = store.churn_risks_list(&page).await?;
        let more = risks.len() as u64 > asked.limit;
        risks.truncate(usize::try_from(asked.limit).unwrap_or(usize::MAX));
        let last = risks.last().map(cx_datastore::churn::StoredRisk::key);
        let told = |risk| to_proto::churn_risk(&self.place.model_id, &self.model, risk);
        let risks = risks.into_iter().map(told).collect();
        self.place.after = last.or(self.place.after.take());
        Ok(Page { risks, more })
    }

    /// The token that goes on from here.
    pub(super) fn token(&self, asked: &ChurnList) -> Option<String> {
        self.place.after.as_ref().map(|_| page_token::issue(&scope(asked), &self.place))
    }

    /// The model that the list keeps to.
    pub(super) fn into_model_id(self) -> String {
        self.place.model_id
    }

    /// All that comes next, a page in a message. A page is read when the one before has been taken: memory does not grow, however slow
    /// the reader.
    pub(super) fn stream(
        self,
        store: Store,
        asked: ChurnList,
    ) -> BoxStream<'static, Result<ExportChurnRisksResponse, Status>> {
        let state = (self, store, asked, true);
        Box::pin(futures::stream::try_unfold(state, async |(mut risks, store, asked, more)| {
            if !more {
                return Ok(None);
            }
            let page = risks.page(&store, &asked).await?;
            if !page.more {
                // The list of a model that was removed meanwhile would end too soon.
                published(&store, &risks.place.model_id).await?;
            }
            let message = ExportChurnRisksResponse { risks: page.risks };
            Ok((!message.risks.is_empty()).then_some((message, (risks, store, asked, page.more))))
        }))
    }
}

fn scope(asked: &ChurnList) -> Vec<&str> {
    asked.scope.iter().map(String::as_str).collect()
}

/// A persona's place in the segmentation.
pub(super) async fn ordinal(
    store: &Store,
    segmentation: Option<&str>,
    persona: &str,
) -> Result<u16, Refusal> {
    let segmentation = segmentation.ok_or(Refusal::NoActiveSegmentation)?;
    let found = store.persona_get(segmentation, persona).await?;
    found.map(|one| one.ordinal).ok_or_else(|| Refusal::PersonaNotFound(persona.to_owned()))
}
