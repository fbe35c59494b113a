//! The reading half of an import: from files to checked records, one file after the other, in a thread of its own. Knows no
//! database: records go to an [`Outlet`].

use super::assemble;
use super::group::{Group, Groups, Line};
use super::ledger::{Ledger, Origin};
use super::lookup::LookupTable;
use super::mapping::{Mapping, Record};
use super::outlet::Outlet;
use super::row::{Column, Row};
use super::source::jsonl::Lines;
use super::source::{Format, Input, Next, Table};
use super::{Error, Plan, Violation};
use prost_reflect::{DeserializeOptions, DynamicMessage};
use std::sync::Arc;

/// Reads all files of a plan.
pub fn files(plan: &Plan, outlet: &mut Outlet) -> Result<(), Error> {
    for input in &plan.files {
        let file: Arc<str> = input.path.display().to_string().into();
        let mut reader = Reader { plan, outlet, ledger: plan.ledger.clone(), file };
        match (&plan.mapping, input.format) {
            (None, Format::Jsonl) => reader.messages(input)?,
            (None, _) => {
                let mut table = input.table(&Default::default())?;
                let header = table.header().unwrap_or_default().to_vec();
                let mapping = Mapping::of_header(&header, &plan.message)?;
                reader.table(table.as_mut(), &mapping, &[])?;
            }
            (Some(mapping), _) => {
                let lookups = reader.lookups(mapping)?;
                reader.table(input.table(&mapping.dialect)?.as_mut(), mapping, &lookups)?;
            }
        }
    }
    outlet.flush()
}

struct Reader<'a> {
    plan: &'a Plan,
    outlet: &'a mut Outlet,
    ledger: Arc<Ledger>,
    file: Arc<str>,
}

impl<'a> Reader<'a> {
    fn lookups(&self, mapping: &'a Mapping) -> Result<Vec<LookupTable<'a>>, Error> {
        let read = |lookup: &'a super::mapping::Lookup| match self.plan.lookups.get(&lookup.name) {
            Some(input) => LookupTable::read(lookup, input, &mapping.dialect),
            None => Err(Error::LookupMissing { name: lookup.name.clone() }),
        };
        mapping.lookups.iter().map(read).collect()
    }

    /// Each line is a message in the API's own JSON form.
    fn messages(&mut self, input: &Input) -> Result<(), Error> {
        let mut lines = Lines::open(input)?;
        while lines.advance()? {
            self.ledger.count(|counts| counts.lines += 1);
            let line =
                |violation| vec![Line { number: lines.number(), raw: lines.raw(), violation }];
            match self.message(lines.text()) {
                Ok(message) => self.deliver(message, line(None))?,
                Err(violation) => self.refuse(&line(Some(violation)), None)?,
            }
        }
        Ok(())
    }

    fn message(&self, text: Option<&str>) -> Result<DynamicMessage, Violation> {
        let text = text.ok_or_else(|| Violation::of_line("is not UTF-8"))?;
        let options = DeserializeOptions::new().deny_unknown_fields(true);
        let mut json = serde_json::Deserializer::from_str(text);
        let message = DynamicMessage::deserialize_with_options(
            self.plan.message.clone(),
            &mut json,
            &options,
        );
        let message = message.and_then(|message| json.end().map(|()| message));
        message.map_err(|error| {
            Violation::of_line(format!(
                "is not the JSON form of {}: {error}",
                self.plan.message.name()
            ))
        })
    }

    /// Each line is for the mapping to judge.
    fn table(
        &mut self,
        table: &mut dyn Table,
        mapping: &Mapping,
        lookups: &[LookupTable<'_>],
    ) -> Result<(), Error> {
        let looked_up = |at: usize| {
            mapping
                .lookups
                .iter()
                .flat_map(|lookup| &lookup.columns)
                .any(|(_, Column(of))| *of == at)
        };
        let names = mapping.columns.names();
        let wanted: Vec<_> = (0..names.len())
            .filter(|at| !looked_up(*at))
            .map(|at| (names[at].clone(), Column(at)))
            .collect();
        table.want(&wanted)?;
        let mut row = Row::new(names.len(), mapping.dialect.missing.clone());
        let mut groups: Vec<Groups> = mapping.records.iter().map(|_| Groups::default()).collect();
        loop {
            match table.next(&mut row)? {
                Next::End => break,
                Next::Line => {
                    lookups.iter().for_each(|lookup| lookup.fill(&mut row));
                    self.line(table, mapping, &row, &mut groups)?;
                }
                Next::Refused(violation) => {
                    self.refuse(&[line_of(table, Some(violation))], None)?;
                }
            }
            self.ledger.count(|counts| counts.lines += 1);
        }
        for (record, groups) in mapping.records.iter().zip(&mut groups) {
            for group in groups.end() {
                self.finish(record, group)?;
            }
        }
        Ok(())
    }

    fn line(
        &mut self,
        table: &dyn Table,
        mapping: &Mapping,
        row: &Row,
        groups: &mut [Groups],
    ) -> Result<(), Error> {
        let format = mapping.dialect.numbers;
        if let Some(skip) = mapping.skips.iter().find(|skip| skip.test.holds(row, format)) {
            self.ledger
                .count(|counts| *counts.skipped.entry(skip.reason.clone()).or_default() += 1);
            return Ok(());
        }
        let mut taken = false;
        for (record, groups) in mapping.records.iter().zip(groups) {
            if !record.test.holds(row, format) {
                continue;
            }
            taken = true;
            if record.group_by.is_empty() {
                let mut group = Group::default();
                group.add(&record.fields, row, format, line_of(table, None));
                self.finish(record, group)?;
                continue;
            }
            match groups.of(record, row) {
                Ok((group, ended)) => {
                    group.add(&record.fields, row, format, line_of(table, None));
                    ended.map_or(Ok(()), |ended| self.finish(record, ended))?;
                }
                Err(field) => {
                    let violation = Violation {
                        field,
                        rule: "is missing, and lines are grouped by it".to_owned(),
                    };
                    self.refuse(&[line_of(table, Some(violation))], None)?;
                }
            }
        }
        if !taken {
            let violation = Violation::of_line("no record of the mapping takes this line");
            self.refuse(&[line_of(table, Some(violation))], None)?;
        }
        Ok(())
    }

    fn finish(&mut self, record: &Record, group: Group) -> Result<(), Error> {
        if let Some(number) = group.refused_by() {
            let of_group = Violation::of_line(format!(
                "line {number}, which belongs to the same record, is refused"
            ));
            return self.refuse(&group.lines, Some(&of_group));
        }
        match assemble::message(&self.plan.message, &record.fields, &group.cells) {
            Ok(message) => self.deliver(message, group.lines),
            Err(violation) => self.refuse(&group.lines, Some(&violation)),
        }
    }

    fn deliver(&mut self, message: DynamicMessage, lines: Vec<Line>) -> Result<(), Error> {
        let checked = self.plan.target.check(&message);
        match (checked, lines.first()) {
            (Ok(record), Some(first)) => {
                if lines.len() > 1 {
                    self.ledger.count(|counts| {
                        counts.grouped =
                            (counts.grouped.0 + lines.len() as u64, counts.grouped.1 + 1)
                    });
                }
                let origin =
                    Origin { file: self.file.clone(), line: first.number, raw: first.raw.clone() };
                self.outlet.deliver(record, origin)
            }
            (Err(violation), _) => self.refuse(&lines, Some(&violation)),
            (Ok(_), None) => Ok(()),
        }
    }

    /// Lists each line under its own violation, or under that of the record it would have become.
    fn refuse(&self, lines: &[Line], of_record: Option<&Violation>) -> Result<(), Error> {
        for line in lines {
            if let Some(violation) = line.violation.as_ref().or(of_record) {
                self.ledger.reject(&self.file, line.number, &line.raw, violation)?;
            }
        }
        Ok(())
    }
}

/// The line that a table read last.
fn line_of(table: &dyn Table, violation: Option<Violation>) -> Line {
    Line { number: table.line(), raw: table.raw(), violation }
}
