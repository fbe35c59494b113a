//! The catalogue: one definition for each metric, as `ListMetrics` tells it.

use super::Metric;

/// How a metric is defined, for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// The metric.
    pub metric: Metric,
    /// Its name.
    pub display_name: &'static str,
    /// What it is, in words and as a formula.
    pub definition: &'static str,
    /// Unit and range of the value.
    pub unit: &'static str,
    /// How the interval is made; empty where there is none.
    pub interval_method: &'static str,
    /// What to mind when reading it.
    pub caveat: &'static str,
}

const NPS: &str = "Score interval (Tango 1998); clustered by customer where all answers of a person count. Never zero wide.";
const WILSON: &str = "Wilson score interval.";
const WILSON_ANSWERS: &str =
    "Wilson score interval, on the effective number of answers where several of one person count.";
const MEAN: &str = "Student's t, clustered by customer where several answers of one person count. Where all answers are \
     alike, Wilson's interval stretched over the scale.";
const MEDIAN: &str = "Order statistics (binomial), for the median; none where there are too few to bound it (below 6 at 95 %).";
const SECONDS: &str = "seconds, from 0";
const SHARE: &str = "share, 0 to 1";
const CENSORED: &str = "Open cases are counted as censored and are not in the percentiles; kaplan_meier_median takes them in. \
     Where at least half are open the value is IMMATURE. Cases without a known opening, or that ended before it, are excluded.";

/// The definition of a metric.
pub const fn definition(metric: Metric) -> Definition {
    let (display_name, definition, unit, interval_method, caveat) = match metric {
        Metric::NpsRelational => (
            "Relational NPS",
            "Net Promoter Score of surveys about the relationship as a whole: 100 x (promoters 9-10 - detractors 0-6) / \
             answers on 0-10. Passives 7-8 count below the line only.",
            "score, -100 to 100",
            NPS,
            "Dismissed surveys are no answers. Never mixed with the transactional one. The latest answer of each person \
             counts unless asked otherwise.",
        ),
        Metric::NpsTransactional => (
            "Transactional NPS",
            "Net Promoter Score of surveys after a touchpoint: 100 x (promoters 9-10 - detractors 0-6) / answers on 0-10. \
             Passives 7-8 count below the line only.",
            "score, -100 to 100",
            NPS,
            "Dismissed surveys are no answers. Never mixed with the relational one. The latest answer of each person counts \
             unless asked otherwise.",
        ),
        Metric::CsatTop2Box => (
            "CSAT, top two boxes",
            "Satisfaction answers in the two best boxes of their scale (4 and 5 of 1-5, 9 and 10 of 1-10) / answers on such \
             a scale.",
            SHARE,
            WILSON_ANSWERS,
            "Answers on other scales are excluded. Not to be confused with the mean.",
        ),
        Metric::CsatMean => (
            "CSAT, mean",
            "Arithmetic mean of satisfaction answers on the scale 1-5 where 5 is best.",
            "points, 1 to 5",
            MEAN,
            "Answers on other scales are excluded. A mean is no percentage.",
        ),
        Metric::CesEasyShare => (
            "CES 2.0, easy",
            "Answers of 5 and more to \"it was easy\" on 1-7 / answers on that scale.",
            SHARE,
            WILSON_ANSWERS,
            "CES 1.0, which asked for effort (low is good), and other scales are excluded.",
        ),
        Metric::CesMean => (
            "CES 2.0, mean",
            "Arithmetic mean of answers to \"it was easy\" on 1-7.",
            "points, 1 to 7",
            MEAN,
            "CES 1.0, which asked for effort (low is good), and other scales are excluded.",
        ),
        Metric::SurveyResponseRate => (
            "Survey response rate",
            "Delivered surveys that were answered before the end of the range and before the next delivery of the same survey \
             to the same person / delivered surveys.",
            SHARE,
            WILSON,
            "Filed by delivery. Answers without a known delivery are excluded. Recent deliveries may yet be answered.",
        ),
        Metric::FirstResponseTime => (
            "First response time",
            "Case opened to first answer by a human that the customer could see: median, p90, p95, mean.",
            SECONDS,
            MEDIAN,
            "Answers by bots do not count. Unanswered cases are counted as censored and are not in the percentiles; \
             kaplan_meier_median takes them in. Cases without a known opening, or answered before it, are excluded.",
        ),
        Metric::FirstResolutionTime => (
            "Time to first resolution",
            "Case opened to first solved, whatever happened afterwards: median, p90, p95, mean.",
            SECONDS,
            MEDIAN,
            CENSORED,
        ),
        Metric::FullResolutionTime => (
            "Time to full resolution",
            "Case opened to last solved, of cases that are solved at the end of the range: median, p90, p95, mean.",
            SECONDS,
            MEDIAN,
            CENSORED,
        ),
        Metric::CycleResolutionTime => (
            "Time to resolution, by cycle",
            "Case opened, and each time reopened, to the next solved: median, p90, p95, mean. A case that is reopened counts as \
             often as it was open.",
            SECONDS,
            MEDIAN,
            "Filed and grouped by the opening or reopening. Open cycles are counted as censored and are not in the percentiles; \
             kaplan_meier_median takes them in. Where at least half are open the value is IMMATURE. Cases solved without a known \
             opening are excluded.",
        ),
        Metric::QueueWait => (
            "Queue wait",
            "Contact queued to answered: median, p90, p95, mean.",
            SECONDS,
            MEDIAN,
            "Contacts that the customer gave up, or whose wait is not known, are excluded: read it with the abandonment rate.",
        ),
        Metric::AbandonmentRate => (
            "Abandonment rate",
            "Contacts that the customer gave up before being served / contacts that queued (given up, or with a known wait).",
            SHARE,
            WILSON,
            "Contacts served without a known wait are excluded: they are not known to have queued.",
        ),
        Metric::ChurnRate => (
            "Churn rate, non-contractual",
            "Customers with a qualifying activity in the look-back before the cut-off and none in the horizon after it / \
             customers with one in the look-back. The cut-off is the start of the bucket, or, without buckets, a horizon \
             before the end of the range.",
            SHARE,
            WILSON,
            "Known a horizon later: until then IMMATURE, and an upper bound, as the missing may still come. Channel and stage \
             are those of the last activity before the cut-off.",
        ),
        Metric::Interactions => {
            ("Interactions", "Number of interactions.", "interactions", "", "A count, no estimate.")
        }
        Metric::ActiveCustomers => (
            "Active customers",
            "Number of customers who did something themselves: at least one interaction that is not the company's (messages sent, ads, surveys \
             delivered, answers and solutions of cases, staff notes).",
            "customers",
            "",
            "A customer may be active in several groups and buckets: they do not add up to the whole.",
        ),
        Metric::Orders => (
            "Orders",
            "Number of orders.",
            "orders",
            "",
            "Orders that were cancelled or returned later are in it.",
        ),
        Metric::Revenue => (
            "Revenue",
            "Sum of order totals, in minor units, for each currency.",
            "minor units of the currency",
            "",
            "Refunds are not taken off. Orders without a known amount are excluded, and reported without a currency. \
             Currencies are never added up.",
        ),
        Metric::ComplaintsPer100Customers => (
            "Complaints per 100 customers",
            "100 x complaints raised / active customers. Of those raised: how many were answered \
             before the end of the range, and how many are open.",
            "complaints per 100 active customers, from 0",
            "Wilson score interval; Poisson where a customer complained more than once, scaled by how far complaints of one customer come together.",
            "In a group by channel or stage, customers are those active there. One raised without an id cannot be answered.",
        ),
        Metric::FeatureRequestsPer100Customers => (
            "Feature requests per 100 customers",
            "100 x feature requests raised / active customers. Of those raised: how many were \
             answered before the end of the range, and how many are open.",
            "feature requests per 100 active customers, from 0",
            "Wilson score interval; Poisson where a customer asked more than once, scaled by how far requests of one customer come together.",
            "In a group by channel or stage, customers are those active there. One raised without an id cannot be answered.",
        ),
        Metric::RepeatPurchaseRate => (
            "Repeat purchase rate",
            "Customers with at least two orders in the bucket / customers with at least one. Orders that were cancelled, or taken or \
             paid back as a whole, by 30 days after the range do not count.",
            SHARE,
            WILSON,
            "Longer buckets give higher rates: compare equal ones. Orders that do not count are excluded.",
        ),
        Metric::PurchaseFrequency => (
            "Purchase frequency",
            "Orders / customers with at least one order, in the bucket. Orders that were cancelled, or taken or paid back as a \
             whole, by 30 days after the range do not count.",
            "orders per buyer, from 1",
            "Student's t over buyers; none where all bought equally often.",
            "Longer buckets give higher figures: compare equal ones. Orders that do not count are excluded.",
        ),
        Metric::ReturnRate => (
            "Return rate",
            "Orders of which something was returned by 30 days after the range / orders that were not cancelled. Filed by the \
             order, not by the return.",
            SHARE,
            WILSON,
            "Returns lag: a bucket that ended less than 30 days ago is IMMATURE. Returns that do not name \
             their order are in no bucket. Cancelled orders are excluded.",
        ),
        Metric::ServiceLevel => (
            "Service level",
            "Contacts answered within answer_within (20 seconds unless asked otherwise) / contacts that queued (given up, or with \
             a known wait).",
            SHARE,
            WILSON,
            "Who gave up, however soon, was not answered in time. Contacts served without a known wait are excluded: they are not \
             known to have queued.",
        ),
        Metric::FirstContactResolution => (
            "First-contact resolution",
            "Served contacts that were not followed by another of the same customer for the same reason within repeat_within (7 \
             days unless asked otherwise), on whatever channel / served contacts with a reason.",
            SHARE,
            WILSON,
            "A bucket that ended less than repeat_within ago is IMMATURE. Contacts without a reason, or \
             given up, are excluded; those given up count as another try.",
        ),
        Metric::SelfServiceShare => (
            "Self-service share",
            "Self-service sessions, not known as unresolved, that were not followed by a contact with a human within \
             repeat_within (7 days unless asked otherwise) / issues: sessions, and contacts with a human that do not follow a \
             session so closely.",
            SHARE,
            WILSON,
            "A proxy: who did not come to a human may as well have given up. Contacts with a bot, or with nobody known, are not \
             in it. A bucket that ended less than repeat_within ago is IMMATURE.",
        ),
        Metric::CustomerValue => (
            "Customer value to date",
            "Sum of order totals less the sum of refunds, in minor units, for each currency.",
            "minor units of the currency",
            "",
            "Refunds are filed by the return. Orders and returns without a known amount are excluded, and reported without a \
             currency. Currencies are never added up.",
        ),
        Metric::AverageOrderValue => (
            "Average order value",
            "Sum of order totals / orders with a known total, in minor units, for each currency.",
            "minor units of the currency",
            "Student's t, clustered by customer where somebody ordered more than once; none where all totals are alike.",
            "Refunds are not taken off. Orders without a known amount are excluded, and reported without a currency. Currencies \
             are never mixed.",
        ),
        Metric::ClickRate => (
            "Click rate",
            "Unique clickers / delivered: customers who clicked after a campaign reached them / customers whom it reached, summed \
             over campaigns.",
            SHARE,
            WILSON,
            "Filed by the first delivery in the range; later messages of the same campaign to the same customer are the same. A \
             message that is not known to have failed was delivered. Failed ones, and those that name no campaign, are excluded. \
             Programs that follow links count as clickers.",
        ),
        Metric::ClickToOpenRate => (
            "Click-to-open rate",
            "Unique clickers / unique openers, of those whom a campaign reached, summed over campaigns. Who clicked has opened.",
            SHARE,
            WILSON,
            "Filed by the first delivery in the range. Programs that load pictures or follow links count as openers or clickers: read \
             it with the click rate.",
        ),
        Metric::SubscriptionChurnRate => (
            "Churn rate, contractual",
            "Customers with a subscription at the start of the bucket and none at its end / customers with one at its start.",
            SHARE,
            WILSON,
            "Who joins and leaves within a bucket is not in it, nor is who leaves and is back before it ends. A paused subscription is \
             one. Rates of short buckets do not add up to a year's: the annual one is 1 - (1 - monthly)^12. A bucket that is not over is \
             IMMATURE. Channel and stage are those of the last event before the start.",
        ),
        Metric::RetentionRate => (
            "Retention rate",
            "Customers of a cohort with a qualifying activity in the bucket `period` buckets after the cohort's / customers of the \
             cohort: those whose first qualifying activity is in its bucket.",
            SHARE,
            WILSON,
            "Needs time buckets. Qualifying activities are those of the churn definition; who was active before the range is in no \
             cohort. A bucket that is not over is IMMATURE. Channel and stage are those of the first activity.",
        ),
        Metric::CustomerShare => (
            "Share of customers",
            "Active customers of the group / all active customers in the bucket that the filter lets through.",
            SHARE,
            WILSON,
            "Needs groups. Shares by channel and stage add up to more than 1: a customer may be in several.",
        ),
        Metric::InteractionShare => (
            "Share of interactions",
            "Interactions of the group / all interactions in the bucket that the filter lets through.",
            SHARE,
            WILSON,
            "Needs groups. The interactions of one customer are not independent: the interval is as narrow as if they were.",
        ),
        Metric::ValueAtRisk => (
            "Value at risk",
            "Sum over customers of churn probability x expected value over the horizon, in minor units, for each currency, under the \
             active churn model.",
            "minor units of the currency",
            "Student's t of the mean over customers, times their number.",
            "As of the model's training, whatever the range: no time buckets, channels or stages. Customers without a known value are \
             excluded, and reported without a currency. Worth what the model's calibration is worth: see its report.",
        ),
    };
    Definition { metric, display_name, definition, unit, interval_method, caveat }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_metric_has_a_name_of_its_own_and_every_text() {
        let all = Metric::ALL.map(definition);
        assert_eq!(
            all.iter().map(|d| d.display_name).collect::<BTreeSet<_>>().len(),
            Metric::ALL.len()
        );
        assert!(
            all.iter()
                .all(|d| !d.definition.is_empty() && !d.unit.is_empty() && !d.caveat.is_empty())
        );
    }
}
