//! The text of the aggregate and the reading of its rows: both in the order of the fields of [`Activity`].

use super::Past;
use crate::error::{Error, Result};
use crate::sql::{Columns, instant};
use cx_analytics::codes::{
    CaseAction, EngagementAction, FeedbackAction, Handler, Kind, SubscriptionAction, SurveyAction,
    SurveyKind,
};
use cx_analytics::interaction::Currency;
use cx_analytics::time::DAY;
use cx_analytics::{Activity, Channel, ScoreActivity, Stage, Timestamp};
use sea_orm::{QueryResult, Value};

/// Bounds of the windows, as parameters: $1 is `as_of`, $6 the currency.
const LAST_30: &str = "occurred_at >= $2";
const LAST_90: &str = "occurred_at >= $3";
const PRIOR_90: &str = "occurred_at >= $4 AND occurred_at < $3";
const LAST_365: &str = "occurred_at >= $5";

/// An answer from 0 to 1000 of its scale, rounded down. Never negative, so that cutting off is rounding down.
const PERMILLE: &str =
    "(CASE WHEN lower_is_better = 1 THEN score_max - score ELSE score - score_min END * 1000
                          / (score_max - score_min))";

/// A step for the latest score: more than any score, and small enough that no instant overflows.
const STEP: i64 = 1024;

pub(super) fn statement(
    Past { as_of, as_known }: Past,
    currency: Option<Currency>,
    ids: &[String],
) -> (String, Vec<Value>) {
    let mut values: Vec<Value> = vec![as_of.micros().into()];
    values.extend([30, 90, 180, 365].map(|days| Value::from(as_of.days_before(days).micros())));
    values.push(currency.map_or_else(String::new, String::from).into());
    let mut whose = if as_known { " AND received_at < $1".to_owned() } else { String::new() };
    if !ids.is_empty() {
        let marks = ids.iter().map(|id| {
            values.push(id.as_str().into());
            format!("${}", values.len())
        });
        whose += &format!(" AND customer_id IN ({})", marks.collect::<Vec<_>>().join(", "));
    }
    let numbers = columns().chunks(PACKED).map(packed).collect::<Vec<_>>().join(" || ',' || ");
    let text = format!(
        "SELECT customer_id,\n{numbers}\nFROM interaction WHERE occurred_at < $1{whose}
         GROUP BY customer_id ORDER BY customer_id"
    );
    (text, values)
}

/// Arguments of a function that every engine takes.
const PACKED: usize = 60;
/// Stands for NULL: no count, instant or sum is so small.
const NONE: i64 = i64::MIN + 1;

/// Numbers as one text: drivers take several times as long over a hundred columns as the database takes to fill them.
fn packed(columns: &[String]) -> String {
    let known = columns.iter().map(|column| format!("COALESCE({column}, {NONE})"));
    format!("CONCAT_WS(',', {})", known.collect::<Vec<_>>().join(",\n"))
}

/// Reads numbers from such a text.
struct Numbers<'a>(std::str::Split<'a, char>);

impl Numbers<'_> {
    fn take(&mut self) -> Result<i64> {
        self.opt()?.ok_or(Error::Corrupt { what: "activity" })
    }

    fn opt(&mut self) -> Result<Option<i64>> {
        let number = self.0.next().and_then(|number| number.parse().ok());
        let number: i64 = number.ok_or(Error::Corrupt { what: "activity" })?;
        Ok(Some(number).filter(|&number| number != NONE))
    }

    fn instant(&mut self) -> Result<Timestamp> {
        instant(self.take()?)
    }

    fn opt_instant(&mut self) -> Result<Option<Timestamp>> {
        self.opt()?.map(instant).transpose()
    }
}

fn columns() -> Vec<String> {
    let mut columns = Vec::with_capacity(100);
    columns.extend(totals());
    columns.extend(orders());
    columns.extend(service());
    columns.extend(scores());
    columns.extend(engagement());
    columns
}

fn count(condition: &str) -> String {
    format!("COUNT(*) FILTER (WHERE {condition})")
}

fn sum(column: &str, condition: &str) -> String {
    format!("CAST(COALESCE(SUM({column}) FILTER (WHERE {condition}), 0) AS BIGINT)")
}

fn edge(function: &str, condition: &str) -> String {
    format!("{function}(occurred_at) FILTER (WHERE {condition})")
}

/// Distinct UTC days. Counted from the earliest instant, so that nothing is negative: engines cut towards zero.
pub(crate) fn days(condition: &str) -> String {
    let start = -Timestamp::MIN.micros();
    format!("COUNT(DISTINCT CASE WHEN {condition} THEN (occurred_at + {start}) / {DAY} END)")
}

fn is(kind: Kind) -> String {
    format!("kind = {}", kind.code())
}

fn does(kind: Kind, action: i16) -> String {
    format!("kind = {} AND action = {action}", kind.code())
}

fn totals() -> Vec<String> {
    let mut columns = vec![
        "COUNT(*)".to_owned(),
        "MIN(occurred_at)".to_owned(),
        "MAX(occurred_at)".to_owned(),
        days("true"),
        count(LAST_30),
        count(LAST_90),
        count(PRIOR_90),
        count(LAST_365),
    ];
    columns.extend(Channel::ALL.map(|channel| count(&format!("channel = {}", channel.code()))));
    columns.extend(Stage::ALL.map(|stage| count(&format!("stage = {}", stage.code()))));
    columns
}

fn orders() -> Vec<String> {
    let order = is(Kind::Order);
    let valued = format!("{order} AND currency = $6");
    vec![
        count(&order),
        edge("MIN", &order),
        edge("MAX", &order),
        days(&order),
        count(&format!("{order} AND {LAST_30}")),
        count(&format!("{order} AND {LAST_90}")),
        count(&format!("{order} AND {PRIOR_90}")),
        count(&format!("{order} AND {LAST_365}")),
        sum("items", &order),
        count(&valued),
        sum("amount", &valued),
        sum("amount", &format!("{valued} AND {LAST_90}")),
        sum("amount", &format!("{valued} AND {PRIOR_90}")),
        sum("amount", &format!("{valued} AND {LAST_365}")),
        format!("COALESCE(MAX(amount) FILTER (WHERE {valued}), 0)"),
        count(&is(Kind::Return)),
        sum("amount", &format!("{} AND currency = $6", is(Kind::Return))),
    ]
}

fn service() -> Vec<String> {
    let contact = is(Kind::Contact);
    let self_service = is(Kind::SelfService);
    let complaint = does(Kind::Complaint, FeedbackAction::Raised.code());
    vec![
        count(&contact),
        count(&format!("{contact} AND {LAST_90}")),
        count(&format!("{contact} AND variant = {}", Handler::Bot.code())),
        count(&format!("{contact} AND flag = 1")),
        count(&format!("{contact} AND wait IS NOT NULL")),
        sum("wait", &contact),
        format!("COALESCE(MAX(wait) FILTER (WHERE {contact}), 0)"),
        count(&does(Kind::Case, CaseAction::Opened.code())),
        count(&does(Kind::Case, CaseAction::Solved.code())),
        count(&does(Kind::Case, CaseAction::Reopened.code())),
        count(&self_service),
        count(&format!("{self_service} AND flag = 1")),
        count(&complaint),
        count(&format!("{complaint} AND {LAST_90}")),
        count(&does(Kind::FeatureRequest, FeedbackAction::Raised.code())),
        count(&is(Kind::Referral)),
    ]
}

fn scores() -> Vec<String> {
    let survey = is(Kind::Survey);
    let delivered = SurveyAction::Delivered.code();
    let asked = |kinds: &[SurveyKind]| {
        let kinds: Vec<String> = kinds.iter().map(|kind| kind.code().to_string()).collect();
        format!("{survey} AND score IS NOT NULL AND variant IN ({})", kinds.join(", "))
    };
    let mut columns = vec![
        count(&format!("{survey} AND action = {delivered}")),
        count(&format!("{survey} AND action <> {delivered}")),
    ];
    for condition in [
        asked(&[SurveyKind::NpsRelational, SurveyKind::NpsTransactional]),
        asked(&[SurveyKind::Csat]),
        asked(&[SurveyKind::Ces]),
        format!("{} AND score IS NOT NULL", is(Kind::Review)),
    ] {
        columns.push(count(&condition));
        columns.push(sum(PERMILLE, &condition));
        columns.push(format!("MAX(occurred_at * {STEP} + {PERMILLE}) FILTER (WHERE {condition})"));
    }
    columns
}

fn engagement() -> Vec<String> {
    let engaged =
        format!("{} AND action <> {}", is(Kind::Engagement), EngagementAction::Sent.code());
    let cancelled = SubscriptionAction::Cancelled.code();
    vec![
        count(&engaged),
        count(&format!("{engaged} AND {LAST_90}")),
        count(&does(Kind::Engagement, EngagementAction::Click.code())),
        edge("MAX", &engaged),
        count(&does(Kind::Subscription, SubscriptionAction::Started.code())),
        count(&does(Kind::Subscription, cancelled)),
        edge("MAX", &format!("{} AND action <> {cancelled}", is(Kind::Subscription))),
        edge("MAX", &does(Kind::Subscription, cancelled)),
    ]
}

pub(super) fn read(row: &QueryResult) -> Result<Activity> {
    let mut columns = Columns::of(row);
    let customer_id = columns.take()?;
    let text: String = columns.take()?;
    let c = &mut Numbers(text.split(','));
    Ok(Activity {
        customer_id,
        interactions: c.take()?,
        first_at: c.instant()?,
        last_at: c.instant()?,
        active_days: c.take()?,
        interactions_30d: c.take()?,
        interactions_90d: c.take()?,
        interactions_prior_90d: c.take()?,
        interactions_365d: c.take()?,
        by_channel: counts(c)?,
        by_stage: counts(c)?,
        orders: c.take()?,
        order_first_at: c.opt_instant()?,
        order_last_at: c.opt_instant()?,
        order_days: c.take()?,
        orders_30d: c.take()?,
        orders_90d: c.take()?,
        orders_prior_90d: c.take()?,
        orders_365d: c.take()?,
        order_items: c.take()?,
        orders_valued: c.take()?,
        order_value: c.take()?,
        order_value_90d: c.take()?,
        order_value_prior_90d: c.take()?,
        order_value_365d: c.take()?,
        order_value_max: c.take()?,
        returns: c.take()?,
        refund_value: c.take()?,
        contacts: c.take()?,
        contacts_90d: c.take()?,
        contacts_by_bot: c.take()?,
        contacts_abandoned: c.take()?,
        waits: c.take()?,
        wait_sum: c.take()?,
        wait_max: c.take()?,
        cases_opened: c.take()?,
        cases_solved: c.take()?,
        cases_reopened: c.take()?,
        self_service: c.take()?,
        self_service_resolved: c.take()?,
        complaints: c.take()?,
        complaints_90d: c.take()?,
        feature_requests: c.take()?,
        referrals: c.take()?,
        // Deliveries are records of their own, which not every sender sends: each answer was delivered as well.
        surveys: c.take()?.max(c.take()?),
        nps: score(c)?,
        csat: score(c)?,
        ces: score(c)?,
        rating: score(c)?,
        engagements: c.take()?,
        engagements_90d: c.take()?,
        clicks: c.take()?,
        engagement_last_at: c.opt_instant()?,
        subscriptions_started: c.take()?,
        subscriptions_cancelled: c.take()?,
        subscription_last_at: c.opt_instant()?,
        cancelled_last_at: c.opt_instant()?,
    })
}

fn counts<const N: usize>(columns: &mut Numbers<'_>) -> Result<[i64; N]> {
    let mut counts = [0; N];
    for count in &mut counts {
        *count = columns.take()?;
    }
    Ok(counts)
}

fn score(columns: &mut Numbers<'_>) -> Result<ScoreActivity> {
    Ok(ScoreActivity {
        answers: columns.take()?,
        permille_sum: columns.take()?,
        // Instants before 1970 are negative, hence the Euclidean remainder.
        permille_last: columns.opt()?.map(|last| last.rem_euclid(STEP)),
    })
}
