//! In which language a text is: whatlang's trigrams, and for short texts only among the languages that a company's texts are
//! mostly in.

use super::words::{Vocabulary, fold};
use rust_stemmers::Algorithm;
use unicode_segmentation::UnicodeSegmentation;
use whatlang::{Detector, Info, Lang};

/// Languages with their ISO 639-1 code and, where there is one, their Snowball stemmer.
const LANGUAGES: [(Lang, &str, Option<Algorithm>); 45] = [
    (Lang::Eng, "en", Some(Algorithm::English)),
    (Lang::Por, "pt", Some(Algorithm::Portuguese)),
    (Lang::Spa, "es", Some(Algorithm::Spanish)),
    (Lang::Fra, "fr", Some(Algorithm::French)),
    (Lang::Deu, "de", Some(Algorithm::German)),
    (Lang::Ita, "it", Some(Algorithm::Italian)),
    (Lang::Nld, "nl", Some(Algorithm::Dutch)),
    (Lang::Dan, "da", Some(Algorithm::Danish)),
    (Lang::Swe, "sv", Some(Algorithm::Swedish)),
    (Lang::Nob, "no", Some(Algorithm::Norwegian)),
    (Lang::Fin, "fi", Some(Algorithm::Finnish)),
    (Lang::Ron, "ro", Some(Algorithm::Romanian)),
    (Lang::Hun, "hu", Some(Algorithm::Hungarian)),
    (Lang::Rus, "ru", Some(Algorithm::Russian)),
    (Lang::Tur, "tr", Some(Algorithm::Turkish)),
    (Lang::Ell, "el", Some(Algorithm::Greek)),
    (Lang::Ara, "ar", Some(Algorithm::Arabic)),
    (Lang::Tam, "ta", Some(Algorithm::Tamil)),
    (Lang::Cmn, "zh", None),
    (Lang::Jpn, "ja", None),
    (Lang::Kor, "ko", None),
    (Lang::Pol, "pl", None),
    (Lang::Ces, "cs", None),
    (Lang::Slk, "sk", None),
    (Lang::Slv, "sl", None),
    (Lang::Ukr, "uk", None),
    (Lang::Bul, "bg", None),
    (Lang::Hrv, "hr", None),
    (Lang::Srp, "sr", None),
    (Lang::Est, "et", None),
    (Lang::Lav, "lv", None),
    (Lang::Lit, "lt", None),
    (Lang::Cat, "ca", None),
    (Lang::Heb, "he", None),
    (Lang::Pes, "fa", None),
    (Lang::Urd, "ur", None),
    (Lang::Hin, "hi", None),
    (Lang::Ben, "bn", None),
    (Lang::Tha, "th", None),
    (Lang::Vie, "vi", None),
    (Lang::Ind, "id", None),
    (Lang::Tgl, "tl", None),
    (Lang::Afr, "af", None),
    (Lang::Kat, "ka", None),
    (Lang::Hye, "hy", None),
];

/// The codes of the languages that are told.
pub fn supported() -> impl Iterator<Item = &'static str> {
    LANGUAGES.into_iter().map(|(_, code, _)| code)
}

/// The same code, where it is one of a language that is told.
pub fn code_known(code: &str) -> Option<&'static str> {
    supported().find(|known| *known == code)
}

/// The stemmer of a language.
pub(super) fn stemmer_of(code: &str) -> Option<Algorithm> {
    LANGUAGES.into_iter().find(|(_, known, _)| *known == code).and_then(|(.., stemmer)| stemmer)
}

/// Words of a language that say little which a short text must have, and no other language more of.
const TELLING: usize = 2;

/// The language of a text, where that is certain; else the likeliest of `usual`, where there are any.
pub(super) fn detect(text: &str, usual: &[&'static str]) -> Option<&'static str> {
    let found = among(text, |_| true)?;
    if found.is_reliable() {
        return code(found.lang());
    }
    let likely = among(text, |code| usual.contains(&code)).and_then(|found| code(found.lang()));
    by_fillers(text, likely.or_else(|| code(found.lang()))).or(likely)
}

fn among(text: &str, may_be: impl Fn(&'static str) -> bool) -> Option<Info> {
    let list = LANGUAGES.iter().filter(|(_, code, _)| may_be(code)).map(|(lang, ..)| *lang);
    Detector::with_allowlist(list.collect()).detect(text)
}

/// The language that was guessed, where a text has its fillers and no other language's more than twice as often; else the one of
/// whose fillers it has most.
fn by_fillers(text: &str, guess: Option<&'static str>) -> Option<&'static str> {
    let words: Vec<String> = text.unicode_words().map(fold).collect();
    let hits = |code| {
        let language = Vocabulary::of(code);
        words.iter().filter(|word| language.is_some_and(|l| l.is_filler(word))).count()
    };
    let hits: Vec<(usize, &'static str)> = supported().map(|code| (hits(code), code)).collect();
    let most = hits.iter().map(|(hits, _)| *hits).max().filter(|most| *most >= TELLING)?;
    let of_guess = hits.iter().find(|(_, code)| Some(*code) == guess).map_or(0, |(hits, _)| *hits);
    if of_guess >= TELLING && 2 * of_guess >= most {
        return guess;
    }
    let mut best = hits.iter().filter(|(hits, _)| *hits == most).map(|(_, code)| *code);
    best.next().filter(|_| best.next().is_none())
}

fn code(lang: Lang) -> Option<&'static str> {
    LANGUAGES.into_iter().find(|(known, ..)| *known == lang).map(|(_, code, _)| code)
}
