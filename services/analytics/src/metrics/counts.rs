//! Counts: what the datastore reports for one metric, group and bucket. Integers only, so that adding
//! them in any order gives the same.

/// What one metric rests on in one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counts {
    /// Scores of surveys.
    Answers(Answers),
    /// So many of so many.
    Share(Share),
    /// Spans of time.
    Spans(Spans),
    /// A number or sum, which is no estimate.
    Total(Total),
    /// Events in a group of customers, each of whom may have several.
    Incidence(Incidence),
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

/// Events in a group of customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Incidence {
    /// Events.
    pub events: i64,
    /// Customers with at least one.
    pub affected: i64,
    /// All customers of the group.
    pub customers: i64,
}

impl Counts {
    /// Nothing seen, in the same shape.
    #[must_use]
    pub fn empty(&self) -> Self {
        match self {
            Self::Answers(_) => Self::Answers(Answers::default()),
            Self::Share(_) => Self::Share(Share::default()),
            Self::Spans(_) => Self::Spans(Spans::default()),
            Self::Total(_) => Self::Total(Total::default()),
            Self::Incidence(_) => Self::Incidence(Incidence::default()),
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
                to.affected += from.affected;
                to.customers += from.customers;
            }
            _ => debug_assert!(false, "counts of different metrics are never added"),
        }
    }
}
