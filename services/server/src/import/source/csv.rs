//! CSV: cells between delimiters, in quotes where they hold one, or a line break.

use super::super::mapping::{Delimiter, Dialect};
use super::super::row::{Column, Row};
use super::super::{Error, Violation};
use super::{Input, MAX_LINE, Next, Table, head, places, unique};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Cursor, Read};
use std::rc::Rc;

/// A CSV file.
pub struct CsvTable {
    input: Input,
    reader: csv::Reader<Guarded>,
    record: csv::ByteRecord,
    passed: Rc<RefCell<Passed>>,
    line: u64,
    header: Vec<String>,
    places: Vec<(usize, Column)>,
    delimiter: u8,
    latin1: bool,
    text: String,
}

impl CsvTable {
    /// Opens the file and reads its header.
    pub fn open(input: &Input, dialect: &Dialect) -> Result<Self, Error> {
        let mut text = input.text()?;
        let start = head(&mut text, 1 << 16).map_err(|source| input.unreadable(source))?;
        let delimiter = match dialect.delimiter {
            Delimiter::Byte(byte) => byte,
            _ => likeliest(&start),
        };
        let passed = Rc::<RefCell<Passed>>::default();
        let guarded =
            Guarded { inner: Box::new(Cursor::new(start).chain(text)), passed: passed.clone() };
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(guarded);
        let mut table = Self {
            input: input.clone(),
            reader,
            record: csv::ByteRecord::new(),
            passed,
            line: 0,
            header: Vec::new(),
            places: Vec::new(),
            delimiter,
            latin1: dialect.latin1,
            text: String::new(),
        };
        table.header = match &dialect.columns {
            Some(names) => names.clone(),
            None => {
                table.read()?;
                let latin1 = table.latin1;
                unique(table.record.iter().map(|name| {
                    if latin1 {
                        of_latin1(name)
                    } else {
                        String::from_utf8_lossy(name).into_owned()
                    }
                }))
            }
        };
        Ok(table)
    }

    fn read(&mut self) -> Result<bool, Error> {
        self.passed.borrow_mut().since = 0;
        let more = self.reader.read_byte_record(&mut self.record).map_err(|error| Error::Read {
            path: self.input.path.clone(),
            message: format!("after line {}: {error}", self.line),
        })?;
        let inside = self.record.as_slice().iter().filter(|byte| **byte == b'\n').count() as u64;
        self.line =
            self.passed.borrow_mut().breaks_before(self.reader.position().byte()) + 1 - inside;
        Ok(more)
    }

    fn cell<'a>(text: &'a mut String, bytes: &'a [u8], latin1: bool) -> Option<&'a str> {
        if !latin1 {
            return std::str::from_utf8(bytes).ok();
        }
        text.clear();
        text.extend(bytes.iter().map(|byte| char::from(*byte)));
        Some(text)
    }
}

impl Table for CsvTable {
    fn header(&self) -> Option<&[String]> {
        Some(&self.header)
    }

    fn want(&mut self, columns: &[(String, Column)]) -> Result<(), Error> {
        self.places = places(&self.input.path, &self.header, columns)?;
        Ok(())
    }

    fn next(&mut self, row: &mut Row) -> Result<Next, Error> {
        row.clear();
        if !self.read()? {
            return Ok(Next::End);
        }
        let (cells, columns) = (self.record.len(), self.header.len());
        if cells != columns {
            return Ok(Next::Refused(Violation::of_line(format!(
                "has {cells} cells, but there are {columns} columns"
            ))));
        }
        for (place, column) in &self.places {
            let bytes = self.record.get(*place).unwrap_or_default();
            match Self::cell(&mut self.text, bytes, self.latin1) {
                Some(text) => row.set(*column, text),
                None => {
                    let rule = "is not UTF-8; if the file is in ISO 8859-1, the mapping says encoding = \"latin-1\"".to_owned();
                    let field = self.header.get(*place).cloned().unwrap_or_default();
                    return Ok(Next::Refused(Violation { field, rule }));
                }
            }
        }
        Ok(Next::Line)
    }

    fn line(&self) -> u64 {
        self.line
    }

    fn raw(&self) -> String {
        let mut line = String::new();
        for (index, cell) in self.record.iter().enumerate() {
            if index > 0 {
                line.push(char::from(self.delimiter));
            }
            let text =
                if self.latin1 { of_latin1(cell).into() } else { String::from_utf8_lossy(cell) };
            if text.contains(['"', '\n', '\r', char::from(self.delimiter)]) {
                line.push('"');
                line.push_str(&text.replace('"', "\"\""));
                line.push('"');
            } else {
                line.push_str(&text);
            }
        }
        line
    }
}

fn of_latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The delimiter that stands most often in the first line, outside quotes; of equals the first of these.
fn likeliest(start: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    let mut quoted = false;
    for byte in start {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if quoted => {}
            byte => counts
                .iter_mut()
                .filter(|(sign, _)| sign == byte)
                .for_each(|(_, count)| *count += 1),
        }
    }
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    counts.iter().find(|(_, count)| *count == most).map_or(b',', |(sign, _)| *sign)
}

/// What went through to the reader, which itself counts lines wrongly after blank ones and after CR LF.
#[derive(Default)]
struct Passed {
    /// Bytes in all.
    bytes: u64,
    /// Bytes since the last line.
    since: usize,
    /// Where line breaks stand that the reader may not have come to.
    breaks: VecDeque<u64>,
    /// Line breaks before those.
    before: u64,
}

impl Passed {
    /// Line breaks before a line that ends at `end`, and within it; without the one that ends it.
    fn breaks_before(&mut self, end: u64) -> u64 {
        while self.breaks.front().is_some_and(|at| at + 1 < end) {
            self.breaks.pop_front();
            self.before += 1;
        }
        self.before
    }
}

/// Ends a line that grows without end, and keeps account of line breaks.
struct Guarded {
    inner: Box<dyn Read>,
    passed: Rc<RefCell<Passed>>,
}

impl Read for Guarded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let mut passed = self.passed.borrow_mut();
        passed.since += read;
        if passed.since > MAX_LINE {
            return Err(io::Error::other(format!(
                "a line is longer than {MAX_LINE} bytes; is a quote not closed?"
            )));
        }
        let breaks = buffer[..read]
            .iter()
            .zip(passed.bytes..)
            .filter(|(byte, _)| **byte == b'\n')
            .map(|(_, at)| at);
        let breaks: Vec<u64> = breaks.collect();
        passed.breaks.extend(breaks);
        passed.bytes += read as u64;
        Ok(read)
    }
}
