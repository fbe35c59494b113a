//! Figures for people: a value of a feature with its unit, and amounts with the digits of their currency.

use crate::interaction::Currency;

/// A value in `unit` (see [`crate::features::Unit::describe`]) for people; money needs the currency it is in. Numbers of things
/// have `digits` after the point: none of one customer, some of a mean.
pub(crate) fn figure(unit: &str, value: f64, digits: usize, currency: Option<Currency>) -> String {
    match (unit, currency) {
        (unit, Some(currency)) if unit.ends_with("minor units") => money(value, currency),
        ("days" | "years", _) => format!("{value:.0} {unit}"),
        ("seconds", _) => format!("{value:.0} s"),
        ("share", _) => format!("{:.*} %", digits / 2, value * 100.0),
        ("0 or 1", _) => format!("{:.0} %", value * 100.0),
        ("count", _) => format!("{value:.digits$}"),
        ("log ratio", _) => format!("×{:.1}", value.exp()),
        _ => format!("{value:.2}"),
    }
}

/// An amount for people, with the minor digits that ISO 4217 gives the currency.
pub(crate) fn money(minor: f64, currency: Currency) -> String {
    let digits = match currency.as_str() {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    };
    format!("{:.digits$} {currency}", minor / 10f64.powi(digits as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_the_digits_of_its_currency() {
        let in_currency = |code| money(123_456.0, Currency::parse(code).expect("a code"));
        assert_eq!(in_currency("EUR"), "1234.56 EUR");
        assert_eq!(in_currency("JPY"), "123456 JPY");
    }
}
