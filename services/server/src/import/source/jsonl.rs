//! JSON Lines: an object on each line; as such for the API's own JSON form, as a table for a mapping.

use super::super::row::{Column, Row};
use super::super::{Error, Violation};
use super::{Input, MAX_LINE, Next, Table};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// The lines of a text that are not blank.
pub struct Lines {
    input: Input,
    reader: BufReader<Box<dyn Read>>,
    line: Vec<u8>,
    decoded: Option<String>,
    number: u64,
    /// The text is ISO 8859-1 instead of UTF-8.
    pub latin1: bool,
}

impl Lines {
    /// Opens the file.
    pub fn open(input: &Input) -> Result<Self, Error> {
        let reader = BufReader::with_capacity(1 << 16, input.text()?);
        Ok(Self {
            input: input.clone(),
            reader,
            line: Vec::new(),
            decoded: None,
            number: 0,
            latin1: false,
        })
    }

    /// Goes to the next line; false where there is none.
    pub fn advance(&mut self) -> Result<bool, Error> {
        loop {
            self.line.clear();
            let mut limited = self.reader.by_ref().take(MAX_LINE as u64 + 1);
            let read = limited.read_until(b'\n', &mut self.line).map_err(|source| Error::Read {
                path: self.input.path.clone(),
                message: format!("after line {}: {source}", self.number),
            })?;
            if read == 0 {
                return Ok(false);
            }
            self.number += 1;
            if read > MAX_LINE {
                let message = format!("line {} is longer than {MAX_LINE} bytes", self.number);
                return Err(Error::Read { path: self.input.path.clone(), message });
            }
            while self.line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                self.line.pop();
            }
            if !self.line.iter().all(u8::is_ascii_whitespace) {
                self.decoded =
                    self.latin1.then(|| self.line.iter().map(|byte| char::from(*byte)).collect());
                return Ok(true);
            }
        }
    }

    /// The line, unless it is not UTF-8.
    pub fn text(&self) -> Option<&str> {
        self.decoded.as_deref().or_else(|| std::str::from_utf8(&self.line).ok())
    }

    /// The line, with signs of replacement for what is not UTF-8.
    pub fn raw(&self) -> String {
        self.decoded.clone().unwrap_or_else(|| String::from_utf8_lossy(&self.line).into_owned())
    }

    /// Its number, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.input.path
    }
}

/// JSON Lines as a table: a column `a.b` is the member b of the member a. What an object lacks is missing.
pub struct JsonTable {
    lines: Lines,
    wanted: Vec<(String, Column)>,
}

impl JsonTable {
    /// A table of these lines.
    pub fn new(lines: Lines) -> Self {
        Self { lines, wanted: Vec::new() }
    }

    fn fill(&self, row: &mut Row) -> Result<(), Violation> {
        let text = self.lines.text().ok_or_else(|| Violation::of_line("is not UTF-8"))?;
        let object: Value = serde_json::from_str(text)
            .map_err(|error| Violation::of_line(format!("is not JSON: {error}")))?;
        if !object.is_object() {
            return Err(Violation::of_line("is not a JSON object"));
        }
        for (name, column) in &self.wanted {
            let value = object
                .get(name)
                .or_else(|| name.split('.').try_fold(&object, |inside, part| inside.get(part)));
            match value {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) => row.set(*column, text),
                Some(Value::Array(_) | Value::Object(_)) => {
                    return Err(Violation {
                        field: name.clone(),
                        rule: "is a list or an object, not a value".to_owned(),
                    });
                }
                Some(plain) => row.set(*column, &plain.to_string()),
            }
        }
        Ok(())
    }
}

impl Table for JsonTable {
    fn header(&self) -> Option<&[String]> {
        None
    }

    fn want(&mut self, columns: &[(String, Column)]) -> Result<(), Error> {
        self.wanted = columns.to_vec();
        Ok(())
    }

    fn next(&mut self, row: &mut Row) -> Result<Next, Error> {
        row.clear();
        if !self.lines.advance()? {
            return Ok(Next::End);
        }
        Ok(self.fill(row).map_or_else(Next::Refused, |()| Next::Line))
    }

    fn line(&self) -> u64 {
        self.lines.number()
    }

    fn raw(&self) -> String {
        self.lines.raw()
    }
}
