use super::contrast::{control, means, nps, shares};
use super::*;
use crate::interaction::Score;

fn ids(text: &str, language: &str) -> Vec<String> {
    terms(text, language).into_iter().map(|term| term.id).collect()
}

#[test]
fn terms_are_stems_and_pairs_within_a_clause() {
    let said = ids("The late deliveries, again: delivery was LATE!", "en");
    assert_eq!(said, ["en:deliveri", "en:deliveri+late", "en:late", "en:late+deliveri"]);
    let said = ids("Não recebi o produto.", "pt");
    assert_eq!(said, ["pt:nao!", "pt:nao!+receb", "pt:produt", "pt:receb", "pt:receb+produt"]);
    assert_eq!(ids("nao RECEBI o produto", "pt"), said, "whatever case and accents");
    assert_eq!(ids("in 30 of the 2", "en"), Vec::<String>::new());
    assert!(ids("配送很慢", "zh").contains(&"zh:配+送".to_owned()));
}

#[test]
fn every_script_is_read_without_a_panic() {
    let texts = [
        "",
        " ",
        "🙂🙂",
        "e\u{301}",
        "\u{feff}ﬁn",
        "配送很慢，不满意",
        "배송이 늦었어요",
        "โดยไม่มี",
        "ﷺ",
        "a+b:c!d",
        "़हिन्दी",
        "İı",
        "👩‍👩‍👧",
    ];
    let long = "não ".repeat(4_000);
    for text in texts.into_iter().chain([long.as_str()]) {
        let read = Analyser::default().annotate(text);
        assert!(
            read.terms.iter().all(|term| !term.id.is_empty() && term.id.len() <= 128),
            "{text}"
        );
        for code in supported() {
            assert!(terms(text, code).len() <= 200);
        }
    }
    assert!(
        terms(
            &(0..999u32)
                .map(|n| format!("w{} ", char::from_u32(0x3b1 + n % 24).unwrap_or('x')).repeat(2))
                .collect::<String>(),
            "en"
        )
        .len()
            <= 200
    );
}

#[test]
fn languages_are_told_or_left_open() {
    let told = |text: &str| Analyser::default().annotate(text).language;
    assert_eq!(told("The parcel did not arrive and nobody answers my calls."), Some("en"));
    assert_eq!(told("O produto não chegou no prazo e ninguém responde."), Some("pt"));
    assert_eq!(told("Das Paket ist nicht angekommen und niemand antwortet."), Some("de"));
    assert_eq!(told("商品还没有收到，客服也不回复"), Some("zh"));
    assert_eq!(told("🙂"), None);
    assert_eq!(told("ok"), None);
}

#[test]
fn english_sounds_as_its_lexicon_says_and_other_languages_stay_open_until_learned() {
    let sounds = |text: &str| Analyser::default().annotate(text).sentiment.map(|s| s.polarity);
    assert_eq!(sounds("I love this shop and the service is great."), Some(Polarity::Positive));
    assert_eq!(sounds("This is the worst service that I have ever had."), Some(Polarity::Negative));
    assert_eq!(sounds("The parcel was put at the door of the house."), Some(Polarity::Neutral));
    assert_eq!(sounds("O produto é muito ruim e não recomendo para ninguém."), None);
}

/// Portuguese texts of 200 customers, of which the odd ones complain.
fn samples() -> Vec<Sample> {
    let good =
        ["produto ótimo, recomendo muito", "chegou antes do prazo e é ótimo", "adorei o produto"];
    let bad = [
        "produto ruim e não recomendo",
        "não chegou no prazo e é péssimo",
        "não gostei do produto",
    ];
    (0..200usize)
        .map(|number| {
            let positive = number % 2 == 0;
            let text = if positive { good[number / 2 % 3] } else { bad[number / 2 % 3] };
            Sample {
                customer_id: format!("c{number:03}"),
                interaction_id: "1".to_owned(),
                text: format!(
                    "{text} com certeza, da loja que eu conheço {}",
                    if number == 7 { "Xerxes" } else { "" }
                ),
                positive: Some(positive),
            }
        })
        .collect()
}

#[test]
fn scored_texts_teach_a_language_in_any_order() {
    let analyser = train(samples());
    let report = &analyser.report()[0];
    assert_eq!((report.language.as_str(), report.negative, report.positive), ("pt", 100, 100));
    assert_eq!((report.reading, report.texts, report.right), (Reading::Learned, 200, 200));
    assert_eq!(analyser.usual(), ["pt"]);
    let sounds = |text: &str| analyser.annotate(text).sentiment.map(|s| s.polarity);
    assert_eq!(sounds("ótimo"), Some(Polarity::Positive), "a short text is in the usual language");
    assert_eq!(
        sounds("não recomendo"),
        Some(Polarity::Negative),
        "not what the second word says alone"
    );
    assert_eq!(sounds("abacaxi"), None, "a word that nobody used says nothing");

    let mut turned = samples();
    turned.reverse();
    turned.swap(3, 77);
    assert_eq!(train(turned).id(), analyser.id());
    assert_ne!(train(samples()[..190].to_vec()).id(), analyser.id());
    let stored = serde_json::to_string(&analyser).expect("JSON");
    assert!(!stored.contains("xerx"), "a word of one customer is not kept");
    let read: Analyser = serde_json::from_str(&stored).expect("JSON");
    assert_eq!(read.id(), analyser.id());
    assert!(Analyser::is_current(&analyser.id()) && !Analyser::is_current("0-abc"));
}

#[test]
fn few_scored_texts_teach_nothing() {
    let few = samples()
        .into_iter()
        .filter(|s| s.positive == Some(true) || s.customer_id.as_str() < "c098");
    assert!(train(few.collect()).report().is_empty(), "49 complaints");
}

#[test]
fn scores_judge_by_their_scale() {
    let verdict = |value, min, max, lower_is_better, nps| {
        super::verdict(&Score { value, min, max, lower_is_better }, nps)
    };
    assert_eq!(
        [0, 6, 7, 8, 9].map(|v| verdict(v, 0, 10, false, true)),
        [Some(false), Some(false), None, None, Some(true)]
    );
    assert_eq!(
        [1, 2, 3, 4, 5].map(|v| verdict(v, 1, 5, false, false)),
        [Some(false), Some(false), None, Some(true), Some(true)]
    );
    assert_eq!([3, 4, 5].map(|v| verdict(v, 1, 7, false, false)), [Some(false), None, Some(true)]);
    assert_eq!([1, 5].map(|v| verdict(v, 1, 5, true, false)), [Some(true), Some(false)]);
}

fn counted(name: &str, texts: i64, customers: i64, before: i64) -> Counted {
    Counted { name: name.to_owned(), now: Tally { texts, customers, ..Tally::default() }, before }
}

fn asked(order: Order) -> Asked {
    Asked { min_customers: 5, confidence: 0.95, order }
}

#[test]
fn themes_are_words_and_pairs_that_mean_something() {
    let total = [counted("en", 1000, 900, 500)];
    let terms = [
        counted("en:late", 100, 90, 10),
        counted("en:deliveri", 120, 110, 60),
        // Together far more often than by chance, and most of "deliveri" in it.
        counted("en:late+deliveri", 85, 80, 5),
        counted("en:shop", 400, 300, 200),
        counted("en:nice", 300, 300, 150),
        // As often as by chance.
        counted("en:shop+nice", 40, 40, 20),
        counted("en:not!", 200, 200, 100),
        counted("en:not!+arriv", 30, 30, 15),
        counted("en:arriv", 60, 60, 30),
        // Many texts of few people.
        counted("en:spam", 90, 2, 0),
        counted("xx:what", 90, 90, 0),
    ];
    let named = |order| -> Vec<String> {
        themes(&terms, &total, &asked(order)).into_iter().map(|theme| theme.id).collect()
    };
    let by_texts = ["en:shop", "en:nice", "en:late+deliveri", "en:arriv", "en:not!+arriv"];
    assert_eq!(named(Order::Texts), by_texts);
    assert_eq!(named(Order::Rising)[0], "en:late+deliveri");
    let theme = &themes(&terms, &total, &asked(Order::Rising))[0];
    assert_eq!((theme.of, theme.before), (1000, (5, 500)));
    let change = theme.change.expect("both have texts");
    assert!(
        (change.difference - 0.075).abs() < 1e-12
            && change.interval.0 > 0.04
            && change.q_value < 1e-5
    );
}

/// Expected: statsmodels 0.15 `confint_proportions_2indep(method="newcomb")`, `proportions_ztest`.
#[test]
fn contrasts_of_shares_equal_statsmodels() {
    let found = shares((56, 70), (48, 80), 0.95).expect("both have texts");
    // Newcombe 1998, table II, example (a): 0.0524 to 0.3339.
    assert!(
        (found.interval.0 - 0.0524).abs() < 5e-5 && (found.interval.1 - 0.3339).abs() < 5e-5,
        "{found:?}"
    );
    assert!((found.p_value - 0.008_1).abs() < 5e-4, "{found:?}");
    assert_eq!(shares((1, 1), (0, 0), 0.95), None);
    assert_eq!(shares((0, 5), (0, 7), 0.95).expect("no error").p_value.to_bits(), 1.0f64.to_bits());
}

/// Values 1..=5 against 3..=9 by 2: Welch by hand, t = -1.8593..., df = 5.52...
#[test]
fn contrasts_of_means_are_welch_s() {
    let moments = |values: &[i64]| Moments {
        n: values.len() as i64,
        sum: values.iter().sum(),
        squares: values.iter().map(|v| v * v).sum(),
    };
    let (a, b) = (moments(&[1, 2, 3, 4, 5]), moments(&[3, 5, 7, 9]));
    let found = means(a, b, 1.0, 0.95).expect("both vary");
    let error = (2.5f64 / 5.0 + (20.0 / 3.0) / 4.0).sqrt();
    assert!((found.difference + 3.0).abs() < 1e-12);
    assert!((found.interval.0 + found.interval.1 + 6.0).abs() < 1e-9);
    assert!(
        found.interval.1 - found.difference > 1.96 * error
            && found.interval.1 - found.difference < 3.0 * error
    );
    assert_eq!(moments(&[1, 2, 3, 4, 5, 3, 5, 7, 9]).without(a), b);
    assert_eq!(means(moments(&[4]), b, 1.0, 0.95), None);
    assert_eq!(means(moments(&[4, 4]), moments(&[5, 5]), 1.0, 0.95), None, "nothing varies");
}

#[test]
fn nps_differs_by_the_sum_of_variances() {
    let with = Answers { n: 100, promoters: 20, detractors: 50 };
    let without = Answers { n: 400, promoters: 200, detractors: 60 };
    let found = nps(with, without, 0.95).expect("both vary");
    assert_eq!((found.with, found.without), (-30.0, 35.0));
    // About √(0.61/100 + 0.5275/400) · 1.96, as the plain interval is.
    assert!(
        (found.interval.1 - found.difference - 100.0 * 1.959_964 * 0.086_132).abs() < 1.5,
        "{found:?}"
    );
    assert_eq!(nps(Answers::default(), without, 0.95), None);
}

#[test]
fn q_values_are_benjamini_and_hochberg_s() {
    let of = |p_value| Contrast {
        z: 0.0,
        with: 0.0,
        without: 0.0,
        difference: 0.0,
        interval: (0.0, 0.0),
        p_value,
        q_value: p_value,
        method: "",
    };
    let mut all = [0.01, 0.04, 0.03, 0.5].map(of);
    control(all.iter_mut());
    let found = all.map(|c| (c.q_value * 1e6).round() / 1e6);
    assert_eq!(found, [0.04, 0.053_333, 0.053_333, 0.5]);
}

#[test]
fn personas_are_told_against_everybody_else() {
    let parts = vec![(Some(0), 30, 100), (Some(1), 10, 200), (None, 0, 0)];
    let found = &personas(&[parts], 0.95)[0];
    assert_eq!(found.len(), 2, "nobody without a persona wrote");
    assert_eq!((found[0].persona, found[0].texts, found[0].of), (Some(0), 30, 100));
    assert!(
        (found[0].contrast.with - 0.3).abs() < 1e-12
            && (found[0].contrast.without - 0.05).abs() < 1e-12
    );
    assert!(found[0].contrast.interval.0 > 0.1 && found[0].contrast.q_value < 1e-6);
}

#[test]
fn words_are_found_whatever_case_and_accents() {
    let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    assert!(holds("Não RECEBI o produto!", &words(&["nao", "recebi"])));
    assert!(holds("Ärger", &words(&["ärger"])) && holds("any", &[]));
    assert!(!holds("products", &words(&["product"])), "whole words");
}
