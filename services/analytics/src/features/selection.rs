//! Which features a model is made of, and with what factors on their weights.

use super::{Attribute, Block, Feature, REGISTRY};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Features by what they look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureSet {
    /// What customers spend, how often and how recently.
    Value,
    /// What customers do, and where.
    Behaviour,
    /// What customers go through.
    Experience,
    /// All of the registry.
    #[default]
    Full,
}

impl FeatureSet {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Value, Self::Behaviour, Self::Experience, Self::Full];

    /// Whether the features of a block belong to it. Attributes belong to none.
    pub fn contains(self, block: Block) -> bool {
        use Block::{Activity, Attributes, Channel, Friction, Stage, Time, Value, Voice};
        match self {
            Self::Value => matches!(block, Value | Activity | Time),
            Self::Behaviour => matches!(block, Activity | Time | Channel | Stage),
            Self::Experience => matches!(block, Voice | Friction | Channel | Stage),
            Self::Full => block != Attributes,
        }
    }
}

/// The features of a model to be: all of the registry, so that personas can be described by them, and after
/// them the attributes that were asked for.
#[derive(Debug, Clone)]
pub struct Selection {
    features: Vec<Feature>,
    factors: Vec<f64>,
    named: bool,
}

impl Selection {
    /// Most features that may be named: as many as the distance kernel has room for.
    pub const MAX_NAMED: usize = 64;

    /// The features of `set`, or where there are `names` those; `weights` are factors by name of a feature or
    /// block, 0 leaves out. Names that are none are passed over: who asks has checked them.
    pub fn new(names: &[String], set: FeatureSet, weights: &BTreeMap<String, f64>) -> Self {
        let attribute =
            |name: &String| Attribute::parse(name).ok().flatten().map(Feature::Attribute);
        let registered = REGISTRY.iter().map(Feature::Registered);
        let features: Vec<Feature> = registered.chain(names.iter().filter_map(attribute)).collect();
        let named = !names.is_empty();
        let factor = |feature: &Feature| {
            let name = feature.name();
            let asked = if named { names.contains(&name) } else { set.contains(feature.block()) };
            let weight = |name: &str| weights.get(name).copied().unwrap_or(1.0);
            if asked { weight(&name) * weight(feature.block().name()) } else { 0.0 }
        };
        let factors = features.iter().map(factor).collect();
        Self { features, factors, named }
    }

    /// The features, those of the registry first.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The factor on the weight of a feature; 0 where it is not asked for.
    pub fn factor(&self, place: usize) -> f64 {
        self.factors[place]
    }

    /// Whether the caller named the features, and wants them even where two say the same.
    pub fn named(&self) -> bool {
        self.named
    }
}

/// Whether a factor may be given for this name: that of a feature, or block with a feature, that is looked at.
///
/// # Errors
/// The rule that it breaks.
pub fn check_weight(name: &str, names: &[String], set: FeatureSet) -> Result<(), String> {
    let looked_at = |block: Block| match names {
        [] => set.contains(block),
        names => names.iter().filter_map(|n| Feature::parse(n).ok()).any(|f| f.block() == block),
    };
    if let Some(block) = Block::ALL.into_iter().find(|block| block.name() == name) {
        let rule = "is the factor of a block of which no feature is looked at";
        return looked_at(block).then_some(()).ok_or_else(|| rule.to_owned());
    }
    match Feature::parse(name) {
        Ok(Feature::Attribute(_)) if !names.iter().any(|named| named == name) => {
            Err("attributes enter only where `features` names them".to_owned())
        }
        Ok(_) if !names.is_empty() && !names.iter().any(|named| named == name) => {
            Err("is the factor of a feature that `features` does not name".to_owned())
        }
        Ok(feature) if names.is_empty() && !set.contains(feature.block()) => {
            Err("is the factor of a feature that is not in the feature set".to_owned())
        }
        Ok(_) => Ok(()),
        Err(_) => {
            let blocks = Block::ALL.map(Block::name).join(", ");
            Err(format!("there is no feature or block {name:?}; the blocks are {blocks}"))
        }
    }
}
