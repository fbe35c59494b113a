//! The two small languages of a mapping: texts with columns in them, and sums of products.

use super::super::decimal::{Decimal, NumberFormat};
use super::super::row::{Column, Row};
use std::borrow::Cow;

/// The columns that a mapping names, in the order in which it names them first.
#[derive(Debug, Default)]
pub struct Columns(Vec<String>);

impl Columns {
    /// The place of the column with this name.
    pub fn named(&mut self, name: &str) -> Column {
        let at = self.0.iter().position(|column| column == name).unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        });
        Column(at)
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

#[derive(Debug)]
enum Part {
    Text(String),
    Column(Column),
}

/// A text with columns in it.
#[derive(Debug)]
pub struct Template(Vec<Part>);

impl Template {
    /// The text of one column.
    pub fn column(column: Column) -> Self {
        Self(vec![Part::Column(column)])
    }

    /// Reads `"{InvoiceNo}-{StockCode}"`.
    pub fn parse(text: &str, columns: &mut Columns) -> Result<Self, String> {
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let (brace, after) = rest[at..].split_at(1);
            if after.starts_with(brace) {
                plain.push_str(brace);
                rest = &after[1..];
                continue;
            }
            let (name, after) = split_column(brace, after)?;
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Column(columns.named(name)));
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// True where it holds no column.
    pub fn is_constant(&self) -> bool {
        !self.0.iter().any(|part| matches!(part, Part::Column(_)))
    }

    /// The text for a row; none where one of its columns is missing.
    pub fn text<'a>(&'a self, row: &'a Row) -> Option<Cow<'a, str>> {
        match self.0.as_slice() {
            [] => None,
            [Part::Text(text)] => Some(Cow::Borrowed(text)),
            [Part::Column(column)] => row.get(*column).map(Cow::Borrowed),
            parts => {
                let mut whole = String::new();
                for part in parts {
                    whole.push_str(match part {
                        Part::Text(text) => text,
                        Part::Column(column) => row.get(*column)?,
                    });
                }
                Some(Cow::Owned(whole))
            }
        }
    }
}

fn split_column<'a>(brace: &str, after: &'a str) -> Result<(&'a str, &'a str), String> {
    if brace == "}" {
        return Err("a } without its {; write }} for the character".to_owned());
    }
    match after.split_once('}') {
        Some((name, rest)) if !name.is_empty() && !name.contains('{') => Ok((name, rest)),
        _ => {
            Err("a { without the name of a column and its }; write {{ for the character".to_owned())
        }
    }
}

#[derive(Debug)]
enum Factor {
    Number(Decimal),
    Column(Column, String),
}

/// A sum of products of columns and numbers.
#[derive(Debug)]
pub struct Expression(Vec<Vec<Factor>>);

impl Expression {
    /// Reads `"-{Quantity} * {UnitPrice} + 1.50"`.
    pub fn parse(text: &str, columns: &mut Columns) -> Result<Self, String> {
        let minus_one = || Factor::Number(Decimal::from(-1));
        let (mut terms, mut term, mut rest) = (Vec::new(), Vec::new(), text.trim());
        loop {
            if let Some(after) = rest.strip_prefix('-') {
                term.push(minus_one());
                rest = after.trim_start();
            }
            let (factor, after) = Self::factor(rest, columns)?;
            term.push(factor);
            rest = after.trim_start();
            match rest.chars().next() {
                None => break,
                Some('*') => rest = rest[1..].trim_start(),
                Some(sign @ ('+' | '-')) => {
                    terms.push(std::mem::take(&mut term));
                    if sign == '-' {
                        term.push(minus_one());
                    }
                    rest = rest[1..].trim_start();
                }
                Some(other) => return Err(format!("{other:?} where +, - or * should be")),
            }
        }
        terms.push(term);
        Ok(Self(terms))
    }

    fn factor<'a>(rest: &'a str, columns: &mut Columns) -> Result<(Factor, &'a str), String> {
        if let Some(after) = rest.strip_prefix('{') {
            let (name, after) = split_column("{", after)?;
            return Ok((Factor::Column(columns.named(name), name.to_owned()), after));
        }
        let end = rest
            .find(|symbol: char| !symbol.is_ascii_digit() && symbol != '.')
            .unwrap_or(rest.len());
        let number = Decimal::parse(&rest[..end], NumberFormat::default());
        let number = number
            .ok_or_else(|| format!("{rest:?} does not begin with a {{COLUMN}} or a number"))?;
        Ok((Factor::Number(number), &rest[end..]))
    }

    /// True where it holds no column.
    pub fn is_constant(&self) -> bool {
        !self.0.iter().flatten().any(|factor| matches!(factor, Factor::Column(..)))
    }

    /// The number for a row; none where one of its columns is missing; the rule where one holds no number.
    pub fn number(&self, row: &Row, format: NumberFormat) -> Result<Option<Decimal>, String> {
        let too_large = || "the result has too many digits".to_owned();
        let mut sum = Decimal::default();
        for term in &self.0 {
            let mut product = Decimal::from(1);
            for factor in term {
                let value = match factor {
                    Factor::Number(number) => *number,
                    Factor::Column(column, name) => match row.get(*column) {
                        None => return Ok(None),
                        Some(text) => Decimal::parse(text, format)
                            .ok_or_else(|| format!("{name} is {text:?}, which is not a number"))?,
                    },
                };
                product = product.multiply(value).ok_or_else(too_large)?;
            }
            sum = sum.add(product).ok_or_else(too_large)?;
        }
        Ok(Some(sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::row::Missing;

    fn row(columns: &Columns, cells: &[(&str, &str)]) -> Row {
        let mut row = Row::new(columns.names().len(), Missing::default());
        for (name, text) in cells {
            let at = columns.names().iter().position(|column| column == name).expect("named");
            row.set(Column(at), text);
        }
        row
    }

    #[test]
    fn a_template_is_missing_where_one_of_its_columns_is() {
        let mut columns = Columns::default();
        let template = Template::parse("{{{a}}}-{b c}", &mut columns).expect("well formed");
        assert_eq!(
            template.text(&row(&columns, &[("a", "1"), ("b c", "2")])).as_deref(),
            Some("{1}-2")
        );
        assert_eq!(template.text(&row(&columns, &[("a", "1"), ("b c", " ")])), None);
        for bad in ["{", "{}", "a}", "{a{b}}"] {
            assert!(Template::parse(bad, &mut columns).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_expression_is_a_sum_of_products() {
        let mut columns = Columns::default();
        let sum = Expression::parse("-{q}*{p} + 2 * -3 - {q}", &mut columns).expect("well formed");
        let number =
            |q, p| sum.number(&row(&columns, &[("q", q), ("p", p)]), NumberFormat::default());
        assert_eq!(
            number("-6", "2.55").map(|n| n.map(|n| n.to_string())),
            Ok(Some("15.3".to_owned()))
        );
        assert_eq!(number("", "2.55"), Ok(None));
        assert!(number("6", "two").is_err());
        for bad in ["", "{q} {p}", "{q} / 2", "(1)", "{q} +", "1..2"] {
            assert!(Expression::parse(bad, &mut Columns::default()).is_err(), "{bad}");
        }
    }
}
