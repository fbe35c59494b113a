//! From the values of a record to a message of the API. Which values are allowed is not decided here: `from_proto` does that,
//! as for a call. Decided here is only what a table cannot say otherwise, such as which parts of a message are there.

use super::Violation;
use super::mapping::field::{Cell, Field};
use super::mapping::path::Form;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

/// The message with these values, one for each field.
pub fn message(
    descriptor: &MessageDescriptor,
    fields: &[Field],
    cells: &[Option<Cell>],
) -> Result<DynamicMessage, Violation> {
    let mut message = DynamicMessage::new(descriptor.clone());
    for (field, cell) in fields.iter().zip(cells) {
        let Some(cell) = cell else { continue };
        if field.constant && only_constants(field, fields, cells) {
            continue;
        }
        let value = value(field, cell)
            .map_err(|rule| Violation { field: field.path.name.clone(), rule })?;
        refuse_second_payload(&message, &field.path.steps)?;
        set(&mut message, &field.path.steps, field.path.entry.as_deref(), value);
    }
    Ok(message)
}

/// True where the message around a constant has other parts from the table, and all of them are missing: a currency without its
/// amount would stand for no money instead of unknown money. What happened (the payload) is there by constants alone.
fn only_constants(constant: &Field, fields: &[Field], cells: &[Option<Cell>]) -> bool {
    let Some((_, around)) = constant.path.steps.split_last() else { return false };
    if around.last().is_none_or(|parent| parent.containing_oneof().is_some()) {
        return false;
    }
    let mut others = fields
        .iter()
        .zip(cells)
        .filter(|(field, _)| !field.constant && field.path.steps.starts_with(around))
        .peekable();
    others.peek().is_some() && others.all(|(_, cell)| cell.is_none())
}

fn refuse_second_payload(
    message: &DynamicMessage,
    steps: &[FieldDescriptor],
) -> Result<(), Violation> {
    let Some(first) = steps.first() else { return Ok(()) };
    let Some(choice) = first.containing_oneof() else { return Ok(()) };
    match choice.fields().find(|other| other != first && message.has_field(other)) {
        Some(other) => {
            let rule = format!("there is {} too; a record has one {}", other.name(), choice.name());
            Err(Violation { field: first.name().to_owned(), rule })
        }
        None => Ok(()),
    }
}

fn set(message: &mut DynamicMessage, steps: &[FieldDescriptor], entry: Option<&str>, value: Value) {
    let Some((step, rest)) = steps.split_first() else { return };
    if rest.is_empty() {
        match entry {
            None => message.set_field(step, value),
            Some(entry) => {
                if let Some(map) = message.get_field_mut(step).as_map_mut() {
                    map.insert(MapKey::String(entry.to_owned()), value);
                }
            }
        }
    } else if let Some(inner) = message.get_field_mut(step).as_message_mut() {
        set(inner, rest, entry, value);
    }
}

fn value(field: &Field, cell: &Cell) -> Result<Value, String> {
    match (&field.path.form, cell) {
        (Form::Whole { short }, Cell::Number(number)) => {
            let units = number.to_units(field.decimals, field.round).ok_or_else(|| match field
                .decimals
            {
                0 => format!("{number} is not a whole number of 64 bits"),
                decimals => format!("{number} has more than {decimals} decimals, or is too large"),
            })?;
            if !short {
                return Ok(Value::I64(units));
            }
            i32::try_from(units).map(Value::I32).map_err(|_| format!("{units} is too large"))
        }
        (Form::Span, Cell::Number(number)) => {
            let nanos =
                number.floor_units(9).ok_or_else(|| format!("{number} seconds are too many"))?;
            // Seconds and nanoseconds of a duration have the same sign.
            Ok(seconds(field, nanos / 1_000_000_000, nanos % 1_000_000_000))
        }
        (Form::Instant, Cell::Time(micros)) => {
            Ok(seconds(field, micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000) * 1000))
        }
        (_, Cell::Text(text)) => Ok(Value::String(text.clone())),
        (_, Cell::Number(number)) => Ok(Value::String(number.to_string())),
        (_, Cell::Flag(flag)) => Ok(Value::Bool(*flag)),
        (_, Cell::Code(code)) => Ok(Value::EnumNumber(*code)),
        (_, Cell::Time(micros)) => Ok(Value::String(micros.to_string())),
    }
}

/// A `Timestamp` or `Duration`, which both are seconds and nanoseconds.
fn seconds(field: &Field, seconds: i64, nanos: i64) -> Value {
    let Some(Kind::Message(descriptor)) = field.path.steps.last().map(FieldDescriptor::kind) else {
        return Value::I64(seconds);
    };
    let mut message = DynamicMessage::new(descriptor);
    message.set_field_by_number(1, Value::I64(seconds));
    message.set_field_by_number(2, Value::I32(nanos as i32));
    Value::Message(message)
}
