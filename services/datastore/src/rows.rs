//! An interaction as one flat row: which part of which payload stands in which column, and the fingerprint by which a
//! second arrival is told from a conflict.
//!
//! It must not know how rows get into the database.

mod read;

pub(crate) use read::fingerprint;

use crate::error::{Error, Result};
use cx_analytics::interaction::Score;
use cx_analytics::{Interaction, Money, Payload, Timestamp};

/// The first 16 bytes of a BLAKE3 hash of a record's name and content.
pub(crate) type Fingerprint = [u8; 16];

/// The columns of the table `interaction`, in the order of [`Row`]'s fields.
pub(crate) const COLUMNS: [&str; 23] = [
    "customer_id",
    "interaction_id",
    "occurred_at",
    "received_at",
    "fingerprint",
    "kind",
    "channel",
    "stage",
    "action",
    "variant",
    "subject",
    "topic",
    "body",
    "currency",
    "amount",
    "items",
    "wait",
    "duration",
    "score",
    "score_min",
    "score_max",
    "lower_is_better",
    "flag",
];

/// One row of `interaction`. No `Debug`: it would print what customers did.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub customer_id: String,
    pub interaction_id: String,
    pub occurred_at: i64,
    pub received_at: i64,
    pub fingerprint: Fingerprint,
    pub content: Content,
}

/// What the record says. A column that a payload does not use is `None`.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Content {
    pub kind: i16,
    pub channel: i16,
    /// 0 where no stage is known.
    pub stage: i16,
    pub action: Option<i16>,
    pub variant: Option<i16>,
    pub subject: Option<String>,
    pub topic: Option<String>,
    pub body: Option<String>,
    pub currency: Option<String>,
    pub amount: Option<i64>,
    pub items: Option<i64>,
    pub wait: Option<i64>,
    pub duration: Option<i64>,
    pub score: Option<i32>,
    pub score_min: Option<i32>,
    pub score_max: Option<i32>,
    pub lower_is_better: Option<i16>,
    pub flag: Option<i16>,
}

impl Row {
    /// The row of a record that was received at this instant.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what neither engine should keep: NUL in a text, or a number past all sense.
    pub(crate) fn new(record: Interaction, received_at: Timestamp) -> Result<Self> {
        let mut content = Content {
            kind: record.payload.kind().code(),
            channel: record.channel.code(),
            stage: record.stage.map_or(0, |stage| stage.code()),
            ..Content::default()
        };
        content.fill(record.payload);
        let mut row = Self {
            customer_id: record.customer_id,
            interaction_id: record.interaction_id,
            occurred_at: record.occurred_at.micros(),
            received_at: received_at.micros(),
            fingerprint: Fingerprint::default(),
            content,
        };
        row.check()?;
        row.fingerprint = row.digest();
        Ok(row)
    }

    /// What waiting with this row costs, in records: large texts count for more.
    pub(crate) fn weight(&self) -> usize {
        let content = &self.content;
        let texts = [&content.subject, &content.topic, &content.body];
        1 + texts.iter().map(|text| text.as_ref().map_or(0, String::len)).sum::<usize>() / 1024
    }

    fn check(&self) -> Result<()> {
        let content = &self.content;
        let ids = [("customer_id", &self.customer_id), ("interaction_id", &self.interaction_id)];
        let texts =
            [("subject", &content.subject), ("topic", &content.topic), ("body", &content.body)];
        let texts =
            texts.into_iter().filter_map(|(field, text)| text.as_ref().map(|text| (field, text)));
        for (field, text) in ids.into_iter().chain(texts) {
            refuse_nul(field, text)?;
        }
        let numbers = [
            ("amount", content.amount),
            ("items", content.items),
            ("wait", content.wait),
            ("duration", content.duration),
        ];
        for (field, number) in numbers {
            if number.is_some_and(|number| !(0..=Interaction::MAX_NUMBER).contains(&number)) {
                return Err(Error::Invalid { field, rule: "is not in 0..=10000000000000" });
            }
        }
        Ok(())
    }

    /// Every column goes in with a tag and, where it needs one, its length, so that no two contents look alike. What is
    /// absent leaves no trace: a column that is added later changes no old fingerprint. When it was received is no
    /// content.
    fn digest(&self) -> Fingerprint {
        let mut hasher = blake3::Hasher::new();
        let content = &self.content;
        let mut text = |tag: u8, value: Option<&str>| {
            if let Some(value) = value {
                let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
                hasher.update(&[tag]);
                hasher.update(&length.to_le_bytes());
                hasher.update(value.as_bytes());
            }
        };
        text(1, Some(&self.customer_id));
        text(2, Some(&self.interaction_id));
        text(3, content.subject.as_deref());
        text(4, content.topic.as_deref());
        text(5, content.body.as_deref());
        text(6, content.currency.as_deref());
        let stage = (content.stage != 0).then_some(i64::from(content.stage));
        let numbers = [
            (7, Some(self.occurred_at)),
            (8, Some(i64::from(content.kind))),
            (9, Some(i64::from(content.channel))),
            (10, stage),
            (11, content.action.map(i64::from)),
            (12, content.variant.map(i64::from)),
            (13, content.amount),
            (14, content.items),
            (15, content.wait),
            (16, content.duration),
            (17, content.score.map(i64::from)),
            (18, content.score_min.map(i64::from)),
            (19, content.score_max.map(i64::from)),
            (20, content.lower_is_better.map(i64::from)),
            (21, content.flag.map(i64::from)),
        ];
        for (tag, number) in numbers {
            if let Some(number) = number {
                hasher.update(&[tag]);
                hasher.update(&number.to_le_bytes());
            }
        }
        let mut fingerprint = Fingerprint::default();
        hasher.finalize_xof().fill(&mut fingerprint);
        fingerprint
    }
}

/// PostgreSQL refuses NUL in a text and SQLite cuts it off in places: both refuse it here.
pub(crate) fn refuse_nul(field: &'static str, text: &str) -> Result<()> {
    if text.contains('\0') { Err(Error::Invalid { field, rule: "holds NUL" }) } else { Ok(()) }
}

impl Content {
    fn fill(&mut self, payload: Payload) {
        match payload {
            Payload::Engagement { action, delivered, duration, subject } => {
                self.action = Some(action.code());
                self.flag = flag(delivered);
                self.duration = duration;
                self.topic = subject;
            }
            Payload::Contact { handler, abandoned, queue_wait, handling_time, reason, case_id } => {
                self.variant = handler.map(|handler| handler.code());
                self.flag = flag(Some(abandoned));
                self.wait = queue_wait;
                self.duration = handling_time;
                self.topic = reason;
                self.subject = case_id;
            }
            Payload::Case { case_id, action, handler, reason } => {
                self.subject = Some(case_id);
                self.action = Some(action.code());
                self.variant = handler.map(|handler| handler.code());
                self.topic = reason;
            }
            Payload::Survey { survey_id, kind, action, score, comment } => {
                self.subject = survey_id;
                self.action = Some(action.code());
                self.variant = Some(kind.code());
                self.score(score);
                self.body = comment;
            }
            Payload::Review { rating, text, subject, public } => {
                self.score(rating);
                self.body = text;
                self.topic = subject;
                self.flag = flag(public);
            }
            Payload::Order { order_id, total, items } => {
                self.subject = Some(order_id);
                self.money(total);
                self.items = items;
            }
            Payload::Return { order_id, kind, refund, items, full, reason } => {
                self.subject = order_id;
                self.action = Some(kind.code());
                self.money(refund);
                self.items = items;
                self.flag = flag(full);
                self.topic = reason;
            }
            Payload::Subscription { subscription_id, action, plan, recurring } => {
                self.subject = Some(subscription_id);
                self.action = Some(action.code());
                self.topic = plan;
                self.money(recurring);
            }
            other => self.fill_feedback(other),
        }
    }

    fn fill_feedback(&mut self, payload: Payload) {
        match payload {
            Payload::SelfService { topic, resolved, duration } => {
                self.topic = topic;
                self.flag = flag(resolved);
                self.duration = duration;
            }
            Payload::Complaint { complaint_id: id, action, topic, text }
            | Payload::FeatureRequest { request_id: id, action, topic, text } => {
                self.subject = id;
                self.action = Some(action.code());
                self.topic = topic;
                self.body = text;
            }
            Payload::Referral { referred_customer_id, converted } => {
                self.subject = referred_customer_id;
                self.flag = flag(converted);
            }
            Payload::StaffNote { author_role, topic, text } => {
                self.subject = author_role;
                self.topic = topic;
                self.body = Some(text);
            }
            // The others are taken by `fill`.
            _ => {}
        }
    }

    fn score(&mut self, score: Option<Score>) {
        self.score = score.map(|score| score.value);
        self.score_min = score.map(|score| score.min);
        self.score_max = score.map(|score| score.max);
        self.lower_is_better = score.map(|score| i16::from(score.lower_is_better));
    }

    fn money(&mut self, money: Option<Money>) {
        self.amount = money.map(|money| money.amount_minor);
        self.currency = money.map(|money| money.currency.as_str().to_owned());
    }
}

fn flag(value: Option<bool>) -> Option<i16> {
    value.map(i16::from)
}

#[cfg(test)]
mod tests;
