//! Which feedback and which themes, as `FeedbackService` is asked for them.

use super::metrics::{choice, codes_once, confidence, each_once, length, zone};
use super::{Violations, shown};
use crate::grpc::status::Refusal;
use crate::proto;
use cx_analytics::Timestamp;
use cx_analytics::codes::{Channel, Stage};
use cx_analytics::metrics::{BucketLength, Buckets};
use cx_analytics::voice::{Asked, FeedbackKind, Order, Polarity, SCORE_STEPS, code_known};
use cx_datastore::feedback::{FeedbackFilter, UNKNOWN_LANGUAGE};
use jiff::tz::TimeZone;

/// Days of a range whose start is not given.
const DAYS: i64 = 90;
/// Customers who must have spoken of a theme where the request does not say.
const MIN_CUSTOMERS: i32 = 5;
/// Most quotes of a theme, and how many where the request does not say.
const QUOTES: (i32, i32) = (10, 3);
/// Most themes in a filter, and most words.
const MOST_THEMES: usize = 100;
const MOST_WORDS: usize = 20;

/// A list of texts that is asked for.
pub struct FeedbackAsked {
    /// When they were said.
    pub start: Option<Timestamp>,
    /// Before when, where given.
    pub end: Option<Timestamp>,
    /// Which of them, but for personas.
    pub filter: FeedbackFilter,
    /// Ids of personas.
    pub persona_ids: Vec<String>,
    /// Words that they hold.
    pub words: Vec<String>,
}

/// A list of themes that is asked for.
pub struct ThemesAsked {
    /// When the texts were said.
    pub start: Option<Timestamp>,
    /// Before when, where given.
    pub end: Option<Timestamp>,
    /// Which texts, but for personas.
    pub filter: FeedbackFilter,
    /// Ids of personas.
    pub persona_ids: Vec<String>,
    /// Which themes, how sure, in which order.
    pub asked: Asked,
    /// Quotes of each.
    pub quotes: i64,
    zone: TimeZone,
    length: Option<BucketLength>,
}

impl ThemesAsked {
    /// Whether trends are asked for.
    pub fn trends(&self) -> bool {
        self.length.is_some()
    }

    /// The range and its buckets.
    pub fn cut(&self, end: Timestamp) -> Result<Buckets, Refusal> {
        let start = self.start.unwrap_or_else(|| end.days_before(DAYS));
        if start >= end {
            return Err(Refusal::field("start_time", "is not before end_time"));
        }
        let Some(length) = self.length else { return Ok(Buckets::whole(start, end)) };
        Buckets::cut(start, end, &self.zone, length)
            .map_err(|error| Refusal::field("bucket", error.to_string()))
    }
}

/// Converts a request for texts, or says every rule it breaks.
pub fn feedback_asked(wire: &proto::ListFeedbackRequest) -> Result<FeedbackAsked, Refusal> {
    let mut v = Violations::new();
    let (start, end) = range(&mut v, wire.start_time, wire.end_time);
    let (filter, persona_ids) = filter(&mut v, wire.filter.clone().unwrap_or_default());
    if wire.words.len() > MOST_WORDS {
        v.at("words", format!("has {} words; at most {MOST_WORDS} are taken", wire.words.len()));
    }
    for (place, word) in wire.words.iter().enumerate() {
        let path = format!("words[{place}]");
        if word.split_whitespace().count() != 1 {
            v.at(path.as_str(), format!("{} is not one word", shown(word)));
        }
        v.id(&path, word.clone());
    }
    v.refuse()?;
    Ok(FeedbackAsked { start, end, filter, persona_ids, words: wire.words.clone() })
}

/// Converts a request for themes, or says every rule it breaks.
pub fn themes_asked(wire: &proto::ListThemesRequest) -> Result<ThemesAsked, Refusal> {
    let mut v = Violations::new();
    let (start, end) = range(&mut v, wire.start_time, wire.end_time);
    let (filter, persona_ids) = filter(&mut v, wire.filter.clone().unwrap_or_default());
    let least = if wire.min_customers == 0 { MIN_CUSTOMERS } else { wire.min_customers };
    let orders = [Order::Texts, Order::Rising, Order::Harmful];
    let asked = Asked {
        min_customers: v.within("min_customers", least, 1..=i32::MAX).into(),
        confidence: confidence(&mut v, wire.confidence),
        order: choice(&mut v, "order_by", wire.order_by, &orders).unwrap_or(Order::Texts),
    };
    let (most, usual) = QUOTES;
    let quotes = v.within("quotes", wire.quotes.unwrap_or(usual), 0..=most).into();
    let zone = zone(&mut v, &wire.time_zone);
    let length = length(&mut v, wire.bucket, wire.week_start);
    v.refuse()?;
    Ok(ThemesAsked { start, end, filter, persona_ids, asked, quotes, zone, length })
}

type Ends = (Option<Timestamp>, Option<Timestamp>);

fn range(
    v: &mut Violations,
    start: Option<prost_types::Timestamp>,
    end: Option<prost_types::Timestamp>,
) -> Ends {
    let (start, end) = (v.timestamp("start_time", start), v.timestamp("end_time", end));
    if let (Some(start), Some(end)) = (start, end)
        && start >= end
    {
        v.at("start_time", "is not before end_time");
    }
    (start, end)
}

fn filter(v: &mut Violations, wire: proto::FeedbackFilter) -> (FeedbackFilter, Vec<String>) {
    let kinds = codes_once(v, "filter.kinds", &wire.kinds, FeedbackKind::from_code);
    let channels = codes_once(v, "filter.channels", &wire.channels, Channel::from_code);
    let stages = codes_once(v, "filter.stages", &wire.stages, Stage::from_code);
    let unknown = proto::FeedbackSentiment::Unknown as i16;
    let sentiments = codes_once(v, "filter.sentiments", &wire.sentiments, |code| {
        if code == proto::FeedbackSentiment::Unknown as i16 {
            return Some(code);
        }
        Polarity::from_code(code).map(Polarity::code)
    });
    each_once(v, "filter.languages", &wire.languages);
    for (place, code) in wire.languages.iter().enumerate() {
        if code != UNKNOWN_LANGUAGE && code_known(code).is_none() {
            let rule = format!(
                "{} is neither the code of a language that is told nor \"und\"",
                shown(code)
            );
            v.at(format!("filter.languages[{place}]"), rule);
        }
    }
    if wire.theme_ids.len() > MOST_THEMES {
        let rule = format!("has {} ids; at most {MOST_THEMES} are taken", wire.theme_ids.len());
        v.at("filter.theme_ids", rule);
    }
    let mut ids = |field: &str, ids: Vec<String>| -> Vec<String> {
        let id = |(place, id)| v.id(&format!("filter.{field}[{place}]"), id);
        ids.into_iter().enumerate().map(id).collect()
    };
    let themes = ids("theme_ids", wire.theme_ids);
    let persona_ids = ids("persona_ids", wire.persona_ids);
    let filter = FeedbackFilter {
        kinds,
        languages: wire.languages,
        polarities: (sentiments.into_iter())
            .map(|code| if code == unknown { None } else { Polarity::from_code(code) })
            .collect(),
        themes,
        personas: Vec::new(),
        channels,
        stages,
        min_score: score(v, "filter.min_score", wire.min_score),
        max_score: score(v, "filter.max_score", wire.max_score),
    };
    (filter, persona_ids)
}

/// A share of a scale in the steps in which it is stored, which are rounded down as well.
fn score(v: &mut Violations, field: &str, share: Option<f64>) -> Option<i64> {
    let share = v.within(field, share?, 0.0..=1.0);
    // A little more, as 0.7 times 10000 is below 7000.
    Some((share * SCORE_STEPS as f64 + 1e-6).floor() as i64)
}
