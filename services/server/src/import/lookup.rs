//! Lookups: for a line of one table, what another table says. The other table is kept in memory, the wanted columns only.

use super::Error;
use super::mapping::{Dialect, Lookup};
use super::row::{Column, Row};
use super::source::{Input, Next};
use std::collections::HashMap;

/// A table in memory.
pub struct LookupTable<'a> {
    lookup: &'a Lookup,
    lines: HashMap<String, Vec<Option<String>>>,
}

impl<'a> LookupTable<'a> {
    /// Reads the table of a lookup. A key that stands twice is refused: which of the two would be meant?
    pub fn read(lookup: &'a Lookup, input: &Input, dialect: &Dialect) -> Result<Self, Error> {
        let refused = |line: u64, rule: String| Error::Read {
            path: input.path.clone(),
            message: format!("at line {line}: {rule}"),
        };
        let mut table = input.table(&Dialect { columns: None, ..dialect.clone() })?;
        let mut wanted = vec![(lookup.key.clone(), Column(0))];
        wanted.extend(
            lookup.columns.iter().zip(1..).map(|((name, _), at)| (name.clone(), Column(at))),
        );
        table.want(&wanted)?;
        let mut row = Row::new(wanted.len(), dialect.missing.clone());
        let mut lines = HashMap::new();
        loop {
            match table.next(&mut row)? {
                Next::End => return Ok(Self { lookup, lines }),
                Next::Refused(violation) => {
                    return Err(refused(
                        table.line(),
                        format!("{} {}", violation.field, violation.rule),
                    ));
                }
                Next::Line => {}
            }
            let Some(key) = row.get(Column(0)) else { continue };
            let cells =
                (1..wanted.len()).map(|at| row.get(Column(at)).map(str::to_owned)).collect();
            if lines.insert(key.to_owned(), cells).is_some() {
                return Err(refused(
                    table.line(),
                    format!("{} {key:?} stands here a second time", lookup.key),
                ));
            }
        }
    }

    /// Adds to a row what the table says about it.
    pub fn fill(&self, row: &mut Row) {
        let found = self.lookup.matches.text(row).and_then(|key| self.lines.get(key.as_ref()));
        for ((_, column), cell) in self.lookup.columns.iter().zip(found.into_iter().flatten()) {
            if let Some(text) = cell {
                row.set(*column, text);
            }
        }
    }
}
