//! One table in three forms, which must say the same.

use super::*;
use ::parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::Field,
};
use std::sync::{Arc, Mutex};

const COLUMNS: [(&str, Kind); 5] = [
    ("text", Kind::Text),
    ("float", Kind::Float),
    ("integer", Kind::Integer),
    ("flag", Kind::Flag),
    ("instant", Kind::Instant),
];

/// An output of which one sees what was written.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<u8>>>);

impl Write for Seen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An output whose reader goes away after so many bytes.
struct Head(usize);

impl Write for Head {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Row by row another column lacks its value; numbers are those that do not survive rounding.
fn row(number: i64) -> Vec<Cell> {
    let mut cells = vec![
        Cell::from(format!("ü,\"{number}\"\n")),
        (0.1 + number as f64 / 3.0).into(),
        (i64::MAX - number).into(),
        (number % 2 == 0).into(),
        Timestamp::from_micros(1_700_000_000_123_456 + number).unwrap().into(),
    ];
    if let Some(cell) = cells.get_mut(number as usize % 6) {
        *cell = Cell::Absent;
    }
    cells
}

fn written(format: Format, rows: i64) -> Vec<u8> {
    let seen = Seen::default();
    let mut table = Rows::on(Box::new(BufWriter::new(seen.clone())), format, &COLUMNS).unwrap();
    for number in 0..rows {
        table.row(row(number)).unwrap();
    }
    assert_eq!(table.end().unwrap(), rows as u64);
    seen.0.lock().unwrap().clone()
}

fn read(file: Vec<u8>) -> SerializedFileReader<tonic::codegen::Bytes> {
    SerializedFileReader::new(file.into()).unwrap()
}

#[test]
fn parquet_reads_back_what_was_written_across_groups() {
    let rows = 120_001;
    let reader = read(written(Format::Parquet, rows));
    let groups = reader.metadata().row_groups().iter().map(|group| group.num_rows());
    assert_eq!(groups.collect::<Vec<_>>(), [50_000, 50_000, 20_001]);
    for (number, found) in reader.get_row_iter(None).unwrap().enumerate() {
        let found = found.unwrap();
        let cells = found.get_column_iter().map(|(_, field)| match field {
            Field::Null => Cell::Absent,
            Field::Str(text) => text.into(),
            Field::Double(number) => (*number).into(),
            Field::Long(number) => (*number).into(),
            Field::Bool(flag) => (*flag).into(),
            Field::TimestampMicros(at) => Timestamp::from_micros(*at).unwrap().into(),
            other => panic!("{other:?}"),
        });
        assert_eq!(cells.collect::<Vec<_>>(), row(number as i64));
    }
}

#[test]
fn parquet_without_rows_still_has_its_columns() {
    let reader = read(written(Format::Parquet, 0));
    assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
    let schema = reader.metadata().file_metadata().schema_descr();
    let names: Vec<&str> = schema.columns().iter().map(|column| column.name()).collect();
    assert_eq!(names, COLUMNS.map(|(name, _)| name));
}

#[test]
fn csv_and_json_lines_say_the_same() {
    let csv = written(Format::Csv, 7);
    let mut csv = csv::Reader::from_reader(csv.as_slice());
    let lines = String::from_utf8(written(Format::Jsonl, 7)).unwrap();
    for (number, (record, line)) in csv.records().zip(lines.lines()).enumerate() {
        let (record, line) = (record.unwrap(), serde_json::from_str::<Value>(line).unwrap());
        for ((cell, (name, _)), text) in row(number as i64).into_iter().zip(COLUMNS).zip(&record) {
            let json = cell.json();
            assert_eq!(line[name], json);
            let same = match &json {
                Value::Null => text.is_empty(),
                Value::String(json) => json == text,
                other => other == &serde_json::from_str::<Value>(text).unwrap(),
            };
            assert!(same, "{json} {text}");
        }
    }
    assert_eq!(lines.lines().count(), 7);
    assert!(lines.contains("\"2023-11-14T22:13:20.123457Z\""), "{lines}");
}

#[test]
fn a_reader_who_goes_away_is_told_from_a_failure() {
    for format in [Format::Csv, Format::Jsonl, Format::Parquet] {
        let write = || {
            let mut table = Rows::on(Box::new(Head(20)), format, &COLUMNS)?;
            (0..2000).try_for_each(|number| table.row(row(number)))?;
            table.end()
        };
        assert!(write().unwrap_err().is::<ReaderGone>(), "{format:?}");
    }
    assert!(!told(io::Error::from(io::ErrorKind::StorageFull)).is::<ReaderGone>());
}

#[test]
fn a_cell_in_the_wrong_column_is_a_fault() {
    let mut table = Rows::on(Box::new(io::sink()), Format::Csv, &COLUMNS).unwrap();
    let mut cells = row(6);
    cells.swap(0, 1);
    assert!(table.row(cells).unwrap_err().to_string().contains("column text"));
    assert!(table.row(vec![Cell::Absent]).is_err());
}
