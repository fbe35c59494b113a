//! Identifiers as platforms write them; the hashes were computed elsewhere.

use super::*;
use crate::Consent;
use Platform::{Google, Meta};

const AGREED: Consent = Consent { marketing: Some(true), profiling: None, updated_at: None };

fn customer(email: &str, phone: &str, consent: Consent) -> Customer {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Customer {
        customer_id: "c1".to_owned(),
        email: text(email),
        phone: text(phone),
        country: text("US"),
        consent,
        ..Customer::default()
    }
}

#[test]
fn hashes_are_those_of_other_programs() {
    // printf %s TEXT | sha256sum
    for (text, hash) in [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("example@gmail.com", "264e53d93759bde067fd01ef2698f98d1253c730d12f021116f02eebcfa9ace6"),
        ("+14155552671", "cb6880e416769253645cb9c6b8989154bf66a56a77fc14c81fb1019663cbb928"),
        ("14155552671", "758fbf68945f21c416814c539ab578876c8d98fb69e6da692def92cd52417fe0"),
        (
            "jürgen@bücher.example",
            "2e1df3d00f90fc7e7777e7a5c1c7fa9a8879301b5e8f493ae6797a41d6a0dcbe",
        ),
    ] {
        assert_eq!(sha256(text), hash, "{text}");
    }
}

#[test]
fn an_address_is_written_as_the_platform_writes_it() {
    for (given, google, meta) in [
        (" Ann@Example.ORG\n", "ann@example.org", "ann@example.org"),
        ("ann+tag@example.org", "ann+tag@example.org", "ann+tag@example.org"),
        ("Jane.Doe+News@Gmail.com", "janedoe@gmail.com", "jane.doe+news@gmail.com"),
        ("j.a.n.e@googlemail.com", "jane@googlemail.com", "j.a.n.e@googlemail.com"),
        ("jane+a+b@gmail.com", "jane@gmail.com", "jane+a+b@gmail.com"),
        ("j.d@mail.gmail.com", "j.d@mail.gmail.com", "j.d@mail.gmail.com"),
        ("JÜRGEN@BÜCHER.example", "jürgen@bücher.example", "jürgen@bücher.example"),
        // The last sigma of a word has a form of its own.
        ("ΣΟΦΊΑΣ@ΠΑΡΆΔΕΙΓΜΑ.gr", "σοφίας@παράδειγμα.gr", "σοφίας@παράδειγμα.gr"),
        (
            "\u{a0}o'neil@xn--bcher-kva.example",
            "o'neil@xn--bcher-kva.example",
            "o'neil@xn--bcher-kva.example",
        ),
    ] {
        assert_eq!(email(given, Google).as_deref(), Some(google), "{given}");
        assert_eq!(email(given, Meta).as_deref(), Some(meta), "{given}");
    }
}

#[test]
fn what_is_no_address_is_refused() {
    for given in [
        "",
        " ",
        "ann",
        "@example.org",
        "ann@",
        "ann@example",
        "ann@@example.org",
        "a@b@example.org",
        "ann @example.org",
        "ann@exa\tmple.org",
        "ann@.org",
        "ann@example.",
        "ann@example..org",
        "Ann <ann@example.org>",
        "<ann@example.org>",
        "mailto:ann@example.org",
        "a@x.org;b",
        "a@x.org,",
        "ann@example.org\u{0}",
        "\"ann\"@example.org",
    ] {
        assert_eq!(email(given, Google), None, "{given:?}");
        assert_eq!(email(given, Meta), None, "{given:?}");
    }
    // Nothing is left of these at Gmail only.
    for given in ["..@gmail.com", "+tag@gmail.com"] {
        assert_eq!((email(given, Google), email(given, Meta).is_some()), (None, true), "{given}");
    }
}

#[test]
fn a_number_is_written_as_the_platform_writes_it() {
    for (given, digits) in [
        ("+14155552671", "14155552671"),
        (" +1 (415) 555-2671 ", "14155552671"),
        ("001.415.555.2671", "14155552671"),
        ("+49\u{a0}89\u{2011}1234/5678", "498912345678"),
        ("+44 (0)20 7946 0958", "442079460958"),
        ("0044 ( 0 ) 20 7946 0958", "442079460958"),
        ("+39 (0)6 1234 5678", "390612345678"),
        ("+(49) 89 12345", "498912345"),
        ("+12345678", "12345678"),
        ("+123456789012345", "123456789012345"),
    ] {
        assert_eq!(phone(given, Google), Some(format!("+{digits}")), "{given}");
        assert_eq!(phone(given, Meta).as_deref(), Some(digits), "{given}");
    }
}

#[test]
fn a_number_that_is_not_international_is_refused() {
    for given in [
        "",
        "+",
        "00",
        "(415) 555-2671",
        "4155552671",
        "14155552671",
        "089 1234567",
        "+0891234567",
        "0000491234567",
        "+1234567",
        "+1234567890123456",
        "+1 415 555 CARE",
        "+14155552671 x12",
        "+1415+5552671",
        "tel:+14155552671",
        "+１４１５５５５２６７１",
        "++14155552671",
        "n/a",
    ] {
        assert_eq!(phone(given, Google), None, "{given:?}");
        assert_eq!(phone(given, Meta), None, "{given:?}");
    }
}

#[test]
fn only_who_agreed_and_did_not_object_is_a_member() {
    let of = |marketing, profiling| {
        let consent = Consent { marketing, profiling, updated_at: None };
        member(&customer("ann@example.org", "", consent), Google)
    };
    for (marketing, profiling) in
        [(None, None), (None, Some(true)), (Some(false), None), (Some(true), Some(false))]
    {
        assert_eq!(of(marketing, profiling), Err(Left::WithoutConsent));
    }
    for profiling in [None, Some(true)] {
        assert!(of(Some(true), profiling).is_ok());
    }
}

#[test]
fn a_member_has_what_can_be_used_and_nothing_in_clear() {
    let found = member(&customer("Example@gmail.com", "+1 415 555 2671", AGREED), Google).unwrap();
    assert_eq!(found.email_sha256, Some(sha256("example@gmail.com")));
    assert_eq!(found.phone_sha256, Some(sha256("+14155552671")));
    assert_eq!(found.country.as_deref(), Some("US"));
    let found = member(&customer("nobody", "+1 415 555 2671", AGREED), Meta).unwrap();
    assert_eq!((found.email_sha256, found.phone_sha256), (None, Some(sha256("14155552671"))));
    let none = customer("nobody", "415 555 2671", AGREED);
    assert_eq!(member(&none, Meta), Err(Left::WithoutIdentifier));
    // Who did not agree is not looked at any further.
    let none = Customer { consent: Consent::default(), ..none };
    assert_eq!(member(&none, Meta), Err(Left::WithoutConsent));
}

#[test]
fn columns_are_called_what_the_platform_calls_them() {
    assert_eq!(Google.header(), ["Email", "Phone", "Country"]);
    assert_eq!(Meta.header(), ["email", "phone", "country"]);
}
