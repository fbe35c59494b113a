//! Tables whose columns are set apart by blanks, as old data files are. Quotes mean nothing here.

use super::super::mapping::Dialect;
use super::super::row::{Column, Row};
use super::super::{Error, Violation};
use super::jsonl::Lines;
use super::{Input, Next, Table, places, unique};

/// A table of blanks.
pub struct BlankTable {
    lines: Lines,
    header: Vec<String>,
    places: Vec<(usize, Column)>,
}

impl BlankTable {
    /// Opens the file and reads its header.
    pub fn open(input: &Input, dialect: &Dialect) -> Result<Self, Error> {
        let mut lines = Lines::open(input)?;
        lines.latin1 = dialect.latin1;
        let header = match &dialect.columns {
            Some(names) => names.clone(),
            None => {
                lines.advance()?;
                unique(lines.text().unwrap_or_default().split_whitespace().map(str::to_owned))
            }
        };
        Ok(Self { lines, header, places: Vec::new() })
    }
}

impl Table for BlankTable {
    fn header(&self) -> Option<&[String]> {
        Some(&self.header)
    }

    fn want(&mut self, columns: &[(String, Column)]) -> Result<(), Error> {
        self.places = places(self.lines.path(), &self.header, columns)?;
        Ok(())
    }

    fn next(&mut self, row: &mut Row) -> Result<Next, Error> {
        row.clear();
        if !self.lines.advance()? {
            return Ok(Next::End);
        }
        let Some(text) = self.lines.text() else {
            return Ok(Next::Refused(Violation::of_line("is not UTF-8")));
        };
        let cells: Vec<&str> = text.split_whitespace().collect();
        if cells.len() != self.header.len() {
            let rule =
                format!("has {} cells, but there are {} columns", cells.len(), self.header.len());
            return Ok(Next::Refused(Violation::of_line(rule)));
        }
        for (place, column) in &self.places {
            row.set(*column, cells.get(*place).copied().unwrap_or_default());
        }
        Ok(Next::Line)
    }

    fn line(&self) -> u64 {
        self.lines.number()
    }

    fn raw(&self) -> String {
        self.lines.raw()
    }
}
