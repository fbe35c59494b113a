//! Mappings: what the lines of any table become. Reads a mapping file and checks it against the API, so that whatever is
//! wrong with it is known, by its key, before the first line is read. Opens no table.

pub mod condition;
pub mod config;
pub mod expression;
pub mod field;
pub mod path;

use super::decimal::NumberFormat;
use super::row::{Column, Missing};
use super::time::TimeFormat;
use condition::Test;
use config::{FieldConfig, InputConfig, MappingConfig, OneOrMany, RecordConfig};
use expression::{Columns, Template};
use field::{Field, Surroundings};
use path::Path;
use prost_reflect::MessageDescriptor;
use serde::Deserialize;

/// A key of a mapping file and what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {rule}")]
pub struct Error {
    /// The key, for example `record[1].fields.order.total.amount_minor`.
    pub key: String,
    /// What is wrong.
    pub rule: String,
}

fn at(key: &str, rule: impl Into<String>) -> Error {
    Error { key: key.to_owned(), rule: rule.into() }
}

/// How a table is cut into lines and cells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Delimiter {
    /// The likeliest in the first line.
    #[default]
    Auto,
    /// This one.
    Byte(u8),
    /// Any run of blanks; quotes mean nothing.
    Whitespace,
}

/// How a table is written.
#[derive(Debug, Clone, Default)]
pub struct Dialect {
    /// What stands between cells.
    pub delimiter: Delimiter,
    /// ISO 8859-1 instead of UTF-8.
    pub latin1: bool,
    /// The names of the columns, where the table has none.
    pub columns: Option<Vec<String>>,
    /// What means "not there".
    pub missing: Missing,
    /// How numbers are written.
    pub numbers: NumberFormat,
}

/// A file in which to look values up.
#[derive(Debug)]
pub struct Lookup {
    /// Its name.
    pub name: String,
    /// The column that is unique there.
    pub key: String,
    /// What that column has to equal.
    pub matches: Template,
    /// What is wanted of it: the column there, and its place in the row.
    pub columns: Vec<(String, Column)>,
}

/// Lines to leave out.
#[derive(Debug)]
pub struct Skip {
    /// Why.
    pub reason: String,
    /// Which.
    pub test: Test,
}

/// What a line, or a group of lines, becomes.
#[derive(Debug)]
pub struct Record {
    /// Which lines.
    pub test: Test,
    /// What makes several lines one; empty where each is its own.
    pub group_by: Vec<(String, Column)>,
    /// A group ends where another begins.
    pub adjacent: bool,
    /// What each field gets.
    pub fields: Vec<Field>,
}

/// A checked mapping.
#[derive(Debug)]
pub struct Mapping {
    /// How the table is written.
    pub dialect: Dialect,
    /// Cells of a row: columns of the table first; those of lookups, written `NAME.COLUMN`, are among them.
    pub columns: Columns,
    /// Files to look values up in.
    pub lookups: Vec<Lookup>,
    /// Lines to leave out.
    pub skips: Vec<Skip>,
    /// What the others become.
    pub records: Vec<Record>,
}

impl Mapping {
    /// Checks a mapping file against the message that it fills.
    pub fn check(config: MappingConfig, message: &MessageDescriptor) -> Result<Self, Error> {
        let mut columns = Columns::default();
        let time = time_format(
            TimeFormat::default(),
            config.input.time_format.clone(),
            config.input.time_zone.clone(),
            config.input.time_ambiguous.clone(),
            "input",
        )?;
        let dialect = dialect(config.input)?;
        if config.record.is_empty() {
            return Err(at("record", "is missing: no line would become anything"));
        }
        let mut skips = Vec::new();
        for (index, skip) in config.skip.into_iter().enumerate() {
            let key = format!("skip[{index}]");
            if skip.when.is_empty() && skip.unless.is_empty() {
                return Err(at(
                    &key,
                    "has neither `when` nor `unless`, so it would leave out every line",
                ));
            }
            skips.push(Skip {
                reason: skip.reason,
                test: Test::read(skip.when, skip.unless, &mut columns, &key)?,
            });
        }
        let mut records = Vec::new();
        for (index, config) in config.record.into_iter().enumerate() {
            records.push(record(
                config,
                &time,
                message,
                &mut columns,
                &format!("record[{index}]"),
            )?);
        }
        let mut lookups = Vec::new();
        for (index, config) in config.lookup.into_iter().enumerate() {
            let matches = Template::parse(&config.matches, &mut columns)
                .map_err(|rule| at(&format!("lookup[{index}].match"), rule))?;
            lookups.push(Lookup {
                name: config.name,
                key: config.key,
                matches,
                columns: Vec::new(),
            });
        }
        find_lookup_columns(&columns, &mut lookups)?;
        Ok(Self { dialect, columns, lookups, skips, records })
    }

    /// The mapping of a table whose header names fields of the message.
    pub fn of_header(header: &[String], message: &MessageDescriptor) -> Result<Self, Error> {
        let (mut columns, mut fields) = (Columns::default(), Vec::new());
        for name in header {
            let path =
                Path::find(message, name).map_err(|rule| at(&format!("column {name:?}"), rule))?;
            fields.push(Field::of_column(path, Template::column(columns.named(name))));
        }
        let record =
            Record { test: Test::default(), group_by: Vec::new(), adjacent: false, fields };
        Ok(Self {
            dialect: Dialect::default(),
            columns,
            lookups: Vec::new(),
            skips: Vec::new(),
            records: vec![record],
        })
    }
}

/// Each column `NAME.COLUMN` belongs to the lookup NAME.
fn find_lookup_columns(columns: &Columns, lookups: &mut [Lookup]) -> Result<(), Error> {
    for (index, name) in columns.names().iter().enumerate() {
        let owner = lookups.iter_mut().find_map(|lookup| {
            let column = name.strip_prefix(&lookup.name)?.strip_prefix('.')?.to_owned();
            Some((lookup, column))
        });
        if let Some((lookup, column)) = owner {
            lookup.columns.push((column, Column(index)));
        }
    }
    match lookups.iter().find(|lookup| lookup.columns.is_empty()) {
        Some(unused) => {
            Err(at("lookup", format!("no column {:?} is used", format!("{}.…", unused.name))))
        }
        None => Ok(()),
    }
}

fn record(
    config: RecordConfig,
    time: &TimeFormat,
    message: &MessageDescriptor,
    columns: &mut Columns,
    key: &str,
) -> Result<Record, Error> {
    let grouped = !config.group_by.is_empty();
    if config.adjacent && !grouped {
        return Err(at(&format!("{key}.adjacent"), "means nothing without group_by"));
    }
    let test = Test::read(config.when, config.unless, columns, key)?;
    let group_by =
        config.group_by.into_iter().map(|name| (name.clone(), columns.named(&name))).collect();
    let surroundings = Surroundings { time, grouped };
    let mut fields = Vec::new();
    for (name, value) in config.fields {
        let mut found = Vec::new();
        flatten(name, value, message, &mut found);
        for (name, value) in found {
            let key = format!("{key}.fields.{name}");
            let path = Path::find(message, &name).map_err(|rule| at(&key, rule))?;
            let config = match value {
                toml::Value::String(from) => {
                    FieldConfig { from: Some(from), ..FieldConfig::default() }
                }
                toml::Value::Table(_) => {
                    FieldConfig::deserialize(value).map_err(|error| at(&key, error.message()))?
                }
                constant => {
                    FieldConfig { from: Some(constant.to_string()), ..FieldConfig::default() }
                }
            };
            fields.push(Field::read(path, config, &surroundings, columns, &key)?);
        }
    }
    Ok(Record { test, group_by, adjacent: config.adjacent, fields })
}

/// Tables that stand for messages become paths, whether written `order.total.currency_code` or as tables within tables.
fn flatten(
    name: String,
    value: toml::Value,
    message: &MessageDescriptor,
    found: &mut Vec<(String, toml::Value)>,
) {
    match value {
        toml::Value::Table(inner) if Path::is_message(message, &name) => {
            for (part, value) in inner {
                flatten(format!("{name}.{part}"), value, message, found);
            }
        }
        value => found.push((name, value)),
    }
}

fn dialect(config: InputConfig) -> Result<Dialect, Error> {
    let delimiter = match config.delimiter.as_deref() {
        None | Some("auto") => Delimiter::Auto,
        Some("tab") => Delimiter::Byte(b'\t'),
        Some("whitespace") => Delimiter::Whitespace,
        Some(text) => match text.as_bytes() {
            [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && *byte != b'"' => {
                Delimiter::Byte(*byte)
            }
            _ => {
                return Err(at(
                    "input.delimiter",
                    format!("{text:?} is not auto, tab, whitespace or one ASCII character"),
                ));
            }
        },
    };
    let latin1 = match config.encoding.as_deref() {
        None | Some("utf-8") => false,
        Some("latin-1") => true,
        Some(other) => {
            return Err(at("input.encoding", format!("{other:?} is not utf-8 or latin-1")));
        }
    };
    let decimal = config.decimal.unwrap_or('.');
    if !matches!(decimal, '.' | ',') {
        return Err(at("input.decimal", format!("{decimal:?} is not . or ,")));
    }
    if config
        .thousands
        .is_some_and(|sign| sign == decimal || sign.is_alphanumeric() || "+-".contains(sign))
    {
        return Err(at("input.thousands", "is a digit, a letter, a sign or the decimal sign"));
    }
    let missing = config.missing.map(Missing::from).unwrap_or_default();
    let numbers = NumberFormat { decimal, thousands: config.thousands };
    Ok(Dialect { delimiter, latin1, columns: config.columns, missing, numbers })
}

fn time_format(
    base: TimeFormat,
    formats: Option<OneOrMany>,
    zone: Option<String>,
    ambiguous: Option<String>,
    key: &str,
) -> Result<TimeFormat, Error> {
    let mut time = base;
    if let Some(formats) = formats {
        time = time
            .with_formats(formats.into_vec())
            .map_err(|rule| at(&format!("{key}.time_format"), rule))?;
    }
    if let Some(zone) = zone {
        time = time.with_zone(&zone).map_err(|rule| at(&format!("{key}.time_zone"), rule))?;
    }
    if let Some(ambiguous) = ambiguous {
        time = time
            .with_ambiguous(&ambiguous)
            .map_err(|rule| at(&format!("{key}.time_ambiguous"), rule))?;
    }
    Ok(time)
}

/// Reads the text of a mapping file; the message of the error names the key and its line.
pub fn parse(text: &str) -> Result<MappingConfig, String> {
    toml::from_str(text).map_err(|error| error.to_string())
}
