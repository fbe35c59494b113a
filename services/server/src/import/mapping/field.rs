//! A field of a message and what it gets: where its value comes from, and how it is read.

use super::super::decimal::{Decimal, NumberFormat};
use super::super::row::Row;
use super::super::time::TimeFormat;
use super::config::FieldConfig;
use super::expression::{Columns, Expression, Template};
use super::path::{Form, Path};
use super::{Error, at, time_format};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Which of the values of a group counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The one that all lines agree on.
    Same,
    /// That of the first line that has one.
    First,
    /// That of the last line that has one.
    Last,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The sum.
    Sum,
    /// How many lines have one.
    Count,
}

/// A value as one line gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// A number.
    Number(Decimal),
    /// Microseconds since 1970.
    Time(i64),
    /// Yes or no.
    Flag(bool),
    /// The number of an enum's value.
    Code(i32),
}

#[derive(Debug)]
enum Source {
    Text(Template),
    Number(Expression),
}

impl Source {
    fn read(config: &FieldConfig, columns: &mut Columns, key: &str) -> Result<Self, Error> {
        match (&config.from, &config.number) {
            (Some(text), None) => Template::parse(text, columns)
                .map(Self::Text)
                .map_err(|rule| at(&format!("{key}.from"), rule)),
            (None, Some(text)) => Expression::parse(text, columns)
                .map(Self::Number)
                .map_err(|rule| at(&format!("{key}.number"), rule)),
            _ => Err(at(key, "needs either `from` or `number`")),
        }
    }
}

/// What a field gets from the record around it.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// How times are written, unless the field says otherwise.
    pub time: &'a TimeFormat,
    /// Whether several lines make the record.
    pub grouped: bool,
}

/// A field and what it gets.
#[derive(Debug)]
pub struct Field {
    /// Where it stands.
    pub path: Path,
    /// Which value of a group counts.
    pub take: Take,
    /// Decimals of the unit of a whole number.
    pub decimals: u32,
    /// Whether what is finer than the unit is rounded.
    pub round: bool,
    /// True where no line has a part in the value.
    pub constant: bool,
    source: Source,
    map: Option<BTreeMap<String, String>>,
    default: Option<String>,
    time: TimeFormat,
}

impl Field {
    /// The text of one column.
    pub fn of_column(path: Path, template: Template) -> Self {
        Self {
            path,
            take: Take::Same,
            decimals: 0,
            round: false,
            constant: false,
            source: Source::Text(template),
            map: None,
            default: None,
            time: TimeFormat::default(),
        }
    }

    /// Reads a field of a mapping file, `key` naming its place there.
    pub fn read(
        path: Path,
        config: FieldConfig,
        record: &Surroundings<'_>,
        columns: &mut Columns,
        key: &str,
    ) -> Result<Self, Error> {
        only_what_fits(&path, &config, key)?;
        let source = Source::read(&config, columns, key)?;
        let constant = match &source {
            Source::Text(template) => template.is_constant(),
            Source::Number(expression) => expression.is_constant(),
        };
        let take = take(config.take.as_deref(), record.grouped)
            .map_err(|rule| at(&format!("{key}.take"), rule))?;
        let time = time_format(
            record.time.clone(),
            config.time_format,
            config.time_zone,
            config.time_ambiguous,
            key,
        )?;
        let field = Self {
            path,
            take,
            decimals: config.decimals.unwrap_or(0),
            round: config.round,
            constant,
            source,
            map: config.map,
            default: config.default,
            time,
        };
        field.check(key)?;
        Ok(field)
    }

    /// Refuses what cannot work for any line, so that it is known before the first.
    fn check(&self, key: &str) -> Result<(), Error> {
        let by_number = matches!(self.source, Source::Number(_));
        let number = by_number || matches!(self.path.form, Form::Whole { .. } | Form::Span);
        if by_number && matches!(self.path.form, Form::Flag | Form::Name(_)) {
            return Err(at(&format!("{key}.number"), format!("{} is no number", self.path.name)));
        }
        if by_number && self.map.is_some() {
            return Err(at(&format!("{key}.map"), "works on texts, not on `number`"));
        }
        let time = matches!(self.path.form, Form::Instant);
        match self.take {
            Take::Sum if time || !number => {
                Err(at(&format!("{key}.take"), format!("{} cannot be summed", self.path.name)))
            }
            Take::Min | Take::Max if !time && !number => {
                Err(at(&format!("{key}.take"), format!("{} has no order", self.path.name)))
            }
            Take::Count if !matches!(self.path.form, Form::Whole { .. } | Form::Text) => {
                Err(at(&format!("{key}.take"), format!("{} is no number", self.path.name)))
            }
            _ => Ok(()),
        }?;
        for (text, key) in self
            .map
            .iter()
            .flat_map(|map| map.values())
            .map(|text| (text, "map"))
            .chain(self.default.iter().map(|text| (text, "default")))
        {
            if !text.is_empty() && !number {
                self.read_text(text, NumberFormat::default())
                    .map_err(|rule| at(&format!("{}.{key}", self.path.name), rule))?;
            }
        }
        if self.constant
            && let Source::Text(template) = &self.source
        {
            let empty = Row::new(0, super::super::row::Missing::default());
            let text = template.text(&empty).unwrap_or_default();
            self.read_text(&text, NumberFormat::default()).map_err(|rule| at(key, rule))?;
        }
        Ok(())
    }

    /// The value that a line gives; none where it is missing; or the rule it breaks.
    pub fn cell(&self, row: &Row, format: NumberFormat) -> Result<Option<Cell>, String> {
        let cell = match &self.source {
            Source::Text(template) => match self.mapped(template.text(row))? {
                Some(text) => Some(self.read_text(
                    &text,
                    if self.constant { NumberFormat::default() } else { format },
                )?),
                None => None,
            },
            Source::Number(expression) => expression
                .number(row, format)?
                .map(|number| self.read_number(number))
                .transpose()?,
        };
        match (&self.default, cell) {
            (Some(default), None) => self.read_text(default, NumberFormat::default()).map(Some),
            (None, None) if self.take == Take::Sum => {
                Err("is missing, so the sum is not known; give it a default if it means nothing"
                    .to_owned())
            }
            (_, cell) => Ok(cell),
        }
    }

    fn mapped<'a>(&'a self, text: Option<Cow<'a, str>>) -> Result<Option<Cow<'a, str>>, String> {
        let (Some(map), Some(text)) = (&self.map, &text) else { return Ok(text) };
        match map.get(text.as_ref()).or_else(|| map.get("*")) {
            Some(becomes) if becomes.is_empty() => Ok(None),
            Some(becomes) => Ok(Some(Cow::Borrowed(becomes))),
            None => Err(format!("{text:?} is not in its map")),
        }
    }

    fn read_number(&self, number: Decimal) -> Result<Cell, String> {
        match self.path.form {
            Form::Instant => number
                .floor_units(6)
                .map(Cell::Time)
                .ok_or_else(|| format!("{number} seconds since 1970 are too many")),
            _ => Ok(Cell::Number(number)),
        }
    }

    fn read_text(&self, text: &str, format: NumberFormat) -> Result<Cell, String> {
        match &self.path.form {
            Form::Text => Ok(Cell::Text(text.to_owned())),
            Form::Whole { .. } => number(text, format),
            Form::Span => number(text.strip_suffix('s').unwrap_or(text), format),
            Form::Instant => self.time.parse(text).map(Cell::Time),
            Form::Flag => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "y" | "t" | "1" => Ok(Cell::Flag(true)),
                "false" | "no" | "n" | "f" | "0" => Ok(Cell::Flag(false)),
                _ => Err(format!("{text:?} is neither true nor false")),
            },
            Form::Name(values) => {
                let name = text.to_ascii_uppercase().replace(['-', ' '], "_");
                values
                    .get(&name)
                    .map(|code| Cell::Code(*code))
                    .ok_or_else(|| format!("{text:?} is none of {}", shortest(values)))
            }
        }
    }
}

/// Refuses keys that mean nothing for this field.
fn only_what_fits(path: &Path, config: &FieldConfig, key: &str) -> Result<(), Error> {
    let of_times = [&config.time_zone, &config.time_ambiguous].into_iter().any(Option::is_some)
        || config.time_format.is_some();
    if of_times && !matches!(path.form, Form::Instant) {
        return Err(at(key, format!("{} is no time, so it has no time format or zone", path.name)));
    }
    if !matches!(path.form, Form::Whole { .. }) && (config.decimals.is_some() || config.round) {
        let rule = format!("{} is no whole number, so it has no `decimals` or `round`", path.name);
        return Err(at(key, rule));
    }
    match config.decimals {
        Some(10..) => Err(at(&format!("{key}.decimals"), "is not in 0..=9")),
        _ => Ok(()),
    }
}

fn number(text: &str, format: NumberFormat) -> Result<Cell, String> {
    Decimal::parse(text, format)
        .map(Cell::Number)
        .ok_or_else(|| format!("{text:?} is not a number"))
}

/// The shortest name of each value, in the order of their numbers, without the one that says nothing.
fn shortest(values: &BTreeMap<String, i32>) -> String {
    let mut names: BTreeMap<i32, &str> = BTreeMap::new();
    for (name, code) in values.iter().filter(|(_, code)| **code != 0) {
        let known = names.entry(*code).or_insert(name);
        if name.len() < known.len() {
            *known = name;
        }
    }
    names.into_values().collect::<Vec<_>>().join(", ")
}

fn take(name: Option<&str>, grouped: bool) -> Result<Take, String> {
    let take = match name {
        None => return Ok(Take::Same),
        Some("same") => Take::Same,
        Some("first") => Take::First,
        Some("last") => Take::Last,
        Some("min") => Take::Min,
        Some("max") => Take::Max,
        Some("sum") => Take::Sum,
        Some("count") => Take::Count,
        Some(other) => {
            return Err(format!("{other:?} is not same, first, last, min, max, sum or count"));
        }
    };
    if grouped { Ok(take) } else { Err("means nothing without group_by".to_owned()) }
}
