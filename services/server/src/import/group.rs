//! Groups: the lines that become one record, and what counts of their values. Knows neither where lines come from nor where
//! records go.

use super::Violation;
use super::decimal::{Decimal, NumberFormat};
use super::mapping::Record;
use super::mapping::field::{Cell, Field, Take};
use super::row::Row;
use std::collections::HashMap;

/// A line that takes part in a record.
#[derive(Debug)]
pub struct Line {
    /// Its number in the file, from 1.
    pub number: u64,
    /// What stands there.
    pub raw: String,
    /// The rule it breaks, if any.
    pub violation: Option<Violation>,
}

/// The lines of one record, and its values so far.
#[derive(Debug, Default)]
pub struct Group {
    /// One for each field.
    pub cells: Vec<Option<Cell>>,
    /// All of them, in their order.
    pub lines: Vec<Line>,
}

impl Group {
    /// Adds a line. One that breaks a rule stays in the group, which is then refused as a whole: an order without one of its
    /// lines would be a wrong order.
    pub fn add(&mut self, fields: &[Field], row: &Row, format: NumberFormat, mut line: Line) {
        self.cells.resize(fields.len(), None);
        for (field, known) in fields.iter().zip(&mut self.cells) {
            let folded = field.cell(row, format).and_then(|cell| match cell {
                Some(cell) => fold(field.take, known, cell),
                None => Ok(()),
            });
            if let Err(rule) = folded {
                line.violation.get_or_insert(Violation { field: field.path.name.clone(), rule });
            }
        }
        self.lines.push(line);
    }

    /// The first line that breaks a rule.
    pub fn refused_by(&self) -> Option<u64> {
        self.lines.iter().find(|line| line.violation.is_some()).map(|line| line.number)
    }
}

fn fold(take: Take, known: &mut Option<Cell>, cell: Cell) -> Result<(), String> {
    let next = match (take, known.take(), cell) {
        (Take::Count, None, _) => Cell::Number(Decimal::from(1)),
        (Take::Count, Some(Cell::Number(count)), _) => Cell::Number(sum(count, Decimal::from(1))?),
        (_, None, cell) => cell,
        (Take::Same, Some(known), cell) if known == cell => known,
        (Take::Same, Some(known_cell), cell) => {
            let rule = format!(
                "is {} here, but {} on a line before of the same group",
                shown(&cell),
                shown(&known_cell)
            );
            *known = Some(known_cell);
            return Err(rule);
        }
        (Take::Last, Some(_), cell) => cell,
        (Take::Sum, Some(Cell::Number(a)), Cell::Number(b)) => Cell::Number(sum(a, b)?),
        (Take::Min | Take::Max, Some(a), b) => {
            let b_is_less = match (&a, &b) {
                (Cell::Number(a), Cell::Number(b)) => b.compare(*a).is_lt(),
                (Cell::Time(a), Cell::Time(b)) => b < a,
                _ => false,
            };
            if b_is_less == (take == Take::Min) { b } else { a }
        }
        (_, Some(first), _) => first,
    };
    *known = Some(next);
    Ok(())
}

fn sum(a: Decimal, b: Decimal) -> Result<Decimal, String> {
    a.add(b).ok_or_else(|| "the sum has too many digits".to_owned())
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => format!("{text:?}"),
        Cell::Number(number) => number.to_string(),
        Cell::Time(micros) => jiff::Timestamp::from_microsecond(*micros)
            .map_or_else(|_| micros.to_string(), |time| time.to_string()),
        Cell::Flag(flag) => flag.to_string(),
        Cell::Code(code) => format!("value {code}"),
    }
}

/// The open groups of one kind of record.
#[derive(Debug, Default)]
pub struct Groups {
    places: HashMap<String, usize>,
    open: Vec<Group>,
    key: String,
}

impl Groups {
    /// The group of a row, and the one that it ends where lines of a group follow each other. None where a column of the key is
    /// missing; its name is then the error.
    pub fn of<'a>(
        &'a mut self,
        record: &Record,
        row: &Row,
    ) -> Result<(&'a mut Group, Option<Group>), String> {
        self.key.clear();
        for (name, column) in &record.group_by {
            let text = row.get(*column).ok_or_else(|| name.clone())?;
            // With its length, so that ("ab", "c") and ("a", "bc") differ.
            self.key.push_str(&format!("{}:{text}", text.len()));
        }
        let mut ended = None;
        if !self.places.contains_key(&self.key) {
            if record.adjacent {
                self.places.clear();
                ended = self.open.pop();
            }
            self.places.insert(self.key.clone(), self.open.len());
            self.open.push(Group::default());
        }
        let place = self.places.get(&self.key).copied().unwrap_or_default();
        Ok((&mut self.open[place], ended))
    }

    /// Ends all groups, in the order of their first lines.
    pub fn end(&mut self) -> Vec<Group> {
        self.places.clear();
        std::mem::take(&mut self.open)
    }
}
