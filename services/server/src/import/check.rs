//! The border of an import: from a message to a record of the domain, by the same `from_proto` as a call.

use super::Violation;
use super::mapping::config::Target;
use crate::grpc::from_proto;
use crate::proto;
use cx_analytics::{Customer, Interaction};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use std::sync::LazyLock;

/// A record that may be stored.
#[derive(Debug)]
pub enum Checked {
    /// An interaction.
    Interaction(Interaction),
    /// A customer.
    Customer(Customer),
}

impl Checked {
    /// Whom it is about.
    pub fn customer_id(&self) -> &str {
        match self {
            Self::Interaction(interaction) => &interaction.customer_id,
            Self::Customer(customer) => &customer.customer_id,
        }
    }
}

static POOL: LazyLock<Option<DescriptorPool>> =
    LazyLock::new(|| DescriptorPool::decode(crate::FILE_DESCRIPTOR_SET).ok());

/// The message of a target.
pub fn message(target: Target) -> Option<MessageDescriptor> {
    let name = match target {
        Target::Interaction => "cx.v1.Interaction",
        Target::Customer => "cx.v1.Customer",
    };
    POOL.as_ref()?.get_message_by_name(name)
}

impl Target {
    /// The record that a message stands for, or the rules it breaks.
    pub fn check(self, message: &DynamicMessage) -> Result<Checked, Violation> {
        let garbled = |error: prost::DecodeError| Violation::of_line(error.to_string());
        let checked = match self {
            Self::Interaction => from_proto::interaction(
                message.transcode_to::<proto::Interaction>().map_err(garbled)?,
            )
            .map(Checked::Interaction),
            Self::Customer => {
                from_proto::customer(message.transcode_to::<proto::Customer>().map_err(garbled)?)
                    .map(Checked::Customer)
            }
        };
        checked.map_err(joined)
    }
}

/// All violations as one: the first field, and the rules, each after the first with its field.
fn joined(violations: Vec<from_proto::Violation>) -> Violation {
    let mut violations = violations.into_iter();
    let Some(first) = violations.next() else { return Violation::of_line("is refused") };
    let rule = violations.fold(first.description, |rule, next| {
        format!("{rule}; {} {}", next.field, next.description)
    });
    Violation { field: first.field, rule }
}
