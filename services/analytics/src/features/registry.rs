//! The registry: every feature that there is, in the order of models and reports. Append, never reorder:
//! stored models name features by their place and check the names.

use super::{Block, Definition, Transform, Unit};
use crate::{Activity, Channel, ScoreActivity, Stage, Timestamp, time::SECOND};

/// The feature with this name, and its place.
pub fn find(name: &str) -> Option<(usize, &'static Definition)> {
    REGISTRY.iter().enumerate().find(|(_, definition)| definition.name == name)
}

macro_rules! features {
    ($($name:literal, $block:ident, $unit:ident, $transform:ident, $meaning:literal, $extract:expr;)+) => {
        &[$(Definition {
            name: $name,
            unit: Unit::$unit,
            meaning: $meaning,
            transform: Transform::$transform,
            block: Block::$block,
            extract: $extract,
        }),+]
    };
}

/// All features.
pub static REGISTRY: &[Definition] = features![
    "order_value", Value, Money, Log1p, "Sum of order totals", |a, _| valued(a, a.order_value);
    "average_order_value", Value, Money, Log1p, "Mean order total", |a, _| ratio(a.order_value, a.orders_valued);

    "orders", Activity, Count, Log1p, "Orders", |a, _| a.orders as f64;
    "engagements", Activity, Count, Log1p, "Views, clicks, opens, sessions and advertisements seen", |a, _| a.engagements as f64;

    "days_since_order", Time, Days, Log1p, "Days since the latest order", |a, as_of| since(as_of, a.order_last_at);
    "days_since_interaction", Time, Days, Log1p, "Days since the latest interaction", |a, as_of| since(as_of, Some(a.last_at));
    "tenure", Time, Days, Identity, "Days since the first interaction", |a, as_of| since(as_of, Some(a.first_at));
    "order_trend", Time, LogRatio, Identity, "Orders of the last 90 days against the 90 days before, each plus one",
        |a, _| trend(a.orders, a.orders_90d, a.orders_prior_90d);
    "interaction_trend", Time, LogRatio, Identity, "Interactions of the last 90 days against the 90 days before, each plus one",
        |a, _| trend(a.interactions, a.interactions_90d, a.interactions_prior_90d);

    "web_share", Channel, Share, Identity, "Share of interactions on the web", |a, _| channels(a, &[Channel::Web]);
    "app_share", Channel, Share, Identity, "Share of interactions in the mobile application", |a, _| channels(a, &[Channel::MobileApp]);
    "email_share", Channel, Share, Identity, "Share of interactions by e-mail", |a, _| channels(a, &[Channel::Email]);
    "phone_share", Channel, Share, Identity, "Share of interactions by telephone", |a, _| channels(a, &[Channel::Phone]);
    "chat_share", Channel, Share, Identity, "Share of interactions by chat, text message, messenger or social network",
        |a, _| channels(a, &[Channel::Chat, Channel::Sms, Channel::Messaging, Channel::Social]);
    "store_share", Channel, Share, Identity, "Share of interactions in a shop or with field staff",
        |a, _| channels(a, &[Channel::InStore, Channel::Field]);

    "discovery_share", Stage, Share, Identity, "Share of staged interactions in awareness or consideration",
        |a, _| stages(a, &[Stage::Awareness, Stage::Consideration]);
    "usage_share", Stage, Share, Identity, "Share of staged interactions in onboarding or usage",
        |a, _| stages(a, &[Stage::Onboarding, Stage::Usage]);
    "support_share", Stage, Share, Identity, "Share of staged interactions in support", |a, _| stages(a, &[Stage::Support]);
    "loyalty_share", Stage, Share, Identity, "Share of staged interactions in loyalty or advocacy",
        |a, _| stages(a, &[Stage::Loyalty, Stage::Advocacy]);

    "nps", Voice, Score, Identity, "Mean answer to how likely they are to recommend", |a, _| mean(&a.nps);
    "csat", Voice, Score, Identity, "Mean satisfaction answer", |a, _| mean(&a.csat);
    "ces", Voice, Score, Identity, "Mean effort answer, 1 being the least effort", |a, _| mean(&a.ces);
    "rating", Voice, Score, Identity, "Mean rating in reviews", |a, _| mean(&a.rating);

    "contacts", Friction, Count, Log1p, "Calls, chats and messages that wanted an answer", |a, _| a.contacts as f64;
    "cases_opened", Friction, Count, Log1p, "Support cases opened", |a, _| a.cases_opened as f64;
    "queue_wait", Friction, Seconds, Log1p, "Mean wait before a contact was answered or given up",
        |a, _| ratio(a.wait_sum, a.waits) / SECOND as f64;
    "complaints", Friction, Count, Log1p, "Complaints raised", |a, _| a.complaints as f64;
    "return_share", Friction, Share, Identity, "Returns and cancellations for each order", |a, _| ratio(a.returns, a.orders);
    "cases_reopened", Friction, Count, Log1p, "Times a support case was reopened", |a, _| a.cases_reopened as f64;
];

/// Nobody without orders spent nothing by accident, but orders without an amount say nothing of value.
fn valued(activity: &Activity, amount: i64) -> f64 {
    if activity.orders > 0 && activity.orders_valued == 0 { f64::NAN } else { amount as f64 }
}

fn ratio(part: i64, whole: i64) -> f64 {
    if whole > 0 { part as f64 / whole as f64 } else { f64::NAN }
}

fn since(as_of: Timestamp, earlier: Option<Timestamp>) -> f64 {
    earlier.map_or(f64::NAN, |earlier| as_of.days_since(earlier).max(0.0))
}

fn trend(ever: i64, now: i64, before: i64) -> f64 {
    if ever > 0 { ((now as f64 + 1.0) / (before as f64 + 1.0)).ln() } else { f64::NAN }
}

fn channels(activity: &Activity, which: &[Channel]) -> f64 {
    share(&activity.by_channel, which.iter().map(|channel| channel.code()))
}

fn stages(activity: &Activity, which: &[Stage]) -> f64 {
    share(&activity.by_stage, which.iter().map(|stage| stage.code()))
}

/// The part of the counts that has one of the codes, which are places counted from one.
fn share(counts: &[i64], codes: impl Iterator<Item = i16>) -> f64 {
    let part: f64 =
        codes.filter_map(|code| counts.get(code as usize - 1)).map(|&count| count as f64).sum();
    let whole: f64 = counts.iter().map(|&count| count as f64).sum();
    if whole > 0.0 { part / whole } else { f64::NAN }
}

fn mean(score: &ScoreActivity) -> f64 {
    ratio(score.permille_sum, score.answers) / 1000.0
}
