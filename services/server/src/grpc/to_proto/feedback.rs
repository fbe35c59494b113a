//! What was said, and themes.

use super::metrics::interval;
use super::{interaction, timestamp};
use crate::proto;
use cx_analytics::metrics::{Buckets, Interval, intervals::wilson};
use cx_analytics::voice::{
    Analyser, Contrast, Counted, FeedbackKind, LanguageReport, Moments, PersonaShare, Reading,
    Theme, language_of,
};
use cx_analytics::{Interaction, Payload};
use cx_datastore::feedback::{Quote, StoredFeedback, UNKNOWN_LANGUAGE};

/// Characters of a quote.
const QUOTED: usize = 280;

/// A persona's id and name.
pub type Persona<'a> = Option<(&'a str, &'a str)>;

/// Converts a text and what was read in it.
pub fn feedback(found: StoredFeedback, persona: Persona<'_>) -> proto::Feedback {
    let read = found.analyser_id.is_some();
    let (kind, text) = words(&found.stored.interaction);
    let unknown = if read {
        proto::FeedbackSentiment::Unknown
    } else {
        proto::FeedbackSentiment::Unspecified
    };
    let (persona_id, persona_name) = owned(persona);
    proto::Feedback {
        kind: kind.map_or(0, |kind| kind.code().into()),
        text: text.to_owned(),
        interaction: Some(interaction(found.stored.interaction.clone(), found.stored.received_at)),
        language: if read { found.language.unwrap_or(UNKNOWN_LANGUAGE) } else { "" }.to_owned(),
        sentiment: found.sentiment.map_or(unknown.into(), |s| s.polarity.code().into()),
        sentiment_score: found.sentiment.map(|s| hundredths(s.score)),
        sentiment_confidence: found.sentiment.map(|s| hundredths(s.confidence)),
        theme_ids: found.themes,
        analyser_id: found.analyser_id.unwrap_or_default(),
        persona_id,
        persona_name,
    }
}

/// Where the words of a record come from, and the words.
fn words(record: &Interaction) -> (Option<FeedbackKind>, &str) {
    let kind = FeedbackKind::ALL.into_iter().find(|kind| kind.kind() == record.payload.kind());
    let text = match &record.payload {
        Payload::Survey { comment, .. } => comment.as_ref(),
        Payload::Review { text, .. } => text.as_ref(),
        Payload::Complaint { topic, text, .. } | Payload::FeatureRequest { topic, text, .. } => {
            text.as_ref().or(topic.as_ref())
        }
        Payload::StaffNote { text, .. } => Some(text),
        Payload::Case { reason, .. } => reason.as_ref(),
        _ => None,
    };
    (kind, text.map_or("", String::as_str))
}

fn hundredths(number: i16) -> f64 {
    f64::from(number) / 100.0
}

fn owned(persona: Persona<'_>) -> (String, String) {
    persona.map(|(id, name)| (id.to_owned(), name.to_owned())).unwrap_or_default()
}

/// What stands beside a theme's counts.
pub struct Beside {
    /// Its commonest form.
    pub label: String,
    /// How common it is with personas: id, name, share.
    pub personas: Vec<proto::ThemePersona>,
    /// Its course.
    pub trend: Vec<proto::ThemePoint>,
    /// Words of customers.
    pub quotes: Vec<Quote>,
}

/// Converts a theme.
pub fn theme(theme: Theme, beside: Beside, confidence: f64) -> proto::Theme {
    let contrast = |of: Option<Contrast>| of.map(|of| contrast(of, confidence));
    let (share, ends) = theme.share;
    proto::Theme {
        language: language_of(&theme.id).unwrap_or_default().to_owned(),
        theme_id: theme.id,
        label: beside.label,
        texts: theme.now.texts,
        customers: theme.now.customers,
        of_texts: theme.of,
        share,
        share_interval: Some(by_wilson(ends, confidence)),
        texts_before: theme.before.0,
        of_texts_before: theme.before.1,
        change: contrast(theme.change),
        mean_sentiment: mean_sentiment(theme.now.sentiment),
        sentiment_texts: theme.now.sentiment.n,
        score: contrast(theme.score),
        nps_relational: contrast(theme.nps[0]),
        nps_transactional: contrast(theme.nps[1]),
        personas: beside.personas,
        trend: beside.trend,
        quotes: beside.quotes.into_iter().map(quote).collect(),
    }
}

fn mean_sentiment(of: Moments) -> Option<f64> {
    of.mean().map(|mean| mean / 100.0)
}

fn by_wilson((lower, upper): (f64, f64), confidence: f64) -> proto::Interval {
    interval(Interval { lower, upper, method: "Wilson" }, confidence)
}

fn contrast(of: Contrast, confidence: f64) -> proto::ThemeContrast {
    let ((lower, upper), method) = (of.interval, of.method);
    proto::ThemeContrast {
        value: of.with,
        other: of.without,
        difference: of.difference,
        interval: Some(interval(Interval { lower, upper, method }, confidence)),
        p_value: of.p_value,
        q_value: of.q_value,
    }
}

/// Converts how common a theme is with a persona.
pub fn theme_persona(
    of: &PersonaShare,
    persona: Persona<'_>,
    confidence: f64,
) -> proto::ThemePersona {
    let (persona_id, persona_name) = owned(persona);
    let Contrast { with, without, .. } = of.contrast;
    proto::ThemePersona {
        persona_id,
        persona_name,
        texts: of.texts,
        of_texts: of.of,
        share: Some(contrast(of.contrast, confidence)),
        lift: (without > 0.0).then(|| with / without),
    }
}

/// Converts texts with a theme and all of its language, by bucket.
pub fn theme_trend(
    buckets: &Buckets,
    counts: &[(i64, i64)],
    confidence: f64,
) -> Vec<proto::ThemePoint> {
    let point = |(bucket, (texts, of)): (usize, &(i64, i64))| {
        let (start, end) = buckets.bounds(bucket)?;
        let share = (*of > 0).then(|| *texts as f64 / *of as f64);
        Some(proto::ThemePoint {
            start_time: Some(timestamp(start)),
            end_time: Some(timestamp(end)),
            texts: *texts,
            of_texts: *of,
            share,
            interval: share
                .map(|share| by_wilson(wilson(share, *of as f64, confidence), confidence)),
        })
    };
    counts.iter().enumerate().filter_map(point).collect()
}

fn quote(quote: Quote) -> proto::ThemeQuote {
    let mut text: String = quote.text.chars().take(QUOTED).collect();
    if text.len() < quote.text.len() {
        text.push('…');
    }
    proto::ThemeQuote {
        customer_id: quote.customer_id,
        interaction_id: quote.interaction_id,
        occurred_at: Some(timestamp(quote.occurred_at)),
        text,
    }
}

/// Converts the counts of a language.
pub fn theme_language(of: &Counted) -> proto::ThemeLanguage {
    proto::ThemeLanguage {
        language: of.name.clone(),
        texts: of.now.texts,
        customers: of.now.customers,
        texts_before: of.before,
        mean_sentiment: mean_sentiment(of.now.sentiment),
    }
}

/// Converts an analyser and the number of texts that it learned from.
pub fn feedback_analyser(analyser: &Analyser, texts: i64) -> proto::FeedbackAnalyser {
    proto::FeedbackAnalyser {
        analyser_id: analyser.id(),
        texts,
        usual_languages: analyser.usual().to_vec(),
        languages: analyser.report().iter().map(language_report).collect(),
    }
}

fn language_report(of: &LanguageReport) -> proto::FeedbackLanguageReport {
    let (accuracy, n) = (of.right as f64 / of.texts as f64, of.texts as f64);
    let reading = match of.reading {
        Reading::Lexicon => proto::FeedbackReading::Lexicon,
        Reading::Learned => proto::FeedbackReading::Learned,
    };
    proto::FeedbackLanguageReport {
        language: of.language.clone(),
        reading: reading.into(),
        negative: of.negative,
        positive: of.positive,
        accuracy,
        interval: Some(by_wilson(wilson(accuracy, n, 0.95), 0.95)),
    }
}
