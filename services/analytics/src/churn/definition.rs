//! What "left" means, whom it is asked of, and which past cut-offs can teach it.

use super::{score::Bands, words};
use crate::{
    Customer, Timestamp,
    features::{Attribute, Field},
    interaction::Kind,
    time::DAY,
};
use serde::{Deserialize, Serialize};

/// What "left" means: valid by construction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    terms: Terms,
    horizon_days: i64,
    min_active_days: i64,
    min_tenure_days: i64,
    among: Vec<String>,
    bands: Bands,
}

/// How leaving shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Terms {
    /// Nobody says that they leave: no qualifying activity in the horizon, of those who had one in the look-back.
    NonContractual {
        /// Days before a cut-off in which a customer must have been active to count.
        look_back_days: i64,
        /// What counts as activity, in the order of codes, each once.
        kinds: Vec<Kind>,
    },
    /// No subscription is left at the end of the horizon, of those who had one at its beginning.
    Contractual {
        /// A subscription of which nothing was heard for so many days has lapsed; none does where absent.
        lapse_days: Option<i64>,
    },
}

/// What is said of a definition; what is not said takes its default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Draft {
    /// Whether leaving is the end of a contract.
    pub contractual: bool,
    /// Look-back, of a non-contractual one.
    pub look_back_days: Option<i64>,
    /// Horizon.
    pub horizon_days: Option<i64>,
    /// What counts as activity, of a non-contractual one.
    pub kinds: Vec<Kind>,
    /// When a subscription lapses, of a contractual one.
    pub lapse_days: Option<i64>,
    /// Fewest days with qualifying activity.
    pub min_active_days: Option<i64>,
    /// Fewest days since the first of them.
    pub min_tenure_days: Option<i64>,
    /// Only customers with these attributes, such as `country=DE`; several of one attribute are alternatives.
    pub among: Vec<String>,
    /// Where the bands begin.
    pub medium_from: Option<f64>,
    /// Where the bands begin.
    pub high_from: Option<f64>,
}

/// A rule that a definition breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field, as the API names it.
    pub field: String,
    /// The rule, in words.
    pub rule: String,
}

/// What a definition asks of a customer at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The first qualifying activity, or the start of the first subscription.
    pub first_at: Timestamp,
    /// The latest qualifying activity; of a contract the latest interaction of any kind.
    pub last_at: Timestamp,
    /// UTC days with one.
    pub days: i64,
    /// Whether a subscription runs; never without a contract.
    pub runs: bool,
}

/// Whether a customer counts at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// May leave.
    Present,
    /// Has left: silent for longer than the look-back, or without a subscription.
    Gone,
    /// Is not asked about.
    Excluded,
}

impl Default for Definition {
    fn default() -> Self {
        Self {
            terms: Terms::NonContractual { look_back_days: 180, kinds: vec![Kind::Order] },
            horizon_days: 90,
            min_active_days: 1,
            min_tenure_days: 0,
            among: Vec::new(),
            bands: Bands::default(),
        }
    }
}

impl Definition {
    /// Most days a customer may have been quiet and still count.
    pub const MAX_LOOK_BACK_DAYS: i64 = 3650;
    /// Most days to look ahead.
    pub const MAX_HORIZON_DAYS: i64 = 730;
    /// Most attributes by which customers are chosen.
    pub const MAX_AMONG: usize = 20;

    /// A definition. All violations at once.
    pub fn new(draft: Draft) -> Result<Self, Vec<Violation>> {
        let mut checks = Checks(Vec::new());
        let usual = Self::default();
        let horizon_days = checks.days(
            "horizon_days",
            draft.horizon_days.unwrap_or(usual.horizon_days),
            1,
            Self::MAX_HORIZON_DAYS,
        );
        let most = Self::MAX_LOOK_BACK_DAYS;
        let min_active_days = draft.min_active_days.unwrap_or(usual.min_active_days);
        let min_tenure_days = draft.min_tenure_days.unwrap_or(usual.min_tenure_days);
        let definition = Self {
            terms: checks.terms(&draft),
            horizon_days,
            min_active_days: checks.days("min_active_days", min_active_days, 1, most),
            min_tenure_days: checks.days("min_tenure_days", min_tenure_days, 0, most),
            bands: checks.bands(draft.medium_from, draft.high_from),
            among: checks.among(draft.among),
        };
        if checks.0.is_empty() { Ok(definition) } else { Err(checks.0) }
    }

    /// How leaving shows.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Days before a cut-off in which a customer must have been active to count; a contract has no look-back.
    pub fn look_back_days(&self) -> Option<i64> {
        match self.terms {
            Terms::NonContractual { look_back_days, .. } => Some(look_back_days),
            Terms::Contractual { .. } => None,
        }
    }

    /// Days after a cut-off in which no activity, or the end of the last subscription, means churn.
    pub fn horizon_days(&self) -> i64 {
        self.horizon_days
    }

    /// The kinds that count as activity, in the order of their codes, each once; none of a contract.
    pub fn kinds(&self) -> &[Kind] {
        match &self.terms {
            Terms::NonContractual { kinds, .. } => kinds,
            Terms::Contractual { .. } => &[],
        }
    }

    /// Fewest days with qualifying activity.
    pub fn min_active_days(&self) -> i64 {
        self.min_active_days
    }

    /// Fewest days since the first of them.
    pub fn min_tenure_days(&self) -> i64 {
        self.min_tenure_days
    }

    /// The attributes of which a customer must have one of each.
    pub fn among(&self) -> &[String] {
        &self.among
    }

    /// Where the bands begin.
    pub fn bands(&self) -> &Bands {
        &self.bands
    }

    /// Whether orders are what counts.
    pub fn counts_orders(&self) -> bool {
        self.kinds().contains(&Kind::Order)
    }

    /// Whether leaving is the end of a contract.
    pub fn is_contractual(&self) -> bool {
        matches!(self.terms, Terms::Contractual { .. })
    }

    /// Whether there is more to it than look-back, horizon and kinds; bands are no matter of who has left.
    pub fn asks_of_more(&self) -> bool {
        self.is_contractual()
            || self.min_active_days > 1
            || self.min_tenure_days > 0
            || !self.among.is_empty()
    }

    /// What is counted, in words, such as "order or engagement".
    pub fn kinds_in_words(&self) -> String {
        if self.is_contractual() { "touchpoint".to_owned() } else { words::kinds(self.kinds()) }
    }

    /// What "left" means, in words.
    pub fn in_words(&self) -> String {
        let horizon = self.horizon_days;
        match &self.terms {
            Terms::NonContractual { look_back_days, kinds } => format!(
                "no {} in the {horizon} days after having been active in the {look_back_days} days before",
                words::kinds(kinds)
            ),
            Terms::Contractual { lapse_days: None } => {
                format!("no subscription left after {horizon} days")
            }
            Terms::Contractual { lapse_days: Some(days) } => format!(
                "no subscription left after {horizon} days; one that is not renewed for {days} days has lapsed"
            ),
        }
    }

    /// Whether a customer counts.
    pub fn counted(
        &self,
        standing: &Standing,
        customer: Option<&Customer>,
        as_of: Timestamp,
    ) -> Counted {
        let tenure = as_of.days_since(standing.first_at);
        let few = standing.days < self.min_active_days || tenure < self.min_tenure_days as f64;
        if few || !self.is_among(customer, as_of) {
            return Counted::Excluded;
        }
        let present = match self.look_back_days() {
            Some(days) => standing.last_at >= as_of.days_before(days),
            None => standing.runs,
        };
        if present { Counted::Present } else { Counted::Gone }
    }

    /// Whether the customer has, of each attribute that is named, one of the values.
    fn is_among(&self, customer: Option<&Customer>, as_of: Timestamp) -> bool {
        let asked: Vec<Attribute> =
            self.among.iter().filter_map(|name| Attribute::parse(name).ok().flatten()).collect();
        let has = |one: &Attribute| {
            customer.is_some_and(|customer| one.value(customer, as_of) == Some(1.0))
        };
        let alike = |one: &Attribute, other: &Attribute| {
            one.subject() == other.subject() && one.is_entry() == other.is_entry()
        };
        asked.iter().all(|one| asked.iter().any(|other| alike(one, other) && has(other)))
    }
}

struct Checks(Vec<Violation>);

impl Checks {
    fn at(&mut self, field: impl Into<String>, rule: impl Into<String>) {
        self.0.push(Violation { field: field.into(), rule: rule.into() });
    }

    fn days(&mut self, field: &str, value: i64, least: i64, most: i64) -> i64 {
        if !(least..=most).contains(&value) {
            self.at(field, format!("{value} is not in {least}..={most}"));
        }
        value
    }

    fn terms(&mut self, draft: &Draft) -> Terms {
        if draft.contractual {
            if draft.look_back_days.is_some() {
                self.at("look_back_days", "is of non-contractual definitions only");
            }
            if !draft.kinds.is_empty() {
                self.at("qualifying_kinds", "is of non-contractual definitions only");
            }
            let most = Definition::MAX_LOOK_BACK_DAYS;
            let lapse_days = draft.lapse_days.map(|days| self.days("lapse_days", days, 1, most));
            return Terms::Contractual { lapse_days };
        }
        if draft.lapse_days.is_some() {
            self.at("lapse_days", "is of contractual definitions only");
        }
        let look_back_days = self.days(
            "look_back_days",
            draft.look_back_days.unwrap_or(180),
            1,
            Definition::MAX_LOOK_BACK_DAYS,
        );
        let mut kinds = draft.kinds.clone();
        if kinds.is_empty() {
            kinds.push(Kind::Order);
        }
        let given = kinds.len();
        kinds.sort_unstable();
        kinds.dedup();
        if kinds.len() < given {
            self.at("qualifying_kinds", "names a kind twice");
        }
        Terms::NonContractual { look_back_days, kinds }
    }

    fn bands(&mut self, medium_from: Option<f64>, high_from: Option<f64>) -> Bands {
        let usual = Bands::default();
        let given = [("medium_from", medium_from), ("high_from", high_from)];
        let medium_from = medium_from.unwrap_or(usual.medium_from);
        let high_from = high_from.unwrap_or_else(|| usual.high_from.max(medium_from));
        for (field, value) in given.into_iter().filter_map(|(field, value)| Some((field, value?))) {
            if !(value > 0.0 && value <= 1.0) {
                self.at(field, format!("{value} is not above 0 and at most 1"));
            }
        }
        if medium_from > high_from {
            self.at("medium_from", format!("{medium_from} is above high_from, {high_from}"));
        }
        Bands { medium_from, high_from }
    }

    fn among(&mut self, among: Vec<String>) -> Vec<String> {
        if among.len() > Definition::MAX_AMONG {
            let most = Definition::MAX_AMONG;
            self.at("customer_attributes", format!("{} are more than {most}", among.len()));
        }
        for (place, name) in among.iter().enumerate() {
            let field = format!("customer_attributes[{place}]");
            match Attribute::parse(name) {
                Err(rule) => self.at(field, rule),
                Ok(Some(Attribute::Is(..) | Attribute::EntryIs(..))) => {}
                Ok(_) => {
                    let fields = Field::ALL.map(Field::name).join("=…, ");
                    self.at(field, format!("{name:?} is none of {fields}=…, attribute:KEY=VALUE"));
                }
            }
        }
        among
    }
}

/// Past cut-offs with a known outcome, oldest first, half a horizon apart: the latest, `until` less one horizon, and the one before it are
/// what a model learns from; the two that are older teach the model that is tested on the latest. Still older ones teach how customers
/// were when the company was younger. One that has less than a horizon of records before it would know customers too little to teach
/// anything, and is left out.
pub fn cutoffs(
    definition: &Definition,
    until: Timestamp,
    first_record: Timestamp,
) -> Vec<Timestamp> {
    let half = definition.horizon_days * DAY / 2;
    (2..=5)
        .rev()
        .map(|halves| until.plus(-halves * half))
        .filter(|cutoff| cutoff.micros() - first_record.micros() >= 2 * half)
        .collect()
}
