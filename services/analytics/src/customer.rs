//! The customer: whom interactions are about.

use crate::{Timestamp, codes::coded};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

coded! {
    /// How a customer describes their gender. Descriptive only: it enters no distance by itself.
    Gender {
        /// Female.
        Female = 1,
        /// Male.
        Male = 2,
        /// Neither only the one nor only the other.
        NonBinary = 3,
        /// Asked and not said.
        Undisclosed = 4,
    }
}

impl Gender {
    /// Its name, as the API writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Female => "FEMALE",
            Self::Male => "MALE",
            Self::NonBinary => "NON_BINARY",
            Self::Undisclosed => "UNDISCLOSED",
        }
    }
}

/// What a customer has agreed to. Absent means: was never asked, treated as no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Consent {
    /// May be contacted for marketing, and appear in audience exports.
    pub marketing: Option<bool>,
    /// May be profiled: clustered into personas and scored for churn.
    pub profiling: Option<bool>,
    /// When the customer last said so.
    pub updated_at: Option<Timestamp>,
}

/// A customer's attributes. Every text is at most [`Customer::MAX_TEXT`] bytes of UTF-8 without NUL.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Customer {
    /// The client's own id, unique, 1 to [`Customer::MAX_ID`] bytes.
    pub customer_id: String,
    /// Gender, if known.
    pub gender: Option<Gender>,
    /// Year of birth in the Gregorian calendar, 1900 to 2200.
    pub birth_year: Option<i32>,
    /// ISO 3166-1 alpha-2 country code, upper case.
    pub country: Option<String>,
    /// State, province or other part of a country.
    pub region: Option<String>,
    /// City or town.
    pub city: Option<String>,
    /// BCP 47 language tag.
    pub language: Option<String>,
    /// Plan, tier or contract type.
    pub plan: Option<String>,
    /// E-mail address as given.
    pub email: Option<String>,
    /// Telephone number as given, E.164 preferred.
    pub phone: Option<String>,
    /// When the customer became one, which may be before their first interaction here.
    pub signed_up_at: Option<Timestamp>,
    /// Anything else, preferences among it: at most [`Customer::MAX_ATTRIBUTES`] entries.
    pub attributes: BTreeMap<String, String>,
    /// What the customer has agreed to.
    pub consent: Consent,
}

impl Customer {
    /// Longest customer id, in bytes.
    pub const MAX_ID: usize = 128;
    /// Longest text attribute, in bytes.
    pub const MAX_TEXT: usize = 512;
    /// Most entries in `attributes`.
    pub const MAX_ATTRIBUTES: usize = 64;
}
