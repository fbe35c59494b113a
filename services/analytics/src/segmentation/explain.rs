//! Why a customer is in a persona and not in the next best: what every feature has to say, in figures that add up and
//! in words. It knows coordinates and centres only, no model and no customer.

use crate::{interaction::Currency, personas::figure::figure};
use std::cmp::Ordering;

/// Features in the text of the whole that speak for the persona.
const FOR: usize = 3;
/// Features in the text of the whole that speak against it.
const AGAINST: usize = 1;
/// What says less than this share of what is said in all is not worth a word in the text of the whole.
const NOTABLE_SHARE: f64 = 0.05;

/// A persona as the customer sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its centre, over the used features.
    pub centre: &'a [f64],
}

/// A used feature: what it is, and what customer and personas have of it, in its unit.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureFacts<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its unit in words.
    pub unit: &'a str,
    /// The customer's value; none where it is missing.
    pub value: Option<f64>,
    /// Median of the persona's members who have it.
    pub persona_median: Option<f64>,
    /// Median of the runner-up's members who have it.
    pub runner_up_median: Option<f64>,
}

/// What one feature has to say about persona against runner-up.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    /// Its place among the used features.
    pub feature: usize,
    /// Squared distance to the runner-up less squared distance to the persona, in this feature: positive speaks for
    /// the persona.
    pub contribution: f64,
    /// The same in words.
    pub text: String,
}

/// Why a customer is in a persona.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Every used feature, what decides most first, ties in the order of the features. They add up to the squared
    /// distance to the runner-up less the squared distance to the persona.
    pub contributions: Vec<Contribution>,
    /// The whole in words.
    pub text: String,
}

/// Explains why the customer at `coordinates` is in `persona` rather than in `runner_up`. Coordinates, centres and
/// `features` have the same order: that of the used features of the model.
pub fn explain(
    coordinates: &[f32],
    persona: Place<'_>,
    runner_up: Place<'_>,
    features: &[FeatureFacts<'_>],
    currency: Option<Currency>,
) -> Explanation {
    let mut found: Vec<(Contribution, String)> = (features.iter().enumerate())
        .map(|(feature, facts)| {
            let at = |centre: &[f64]| centre.get(feature).copied().unwrap_or(0.0);
            let x = coordinates.get(feature).map_or(0.0, |&x| f64::from(x));
            let (own, other) = (at(persona.centre), at(runner_up.centre));
            // (x - other)² - (x - own)², without the difference of two large squares.
            let contribution = (own - other) * ((x - own) + (x - other));
            let fact = fact(facts, currency);
            let text = format!("{fact}, {}", verdict(contribution));
            (Contribution { feature, contribution, text }, fact)
        })
        .collect();
    found.sort_by(|(a, _), (b, _)| b.contribution.abs().total_cmp(&a.contribution.abs()));
    let confidence = confidence(coordinates, persona.centre, runner_up.centre);
    let head =
        format!("In {} rather than {}, confidence {confidence:.2}", persona.name, runner_up.name);
    let text = format!("{head}: {}.", decisive(&found));
    Explanation { contributions: found.into_iter().map(|(of, _)| of).collect(), text }
}

/// What decides, and what speaks most against it.
fn decisive(found: &[(Contribution, String)]) -> String {
    let all: f64 = found.iter().map(|(of, _)| of.contribution.abs()).sum();
    let told = |sign: f64, most: usize| {
        let worth = |of: &Contribution| of.contribution * sign > NOTABLE_SHARE * all;
        let facts: Vec<&str> = (found.iter().filter(|(of, _)| worth(of)).take(most))
            .map(|(_, fact)| fact.as_str())
            .collect();
        facts.join(", ")
    };
    match (told(1.0, FOR), told(-1.0, AGAINST)) {
        (pro, contra) if pro.is_empty() && contra.is_empty() => {
            "no feature tells the two apart".to_owned()
        }
        (pro, contra) if contra.is_empty() => pro,
        (pro, contra) if pro.is_empty() => format!("many small differences; against it {contra}"),
        (pro, contra) => format!("{pro}; against it {contra}"),
    }
}

fn verdict(contribution: f64) -> &'static str {
    match contribution.total_cmp(&0.0) {
        _ if contribution == 0.0 => "speaks for neither",
        Ordering::Less => "speaks for the runner-up",
        _ => "speaks for the persona",
    }
}

/// "order value 940.00 EUR (persona 1021.00 EUR, runner-up 75.00 EUR)".
fn fact(facts: &FeatureFacts<'_>, currency: Option<Currency>) -> String {
    let figure = |value: f64| figure(facts.unit, value, 0, currency);
    let own = match facts.value {
        Some(value) if facts.name.contains([':', '=']) => {
            format!("{} {}", facts.name, figure(value))
        }
        Some(value) => format!("{} {}", facts.name.replace('_', " "), figure(value)),
        None => format!("{}: counts as average", missing(facts.name)),
    };
    let median = |median: Option<f64>| median.map_or_else(|| "none".to_owned(), figure);
    match (facts.persona_median, facts.runner_up_median) {
        (None, None) => own,
        (persona, runner_up) => {
            format!("{own} (persona {}, runner-up {})", median(persona), median(runner_up))
        }
    }
}

/// What is missing, in words.
fn missing(name: &str) -> String {
    match name {
        "nps" => "no answer on recommending".to_owned(),
        "csat" => "no satisfaction answer".to_owned(),
        "ces" => "no effort answer".to_owned(),
        // Keys and values of attributes are the customers' words, and do not go into a sentence of ours.
        attribute if attribute.contains([':', '=']) => format!("{attribute} unknown"),
        _ => format!("no {}", name.replace('_', " ")),
    }
}

/// How much nearer the persona is than the runner-up, as [`super::Assignment::confidence`] has it.
fn confidence(coordinates: &[f32], persona: &[f64], runner_up: &[f64]) -> f64 {
    let distance = |centre: &[f64]| {
        let squares = coordinates.iter().zip(centre).map(|(&x, c)| (f64::from(x) - c).powi(2));
        squares.sum::<f64>().sqrt()
    };
    let (own, other) = (distance(persona), distance(runner_up));
    if other > 0.0 { ((other - own) / other).clamp(0.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kmeans::random::derive;

    fn facts<'a>(name: &'a str, unit: &'a str, values: [Option<f64>; 3]) -> FeatureFacts<'a> {
        let [value, persona_median, runner_up_median] = values;
        FeatureFacts { name, unit, value, persona_median, runner_up_median }
    }

    fn spender() -> Explanation {
        explain(
            &[1.0, 0.0, 0.5, 0.2, 0.0],
            Place { name: "Frequent high spenders", centre: &[1.2, 0.4, 0.1, 0.2, 0.01] },
            Place { name: "One-time buyers", centre: &[-0.9, -0.6, 0.3, 0.2, 0.0] },
            &[
                facts(
                    "order_value",
                    "EUR minor units",
                    [Some(94_000.0), Some(102_100.0), Some(7_500.0)],
                ),
                facts("csat", "score in [0, 1]", [None, Some(0.9), Some(0.55)]),
                facts("phone_share", "share", [Some(0.25), Some(0.05), Some(0.15)]),
                facts("tenure", "days", [Some(300.0), Some(300.0), Some(300.0)]),
                facts("attribute:tier", "", [None, None, None]),
            ],
            Currency::parse("EUR"),
        )
    }

    #[test]
    fn the_whole_is_said_in_words() {
        assert_eq!(
            spender().text,
            "In Frequent high spenders rather than One-time buyers, confidence 0.70: order value 940.00 EUR (persona \
             1021.00 EUR, runner-up 75.00 EUR), no satisfaction answer: counts as average (persona 0.90, runner-up \
             0.55)."
        );
    }

    #[test]
    fn what_decides_comes_first_and_says_for_whom() {
        let found = spender().contributions;
        let order: Vec<usize> = found.iter().map(|of| of.feature).collect();
        assert_eq!(order, [0, 1, 2, 4, 3]);
        assert!((found[0].contribution - (1.9f64.powi(2) - 0.04)).abs() < 1e-12);
        assert!((found[1].contribution - 0.2).abs() < 1e-12);
        assert_eq!(
            found[0].text,
            "order value 940.00 EUR (persona 1021.00 EUR, runner-up 75.00 EUR), speaks for the persona"
        );
        assert!(found[2].text.ends_with("speaks for the runner-up"), "{}", found[2].text);
        assert_eq!(
            found[3].text,
            "attribute:tier unknown: counts as average, speaks for the runner-up"
        );
        assert_eq!(
            found[4].text,
            "tenure 300 days (persona 300 days, runner-up 300 days), speaks for neither"
        );
    }

    #[test]
    fn what_speaks_against_it_is_said_too() {
        let of = |x: &[f32]| {
            let features = [
                facts("orders", "count", [Some(9.0), Some(8.0), Some(1.0)]),
                facts("days_since_order", "days", [None, Some(12.0), None]),
            ];
            let persona = Place { name: "A", centre: &[1.0, 1.0] };
            explain(x, persona, Place { name: "B", centre: &[-1.0, -1.0] }, &features, None).text
        };
        assert_eq!(
            of(&[1.0, -0.5]),
            "In A rather than B, confidence 0.27: orders 9 (persona 8, runner-up 1); against it no days since order: \
             counts as average (persona 12 days, runner-up none)."
        );
        assert_eq!(
            of(&[0.0, 0.0]),
            "In A rather than B, confidence 0.00: no feature tells the two apart."
        );
    }

    #[test]
    fn the_text_of_the_whole_is_short() {
        let names = ["a", "b", "c", "d", "e", "f"];
        let features: Vec<_> =
            names.iter().map(|name| facts(name, "count", [Some(1.0), None, None])).collect();
        let persona = Place { name: "A", centre: &[1.0; 6] };
        let runner_up = Place { name: "B", centre: &[3.0, 2.0, 2.5, 1.1, 1.0, 1.0] };
        let text =
            explain(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0], persona, runner_up, &features, None).text;
        assert!(text.ends_with(": a 1, c 1, b 1."), "{text}");
        let runner_up = Place { name: "B", centre: &[3.0, 3.5, 4.0, 4.5, 1.5, 1.6] };
        let text =
            explain(&[1.0, 1.0, 1.0, 1.0, 2.0, 2.0], persona, runner_up, &features, None).text;
        assert!(text.ends_with(": d 1, c 1, b 1."), "{text}");
        let runner_up = Place { name: "B", centre: &[3.0, 2.0, 1.0, 1.0, 2.0, 2.5] };
        let text =
            explain(&[1.0, 1.0, 1.0, 1.0, 2.0, 2.0], persona, runner_up, &features, None).text;
        assert!(text.ends_with(": a 1, b 1; against it e 1."), "{text}");
    }

    #[test]
    fn contributions_add_up_to_the_difference_of_the_squared_distances() {
        for seed in 0..500u64 {
            let width = 1 + seed as usize % 40;
            let draw = |purpose: &str, place: usize| {
                let unit = derive(seed, purpose, place as u64) as f64 / u64::MAX as f64;
                (unit - 0.5) * if seed % 5 == 0 { 1e4 } else { 6.0 }
            };
            let x: Vec<f32> = (0..width).map(|place| draw("x", place) as f32).collect();
            let persona: Vec<f64> = (0..width).map(|place| draw("persona", place)).collect();
            let runner_up: Vec<f64> = (0..width).map(|place| draw("runner-up", place)).collect();
            let features: Vec<_> =
                (0..width).map(|_| facts("orders", "count", [Some(1.0), None, None])).collect();
            let (a, b) =
                (Place { name: "a", centre: &persona }, Place { name: "b", centre: &runner_up });
            let found = explain(&x, a, b, &features, None);
            let centres = [persona.clone(), runner_up.clone()];
            let near = crate::kmeans::nearest(&x, &centres);
            let sign = if near.centre == 0 { 1.0 } else { -1.0 };
            let difference = sign * (near.runner_up_squared - near.squared);
            let sum: f64 = found.contributions.iter().map(|of| of.contribution).sum();
            assert!((sum - difference).abs() <= 1e-9 * difference.abs(), "{sum} {difference}");
            assert_eq!(found.contributions.len(), width);
            let sizes: Vec<f64> =
                found.contributions.iter().map(|of| of.contribution.abs()).collect();
            assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
        }
    }
}
