//! A table on its way out: rows of typed cells, written as CSV, JSON Lines or Parquet.
//!
//! Numbers are written so that they read back as the same bits. It knows no table by name.

use super::{Destination, Format, parquet::Parquet};
use crate::config::Invalid;
use anyhow::{Context, bail};
use cx_analytics::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use std::{
    fs::File,
    io::{self, BufWriter, IsTerminal, Write},
};

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Texts.
    Text,
    /// Numbers with a fraction, of 64 bits.
    Float,
    /// Whole numbers, of 64 bits.
    Integer,
    /// Yes or no.
    Flag,
    /// Instants, to the microsecond, in UTC.
    Instant,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// None there.
    Absent,
    /// Of a column of [`Kind::Text`].
    Text(String),
    /// Of a column of [`Kind::Float`].
    Float(f64),
    /// Of a column of [`Kind::Integer`].
    Integer(i64),
    /// Of a column of [`Kind::Flag`].
    Flag(bool),
    /// Of a column of [`Kind::Instant`].
    Instant(Timestamp),
}

impl Cell {
    /// The name of a value of an enum, as its JSON form has it.
    pub fn named(value: impl Serialize) -> Self {
        match serde_json::to_value(value) {
            Ok(Value::String(name)) => Self::Text(name),
            _ => Self::Absent,
        }
    }

    /// What it is; none where it is absent.
    pub const fn kind(&self) -> Option<Kind> {
        match self {
            Self::Absent => None,
            Self::Text(_) => Some(Kind::Text),
            Self::Float(_) => Some(Kind::Float),
            Self::Integer(_) => Some(Kind::Integer),
            Self::Flag(_) => Some(Kind::Flag),
            Self::Instant(_) => Some(Kind::Instant),
        }
    }

    /// In JSON: an instant is a text in RFC 3339.
    fn json(self) -> Value {
        match self {
            Self::Absent => Value::Null,
            Self::Text(text) => Value::String(text),
            Self::Float(number) => number.into(),
            Self::Integer(number) => number.into(),
            Self::Flag(flag) => flag.into(),
            Self::Instant(at) => jiff::Timestamp::from_microsecond(at.micros())
                .map_or(Value::Null, |at| Value::String(at.to_string())),
        }
    }
}

macro_rules! cells {
    ($($from:ty => $variant:ident),+ $(,)?) => {$(
        impl From<$from> for Cell {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        }
    )+};
}
cells!(String => Text, &str => Text, &String => Text, f64 => Float, i64 => Integer, bool => Flag, Timestamp => Instant);

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Into::into)
    }
}

/// Whoever read what is written has gone away, as `head` does when it has seen enough. Nothing is wrong then.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads any more what is written")]
pub struct ReaderGone;

/// A table on its way out.
pub struct Rows {
    columns: Vec<(String, Kind)>,
    sink: Sink,
    written: u64,
}

enum Sink {
    Csv(Box<csv::Writer<Box<dyn Write + Send>>>),
    Jsonl(Box<dyn Write + Send>),
    Parquet(Box<Parquet>),
}

impl Rows {
    /// Begins a table where it was asked for.
    pub fn begin<N: AsRef<str>>(to: &Destination, columns: &[(N, Kind)]) -> anyhow::Result<Self> {
        let out: Box<dyn Write + Send> = match &to.output {
            None if to.format == Format::Parquet && io::stdout().is_terminal() => {
                let reason = "parquet is not for a terminal: say --output FILE, or pipe it";
                let key = "--format (CX_EXPORT_FORMAT)";
                return Err(Invalid { key, reason: reason.to_owned() }.into());
            }
            None => Box::new(BufWriter::new(io::stdout())),
            Some(path) => Box::new(BufWriter::new(
                File::create(path).with_context(|| path.display().to_string())?,
            )),
        };
        Self::on(out, to.format, columns)
    }

    /// Begins a table on an output.
    pub fn on<N: AsRef<str>>(
        out: Box<dyn Write + Send>,
        format: Format,
        columns: &[(N, Kind)],
    ) -> anyhow::Result<Self> {
        let columns: Vec<(String, Kind)> =
            columns.iter().map(|(name, kind)| (name.as_ref().to_owned(), *kind)).collect();
        let sink = match format {
            Format::Jsonl => Sink::Jsonl(out),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                let names = columns.iter().map(|(name, _)| name);
                writer.write_record(names).map_err(csv_told)?;
                Sink::Csv(Box::new(writer))
            }
            Format::Parquet => {
                Sink::Parquet(Box::new(Parquet::begin(out, &columns).map_err(told)?))
            }
        };
        Ok(Self { columns, sink, written: 0 })
    }

    /// Writes a row, with a cell for each column.
    pub fn row(&mut self, cells: Vec<Cell>) -> anyhow::Result<()> {
        if cells.len() != self.columns.len() {
            bail!("a row has {} cells, and the table {} columns", cells.len(), self.columns.len());
        }
        for (cell, (name, kind)) in cells.iter().zip(&self.columns) {
            if cell.kind().is_some_and(|found| found != *kind) {
                bail!("column {name} is of {kind:?}, and a cell is {cell:?}");
            }
        }
        self.written += 1;
        match &mut self.sink {
            Sink::Csv(writer) => {
                let text = |cell: Cell| match cell.json() {
                    Value::Null => String::new(),
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                let record = writer.write_record(cells.into_iter().map(text));
                record.map_err(csv_told)
            }
            Sink::Jsonl(writer) => {
                let names = self.columns.iter().map(|(name, _)| name.clone());
                let object: Map<String, Value> =
                    names.zip(cells.into_iter().map(Cell::json)).collect();
                let object = serde_json::to_writer(&mut *writer, &object);
                object.map_err(|error| told(io::Error::from(error)))?;
                writer.write_all(b"\n").map_err(told)
            }
            Sink::Parquet(writer) => writer.row(cells).map_err(told),
        }
    }

    /// Ends the table and gives the number of its rows.
    pub fn end(self) -> anyhow::Result<u64> {
        match self.sink {
            Sink::Csv(mut writer) => writer.flush().map_err(told)?,
            Sink::Jsonl(mut writer) => writer.flush().map_err(told)?,
            Sink::Parquet(writer) => writer.end().map_err(told)?,
        }
        Ok(self.written)
    }
}

/// What writing ran into. Told apart here, and not by whoever sees the error in the end, because a connection to the
/// database can break in the same way, and that must not pass for a reader who has seen enough.
fn told(error: impl Into<anyhow::Error>) -> anyhow::Error {
    let error = error.into();
    let gone = |cause: &(dyn std::error::Error + 'static)| {
        let cause = cause.downcast_ref::<io::Error>();
        cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(gone) { ReaderGone.into() } else { error.context("writing") }
}

/// The same of the CSV writer, whose errors do not name their cause.
fn csv_told(error: csv::Error) -> anyhow::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => told(error),
        other => anyhow::anyhow!("writing CSV: {other:?}"),
    }
}

#[cfg(test)]
mod tests;
