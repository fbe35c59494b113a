//! Themes: the terms that several customers use, and what they mean: how common, how they change, how they go with the score.
//!
//! A theme's id is its language and stems, so that it is the same in every range, without a model that would be trained anew.

use super::contrast::{Answers, Contrast, Moments, control, means, nps, shares};
use super::language_of;
use super::terms::{parts, stands_alone};
use crate::metrics::intervals::{Ends, wilson};
use std::collections::{HashMap, HashSet};

/// Grid of scores: so many steps from the worst answer of a scale to the best one.
pub const SCORE_STEPS: i64 = 10_000;
/// A pair of words belongs together from this log-likelihood ratio on: one in a thousand by chance (χ², one degree of freedom).
const TOGETHER: f64 = 10.83;
/// A word is no theme of its own where a pair has so much of its texts.
const ABSORBED: f64 = 0.7;

/// What is counted of texts. Integers, so that the order of the texts does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Texts.
    pub texts: i64,
    /// Customers who wrote them.
    pub customers: i64,
    /// Sentiment in hundredths, of texts that have one.
    pub sentiment: Moments,
    /// Scores given with the text, in steps of [`SCORE_STEPS`] from worst to best.
    pub score: Moments,
    /// Answers to relational and to transactional NPS given with the text.
    pub nps: [Answers; 2],
}

/// Counts of a term, or of a whole language, in the range and in the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The term's id; of a language, its code.
    pub name: String,
    /// In the range.
    pub now: Tally,
    /// Texts in the preceding range of equal length.
    pub before: i64,
}

/// What to list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    /// Customers who must have said it.
    pub min_customers: i64,
    /// Confidence of intervals.
    pub confidence: f64,
    /// What comes first.
    pub order: Order,
}

/// What comes first; equal ones by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The commonest.
    Texts,
    /// What grew most certainly since the range before.
    Rising,
    /// What goes with the lowest scores, weighted by how common it is.
    Harmful,
}

/// A theme.
#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    /// Its id.
    pub id: String,
    /// What was counted.
    pub now: Tally,
    /// All texts in its language.
    pub of: i64,
    /// Its share of them, and the interval.
    pub share: (f64, Ends),
    /// Its texts in the preceding range of equal length, and all in its language.
    pub before: (i64, i64),
    /// Share now against before.
    pub change: Option<Contrast>,
    /// Mean score of texts with the theme against those without, from 0 (worst) to 1 (best).
    pub score: Option<Contrast>,
    /// Relational and transactional NPS of texts with the theme against those without.
    pub nps: [Option<Contrast>; 2],
    /// By this it is ordered, falling.
    pub rank: f64,
}

impl Theme {
    /// Whether it comes after one of this rank and id.
    pub fn comes_after(&self, rank: f64, id: &str) -> bool {
        rank.total_cmp(&self.rank).then_with(|| self.id.as_str().cmp(id)).is_gt()
    }
}

/// The themes among terms, in order. `totals` are of the languages.
pub fn themes(counted: &[Counted], totals: &[Counted], asked: &Asked) -> Vec<Theme> {
    let kept = kept(counted, totals, asked.min_customers);
    let totals: HashMap<&str, &Counted> = totals.iter().map(|t| (t.name.as_str(), t)).collect();
    let mut themes: Vec<Theme> = (counted.iter())
        .filter(|term| kept.contains(term.name.as_str()))
        .filter_map(|term| Some(theme(term, totals.get(language_of(&term.name)?)?, asked)))
        .collect();
    control(themes.iter_mut().filter_map(|theme| theme.change.as_mut()));
    control(themes.iter_mut().filter_map(|theme| theme.score.as_mut()));
    for kind in 0..2 {
        control(themes.iter_mut().filter_map(|theme| theme.nps[kind].as_mut()));
    }
    themes.sort_by(|a, b| b.rank.total_cmp(&a.rank).then_with(|| a.id.cmp(&b.id)));
    themes
}

fn theme(term: &Counted, total: &Counted, asked: &Asked) -> Theme {
    let (now, all, confidence) = (term.now, total.now, asked.confidence);
    let p = now.texts as f64 / all.texts as f64;
    let before = (term.before, total.before);
    let change = shares((now.texts, all.texts), before, confidence);
    let steps = SCORE_STEPS as f64;
    let score = means(now.score, all.score.without(now.score), steps, confidence);
    let rank = match asked.order {
        Order::Texts => now.texts as f64,
        Order::Rising => change.map_or(f64::NEG_INFINITY, |c| c.z),
        Order::Harmful => score.map_or(f64::NEG_INFINITY, |c| -c.difference * p),
    };
    Theme {
        id: term.name.clone(),
        now,
        of: all.texts,
        share: (p, wilson(p, all.texts as f64, confidence)),
        before,
        change,
        score,
        nps: [0, 1]
            .map(|kind| nps(now.nps[kind], all.nps[kind].without(now.nps[kind]), confidence)),
        rank,
    }
}

/// The ids of terms that are themes: said by enough customers; pairs that belong together; words that are more than one pair.
fn kept<'a>(counted: &'a [Counted], totals: &[Counted], min_customers: i64) -> HashSet<&'a str> {
    let texts: HashMap<&str, i64> =
        counted.iter().chain(totals).map(|term| (term.name.as_str(), term.now.texts)).collect();
    let mut words: HashMap<&str, i64> = HashMap::new();
    for term in counted.iter().filter(|term| parts(&term.name).is_none()) {
        *words.entry(language_of(&term.name).unwrap_or_default()).or_default() += term.now.texts;
    }
    let often =
        counted.iter().filter(|term| term.now.customers >= min_customers && term.now.texts > 0);
    let (mut kept, mut absorbed) = (HashSet::new(), HashSet::new());
    for pair in often.clone() {
        let Some(parts) = parts(&pair.name) else { continue };
        let language = language_of(&pair.name).unwrap_or_default();
        let of = |name: &str| texts.get(name).copied().unwrap_or_default() as f64;
        let [first, second] = [of(&parts[0]), of(&parts[1])];
        // Words of a text in any order: one follows another as often as there are places for it.
        let length =
            (words.get(language).copied().unwrap_or_default() as f64 / of(language)).max(1.0);
        let (seen, expected) = (pair.now.texts as f64, first * second / of(language) / length);
        let chance = seen <= expected
            || 2.0 * (seen * (seen / expected).ln() - (seen - expected)) < TOGETHER;
        let full = |name: &&String| seen >= ABSORBED * of(name);
        // Where nearly all say the same, it cannot stand out against the rest.
        if chance && !parts.iter().all(|name| full(&name)) {
            continue;
        }
        kept.insert(pair.name.as_str());
        absorbed.extend(parts.iter().filter(full).cloned());
    }
    let alone = |term: &&Counted| {
        parts(&term.name).is_none() && stands_alone(&term.name) && !absorbed.contains(&term.name)
    };
    kept.extend(often.filter(alone).map(|term| term.name.as_str()));
    kept
}

/// How common a theme is with a persona.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonaShare {
    /// The persona's place in its segmentation; none for customers without one.
    pub persona: Option<i16>,
    /// The persona's texts with the theme.
    pub texts: i64,
    /// All its texts in the theme's language.
    pub of: i64,
    /// Against everybody else's.
    pub contrast: Contrast,
}

/// How common themes are with each persona, against everybody else. `texts` and `of`: by theme, texts by persona, those with the
/// theme and all in its language. False discovery is controlled over all of them.
pub fn personas(
    themes: &[Vec<(Option<i16>, i64, i64)>],
    confidence: f64,
) -> Vec<Vec<PersonaShare>> {
    let mut found: Vec<Vec<PersonaShare>> = (themes.iter())
        .map(|parts| {
            let (hits, all) = parts.iter().fold((0, 0), |(h, a), (_, hits, of)| (h + hits, a + of));
            let share = |(persona, texts, of): &(Option<i16>, i64, i64)| {
                let contrast = shares((*texts, *of), (hits - texts, all - of), confidence)?;
                Some(PersonaShare { persona: *persona, texts: *texts, of: *of, contrast })
            };
            parts.iter().filter_map(share).collect()
        })
        .collect();
    control(found.iter_mut().flatten().map(|share| &mut share.contrast));
    found
}
