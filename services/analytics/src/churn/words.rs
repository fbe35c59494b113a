//! Values in words, in plain English.

use super::Unit;
use crate::interaction::{Currency, Kind, Money};

/// "142 days"
pub(crate) fn days(value: f64) -> String {
    // Whole days that have passed, as `days_since_last_activity` counts.
    match value.floor() as i64 {
        0 => "less than a day".to_owned(),
        whole => count(whole, "day"),
    }
}

/// "1 order", "3 orders", "no order"
pub(crate) fn count(number: i64, noun: &str) -> String {
    match number {
        0 => format!("no {noun}"),
        1 => format!("1 {noun}"),
        _ => format!("{number} {}", plural(noun)),
    }
}

/// The first word that stands for a thing takes the s: "visit, view or click" and "answer about ease" both do well.
fn plural(noun: &str) -> String {
    if let Some(place) = noun.find(" about ") {
        return format!("{}s{}", &noun[..place], &noun[place..]);
    }
    noun.split(", ")
        .map(|one| one.replace(" or ", "s or "))
        .map(|one| format!("{one}s"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// "12.5", "3"
pub(crate) fn number(value: f64) -> String {
    let digits = if value.abs() < 10.0 { 2 } else { 0 };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// "37 %"
pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// "45 s", "12 min", "3.5 h"
pub(crate) fn span(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5_400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    }
}

/// "123.40 EUR"
pub(crate) fn amount(minor: f64, currency: Option<Currency>) -> String {
    let code = currency.map(|currency| currency.to_string()).unwrap_or_default();
    let digits = minor_digits(&code);
    format!("{:.*} {code}", digits, minor / 10f64.powi(digits as i32)).trim_end().to_owned()
}

/// "123.40 EUR", for tables.
pub fn in_words(money: Money) -> String {
    amount(money.amount_minor as f64, Some(money.currency))
}

/// Decimals of a currency (ISO 4217, those that differ from two).
fn minor_digits(code: &str) -> usize {
    match code {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// "last recommendation 3 of 10"
pub(crate) fn answer(what: &str, score: Option<f64>, most: f64) -> String {
    known(
        score,
        |score| format!("{what} {:.0} of {most:.0}", score * most),
        "never said whether they would recommend",
    )
}

/// The text of a value, or what to say where there is none.
pub(crate) fn known(value: Option<f64>, say: impl Fn(f64) -> String, missing: &str) -> String {
    value.map_or_else(|| missing.to_owned(), say)
}

/// "order", "order or engagement"
pub(crate) fn kinds(kinds: &[Kind]) -> String {
    let name = |kind: &Kind| match kind {
        Kind::Engagement => "engagement",
        Kind::Contact => "contact",
        Kind::Case => "case event",
        Kind::Survey => "survey",
        Kind::Review => "review",
        Kind::Order => "order",
        Kind::Return => "return",
        Kind::Subscription => "subscription event",
        Kind::SelfService => "self-service session",
        Kind::Complaint => "complaint",
        Kind::FeatureRequest => "feature request",
        Kind::Referral => "referral",
        Kind::StaffNote => "staff note",
    };
    kinds.iter().map(name).collect::<Vec<_>>().join(" or ")
}

/// " (typical: 31 days)", where that helps.
pub(crate) fn typical(unit: Unit, median: f64, currency: Option<Currency>) -> String {
    let text = match unit {
        _ if median.is_nan() => return String::new(),
        Unit::LogRatio | Unit::Flag | Unit::Times | Unit::Number => return String::new(),
        Unit::Days => format!("{median:.0}"),
        Unit::Count => {
            format!("{median:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        Unit::Share => percent(median),
        Unit::Tenths => format!("{:.0} of 10", median * 10.0),
        Unit::Money => amount(median, currency),
        Unit::Seconds => span(median),
    };
    format!(" (typical: {text})")
}
