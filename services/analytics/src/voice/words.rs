//! Words: cut by the rules of Unicode, folded so that case and accents make no difference, and stemmed.

use super::language::stemmer_of;
use rust_stemmers::Stemmer;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// As it is written, in lower case.
    pub surface: String,
    /// Its stem in the language of the text, folded.
    pub stem: String,
    /// It says little by itself, such as "the".
    pub filler: bool,
    /// It turns what follows around, such as "not".
    pub negates: bool,
    /// Nothing but space lies between it and the word before.
    pub follows: bool,
}

/// Words that turn what follows around: "not received" is another matter than "received".
const NEGATIONS: [(&str, &[&str]); 8] = [
    ("en", &["not", "no", "never", "without", "cannot"]),
    ("pt", &["nao", "nem", "nunca", "sem"]),
    ("es", &["no", "nunca", "sin", "ni"]),
    ("fr", &["pas", "jamais", "sans"]),
    ("de", &["nicht", "kein", "keine", "keinen", "nie", "ohne"]),
    ("it", &["non", "senza", "mai"]),
    ("nl", &["niet", "geen", "nooit", "zonder"]),
    ("sv", &["inte", "ingen", "aldrig", "utan"]),
];

/// Words that say little by themselves and that the library's lists leave out.
const FILLERS: [(&str, &[&str]); 2] = [
    (
        "en",
        &[
            "also", "could", "even", "ever", "get", "gets", "getting", "got", "let", "lot", "may",
            "might", "much", "must", "one", "quite", "really", "still", "thing", "things", "us",
            "way", "would", "yet",
        ],
    ),
    (
        "pt",
        &[
            "agora", "ainda", "assim", "cada", "entao", "fazer", "mesma", "mesmas", "mesmos",
            "onde", "outra", "outras", "outro", "outros", "pois", "porem", "porque", "ter", "tudo",
            "vai", "vez", "vezes", "vou",
        ],
    ),
];

/// What a language knows of its words.
pub(super) struct Vocabulary {
    stemmer: Option<Stemmer>,
    fillers: HashSet<String>,
    negations: &'static [&'static str],
}

/// What stands under a language.
fn of(lists: &[(&str, &'static [&'static str])], code: &str) -> &'static [&'static str] {
    lists.iter().find(|(known, _)| *known == code).map(|(_, words)| *words).unwrap_or_default()
}

impl Vocabulary {
    fn new(code: &str) -> Self {
        let fillers = stop_words::lookup(code).unwrap_or_default();
        let more = of(&FILLERS, code).iter().map(|word| (*word).to_owned());
        Self {
            stemmer: stemmer_of(code).map(Stemmer::create),
            fillers: fillers.iter().map(|word| fold(word)).chain(more).collect(),
            negations: of(&NEGATIONS, code),
        }
    }

    /// The vocabulary of a language that is told.
    pub fn of(code: &str) -> Option<&'static Self> {
        static ALL: LazyLock<HashMap<&'static str, Vocabulary>> = LazyLock::new(|| {
            super::supported().map(|code| (code, Vocabulary::new(code))).collect()
        });
        ALL.get(code)
    }

    /// Whether a folded word says little by itself.
    pub fn is_filler(&self, folded: &str) -> bool {
        self.fillers.contains(folded)
    }

    /// The words of a text in their order. Numbers and punctuation are none; they part what stands around them.
    pub fn words(&self, text: &str) -> Vec<Word> {
        let (mut words, mut follows) = (Vec::new(), false);
        for piece in text.split_word_bounds() {
            if piece.chars().any(char::is_alphabetic) {
                words.push(self.word(piece, follows));
                follows = true;
            } else if !piece.chars().all(char::is_whitespace) {
                follows = false;
            }
        }
        words
    }

    fn word(&self, piece: &str, follows: bool) -> Word {
        let surface = piece.to_lowercase().replace('’', "'");
        let folded = fold(&surface);
        let negates = self.negations.contains(&folded.as_str()) || folded.ends_with("n't");
        let stem = match &self.stemmer {
            Some(stemmer) if !negates => fold(&stemmer.stem(&surface)),
            _ => folded.replace('\'', ""),
        };
        Word { filler: self.fillers.contains(&folded), stem, surface, negates, follows }
    }
}

/// Lower case without accents.
pub(super) fn fold(text: &str) -> String {
    // Marks of Latin, Greek and Cyrillic letters only: vowels of other scripts are marks as well.
    let bare = text.nfkd().filter(|c| !matches!(c, '\u{300}'..='\u{36f}'));
    bare.nfc().collect::<String>().to_lowercase()
}

/// Whether a text holds each of these words, whatever their case and accents.
pub fn holds(text: &str, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let folded = fold(text);
    let there: HashSet<&str> = folded.unicode_words().collect();
    words.iter().all(|word| there.contains(fold(word).as_str()))
}
