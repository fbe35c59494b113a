//! Fields of the API by their paths, and how the value of each is written. Knows no mapping.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How the value of a field is written, which its type in the API tells.
#[derive(Debug, Clone)]
pub enum Form {
    /// Text.
    Text,
    /// A whole number of 64 bits, or of 32.
    Whole {
        /// 32 bits.
        short: bool,
    },
    /// Yes or no.
    Flag,
    /// One of the names of an enum, upper case, each with and without the prefix.
    Name(Arc<BTreeMap<String, i32>>),
    /// An instant.
    Instant,
    /// A span of time.
    Span,
}

/// Where a field stands in a message.
#[derive(Debug, Clone)]
pub struct Path {
    /// The path as the API writes it, for example `order.total.amount_minor`.
    pub name: String,
    /// Each field on the way, the last one being the field itself.
    pub steps: Vec<FieldDescriptor>,
    /// The entry, where the field is a map of texts.
    pub entry: Option<String>,
    /// How its value is written.
    pub form: Form,
}

impl Path {
    /// The field with this path; or what is wrong with it.
    pub fn find(root: &MessageDescriptor, name: &str) -> Result<Self, String> {
        let (mut message, mut steps, mut parts) = (root.clone(), Vec::new(), name.split('.'));
        while let Some(part) = parts.next() {
            let field = message.get_field_by_name(part).ok_or_else(|| unknown(&message, part))?;
            steps.push(field.clone());
            if field.is_map() {
                let entry = parts.collect::<Vec<_>>().join(".");
                let entry = if entry.is_empty() {
                    return Err(format!("needs an entry, as in {name}.colour"));
                } else {
                    entry
                };
                return Ok(Self {
                    name: name.to_owned(),
                    steps,
                    entry: Some(entry),
                    form: Form::Text,
                });
            }
            match field.kind() {
                Kind::Message(inner) if Self::well_known(&inner).is_none() => message = inner,
                kind => {
                    let form =
                        Self::form(&kind).ok_or_else(|| format!("{name} cannot be imported"))?;
                    return match parts.next() {
                        None => Ok(Self { name: name.to_owned(), steps, entry: None, form }),
                        Some(part) => Err(format!("{} has no part {part:?}", field.name())),
                    };
                }
            }
        }
        Err(format!("{name} is a message; name one of its fields: {}", names(&message)))
    }

    /// True where this names a message with fields of its own, not a value.
    pub fn is_message(root: &MessageDescriptor, name: &str) -> bool {
        let mut message = Some(root.clone());
        for part in name.split('.') {
            let Some(field) = message.as_ref().and_then(|message| message.get_field_by_name(part))
            else {
                return false;
            };
            message = match field.kind() {
                Kind::Message(_) if field.is_map() => return true,
                Kind::Message(inner) if Self::well_known(&inner).is_none() => Some(inner),
                _ => None,
            };
        }
        message.is_some()
    }

    fn well_known(message: &MessageDescriptor) -> Option<Form> {
        match message.full_name() {
            "google.protobuf.Timestamp" => Some(Form::Instant),
            "google.protobuf.Duration" => Some(Form::Span),
            _ => None,
        }
    }

    fn form(kind: &Kind) -> Option<Form> {
        match kind {
            Kind::String => Some(Form::Text),
            Kind::Int32 => Some(Form::Whole { short: true }),
            Kind::Int64 => Some(Form::Whole { short: false }),
            Kind::Bool => Some(Form::Flag),
            Kind::Message(message) => Self::well_known(message),
            Kind::Enum(names) => {
                let zero = names.default_value();
                let prefix = zero.name().trim_end_matches("UNSPECIFIED");
                let values = names.values().flat_map(|value| {
                    let short =
                        value.name().strip_prefix(prefix).unwrap_or(value.name()).to_owned();
                    [(value.name().to_owned(), value.number()), (short, value.number())]
                });
                Some(Form::Name(Arc::new(values.collect())))
            }
            _ => None,
        }
    }
}

fn names(message: &MessageDescriptor) -> String {
    message.fields().map(|field| field.name().to_owned()).collect::<Vec<_>>().join(", ")
}

fn unknown(message: &MessageDescriptor, part: &str) -> String {
    format!("{part:?} is no field of {}, which has {}", message.name(), names(message))
}
