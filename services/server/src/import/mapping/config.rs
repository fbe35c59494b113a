//! A mapping file as it is written: every key, and nothing else. What the keys mean together is checked in the parent module.

use serde::Deserialize;
use std::collections::BTreeMap;

/// What the lines of a file become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Interactions: what customers did.
    #[default]
    Interaction,
    /// Customers: their attributes and consent.
    Customer,
}

/// The whole file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingConfig {
    /// `interaction` (default) or `customer`.
    pub target: Option<Target>,
    /// How the files are written.
    #[serde(default)]
    pub input: InputConfig,
    /// Other files in which to look values up, in this order. Given on the command line as `--lookup NAME=FILE`.
    #[serde(default)]
    pub lookup: Vec<LookupConfig>,
    /// Lines to leave out, counted under their reason.
    #[serde(default)]
    pub skip: Vec<SkipConfig>,
    /// What to make of the other lines. A line goes to every record whose conditions hold; one that none takes is refused.
    pub record: Vec<RecordConfig>,
}

/// `[input]`: how the files are written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputConfig {
    /// `auto` (default: the likeliest in the first line), one character, `tab`, or `whitespace` (any run of blanks).
    pub delimiter: Option<String>,
    /// `utf-8` (default) or `latin-1`.
    pub encoding: Option<String>,
    /// The names of the columns, where the first line holds none.
    pub columns: Option<Vec<String>>,
    /// Texts that mean "not there", compared after blanks around them are dropped. Default: the empty text.
    pub missing: Option<Vec<String>>,
    /// `.` (default) or `,`.
    pub decimal: Option<char>,
    /// What groups digits, for example `,`. Default: nothing.
    pub thousands: Option<char>,
    /// One or several formats of strftime, or `iso` (default), tried in order.
    pub time_format: Option<OneOrMany>,
    /// IANA zone of times that bear no offset. Default UTC.
    pub time_zone: Option<String>,
    /// Clock times that a change of clocks skips or repeats: `compatible` (default: a skipped one moves on by the length of
    /// the gap, of a repeated one the first counts), `earlier`, `later`, `refuse`.
    pub time_ambiguous: Option<String>,
}

/// `[[lookup]]`: for each line, a line of another file. Its columns are then `NAME.COLUMN`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookupConfig {
    /// The name, as in `--lookup NAME=FILE`.
    pub name: String,
    /// The column of the other file that is unique there.
    pub key: String,
    /// What it has to equal, for example `"{order_id}"`. Without an equal its columns are missing.
    #[serde(rename = "match")]
    pub matches: String,
}

/// `[[skip]]`: lines to leave out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkipConfig {
    /// Why, as the summary says it.
    pub reason: String,
    /// Only lines for which all of these hold.
    #[serde(default)]
    pub when: BTreeMap<String, toml::Value>,
    /// Not the lines for which all of these hold.
    #[serde(default)]
    pub unless: BTreeMap<String, toml::Value>,
}

/// `[[record]]`: what to make of a line, or of several.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordConfig {
    /// Only lines for which all of these hold.
    #[serde(default)]
    pub when: BTreeMap<String, toml::Value>,
    /// Not the lines for which all of these hold.
    #[serde(default)]
    pub unless: BTreeMap<String, toml::Value>,
    /// Columns whose equal values make several lines of a file one record. Default: each line is one.
    #[serde(default)]
    pub group_by: Vec<String>,
    /// The lines of a group follow each other: a group ends where another begins, and memory stays small. Default: they may
    /// stand anywhere in the file, whose grouped lines are kept in memory until its end.
    #[serde(default)]
    pub adjacent: bool,
    /// What each field gets: a text with `{COLUMN}`s in it, or a table (see [`FieldConfig`]).
    pub fields: toml::Table,
}

/// The table form of a field.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldConfig {
    /// A text with `{COLUMN}`s in it; `{{` is a brace. Missing where one of its columns is.
    pub from: Option<String>,
    /// Instead of `from`: a sum of products of `{COLUMN}`s and numbers, for example `"{Quantity} * {Price} - {Discount}"`,
    /// computed exactly. Missing where one of its columns is. For a time it is seconds since 1970, for a duration seconds.
    pub number: Option<String>,
    /// What texts become; `"*"` is any other text, and without it any other text is refused.
    pub map: Option<BTreeMap<String, String>>,
    /// What stands in for a missing value.
    pub default: Option<String>,
    /// Of a group: `same` (default: all lines agree), `first`, `last`, `min`, `max`, `sum`, `count`. Lines where the value is
    /// missing do not count, but a `sum` needs a number on every line.
    pub take: Option<String>,
    /// Decimals of the unit: 2 turns 12.34 into 1234. Default 0.
    pub decimals: Option<u32>,
    /// Rounds what is finer than the unit, halves away from zero, after summing. Default: refused.
    #[serde(default)]
    pub round: bool,
    /// One or several formats of strftime, instead of those of `[input]`.
    pub time_format: Option<OneOrMany>,
    /// IANA zone, instead of that of `[input]`.
    pub time_zone: Option<String>,
    /// Skipped and repeated clock times, instead of the rule of `[input]`.
    pub time_ambiguous: Option<String>,
}

/// The table form of a condition on a column. All that is said has to hold. The short forms are a text or a list of texts,
/// which the column has to equal.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionConfig {
    /// Equals one of these.
    pub is: Option<OneOrMany>,
    /// Starts with one of these.
    pub starts_with: Option<OneOrMany>,
    /// Is missing, or is not. Every other condition fails on what is missing.
    pub missing: Option<bool>,
    /// Is a number greater than this.
    pub above: Option<toml::Value>,
    /// Is a number less than this.
    pub below: Option<toml::Value>,
}

/// One text or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// As a list.
    pub fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}
