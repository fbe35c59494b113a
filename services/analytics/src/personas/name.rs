//! Names and descriptions from profiles, by rule: equal profiles give equal words, and no two personas of a
//! segmentation share a name.

use super::{
    Persona, PersonaFeature,
    distinct::notable,
    words::{Slot, Topic, Word, word},
};

/// Words of a name to begin with; more only where two would share it.
const WORDS: usize = 3;

/// A name for each profile, in their order.
pub(super) fn names(profiles: &[Vec<PersonaFeature>]) -> Vec<String> {
    let words: Vec<Vec<Word<'_>>> =
        profiles.iter().map(|profile| distinguishing(profile)).collect();
    let most = words.iter().map(Vec::len).max().unwrap_or(0);
    let mut counts = vec![WORDS; words.len()];
    let mut names: Vec<String> = words.iter().map(|words| compose(words, WORDS)).collect();
    // Whoever shares a name gets one word more, until nobody does or the words run out.
    for _ in WORDS..most {
        let shared: Vec<usize> = (0..names.len())
            .filter(|&i| names.iter().filter(|&n| *n == names[i]).count() > 1)
            .collect();
        for i in shared {
            counts[i] += 1;
            names[i] = compose(&words[i], counts[i]);
        }
    }
    for i in 1..names.len() {
        let stem = names[i].clone();
        let mut number = 2;
        while names[..i].contains(&names[i]) {
            names[i] = format!("{stem} ({number})");
            number += 1;
        }
    }
    names
}

/// Features worth a word, the strongest first, those of one topic once.
fn distinguishing(profile: &[PersonaFeature]) -> Vec<Word<'_>> {
    let mut topics: Vec<Topic<'_>> = Vec::new();
    let mut found: Vec<Word<'_>> = Vec::new();
    for feature in notable(profile) {
        if let Some(word) = word(feature).filter(|word| !topics.contains(&word.topic)) {
            topics.push(word.topic.clone());
            found.push(word);
        }
    }
    // Who bought once has spent little: the plainer noun says both.
    if found.iter().any(|word| word.slot == Slot::Noun && word.topic == Topic::Frequency) {
        found.retain(|word| word.topic != Topic::Spend);
    }
    found
}

/// "Lapsed one-time buyers, many returns": adjectives, a noun, and after commas the rest; "Customers with many
/// complaints, long waits" where there is nothing before the commas.
fn compose(words: &[Word<'_>], count: usize) -> String {
    let words = &words[..count.min(words.len())];
    let texts = |slot| words.iter().filter(move |word| word.slot == slot).map(|word| &*word.text);
    let mut nouns = texts(Slot::Noun);
    let mut front: Vec<&str> = texts(Slot::Adjective).collect();
    front.push(nouns.next().unwrap_or(if words.is_empty() {
        "average customers"
    } else {
        "customers"
    }));
    let mut name = front.join(" ");
    for tail in nouns.chain(texts(Slot::Tail)) {
        let states = ["likely", "unlikely", "busy"].iter().any(|state| tail.starts_with(state));
        name.push_str(match name.as_str() {
            "customers" if states => " ",
            "customers" => " with ",
            _ => ", ",
        });
        name.push_str(tail);
    }
    capitalised(&name)
}

fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// A sentence with the figures that set the persona apart.
pub(super) fn description(persona: &Persona) -> String {
    let share = persona.share * 100.0;
    let who = format!("{} customers, {share:.1} % of all", persona.customers);
    let figures: Vec<&str> = persona.distinctions.iter().map(|d| d.text.as_str()).collect();
    if figures.is_empty() {
        format!("{who}, near the average in everything that was measured.")
    } else {
        format!("{who}. Typical: {}.", figures.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personas::tests::feature;

    #[test]
    fn names_say_what_distinguishes() {
        let name = |profile: Vec<PersonaFeature>| names(&[profile]).remove(0);
        assert_eq!(
            name(vec![feature("orders", 1.4, 9.0), feature("order_value", 1.2, 9.0)]),
            "Frequent high spenders"
        );
        assert_eq!(
            name(vec![feature("orders", -0.9, 1.0), feature("days_since_order", 1.2, 9.0)]),
            "Lapsed one-time buyers"
        );
        assert_eq!(
            name(vec![feature("phone_share", 2.0, 0.9), feature("queue_wait", 1.0, 9.0)]),
            "Phone-heavy customers, long waits"
        );
        assert_eq!(
            name(vec![feature("complaints", 2.0, 2.0), feature("nps", -1.0, 0.1)]),
            "Customers with many complaints, unlikely to recommend"
        );
        assert_eq!(name(vec![feature("nps", 1.0, 0.9)]), "Customers likely to recommend");
        assert_eq!(name(vec![feature("orders", 0.4, 2.0)]), "Average customers");
        assert_eq!(
            name(vec![feature("gender=FEMALE", 1.9, 1.0), feature("age", -1.0, 25.0)]),
            "Younger customers, gender FEMALE"
        );
        assert_eq!(
            name(vec![feature("attribute:newsletter=weekly", -1.9, 0.0)]),
            "Average customers"
        );
    }

    #[test]
    fn no_two_names_are_equal() {
        let same = || {
            vec![
                feature("orders", 1.4, 9.0),
                feature("order_value", 1.2, 9.0),
                feature("tenure", 0.9, 9.0),
            ]
        };
        let mut other = same();
        other.push(feature("queue_wait", 0.6, 3.0));
        let names = names(&[same(), other, same()]);
        assert_eq!(names[0], "Frequent long-standing high spenders");
        assert_eq!(names[1], "Frequent long-standing high spenders, long waits");
        assert_eq!(names[2], "Frequent long-standing high spenders (2)");
    }
}
