//! Which texts: the conditions that lists and themes share.

use cx_analytics::codes::{CaseAction, Channel, FeedbackAction, Stage};
use cx_analytics::voice::{FeedbackKind, Polarity, SCORE_STEPS};
use sea_orm::Value;

/// Which texts: fields by "and", values within a field by "or", an empty field lets everything through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeedbackFilter {
    /// Where the words come from.
    pub kinds: Vec<FeedbackKind>,
    /// Codes of languages; [`super::UNKNOWN_LANGUAGE`] is one.
    pub languages: Vec<String>,
    /// How they sound; none stands for those of which it is not known.
    pub polarities: Vec<Option<Polarity>>,
    /// Ids of themes.
    pub themes: Vec<String>,
    /// Places of personas in the segmentation.
    pub personas: Vec<i16>,
    /// Channels.
    pub channels: Vec<Channel>,
    /// Stages.
    pub stages: Vec<Stage>,
    /// Lowest score, in steps of [`SCORE_STEPS`] from the worst to the best answer of its scale.
    pub min_score: Option<i64>,
    /// Highest score.
    pub max_score: Option<i64>,
}

/// The words of `i`. A complaint, request or case may have a topic only.
pub(super) const TEXT: &str =
    "CASE WHEN i.kind IN (3, 10, 11) THEN COALESCE(i.body, i.topic) ELSE i.body END";

/// `i` has words of a customer or about one: not the company's answers.
pub(super) fn has_text() -> String {
    let all = FeedbackKind::ALL.map(of_kind);
    let kinds = FeedbackKind::ALL.map(|kind| kind.kind().code().to_string());
    format!("i.kind IN ({}) AND ({}) AND {TEXT} <> ''", kinds.join(", "), all.join(" OR "))
}

/// `i` is of this kind.
pub(super) fn of_kind(kind: FeedbackKind) -> String {
    let action = match kind {
        FeedbackKind::Complaint | FeedbackKind::FeatureRequest => {
            Some(FeedbackAction::Raised.code())
        }
        FeedbackKind::Case => Some(CaseAction::Opened.code()),
        _ => None,
    };
    let action = action.map_or(String::new(), |code| format!(" AND i.action = {code}"));
    format!("(i.kind = {}{action})", kind.kind().code())
}

/// The score given with `i`, in steps from the worst to the best answer of its scale, rounded down.
pub(super) fn position() -> String {
    format!(
        "CASE WHEN i.score_max > i.score_min THEN
             (CASE WHEN i.lower_is_better = 1 THEN i.score_max - i.score ELSE i.score - i.score_min END)
             * {SCORE_STEPS} / (i.score_max - i.score_min) END"
    )
}

/// The persona of `i.customer_id`. The segmentation is `$1`.
pub(super) const PERSONA: &str =
    "LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = $1";

/// A statement's conditions and the values of its parameters, the segmentation first.
pub(super) struct Conditions {
    pub text: String,
    pub values: Vec<Value>,
}

impl Conditions {
    /// Nothing but the segmentation.
    pub fn new(segmentation_id: Option<&str>) -> Self {
        Self { text: String::new(), values: vec![segmentation_id.unwrap_or_default().into()] }
    }

    /// Marks of further texts.
    pub fn marks(&mut self, texts: &[String]) -> String {
        let (marks, values) = crate::sql::marks(texts, self.values.len() + 1);
        self.values.extend(values);
        marks
    }

    fn codes(&mut self, column: &str, codes: &[i16]) {
        if !codes.is_empty() {
            let codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
            self.text += &format!(" AND {column} IN ({})", codes.join(", "));
        }
    }

    /// Adds what a filter wants of `i`, `f` and `a`, but for the kinds.
    pub fn filter(&mut self, filter: &FeedbackFilter) {
        self.codes("a.persona", &filter.personas);
        let channels: Vec<i16> = filter.channels.iter().map(|channel| channel.code()).collect();
        self.codes("i.channel", &channels);
        let stages: Vec<i16> = filter.stages.iter().map(|stage| stage.code()).collect();
        self.codes("i.stage", &stages);
        let polarities: Vec<i16> =
            filter.polarities.iter().map(|p| p.map_or(0, Polarity::code)).collect();
        // Of a text that was not read yet nothing is known, not even that it says nothing.
        self.codes(
            "CASE WHEN f.customer_id IS NOT NULL THEN COALESCE(f.polarity, 0) END",
            &polarities,
        );
        for (bound, compare) in [(filter.min_score, ">="), (filter.max_score, "<=")] {
            if let Some(bound) = bound {
                self.text += &format!(" AND {} {compare} {bound}", position());
            }
        }
        if !filter.languages.is_empty() {
            let marks = self.marks(&filter.languages);
            self.text += &format!(" AND f.language IN ({marks})");
        }
        if !filter.themes.is_empty() {
            let marks = self.marks(&filter.themes);
            self.text += &format!(
                " AND EXISTS (SELECT 1 FROM feedback_theme w WHERE w.customer_id = i.customer_id
                              AND w.interaction_id = i.interaction_id AND w.theme IN ({marks}))"
            );
        }
    }
}
