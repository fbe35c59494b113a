//! The features of how customers are served, what they say, and their plan.

use super::{
    features::{
        Feature,
        Topic::{Help, Plan, Voice},
        Unit::{Count, Flag, Seconds, Share, Tenths},
        core, more,
    },
    measures::{
        answered_share, cases_open, last_score, mean_score, mean_wait, self_service_failed,
        subscribed,
    },
    words::{answer, count, known, percent, span},
};

pub(super) const SERVICE: &[Feature] = &[
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
