//! Terms: the words of a text and the pairs of words in it that may become themes.

use super::words::{Vocabulary, Word};
use std::collections::HashMap;

/// Terms of one text at most: the first ones.
const MOST_TERMS: usize = 200;
/// Longest stem, in bytes: longer "words" are addresses and the like.
const LONGEST: usize = 40;
/// Words that say little which may stand between the two of a pair, such as "of" and "the".
const BETWEEN: usize = 2;

/// A term of a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term {
    /// Language and stems, such as `en:deliveri` and `en:late+deliveri`: the same whoever writes, in whatever form of the words.
    pub id: String,
    /// As it is written in this text, in lower case.
    pub surface: String,
}

/// The language of a term's id.
pub fn language_of(id: &str) -> Option<&'static str> {
    super::code_known(id.split_once(':')?.0)
}

/// The two terms of which a term is the pair.
pub(super) fn parts(id: &str) -> Option<[String; 2]> {
    let (language, stems) = id.split_once(':')?;
    let (first, second) = stems.split_once('+')?;
    Some([format!("{language}:{first}"), format!("{language}:{second}")])
}

/// Whether a term can be a theme by itself: neither a word that only turns others around nor a single character.
pub(super) fn stands_alone(id: &str) -> bool {
    let stems = id.split_once(':').map_or(id, |(_, stems)| stems);
    !stems.ends_with(MARK) && stems.chars().count() > 1
}

/// Ends the ids of words that turn others around; no stem has it.
const MARK: char = '!';

/// The terms of a text in a language, each once, by id.
pub fn terms(text: &str, language: &str) -> Vec<Term> {
    let Some(vocabulary) = Vocabulary::of(language) else { return Vec::new() };
    let mut found: HashMap<String, String> = HashMap::new();
    let mut add = |stems: String, surface: &str| {
        if found.len() < MOST_TERMS {
            found.entry(format!("{language}:{stems}")).or_insert_with(|| surface.to_owned());
        }
    };
    let words = vocabulary.words(text);
    for (place, word) in words.iter().enumerate() {
        let Some(stem) = stem(word) else { continue };
        add(stem.clone(), &word.surface);
        let Some(before) = partner(&words[..=place]) else { continue };
        let surface: Vec<&str> =
            words[before..=place].iter().map(|word| word.surface.as_str()).collect();
        let joint = if is_ideograph(word) { "" } else { " " };
        if let Some(first) = self::stem(&words[before]).filter(|first| *first != stem) {
            add(format!("{first}+{stem}"), &surface.join(joint));
        }
    }
    let mut terms: Vec<Term> =
        found.into_iter().map(|(id, surface)| Term { id, surface }).collect();
    terms.sort_unstable();
    terms
}

/// What a word is called in an id; none for one that says little.
fn stem(word: &Word) -> Option<String> {
    // Numbers, addresses and what would not fit into an id.
    let bad = |c: char| c.is_numeric() || matches!(c, ':' | '+' | MARK | '.' | '_' | '@');
    let good = word.stem.len() <= LONGEST && !word.stem.chars().any(bad);
    match word {
        Word { negates: true, .. } => Some(format!("{}{MARK}", word.stem)),
        Word { filler: true, .. } => None,
        _ => (good && (word.stem.chars().count() > 1 || is_ideograph(word)))
            .then(|| word.stem.clone()),
    }
}

/// The place of the word with which the last one makes a pair.
fn partner(words: &[Word]) -> Option<usize> {
    let last = words.len().checked_sub(1)?;
    for back in 1..=(BETWEEN + 1) {
        if !words[last + 1 - back].follows {
            return None;
        }
        let before = last.checked_sub(back)?;
        if stem(&words[before]).is_some() {
            return (!words[last].negates).then_some(before);
        }
    }
    None
}

/// Scripts without spaces come as single characters, which only pairs make words of.
fn is_ideograph(word: &Word) -> bool {
    let mut chars = word.surface.chars();
    chars.next().is_some_and(|c| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}'))
        && chars.next().is_none()
}
