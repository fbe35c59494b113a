//! Counts: what the datastore reports for one metric, group and bucket. Integers only, so that adding
//! them in any order gives the same.

use super::{GroupKey, Metric};
use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

/// What one metric rests on in one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counts {
    /// Scores of surveys; or one number of each customer, as its only answer.
    Answers(Answers),
    /// So many of so many.
    Share(Share),
    /// Spans of time.
    Spans(Spans),
    /// A number or sum, which is no estimate.
    Total(Total),
    /// Events in a group of customers, each of whom may have several.
    Incidence(Incidence),
    /// Amounts of which the mean is asked.
    Amounts(Amounts),
}

/// Customers who answered alike: so many times in all, and so often high and low.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerPattern {
    /// How many customers.
    pub customers: i64,
    /// Answers of each of them.
    pub answers: i64,
    /// Those of them that are high: promoters, the top boxes, "easy".
    pub high: i64,
    /// Those of them that are low: detractors.
    pub low: i64,
    /// Sum of their scores.
    pub sum: i64,
}

/// Scores of surveys, kept by customer because the answers of one person are not independent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answers {
    /// Customers by what they answered.
    pub patterns: Vec<AnswerPattern>,
    /// Answers left out: earlier or later ones of the same person, or on another scale.
    pub excluded: i64,
}

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    /// Those with the property.
    pub hits: i64,
    /// All of them.
    pub of: i64,
    /// Those that belong here and cannot be judged.
    pub excluded: i64,
}

/// Spans of time in microseconds, each with how often it occurs. In any order, repeats allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spans {
    /// Spans that ended.
    pub ended: Vec<(i64, i64)>,
    /// Spans that are still open, as long as they have lasted.
    pub open: Vec<(i64, i64)>,
    /// Cases and contacts whose span cannot be measured.
    pub excluded: i64,
}

/// A number or sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Total {
    /// The sum; for plain counts the same as `n`.
    pub sum: i128,
    /// Observations.
    pub n: i64,
    /// Observations without an amount.
    pub excluded: i64,
}

/// Amounts in one unit: with what each customer's add up to, because those of one customer are not independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amounts {
    /// Amounts.
    pub n: i64,
    /// Customers with one.
    pub customers: i64,
    /// Sum of all.
    pub sum: i128,
    /// Sum over customers of the square of what theirs add up to.
    pub sum_squares: i128,
    /// Sum over customers of what theirs add up to, times how many they are.
    pub products: i128,
    /// Sum over customers of the square of how many theirs are.
    pub n_squares: i64,
    /// Observations without an amount.
    pub excluded: i64,
}

/// Events in a group of customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Incidence {
    /// Events.
    pub events: i64,
    /// Those of them that were answered.
    pub answered: i64,
    /// Customers with at least one.
    pub affected: i64,
    /// Sum over customers of the square of how many they have.
    pub squares: i64,
    /// All customers of the group.
    pub customers: i64,
}

impl Incidence {
    /// Events per customer.
    pub fn rate(&self) -> f64 {
        self.events as f64 / self.customers as f64
    }

    /// How many times as much the number of events varies as that of independent ones, as one customer's come together; at least 1.
    /// Cox 1983.
    pub fn overdispersion(&self) -> f64 {
        let (rate, n) = (self.rate(), self.customers as f64);
        let variance = (self.squares as f64 - n * rate * rate) / (n - 1.0);
        if self.customers > 1 && self.events > 0 { (variance / rate).max(1.0) } else { 1.0 }
    }
}

impl Counts {
    /// Nothing seen of a metric.
    pub fn none(metric: Metric) -> Self {
        match metric {
            Metric::NpsRelational
            | Metric::NpsTransactional
            | Metric::CsatTop2Box
            | Metric::CsatMean
            | Metric::CesEasyShare
            | Metric::CesMean
            | Metric::PurchaseFrequency => Self::Answers(Answers::default()),
            Metric::SurveyResponseRate
            | Metric::AbandonmentRate
            | Metric::ChurnRate
            | Metric::RepeatPurchaseRate
            | Metric::ReturnRate
            | Metric::ServiceLevel
            | Metric::FirstContactResolution
            | Metric::SelfServiceShare
            | Metric::ClickRate
            | Metric::ClickToOpenRate
            | Metric::SubscriptionChurnRate
            | Metric::RetentionRate
            | Metric::CustomerShare
            | Metric::InteractionShare => Self::Share(Share::default()),
            Metric::FirstResponseTime
            | Metric::FirstResolutionTime
            | Metric::FullResolutionTime
            | Metric::CycleResolutionTime
            | Metric::QueueWait => Self::Spans(Spans::default()),
            Metric::Interactions
            | Metric::ActiveCustomers
            | Metric::Orders
            | Metric::Revenue
            | Metric::CustomerValue => Self::Total(Total::default()),
            Metric::AverageOrderValue | Metric::ValueAtRisk => Self::Amounts(Amounts::default()),
            Metric::ComplaintsPer100Customers | Metric::FeatureRequestsPer100Customers => {
                Self::Incidence(Incidence::default())
            }
        }
    }

    /// Adds the counts of another group. Counts of different shapes belong to different metrics and are
    /// never added: the other one is then left alone.
    pub fn add(&mut self, other: Self) {
        match (self, other) {
            (Self::Answers(to), Self::Answers(from)) => {
                to.patterns.extend(from.patterns);
                to.excluded += from.excluded;
            }
            (Self::Share(to), Self::Share(from)) => {
                to.hits += from.hits;
                to.of += from.of;
                to.excluded += from.excluded;
            }
            (Self::Spans(to), Self::Spans(from)) => {
                to.ended.extend(from.ended);
                to.open.extend(from.open);
                to.excluded += from.excluded;
            }
            (Self::Total(to), Self::Total(from)) => {
                to.sum += from.sum;
                to.n += from.n;
                to.excluded += from.excluded;
            }
            (Self::Incidence(to), Self::Incidence(from)) => {
                to.events += from.events;
                to.answered += from.answered;
                to.affected += from.affected;
                to.squares += from.squares;
                to.customers += from.customers;
            }
            (Self::Amounts(to), Self::Amounts(from)) => {
                to.n += from.n;
                to.customers += from.customers;
                to.sum += from.sum;
                to.sum_squares += from.sum_squares;
                to.products += from.products;
                to.n_squares += from.n_squares;
                to.excluded += from.excluded;
            }
            _ => debug_assert!(false, "counts of different metrics are never added"),
        }
    }
}

/// The counts of one metric by bucket and group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Groups(BTreeMap<GroupKey, Counts>);

impl Groups {
    /// Adds counts to those of a group.
    pub fn add(&mut self, key: GroupKey, counts: Counts) {
        match self.0.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(counts);
            }
            Entry::Occupied(mut there) => there.get_mut().add(counts),
        }
    }

    /// Adds "nothing seen" for buckets that are not there.
    pub fn fill(&mut self, metric: Metric, buckets: usize) {
        let there: BTreeSet<usize> = self.0.keys().map(|key| key.bucket).collect();
        for bucket in (0..buckets).filter(|bucket| !there.contains(bucket)) {
            self.0.insert(GroupKey { bucket, ..GroupKey::default() }, Counts::none(metric));
        }
    }

    /// By bucket, then by group.
    pub fn iter(&self) -> impl Iterator<Item = (&GroupKey, &Counts)> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
