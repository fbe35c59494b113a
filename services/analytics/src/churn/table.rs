//! The features, one after the other. The first two are silences: the rules rest on them.

use super::{
    features::{
        Feature,
        Topic::{Orders, Spend, Touchpoints},
        Unit::{Count, Days, LogRatio, Money, Share, Times},
        core, more,
    },
    measures::{channels, gap, share, silence_beyond, span_of_orders, trend, value_180d},
    table_service::SERVICE,
    words::{amount, count, days, known, percent},
};

/// The column of BG/NBD's log-odds.
pub(super) const SILENCE: usize = 3;

/// Every feature of the churn model, in the order of a row.
pub const FEATURES: &[Feature] = &{
    let mut all = [COMING[0]; COMING.len() + SERVICE.len()];
    let mut place = 0;
    while place < all.len() {
        all[place] =
            if place < COMING.len() { COMING[place] } else { SERVICE[place - COMING.len()] };
        place += 1;
    }
    all
};

/// How often they come, and what they spend.
const COMING: &[Feature] = &[
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
    core(
        Orders,
        "silence_log_odds",
        LogRatio,
        |s| s.silence_log_odds(),
        |s, _| {
            known(
                s.silence(),
                |share| {
                    format!(
                        "of those who come as often and as lately, {} stay away",
                        percent(share)
                    )
                },
                "rhythm not known",
            )
        },
    ),
    more(
        Orders,
        "silence_beyond",
        LogRatio,
        |s| Some(silence_beyond(s)),
        |s, _| format!("last {} {} ago", s.qualifying(), days(s.recency())),
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
    more(
        Orders,
        "orders_365d",
        Count,
        |s| Some(s.activity.orders_365d as f64),
        |s, _| format!("{} in the last 365 days", count(s.activity.orders_365d, "order")),
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
        Spend,
        "order_value_365d",
        Money,
        |s| Some(s.activity.order_value_365d as f64),
        |s, currency| {
            format!(
                "{} spent in the last 365 days",
                amount(s.activity.order_value_365d as f64, currency)
            )
        },
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
];
