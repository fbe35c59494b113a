//! One customer: attributes and consent.

use super::{Violation, Violations, shown};
use crate::proto;
use cx_analytics::{Consent, Customer, Gender};
use std::collections::BTreeMap;

/// Longest language tag, in bytes.
const MAX_LANGUAGE: usize = 35;

/// Converts one customer, or says every rule it breaks, with paths within the customer.
pub fn customer(wire: proto::Customer) -> Result<Customer, Vec<Violation>> {
    let mut v = Violations::new();
    let consent = wire.consent.unwrap_or_default();
    let customer = Customer {
        customer_id: v.id("customer_id", wire.customer_id),
        gender: v.optional_code("gender", wire.gender, Gender::from_code),
        birth_year: (wire.birth_year != 0)
            .then(|| v.within("birth_year", wire.birth_year, 1900..=2200)),
        country: country(&mut v, wire.country),
        region: v.text("region", wire.region, Customer::MAX_TEXT),
        city: v.text("city", wire.city, Customer::MAX_TEXT),
        language: language(&mut v, wire.language),
        plan: v.text("plan", wire.plan, Customer::MAX_TEXT),
        email: v.text("email", wire.email, Customer::MAX_TEXT),
        phone: v.text("phone", wire.phone, Customer::MAX_TEXT),
        signed_up_at: v.timestamp("sign_up_time", wire.sign_up_time),
        attributes: attributes(&mut v, wire.attributes),
        consent: Consent {
            marketing: consent.marketing,
            profiling: consent.profiling,
            updated_at: v.timestamp("consent.update_time", consent.update_time),
        },
    };
    if v.is_empty() { Ok(customer) } else { Err(v.into_inner()) }
}

fn country(v: &mut Violations, code: String) -> Option<String> {
    if code.is_empty() {
        return None;
    }
    if code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        v.at("country", format!("{} is not two upper-case letters", shown(&code)));
    }
    Some(code)
}

/// The form of a BCP 47 tag: subtags of 1 to 8 letters and digits, the first of letters.
fn language(v: &mut Violations, tag: String) -> Option<String> {
    let subtag = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let letters =
        tag.bytes().take_while(|byte| *byte != b'-').all(|byte| byte.is_ascii_alphabetic());
    if !tag.is_empty() && tag.len() <= MAX_LANGUAGE && !(letters && tag.split('-').all(subtag)) {
        v.at("language", format!("{} is not a BCP 47 tag", shown(&tag)));
    }
    v.text("language", tag, MAX_LANGUAGE)
}

fn attributes(v: &mut Violations, wire: BTreeMap<String, String>) -> BTreeMap<String, String> {
    if wire.len() > Customer::MAX_ATTRIBUTES {
        v.at(
            "attributes",
            format!("has {} entries; at most {} are taken", wire.len(), Customer::MAX_ATTRIBUTES),
        );
    }
    for (key, value) in &wire {
        let path = format!("attributes[{}]", shown(key));
        if key.is_empty() || key.len() > Customer::MAX_ID || key.contains('\0') {
            v.at(path, "the key is not 1 to 128 bytes without NUL");
        } else if value.len() > Customer::MAX_TEXT {
            v.at(
                path,
                format!("has {} bytes; at most {} are taken", value.len(), Customer::MAX_TEXT),
            );
        } else if value.contains('\0') {
            v.at(path, "holds NUL");
        }
    }
    wire
}
