//! Attributes as features. Who somebody is enters a distance only where the caller names it, and then as one
//! number each: an age, a number of days, or whether somebody has a value.

use super::{Transform, Unit};
use crate::{Customer, Gender, Timestamp};

/// An attribute that has few or many values in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// [`Customer::gender`].
    Gender,
    /// [`Customer::country`].
    Country,
    /// [`Customer::region`].
    Region,
    /// [`Customer::city`].
    City,
    /// [`Customer::language`].
    Language,
    /// [`Customer::plan`].
    Plan,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Gender, Self::Country, Self::Region, Self::City, Self::Language, Self::Plan];

    /// Its name, in features and in the attributes of a persona.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gender => "gender",
            Self::Country => "country",
            Self::Region => "region",
            Self::City => "city",
            Self::Language => "language",
            Self::Plan => "plan",
        }
    }

    /// The customer's value, if known.
    pub fn of(self, customer: &Customer) -> Option<&str> {
        match self {
            Self::Gender => customer.gender.map(Gender::name),
            Self::Country => customer.country.as_deref(),
            Self::Region => customer.region.as_deref(),
            Self::City => customer.city.as_deref(),
            Self::Language => customer.language.as_deref(),
            Self::Plan => customer.plan.as_deref(),
        }
    }

    /// Why nobody can have this value, if so.
    fn refuse(self, value: &str) -> Option<String> {
        match self {
            Self::Gender if Gender::ALL.iter().all(|gender| gender.name() != value) => {
                Some(format!("{value:?} is not FEMALE, MALE, NON_BINARY or UNDISCLOSED"))
            }
            Self::Country if value.len() != 2 || !value.bytes().all(|b| b.is_ascii_uppercase()) => {
                Some(format!("{value:?} is not an ISO 3166-1 code of two upper-case letters"))
            }
            _ => None,
        }
    }
}

/// An attribute as a feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// Years at `as_of`, from the year of birth.
    Age,
    /// Days from sign-up to `as_of`.
    DaysSinceSignUp,
    /// Whether the customer has this value.
    Is(Field, String),
    /// Whether this entry of [`Customer::attributes`] has this value.
    EntryIs(String, String),
    /// This entry of [`Customer::attributes`], as a number.
    Entry(String),
}

impl Attribute {
    /// The forms that a name may have.
    pub const FORMS: &'static str = "age, days_since_sign_up, gender=FEMALE, country=DE, region=…, city=…, language=…, \
                                     plan=…, attribute:KEY=VALUE, attribute:KEY";

    /// The attribute with this name; none where it has no form of one.
    ///
    /// # Errors
    /// What is wrong with it, where it has the form of one.
    pub fn parse(name: &str) -> Result<Option<Self>, String> {
        if let Some(entry) = name.strip_prefix("attribute:") {
            let (key, value) = entry.split_once('=').map_or((entry, None), |(k, v)| (k, Some(v)));
            if key.is_empty() || value == Some("") {
                return Err(format!("{name:?} needs a key, and after = a value"));
            }
            let key = key.to_owned();
            return Ok(Some(match value {
                Some(value) => Self::EntryIs(key, value.to_owned()),
                None => Self::Entry(key),
            }));
        }
        match name {
            "age" => return Ok(Some(Self::Age)),
            "days_since_sign_up" => return Ok(Some(Self::DaysSinceSignUp)),
            _ => {}
        }
        let Some((field, value)) = name.split_once('=') else { return Ok(None) };
        let Some(field) = Field::ALL.into_iter().find(|known| known.name() == field) else {
            return Ok(None);
        };
        match field.refuse(value) {
            Some(rule) => Err(rule),
            None if value.is_empty() => Err(format!("{name:?} needs a value after =")),
            None => Ok(Some(Self::Is(field, value.to_owned()))),
        }
    }

    /// Its name: what [`Attribute::parse`] reads.
    pub fn name(&self) -> String {
        match self {
            Self::Age => "age".to_owned(),
            Self::DaysSinceSignUp => "days_since_sign_up".to_owned(),
            Self::Is(field, value) => format!("{}={value}", field.name()),
            Self::EntryIs(key, value) => format!("attribute:{key}={value}"),
            Self::Entry(key) => format!("attribute:{key}"),
        }
    }

    /// What it means.
    pub fn meaning(&self) -> String {
        match self {
            Self::Age => "Years of age, from the year of birth".to_owned(),
            Self::DaysSinceSignUp => "Days since the customer became one".to_owned(),
            Self::Is(field, value) => format!("Whether the {} is {value:?}", field.name()),
            Self::EntryIs(key, value) => format!("Whether the attribute {key:?} is {value:?}"),
            Self::Entry(key) => format!("The attribute {key:?} as a number"),
        }
    }

    /// What it is counted in.
    pub fn unit(&self) -> Unit {
        match self {
            Self::Age => Unit::Years,
            Self::DaysSinceSignUp => Unit::Days,
            Self::Is(..) | Self::EntryIs(..) => Unit::Flag,
            Self::Entry(_) => Unit::Number,
        }
    }

    /// What is done before scaling: what is asked for by name is taken as it is.
    pub fn transform(&self) -> Transform {
        Transform::Identity
    }

    /// What several attributes have in common that say values of the same thing: the part before the value.
    pub fn subject(&self) -> &str {
        match self {
            Self::Age => "age",
            Self::DaysSinceSignUp => "days_since_sign_up",
            Self::Is(field, _) => field.name(),
            Self::EntryIs(key, _) | Self::Entry(key) => key,
        }
    }

    /// Whether it is of a customer's own attributes, whose keys may be like the names of fields.
    pub fn is_entry(&self) -> bool {
        matches!(self, Self::EntryIs(..) | Self::Entry(_))
    }

    /// Its value; none where the attribute is not known.
    pub fn value(&self, customer: &Customer, as_of: Timestamp) -> Option<f64> {
        let flag = |own: &str, value: &str| f64::from(u8::from(own == value));
        match self {
            Self::Age => age(customer, as_of).map(f64::from),
            Self::DaysSinceSignUp => customer.signed_up_at.map(|at| as_of.days_since(at).max(0.0)),
            // Who did not want to say it may be any of them.
            Self::Is(Field::Gender, value)
                if customer.gender == Some(Gender::Undisclosed)
                    && value != Gender::Undisclosed.name() =>
            {
                None
            }
            Self::Is(field, value) => field.of(customer).map(|own| flag(own, value)),
            Self::EntryIs(key, value) => customer.attributes.get(key).map(|own| flag(own, value)),
            Self::Entry(key) => customer
                .attributes
                .get(key)?
                .trim()
                .parse()
                .ok()
                .filter(|value: &f64| value.is_finite()),
        }
    }
}

/// Years of age that the customer completes in the year of `as_of`; none where the year of birth is not known or later.
pub(crate) fn age(customer: &Customer, as_of: Timestamp) -> Option<i32> {
    let now = jiff::Timestamp::from_microsecond(as_of.micros()).ok()?;
    let year = i32::from(now.to_zoned(jiff::tz::TimeZone::UTC).year());
    customer.birth_year.map(|born| year - born).filter(|&age| age >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written_alike() {
        for name in [
            "age",
            "days_since_sign_up",
            "gender=NON_BINARY",
            "country=DE",
            "city=Köln",
            "plan=a=b",
            "attribute:newsletter=weekly",
            "attribute:pets",
        ] {
            let attribute = Attribute::parse(name).expect(name).expect(name);
            assert_eq!(attribute.name(), name);
        }
        assert_eq!(Attribute::parse("charm=much"), Ok(None));
        for wrong in ["gender=female", "country=de", "plan=", "attribute:", "attribute:a="] {
            assert!(Attribute::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_known_has_no_value() {
        let as_of = Timestamp::from_micros(1_767_225_600_000_000).expect("2026-01-01");
        let value = |name: &str, customer: &Customer| {
            Attribute::parse(name).expect("form").expect("attribute").value(customer, as_of)
        };
        let nobody = Customer::default();
        let names =
            ["age", "days_since_sign_up", "gender=MALE", "plan=x", "attribute:n=1", "attribute:n"];
        assert!(names.iter().all(|name| value(name, &nobody).is_none()));
        let mut customer = Customer {
            gender: Some(Gender::Male),
            birth_year: Some(1990),
            signed_up_at: Some(as_of.days_before(2)),
            plan: Some("y".to_owned()),
            ..Customer::default()
        };
        customer.attributes.insert("n".to_owned(), "7.5".to_owned());
        let values = names.map(|name| value(name, &customer));
        assert_eq!(values, [Some(36.0), Some(2.0), Some(1.0), Some(0.0), Some(0.0), Some(7.5)]);
        customer.gender = Some(Gender::Undisclosed);
        assert_eq!(value("gender=MALE", &customer), None);
        assert_eq!(value("gender=UNDISCLOSED", &customer), Some(1.0));
        customer.birth_year = Some(2100);
        assert_eq!(value("age", &customer), None);
    }
}
