//! Audiences: customers as advertising platforms know them again, by hashes of e-mail address and telephone number.
//! Who may be told is decided here too. It knows no file and no wire.
//!
//! A platform compares hashes, so that both sides must write an identifier in the same way before hashing it. What
//! cannot be written that way for certain is left out: a hash of anything else matches nobody, or somebody else.

use crate::{Customer, codes::coded};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write;

coded! {
    /// For whom identifiers are written.
    Platform {
        /// Google Customer Match.
        Google = 1,
        /// Meta Custom Audiences.
        Meta = 2,
    }
}

impl Platform {
    /// What the columns of an upload are called: e-mail address, telephone number, country.
    pub const fn header(self) -> [&'static str; 3] {
        match self {
            Self::Google => ["Email", "Phone", "Country"],
            Self::Meta => ["email", "phone", "country"],
        }
    }
}

/// A member of an audience. At least one of the hashes is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// SHA-256 of the e-mail address, 64 hexadecimal digits in lower case.
    pub email_sha256: Option<String>,
    /// SHA-256 of the telephone number, in the same form.
    pub phone_sha256: Option<String>,
    /// ISO 3166-1 alpha-2 code, which platforms want as it is.
    pub country: Option<String>,
}

/// Why a customer is in no audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Did not agree to marketing, or objected to profiling, without which there would be no persona to be in.
    WithoutConsent,
    /// Agreed, and has neither an address nor a number that can be used.
    WithoutIdentifier,
}

/// A customer as a member of an audience.
///
/// # Errors
/// Why the customer is left out.
pub fn member(customer: &Customer, platform: Platform) -> Result<Member, Left> {
    let consent = &customer.consent;
    if consent.marketing != Some(true) || consent.profiling == Some(false) {
        return Err(Left::WithoutConsent);
    }
    let email = customer.email.as_deref().and_then(|given| email(given, platform));
    let phone = customer.phone.as_deref().and_then(|given| phone(given, platform));
    if email.is_none() && phone.is_none() {
        return Err(Left::WithoutIdentifier);
    }
    Ok(Member {
        email_sha256: email.as_deref().map(sha256),
        phone_sha256: phone.as_deref().map(sha256),
        country: customer.country.clone(),
    })
}

/// SHA-256 of a text's UTF-8, as 64 hexadecimal digits in lower case.
pub fn sha256(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text) {
        // Writing to a text cannot fail.
        let _written = write!(hex, "{byte:02x}");
    }
    hex
}

/// An e-mail address as the platform writes it; none where it is none: one `@` between two parts, a dot in the domain,
/// nothing that stands around addresses rather than in them.
///
/// It is trimmed and put in lower case by the rules of Unicode; an international domain stays as it is. Google also takes
/// dots and a `+tag` out of the local part at gmail.com and googlemail.com, which deliver to the same person.
pub fn email(given: &str, platform: Platform) -> Option<String> {
    let address = given.trim().to_lowercase();
    let foreign = |c: char| c.is_whitespace() || c.is_control() || ",;:<>()[]\"\\".contains(c);
    if address.contains(foreign) {
        return None;
    }
    let (local, domain) = address.split_once('@')?;
    let mut labels = domain.split('.');
    if domain.contains('@') || !domain.contains('.') || labels.any(str::is_empty) {
        return None;
    }
    let local = match (platform, domain) {
        (Platform::Google, "gmail.com" | "googlemail.com") => {
            let untagged = local.split_once('+').map_or(local, |(before, _)| before);
            untagged.replace('.', "")
        }
        _ => local.to_owned(),
    };
    (!local.is_empty()).then(|| format!("{local}@{domain}"))
}

/// A telephone number as the platform writes it: E.164 with the plus sign for Google, without for Meta. None where it is
/// not international, with 8 to 15 digits: a national number could only be completed by the numbering plan of its country.
///
/// Spaces, dashes, dots, slashes and parentheses go, `00` in front is the plus sign, and so does "(0)", which stands for
/// what is dialled within the country only. In Italy, San Marino and the Vatican City that zero is part of the number.
pub fn phone(given: &str, platform: Platform) -> Option<String> {
    let aside =
        |c: char| c.is_whitespace() || matches!(c, '.' | '/' | '-' | '\u{2010}'..='\u{2015}');
    let bare: String = given.chars().filter(|c| !aside(*c)).collect();
    let international = match bare.strip_prefix("00") {
        Some(rest) => rest,
        None => bare.strip_prefix('+')?,
    };
    let keeps_zero = ["39", "378", "379"].iter().any(|code| international.starts_with(code));
    let dialled = match international.split_once("(0)") {
        Some((code, rest)) if !keeps_zero => format!("{code}{rest}"),
        _ => international.to_owned(),
    };
    let digits: String = dialled.chars().filter(|c| !matches!(c, '(' | ')')).collect();
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit())
        && (8..=15).contains(&digits.len())
        // No country code begins with a zero.
        && !digits.starts_with('0');
    is_number.then(|| match platform {
        Platform::Google => format!("+{digits}"),
        Platform::Meta => digits,
    })
}

#[cfg(test)]
mod tests;
