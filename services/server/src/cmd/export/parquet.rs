//! A table as Parquet, written group of rows by group of rows: memory holds one group, however long the table is.

use super::table::{Cell, Kind};
use parquet::{
    basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel},
    data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type},
    errors::Result,
    file::{
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::Type,
};
use std::{io::Write, mem, sync::Arc};

type Out = Box<dyn Write + Send>;

/// Rows in a group. Readers skip and share work by groups, so that many small ones are slow to read.
const GROUP: usize = 50_000;

/// A file being written, and the rows that wait for their group to be full.
pub(super) struct Parquet {
    file: SerializedFileWriter<Out>,
    columns: Vec<Column>,
    rows: usize,
}

/// A column of the group at hand: for each row whether it has a value, and the values that there are.
struct Column {
    there: Vec<i16>,
    values: Values,
}

enum Values {
    Text(Vec<ByteArray>),
    Float(Vec<f64>),
    Integer(Vec<i64>),
    Flag(Vec<bool>),
}

impl Parquet {
    /// Begins a file. Every column may lack values.
    pub(super) fn begin(out: Out, columns: &[(String, Kind)]) -> Result<Self> {
        let fields: Result<Vec<_>> =
            columns.iter().map(|(name, kind)| field(name, *kind).map(Arc::new)).collect();
        let schema = Type::group_type_builder("cx").with_fields(fields?).build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(concat!("cx ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
        let columns = columns.iter().map(|(_, kind)| Column::of(*kind)).collect();
        Ok(Self { file, columns, rows: 0 })
    }

    /// Takes a row, whose cells are of the kinds of the columns.
    pub(super) fn row(&mut self, cells: Vec<Cell>) -> Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(cell);
        }
        self.rows += 1;
        if self.rows == GROUP { self.group() } else { Ok(()) }
    }

    /// Writes the last rows, and what makes a file of it.
    pub(super) fn end(mut self) -> Result<()> {
        if self.rows > 0 {
            self.group()?;
        }
        self.file.finish()?;
        // The file's own buffer was flushed into the output's, which has one too.
        Ok(self.file.inner_mut().flush()?)
    }

    fn group(&mut self) -> Result<()> {
        let mut group = self.file.next_row_group()?;
        for column in &mut self.columns {
            column.write(&mut group)?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

/// How a column is declared.
fn field(name: &str, kind: Kind) -> Result<Type> {
    let (physical, logical) = match kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Float => (Physical::DOUBLE, None),
        Kind::Integer => (Physical::INT64, None),
        Kind::Flag => (Physical::BOOLEAN, None),
        Kind::Instant => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
    };
    Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
}

impl Column {
    fn of(kind: Kind) -> Self {
        let values = match kind {
            Kind::Text => Values::Text(Vec::new()),
            Kind::Float => Values::Float(Vec::new()),
            Kind::Integer | Kind::Instant => Values::Integer(Vec::new()),
            Kind::Flag => Values::Flag(Vec::new()),
        };
        Self { there: Vec::new(), values }
    }

    fn push(&mut self, cell: Cell) {
        match (&mut self.values, cell) {
            (Values::Text(values), Cell::Text(text)) => values.push(text.into_bytes().into()),
            (Values::Float(values), Cell::Float(number)) => values.push(number),
            (Values::Integer(values), Cell::Integer(number)) => values.push(number),
            (Values::Integer(values), Cell::Instant(at)) => values.push(at.micros()),
            (Values::Flag(values), Cell::Flag(flag)) => values.push(flag),
            _ => return self.there.push(0),
        }
        self.there.push(1);
    }

    /// Writes it as the next column of the group, and empties it.
    fn write(&mut self, group: &mut SerializedRowGroupWriter<'_, Out>) -> Result<()> {
        let there = mem::take(&mut self.there);
        match &mut self.values {
            Values::Text(values) => chunk::<ByteArrayType>(group, &mem::take(values), &there),
            Values::Float(values) => chunk::<DoubleType>(group, &mem::take(values), &there),
            Values::Integer(values) => chunk::<Int64Type>(group, &mem::take(values), &there),
            Values::Flag(values) => chunk::<BoolType>(group, &mem::take(values), &there),
        }
    }
}

fn chunk<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Out>,
    values: &[T::T],
    there: &[i16],
) -> Result<()> {
    // There are as many columns as fields, so that there is a next one.
    let Some(mut column) = group.next_column()? else { return Ok(()) };
    column.typed::<T>().write_batch(values, Some(there), None)?;
    column.close()
}
