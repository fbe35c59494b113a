//! `FeedbackService`: what customers say, and what about.

use super::metrics::Personas;
use super::{Api, configured, from_proto, page_token, status::Refusal, to_proto};
use crate::proto::feedback_service_server::{FeedbackService, FeedbackServiceServer};
use crate::{clock, proto};
use cx_analytics::Timestamp;
use cx_analytics::metrics::Buckets;
use cx_analytics::voice::{self, Theme, holds, language_of};
use cx_datastore::feedback::{FeedbackFilter, FeedbackKey, FeedbackPage, Mentions, ThemeQuestion};
use cx_datastore::{JobKind, Store};
use from_proto::ThemesAsked;
use prost::Message;
use serde::{Deserialize, Serialize};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

/// Texts looked through for words at a time, and in all for a page.
const LOOKED_AT: u64 = 1_000;
const LOOKED_THROUGH: u64 = 10_000;
/// Buckets of trends in one answer.
const MOST_TRENDS: usize = 20_000;

/// Adds the service.
pub(super) fn add(routes: Routes, api: &Api) -> Routes {
    routes.add_service(configured!(FeedbackServiceServer, Handler { store: api.store.clone() }))
}

struct Handler {
    store: Store,
}

#[tonic::async_trait]
impl FeedbackService for Handler {
    async fn list_feedback(
        &self,
        request: Request<proto::ListFeedbackRequest>,
    ) -> Result<Response<proto::ListFeedbackResponse>, Status> {
        Ok(Response::new(list(&self.store, request.into_inner()).await?))
    }

    async fn list_themes(
        &self,
        request: Request<proto::ListThemesRequest>,
    ) -> Result<Response<proto::ListThemesResponse>, Status> {
        Ok(Response::new(themes(&self.store, request.into_inner()).await?))
    }

    async fn get_feedback_analyser(
        &self,
        _: Request<proto::GetFeedbackAnalyserRequest>,
    ) -> Result<Response<proto::GetFeedbackAnalyserResponse>, Status> {
        let (analyser, texts) = self.store.feedback_analyser().await.map_err(Refusal::from)?;
        let analyser = Some(to_proto::feedback_analyser(&analyser, texts));
        Ok(Response::new(proto::GetFeedbackAnalyserResponse { analyser }))
    }
}

/// The personas of the segmentation that is active, where one is; where they are filtered by, one must be.
async fn personas(store: &Store, filtered: bool) -> Result<Personas, Refusal> {
    match store.active_get(JobKind::Segmentation).await? {
        None if !filtered => Ok(Personas::default()),
        _ => Personas::active(store).await,
    }
}

/// What a page token is bound to: the request without page and token.
fn scope(request: &impl Message) -> String {
    blake3::hash(&request.encode_to_vec()).to_hex().to_string()
}

/// Where a list of texts stands: the end of the range, then the last text that was looked at.
#[derive(Serialize, Deserialize)]
struct Place(i64, i64, String, String);

async fn list(
    store: &Store,
    mut request: proto::ListFeedbackRequest,
) -> Result<proto::ListFeedbackResponse, Refusal> {
    let size = page_token::page_size(std::mem::take(&mut request.page_size))?;
    let token = std::mem::take(&mut request.page_token);
    let asked = from_proto::feedback_asked(&request)?;
    let bound = scope(&request);
    let scope = ["ListFeedback", bound.as_str()];
    let place: Option<Place> = page_token::read(&token, &scope)?;
    let instant = |micros| Timestamp::from_micros(micros).ok_or(Refusal::InvalidPageToken);
    let (end, mut after) = match place {
        None => (asked.end.unwrap_or_else(clock::now), None),
        Some(Place(end, at, customer_id, interaction_id)) => {
            let key = FeedbackKey { occurred_at: instant(at)?, customer_id, interaction_id };
            (instant(end)?, Some(key))
        }
    };
    let personas = personas(store, !asked.persona_ids.is_empty()).await?;
    let ordinals = personas.ordinals(&asked.persona_ids, "filter")?;
    let filter = FeedbackFilter { personas: ordinals, ..asked.filter };

    let (mut found, mut looked, mut ended) = (Vec::new(), 0, false);
    let step = if asked.words.is_empty() { size + 1 } else { LOOKED_AT };
    while !ended && found.len() as u64 <= size && looked < LOOKED_THROUGH {
        let page = FeedbackPage {
            segmentation_id: personas.segmentation_id.as_deref(),
            range: asked.start.unwrap_or(Timestamp::MIN)..end,
            filter: &filter,
            after: after.take(),
            limit: step,
        };
        let rows = store.feedback_list(&page).await?;
        ended = (rows.len() as u64) < step;
        looked += rows.len() as u64;
        for row in rows {
            let record = &row.stored.interaction;
            after = Some(FeedbackKey {
                occurred_at: record.occurred_at,
                customer_id: record.customer_id.clone(),
                interaction_id: record.interaction_id.clone(),
            });
            let persona = row.persona.and_then(|ordinal| personas.id_and_name(ordinal));
            let one = to_proto::feedback(row, persona);
            if holds(&one.text, &asked.words) {
                found.push((one, after.clone()));
            }
        }
    }
    let (feedback, last) = page_token::page(found.iter().map(|(one, _)| one.clone()), size);
    // Where the page was not filled, on from the last text that was looked at.
    let on = match last {
        Some(_) => feedback.len().checked_sub(1).and_then(|last| found[last].1.clone()),
        None if ended => None,
        None => after,
    };
    let issue = |key: FeedbackKey| {
        let place =
            Place(end.micros(), key.occurred_at.micros(), key.customer_id, key.interaction_id);
        page_token::issue(&scope, &place)
    };
    Ok(proto::ListFeedbackResponse {
        feedback,
        segmentation_id: personas.segmentation_id.unwrap_or_default(),
        next_page_token: on.map(issue).unwrap_or_default(),
    })
}

/// Where a list of themes stands: the end of the range, then rank (its bits) and id of the last theme.
#[derive(Serialize, Deserialize)]
struct ThemePlace(i64, u64, String);

async fn themes(
    store: &Store,
    mut request: proto::ListThemesRequest,
) -> Result<proto::ListThemesResponse, Refusal> {
    let size = page_token::page_size(std::mem::take(&mut request.page_size))?;
    let token = std::mem::take(&mut request.page_token);
    let asked = from_proto::themes_asked(&request)?;
    let bound = scope(&request);
    let scope = ["ListThemes", bound.as_str()];
    let place: Option<ThemePlace> = page_token::read(&token, &scope)?;
    let end = match &place {
        Some(ThemePlace(end, ..)) => {
            Timestamp::from_micros(*end).ok_or(Refusal::InvalidPageToken)?
        }
        None => asked.end.unwrap_or_else(clock::now),
    };
    let buckets = asked.cut(end)?;
    let personas = personas(store, !asked.persona_ids.is_empty()).await?;
    let ordinals = personas.ordinals(&asked.persona_ids, "filter")?;
    let filter = FeedbackFilter { personas: ordinals, ..asked.filter.clone() };
    let segmentation_id = personas.segmentation_id.as_deref();
    let question = ThemeQuestion { segmentation_id, buckets: &buckets, filter: &filter };

    let (counted, languages) = store.theme_counts(&question, asked.asked.min_customers).await?;
    let all = voice::themes(&counted, &languages, &asked.asked);
    let total_size = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let on = |theme: &Theme| match &place {
        None => true,
        Some(ThemePlace(_, rank, id)) => theme.comes_after(f64::from_bits(*rank), id),
    };
    let mut page: Vec<Theme> = all.into_iter().filter(on).collect();
    // Trends of many buckets are long.
    let buckets_told = if asked.trends() { buckets.count() } else { 1 };
    let size = size.min((MOST_TRENDS / buckets_told).max(1) as u64);
    page.truncate(usize::try_from(size).unwrap_or(usize::MAX).saturating_add(1));
    let places: Vec<ThemePlace> = (page.iter())
        .map(|theme| ThemePlace(end.micros(), theme.rank.to_bits(), theme.id.clone()))
        .collect();
    let described = described(store, &question, &asked, &personas, page).await?;
    let (themes, more) = page_token::page(described.into_iter(), size);
    let last = themes.len().checked_sub(1).filter(|_| more.is_some());
    let next = last.and_then(|last| places.get(last)).map(|place| page_token::issue(&scope, place));
    Ok(proto::ListThemesResponse {
        themes,
        total_size,
        languages: languages.iter().map(to_proto::theme_language).collect(),
        start_time: Some(to_proto::timestamp(buckets.start())),
        end_time: Some(to_proto::timestamp(end)),
        segmentation_id: personas.segmentation_id.unwrap_or_default(),
        next_page_token: next.unwrap_or_default(),
    })
}

/// The themes of a page with everything that is told of them.
async fn described(
    store: &Store,
    question: &ThemeQuestion<'_>,
    asked: &ThemesAsked,
    personas: &Personas,
    page: Vec<Theme>,
) -> Result<Vec<proto::Theme>, Refusal> {
    let ids: Vec<String> = page.iter().map(|theme| theme.id.clone()).collect();
    let mut labels = store.theme_labels(question, &ids).await?;
    let mut quotes = store.theme_quotes(question, &ids, asked.quotes).await?;
    let mentions = store.theme_mentions(question, &ids).await?;
    let confidence = asked.asked.confidence;
    let by_persona: Vec<_> = ids.iter().map(|id| by_persona(&mentions, id)).collect();
    let shares = match personas.segmentation_id {
        Some(_) => voice::personas(&by_persona, confidence),
        None => vec![Vec::new(); page.len()],
    };
    let describe = |(theme, shares): (Theme, Vec<voice::PersonaShare>)| {
        let persona = |of: &voice::PersonaShare| {
            let persona = of.persona.and_then(|ordinal| personas.id_and_name(ordinal));
            to_proto::theme_persona(of, persona, confidence)
        };
        let trend = if asked.trends() {
            let counts = by_bucket(question.buckets, &mentions, &theme.id);
            to_proto::theme_trend(question.buckets, &counts, confidence)
        } else {
            Vec::new()
        };
        let beside = to_proto::Beside {
            label: labels.remove(&theme.id).unwrap_or_default(),
            personas: shares.iter().map(persona).collect(),
            trend,
            quotes: quotes.remove(&theme.id).unwrap_or_default(),
        };
        to_proto::theme(theme, beside, confidence)
    };
    Ok(page.into_iter().zip(shares).map(describe).collect())
}

/// Texts with a theme and all of its language, by persona.
fn by_persona(mentions: &Mentions, id: &str) -> Vec<(Option<i16>, i64, i64)> {
    let sums = |name: &str| {
        let mut sums = std::collections::BTreeMap::<Option<i16>, i64>::new();
        for ((_, persona), texts) in mentions.get(name).into_iter().flatten() {
            *sums.entry(*persona).or_default() += texts;
        }
        sums
    };
    let (with, all) = (sums(id), sums(language_of(id).unwrap_or_default()));
    let both = |(persona, of): (Option<i16>, i64)| {
        (persona, with.get(&persona).copied().unwrap_or_default(), of)
    };
    all.into_iter().map(both).collect()
}

/// The same by bucket.
fn by_bucket(buckets: &Buckets, mentions: &Mentions, id: &str) -> Vec<(i64, i64)> {
    let sums = |name: &str| {
        let mut sums = vec![0; buckets.count()];
        for ((bucket, _), texts) in mentions.get(name).into_iter().flatten() {
            sums[*bucket] += texts;
        }
        sums
    };
    sums(id).into_iter().zip(sums(language_of(id).unwrap_or_default())).collect()
}
