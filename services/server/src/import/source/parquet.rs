//! Apache Parquet, read row by row as texts. Columns within columns are named with a dot; lists and maps are refused.

use super::super::Error;
use super::super::row::{Column, Row};
use super::{Input, Next, Table, places};
use jiff::Timestamp;
use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;
use std::collections::HashMap;
use std::sync::atomic::Ordering;

/// What the record reader does not tell of a column of times.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    nanos: bool,
    /// Clock times of no said zone.
    local: bool,
}

/// A Parquet file.
pub struct ParquetTable {
    input: Input,
    rows: RowIter<'static>,
    total: u64,
    size: u64,
    number: u64,
    header: Vec<String>,
    known: HashMap<String, usize>,
    times: Vec<Times>,
    cells: Vec<Option<String>>,
    places: Vec<(usize, Column)>,
}

impl ParquetTable {
    /// Opens the file and reads its schema.
    pub fn open(input: &Input) -> Result<Self, Error> {
        let unreadable = |error: parquet::errors::ParquetError| Error::Read {
            path: input.path.clone(),
            message: error.to_string(),
        };
        let file = input.file()?;
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        let reader = SerializedFileReader::new(file).map_err(unreadable)?;
        let metadata = reader.metadata().file_metadata();
        let total = u64::try_from(metadata.num_rows()).unwrap_or(0);
        let mut columns = Vec::new();
        for field in metadata.schema().get_fields() {
            leaves(field, "", &mut columns).map_err(|column| Error::Read {
                path: input.path.clone(),
                message: format!("column {column} is a list or a map, which cannot be imported"),
            })?;
        }
        let (header, times): (Vec<String>, Vec<Times>) = columns.into_iter().unzip();
        Ok(Self {
            input: input.clone(),
            rows: RowIter::from_file_into(Box::new(reader)),
            total,
            size,
            number: 0,
            times,
            cells: vec![None; header.len()],
            known: header.iter().cloned().zip(0..).collect(),
            places: Vec::new(),
            header,
        })
    }

    /// By name, because a group that is null has no parts to count.
    fn flatten(&mut self, name: &str, field: Field) {
        if let Field::Group(inner) = field {
            return inner
                .into_columns()
                .into_iter()
                .for_each(|(part, field)| self.flatten(&format!("{name}.{part}"), field));
        }
        if let Some(place) = self.known.get(name) {
            self.cells[*place] = text(&field, self.times[*place]);
        }
    }
}

impl Table for ParquetTable {
    fn header(&self) -> Option<&[String]> {
        Some(&self.header)
    }

    fn want(&mut self, columns: &[(String, Column)]) -> Result<(), Error> {
        self.places = places(&self.input.path, &self.header, columns)?;
        Ok(())
    }

    fn next(&mut self, row: &mut Row) -> Result<Next, Error> {
        row.clear();
        let Some(record) = self.rows.next() else { return Ok(Next::End) };
        self.number += 1;
        let record = record.map_err(|error| Error::Read {
            path: self.input.path.clone(),
            message: format!("at row {}: {error}", self.number),
        })?;
        self.cells.fill(None);
        record.into_columns().into_iter().for_each(|(name, field)| self.flatten(&name, field));
        for (place, column) in &self.places {
            if let Some(Some(text)) = self.cells.get(*place) {
                row.set(*column, text);
            }
        }
        self.input.bytes.store(self.size * self.number / self.total.max(1), Ordering::Relaxed);
        Ok(Next::Line)
    }

    fn line(&self) -> u64 {
        self.number
    }

    fn raw(&self) -> String {
        let cells = self
            .header
            .iter()
            .zip(&self.cells)
            .filter_map(|(name, cell)| Some((name.clone(), cell.clone()?.into())));
        serde_json::Value::Object(cells.collect()).to_string()
    }
}

/// The columns that hold values, each with its whole name.
fn leaves(field: &Type, above: &str, found: &mut Vec<(String, Times)>) -> Result<(), String> {
    let name = if above.is_empty() {
        field.name().to_owned()
    } else {
        format!("{above}.{}", field.name())
    };
    let info = field.get_basic_info();
    let repeated =
        info.has_repetition() && info.repetition() == parquet::basic::Repetition::REPEATED;
    if repeated || (field.is_group() && info.logical_type_ref().is_some()) {
        return Err(name);
    }
    if field.is_group() {
        return field.get_fields().iter().try_for_each(|inner| leaves(inner, &name, found));
    }
    let times = match info.logical_type_ref() {
        Some(LogicalType::Timestamp(of)) => {
            Times { nanos: matches!(of.unit, TimeUnit::NANOS), local: !of.is_adjusted_to_u_t_c }
        }
        _ => Times::default(),
    };
    found.push((name, times));
    Ok(())
}

fn text(field: &Field, times: Times) -> Option<String> {
    let instant = |micros: i64| {
        let text = Timestamp::from_microsecond(micros).ok()?.to_string();
        Some(if times.local { text.trim_end_matches('Z').to_owned() } else { text })
    };
    match field {
        Field::Null => None,
        Field::Str(text) => Some(text.clone()),
        Field::Bytes(bytes) => Some(String::from_utf8_lossy(bytes.data()).into_owned()),
        Field::Long(nanos) if times.nanos => instant(nanos.div_euclid(1000)),
        Field::TimestampMillis(millis) => instant(millis.checked_mul(1000)?),
        Field::TimestampMicros(micros) => instant(*micros),
        Field::Date(days) => {
            instant(i64::from(*days) * 86_400_000_000).map(|text| text.chars().take(10).collect())
        }
        // As Rust writes them: the shortest text that gives the same number back.
        Field::Double(number) => Some(number.to_string()),
        Field::Float(number) => Some(number.to_string()),
        other => Some(other.to_string()),
    }
}
