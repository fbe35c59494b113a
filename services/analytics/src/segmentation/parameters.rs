//! What may be asked of a segmentation, and the rules that it keeps.

use crate::{
    Timestamp,
    features::{self, Feature, FeatureSet, Selection},
    interaction::Currency,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, ops::Deref};

/// What to fit, as asked. [`Parameters::check`] makes it usable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// Only interactions before this instant count.
    pub as_of: Timestamp,
    /// Seed of everything random.
    pub seed: u64,
    /// Number of personas; none chooses it.
    pub k: Option<i64>,
    /// Least number when choosing.
    pub min_k: i64,
    /// Greatest number when choosing.
    pub max_k: i64,
    /// Independent starts of k-means.
    pub restarts: i64,
    /// Currency of value; none for the one with most orders.
    pub currency: Option<Currency>,
    /// Features by name, attributes among them; empty for those of `feature_set` that say something of their own.
    pub features: Vec<String>,
    /// How fine the choice of k is, in (0, 1].
    pub granularity: f64,
    /// Features to use, where none are named.
    #[serde(default)]
    pub feature_set: FeatureSet,
    /// Factors on the weights, by name of a feature or block, in `[0, 10]`; 0 leaves out.
    #[serde(default)]
    pub feature_weights: BTreeMap<String, f64>,
}

impl Parameters {
    /// Most personas.
    pub const MAX_K: i64 = 50;
    /// Most restarts.
    pub const MAX_RESTARTS: i64 = 100;
    /// Greatest factor on a weight.
    pub const MAX_WEIGHT: f64 = 10.0;

    /// The defaults, at an instant.
    pub fn at(as_of: Timestamp) -> Self {
        Self {
            as_of,
            seed: 0,
            k: None,
            min_k: 3,
            max_k: 10,
            restarts: 10,
            currency: None,
            features: Vec::new(),
            granularity: 0.95,
            feature_set: FeatureSet::default(),
            feature_weights: BTreeMap::new(),
        }
    }

    /// Whether both look at the same features in the same way and want their choice of k as fine.
    pub fn same_question(&self, other: &Self) -> bool {
        self.granularity == other.granularity
            && self.features == other.features
            && self.feature_set == other.feature_set
            && self.feature_weights == other.feature_weights
    }

    /// Checks every rule.
    ///
    /// # Errors
    /// All the problems, not only the first.
    pub fn check(self) -> Result<Checked, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut within = |field: &str, value: i64, least: i64, greatest: i64| {
            if !(least..=greatest).contains(&value) {
                problems.push(Problem {
                    field: field.to_owned(),
                    rule: format!("{value} is not in {least}..={greatest}"),
                });
            }
        };
        if let Some(k) = self.k {
            within("k", k, 2, Self::MAX_K);
        }
        within("min_k", self.min_k, 2, Self::MAX_K);
        within("max_k", self.max_k, self.min_k.clamp(2, Self::MAX_K), Self::MAX_K);
        within("restarts", self.restarts, 1, Self::MAX_RESTARTS);
        if !(self.granularity > 0.0 && self.granularity <= 1.0) {
            let rule = format!("{} is not in (0, 1]", self.granularity);
            problems.push(Problem { field: "granularity".to_owned(), rule });
        }
        self.check_features(&mut problems);
        if problems.is_empty() {
            let restarts = usize::try_from(self.restarts).unwrap_or(1);
            Ok(Checked { parameters: self, restarts })
        } else {
            Err(problems)
        }
    }

    fn check_features(&self, problems: &mut Vec<Problem>) {
        let mut tell = |field: String, rule: String| problems.push(Problem { field, rule });
        if self.features.len() > Selection::MAX_NAMED {
            let most = Selection::MAX_NAMED;
            tell("features".to_owned(), format!("{} are more than {most}", self.features.len()));
        }
        for (place, name) in self.features.iter().enumerate() {
            let field = format!("features[{place}]");
            if let Err(rule) = Feature::parse(name) {
                tell(field, rule);
            } else if self.features[..place].contains(name) {
                tell(field, format!("{name:?} is there twice"));
            }
        }
        if !self.features.is_empty() && self.feature_set != FeatureSet::default() {
            let rule = "cannot stand beside names in `features`".to_owned();
            tell("feature_set".to_owned(), rule);
        }
        for (name, weight) in &self.feature_weights {
            let field = format!("feature_weights[{name:?}]");
            if let Err(rule) = features::check_weight(name, &self.features, self.feature_set) {
                tell(field, rule);
            } else if !(0.0..=Self::MAX_WEIGHT).contains(weight) {
                tell(field, format!("{weight} is not in [0, {}]", Self::MAX_WEIGHT));
            }
        }
    }
}

/// A rule that a field breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The field, as it is called in the API.
    pub field: String,
    /// The rule in words.
    pub rule: String,
}

/// Parameters of which every rule holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    parameters: Parameters,
    pub(super) restarts: usize,
}

impl Checked {
    /// Fills in the currency that was found where none was asked for.
    #[must_use]
    pub fn with_currency(mut self, found: Option<Currency>) -> Self {
        self.parameters.currency = self.parameters.currency.or(found);
        self
    }

    /// The features of the model to be.
    pub(super) fn selection(&self) -> Selection {
        Selection::new(&self.features, self.feature_set, &self.feature_weights)
    }

    /// The fewest personas that would do.
    pub(super) fn least_k(&self) -> usize {
        self.k.unwrap_or(self.min_k) as usize
    }

    /// The most personas that may come out.
    pub(super) fn greatest_k(&self) -> usize {
        self.k.unwrap_or(self.max_k) as usize
    }
}

impl Deref for Checked {
    type Target = Parameters;
    fn deref(&self) -> &Parameters {
        &self.parameters
    }
}
