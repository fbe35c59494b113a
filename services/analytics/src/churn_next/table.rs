//! The features, one after the other. The first is recency: the rule rests on it.

use super::{
    features::{
        Feature,
        Topic::{Help, Orders, Plan, Spend, Touchpoints, Voice},
        Unit::{Count, Days, Flag, LogRatio, Money, Seconds, Share, Tenths, Times},
        core, more,
    },
    measures::{
        answered_share, cases_open, channels, gap, last_score, mean_score, mean_wait,
        self_service_failed, share, span_of_orders, subscribed, trend, value_180d,
    },
    words::{amount, answer, count, days, known, percent, span},
};

/// Every feature of the churn model, in the order of a row.
pub const FEATURES: &[Feature] = &[
    core(
        Orders,
        "recency_days",
        Days,
        |s| Some(s.recency()),
        |s, _| format!("last {} {} ago", s.qualifying(), days(s.recency())),
    ),
    core(
        Orders,
        "recency_over_rhythm",
        Times,
        |s| Some(s.recency() / gap(s).max(1.0)),
        |s, _| match s.rhythm() {
            Some(gap) => {
                let (now, usual) = (days(s.recency()), days(gap));
                format!("{now} since the last {}, usually {usual} apart", s.qualifying())
            }
            None => format!("only one {} yet, {} ago", s.qualifying(), days(s.recency())),
        },
    ),
    core(
        Orders,
        "order_days",
        Count,
        |s| Some(s.activity.order_days as f64),
        |s, _| format!("{} with an order", count(s.activity.order_days, "day")),
    ),
    more(
        Orders,
        "orders_30d",
        Count,
        |s| Some(s.activity.orders_30d as f64),
        |s, _| format!("{} in the last 30 days", count(s.activity.orders_30d, "order")),
    ),
    core(
        Orders,
        "orders_90d",
        Count,
        |s| Some(s.activity.orders_90d as f64),
        |s, _| format!("{} in the last 90 days", count(s.activity.orders_90d, "order")),
    ),
    more(
        Orders,
        "orders_trend",
        LogRatio,
        |s| Some(trend(s.activity.orders_90d, s.activity.orders_prior_90d)),
        |s, _| {
            let (now, before) = (s.activity.orders_90d, s.activity.orders_prior_90d);
            format!("{} in the last 90 days, {before} in the 90 before", count(now, "order"))
        },
    ),
    core(
        Orders,
        "tenure_days",
        Days,
        |s| Some(s.days_since(s.activity.first_at)),
        |s, _| format!("known for {}", days(s.days_since(s.activity.first_at))),
    ),
    core(
        Spend,
        "order_value_mean",
        Money,
        |s| share(s.activity.order_value, s.activity.orders_valued),
        |s, currency| match share(s.activity.order_value, s.activity.orders_valued) {
            Some(mean) => format!("orders of {} on average", amount(mean, currency)),
            None => "no order with a known amount".to_owned(),
        },
    ),
    more(
        Spend,
        "order_value_90d",
        Money,
        |s| Some(s.activity.order_value_90d as f64),
        |s, currency| {
            format!(
                "{} spent in the last 90 days",
                amount(s.activity.order_value_90d as f64, currency)
            )
        },
    ),
    more(
        Spend,
        "order_value_max",
        Money,
        |s| Some(s.activity.order_value_max as f64),
        |s, currency| {
            format!("largest order {}", amount(s.activity.order_value_max as f64, currency))
        },
    ),
    more(
        Spend,
        "items_per_order",
        Count,
        |s| share(s.activity.order_items, s.activity.orders),
        |s, _| match share(s.activity.order_items, s.activity.orders) {
            Some(items) => format!("{items:.1} items an order"),
            None => "no order".to_owned(),
        },
    ),
    more(
        Spend,
        "return_share",
        Share,
        |s| share(s.activity.returns, s.activity.orders),
        |s, _| {
            format!(
                "{} of {}",
                count(s.activity.returns, "return"),
                count(s.activity.orders, "order")
            )
        },
    ),
    more(
        Touchpoints,
        "last_contact_days",
        Days,
        |s| Some(s.days_since(s.activity.last_at)),
        |s, _| {
            format!("last touchpoint of any kind {} ago", days(s.days_since(s.activity.last_at)))
        },
    ),
    core(
        Touchpoints,
        "interactions_90d",
        Count,
        |s| Some(s.activity.interactions_90d as f64),
        |s, _| format!("{} in the last 90 days", count(s.activity.interactions_90d, "touchpoint")),
    ),
    more(
        Spend,
        "order_value_180d",
        Money,
        |s| Some(value_180d(s)),
        |s, currency| format!("{} spent in the last 180 days", amount(value_180d(s), currency)),
    ),
    more(
        Orders,
        "order_gap",
        Days,
        |s| Some(gap(s)),
        |s, _| match s.rhythm() {
            Some(gap) => format!("usually {} between active days", days(gap)),
            None => "one active day only".to_owned(),
        },
    ),
    more(Orders, "order_span", Days, span_of_orders, |s, _| {
        known(
            span_of_orders(s),
            |span| format!("{} from first to last order", days(span)),
            "no order",
        )
    }),
    more(
        Touchpoints,
        "interactions_trend",
        LogRatio,
        |s| Some(trend(s.activity.interactions_90d, s.activity.interactions_prior_90d)),
        |s, _| {
            let (now, before) = (s.activity.interactions_90d, s.activity.interactions_prior_90d);
            format!("{} in the last 90 days, {before} in the 90 before", count(now, "touchpoint"))
        },
    ),
    more(
        Touchpoints,
        "active_days",
        Count,
        |s| Some(s.activity.active_days as f64),
        |s, _| count(s.activity.active_days, "active day"),
    ),
    more(
        Touchpoints,
        "engagements_90d",
        Count,
        |s| Some(s.activity.engagements_90d as f64),
        |s, _| {
            format!(
                "{} in the last 90 days",
                count(s.activity.engagements_90d, "visit, view or click")
            )
        },
    ),
    more(
        Touchpoints,
        "channels",
        Count,
        |s| Some(channels(s) as f64),
        |s, _| format!("{} used", count(channels(s), "channel")),
    ),
    more(
        Help,
        "contacts_90d",
        Count,
        |s| Some(s.activity.contacts_90d as f64),
        |s, _| {
            format!("asked for help {} in the last 90 days", count(s.activity.contacts_90d, "time"))
        },
    ),
    core(Help, "wait_mean", Seconds, mean_wait, |s, _| {
        known(
            mean_wait(s),
            |wait| format!("waits {} in the queue on average", span(wait)),
            "no known wait",
        )
    }),
    more(
        Help,
        "contacts_abandoned",
        Count,
        |s| Some(s.activity.contacts_abandoned as f64),
        |s, _| format!("gave up waiting {}", count(s.activity.contacts_abandoned, "time")),
    ),
    more(
        Help,
        "cases_open",
        Count,
        |s| Some(cases_open(s) as f64),
        |s, _| count(cases_open(s), "open case"),
    ),
    more(
        Help,
        "cases_reopened",
        Count,
        |s| Some(s.activity.cases_reopened as f64),
        |s, _| format!("cases reopened {}", count(s.activity.cases_reopened, "time")),
    ),
    more(
        Help,
        "self_service_failed",
        Count,
        |s| Some(self_service_failed(s) as f64),
        |s, _| format!("self-service did not help {}", count(self_service_failed(s), "time")),
    ),
    core(
        Help,
        "complaints",
        Count,
        |s| Some(s.activity.complaints as f64),
        |s, _| count(s.activity.complaints, "complaint"),
    ),
    more(
        Help,
        "complaints_90d",
        Count,
        |s| Some(s.activity.complaints_90d as f64),
        |s, _| format!("{} in the last 90 days", count(s.activity.complaints_90d, "complaint")),
    ),
    more(Voice, "survey_response", Share, answered_share, |s, _| {
        known(
            answered_share(s),
            |share| format!("answers {} of surveys", percent(share)),
            "never surveyed",
        )
    }),
    core(
        Voice,
        "nps_last",
        Tenths,
        |s| last_score(&s.activity.nps),
        |s, _| answer("last recommendation", last_score(&s.activity.nps), 10.0),
    ),
    more(
        Voice,
        "nps_answered",
        Flag,
        |s| Some(f64::from(s.activity.nps.answers > 0)),
        |s, _| count(s.activity.nps.answers, "answer about recommending"),
    ),
    more(
        Voice,
        "csat_mean",
        Share,
        |s| mean_score(&s.activity.csat),
        |s, _| {
            known(
                mean_score(&s.activity.csat),
                |score| format!("satisfaction {}", percent(score)),
                "satisfaction not known",
            )
        },
    ),
    more(
        Voice,
        "csat_answered",
        Flag,
        |s| Some(f64::from(s.activity.csat.answers > 0)),
        |s, _| count(s.activity.csat.answers, "answer about satisfaction"),
    ),
    more(
        Voice,
        "ces_mean",
        Share,
        |s| mean_score(&s.activity.ces),
        |s, _| {
            known(
                mean_score(&s.activity.ces),
                |score| format!("ease {}", percent(score)),
                "ease not known",
            )
        },
    ),
    more(
        Voice,
        "ces_answered",
        Flag,
        |s| Some(f64::from(s.activity.ces.answers > 0)),
        |s, _| count(s.activity.ces.answers, "answer about ease"),
    ),
    more(
        Voice,
        "rating_mean",
        Share,
        |s| mean_score(&s.activity.rating),
        |s, _| {
            known(
                mean_score(&s.activity.rating),
                |score| format!("ratings {}", percent(score)),
                "no rating",
            )
        },
    ),
    more(
        Voice,
        "reviews",
        Count,
        |s| Some(s.activity.rating.answers as f64),
        |s, _| count(s.activity.rating.answers, "rating"),
    ),
    more(
        Voice,
        "referrals",
        Count,
        |s| Some(s.activity.referrals as f64),
        |s, _| count(s.activity.referrals, "recommendation"),
    ),
    more(
        Voice,
        "feature_requests",
        Count,
        |s| Some(s.activity.feature_requests as f64),
        |s, _| count(s.activity.feature_requests, "feature request"),
    ),
    more(
        Plan,
        "subscribed",
        Flag,
        |s| Some(f64::from(subscribed(s))),
        |s, _| if subscribed(s) { "subscribed" } else { "no running subscription" }.to_owned(),
    ),
    more(
        Plan,
        "cancelled",
        Flag,
        |s| Some(f64::from(s.activity.subscriptions_cancelled > 0)),
        |s, _| {
            if s.activity.subscriptions_cancelled > 0 {
                "cancelled a subscription"
            } else {
                "never cancelled"
            }
            .to_owned()
        },
    ),
];
