//! Who customers are, as columns of small numbers, and of that the attributes of each persona. Described only:
//! nothing here is in a distance.

use crate::{
    Customer, Timestamp,
    features::{Field, age},
    stats,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// Values of an attribute that are told; of age bands all are.
const VALUES: usize = 5;
/// Entries of [`Customer::attributes`] that are told.
const KEYS: usize = 20;
/// Least share of the customers who have an entry for it to be told.
const LEAST_SHARE: f64 = 0.05;
/// Most different values of an entry for it to be told: with more it is a name or a number, not a kind.
const MOST_VALUES: usize = 50;
/// Most different keys among all customers. With more they are data of another kind, and none is told.
const MOST_KEYS: usize = 4_096;
/// Age bands, youngest first, with the first age above each.
const BANDS: [(&str, i32); 7] = [
    ("0-17", 18),
    ("18-24", 25),
    ("25-34", 35),
    ("35-44", 45),
    ("45-54", 55),
    ("55-64", 65),
    ("65+", i32::MAX),
];

/// One attribute of the members.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttributeProfile {
    /// Which: "gender", "age_band", "country", "region", "city", "language", "plan" or "attribute:KEY".
    pub attribute: String,
    /// Members of whom it is known.
    pub customers_known: i64,
    /// The five most frequent values, the most frequent first; all age bands, youngest first.
    pub values: Vec<AttributeShare>,
}

/// One value of an attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttributeShare {
    /// The value.
    pub value: String,
    /// Members who have it.
    pub customers: i64,
    /// Their share of the members of whom the attribute is known.
    pub share: f64,
    /// The same share of all customers.
    pub overall_share: f64,
}

/// Different texts, numbered from 1 as they come; 0 is none. Numbers never come out: what is told is in the order of
/// counts and texts.
#[derive(Debug, Default)]
struct Words {
    texts: Vec<String>,
    codes: HashMap<String, u32>,
}

impl Words {
    fn code(&mut self, text: &str) -> u32 {
        if let Some(&code) = self.codes.get(text) {
            return code;
        }
        self.texts.push(text.to_owned());
        let code = self.texts.len() as u32;
        self.codes.insert(text.to_owned(), code);
        code
    }

    fn text(&self, code: u32) -> &str {
        (code as usize).checked_sub(1).and_then(|place| self.texts.get(place)).map_or("", |t| t)
    }
}

/// An attribute of all customers.
#[derive(Debug, Default)]
struct Coded {
    words: Words,
    codes: Vec<u32>,
}

/// The attributes of the customers of a fit.
#[derive(Debug)]
pub(crate) struct Attributes {
    bands: Vec<u8>,
    fields: [Coded; Field::ALL.len()],
    entries: Entries,
}

impl Attributes {
    pub(crate) fn new() -> Self {
        Self { bands: Vec::new(), fields: Default::default(), entries: Entries::default() }
    }

    /// Adds a customer; nothing of one without attributes is known.
    pub(crate) fn push(&mut self, customer: Option<&Customer>, as_of: Timestamp) {
        let age = customer.and_then(|customer| age(customer, as_of));
        let band = age.and_then(|age| BANDS.iter().position(|&(_, above)| age < above));
        self.bands.push(band.map_or(0, |band| band as u8 + 1));
        for (field, coded) in Field::ALL.into_iter().zip(&mut self.fields) {
            let value = customer.and_then(|customer| field.of(customer));
            coded.codes.push(value.map_or(0, |value| coded.words.code(value)));
        }
        self.entries.push(customer);
    }

    /// Puts the customers in another order.
    pub(crate) fn arrange(&mut self, order: &[usize]) {
        self.bands = order.iter().map(|&row| self.bands[row]).collect();
        for coded in &mut self.fields {
            coded.codes = order.iter().map(|&row| coded.codes[row]).collect();
        }
        self.entries.arrange(order);
    }

    /// Bytes that the customers take, without the texts, which are kept once.
    pub(crate) fn bytes(&self) -> usize {
        let row = 1 + self.fields.len() * size_of::<u32>() + size_of::<usize>();
        self.bands.len() * row + self.entries.pairs.len() * size_of::<u32>()
    }

    /// For each of `k` personas its attributes, in the same order for all: those that are known of anybody.
    pub(super) fn profiles(&self, labels: &[u16], k: usize) -> Vec<Vec<AttributeProfile>> {
        let band = || {
            let names: Vec<String> = BANDS.iter().map(|&(name, _)| name.to_owned()).collect();
            let codes = self.bands.iter().map(|&band| u32::from(band));
            let tally = Tally::count(k, labels.iter().copied().zip(codes));
            tally.profiles("age_band", &|code| names[code as usize - 1].clone(), names.len() as u32)
        };
        let field = |place: usize| {
            let coded = &self.fields[place];
            let tally = Tally::count(k, labels.iter().copied().zip(coded.codes.iter().copied()));
            tally.profiles(Field::ALL[place].name(), &|code| coded.words.text(code).to_owned(), 0)
        };
        let mut told: Vec<Vec<AttributeProfile>> = (0..=self.fields.len())
            .into_par_iter()
            .map(|place| match place {
                // Gender, age, and then where and what: the order of the API.
                0 => field(0),
                1 => band(),
                place => field(place - 1),
            })
            .collect();
        told.extend(self.entries.profiles(labels, k));
        let of = |persona: usize| {
            let known = told.iter().filter(|profiles| !profiles.is_empty());
            known.map(|profiles| profiles[persona].clone()).collect()
        };
        (0..k).map(of).collect()
    }
}

/// The entries of [`Customer::attributes`]: of each customer pairs of a key and a value in one number.
#[derive(Debug, Default)]
struct Entries {
    keys: Words,
    /// For each key its values; none once there are too many.
    values: Vec<Option<Words>>,
    pairs: Vec<u32>,
    ends: Vec<usize>,
    flooded: bool,
}

impl Entries {
    fn push(&mut self, customer: Option<&Customer>) {
        for (key, value) in customer.iter().flat_map(|customer| &customer.attributes) {
            if let Some(pair) = self.pair(key, value) {
                self.pairs.push(pair);
            }
        }
        self.ends.push(self.pairs.len());
    }

    /// None of a key that will not be told, whatever comes: so that a key or value for each customer takes no room.
    fn pair(&mut self, key: &str, value: &str) -> Option<u32> {
        if self.flooded {
            return None;
        }
        let key = self.keys.code(key) as usize - 1;
        if key >= MOST_KEYS {
            *self = Self { ends: vec![0; self.ends.len()], flooded: true, ..Self::default() };
            return None;
        }
        if key == self.values.len() {
            self.values.push(Some(Words::default()));
        }
        let words = self.values[key].as_mut()?;
        let value = words.code(value);
        if value as usize > MOST_VALUES {
            self.values[key] = None;
            return None;
        }
        Some((key as u32) << 8 | value)
    }

    fn of(&self, row: usize) -> &[u32] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.pairs[start..self.ends[row]]
    }

    fn arrange(&mut self, order: &[usize]) {
        let (mut pairs, mut ends) = (Vec::with_capacity(self.pairs.len()), Vec::new());
        for &row in order {
            pairs.extend_from_slice(self.of(row));
            ends.push(pairs.len());
        }
        (self.pairs, self.ends) = (pairs, ends);
    }

    /// For each key that is told, those that most customers have first, the profile of each persona.
    fn profiles(&self, labels: &[u16], k: usize) -> Vec<Vec<AttributeProfile>> {
        let mut tallies: Vec<Tally> = self.values.iter().map(|_| Tally::new(k)).collect();
        for (row, &label) in labels.iter().enumerate() {
            for pair in self.of(row) {
                tallies[(pair >> 8) as usize].add(label, pair & 0xff);
            }
        }
        let mut told: Vec<(i64, &str, &Tally, &Words)> = (self.keys.texts.iter().zip(&tallies))
            .zip(&self.values)
            .filter_map(|((key, tally), words)| {
                let known: i64 = tally.all.values().sum();
                let enough = stats::share(known as usize, labels.len()) >= LEAST_SHARE;
                words.as_ref().filter(|_| enough).map(|words| (known, key.as_str(), tally, words))
            })
            .collect();
        told.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        told.truncate(KEYS);
        told.into_iter()
            .map(|(_, key, tally, words)| {
                let text = |code| words.text(code).to_owned();
                tally.profiles(&format!("attribute:{key}"), &text, 0)
            })
            .collect()
    }
}

/// Customers by value, of each persona and of all.
struct Tally {
    personas: Vec<BTreeMap<u32, i64>>,
    all: BTreeMap<u32, i64>,
}

impl Tally {
    fn new(k: usize) -> Self {
        Self { personas: vec![BTreeMap::new(); k], all: BTreeMap::new() }
    }

    fn count(k: usize, customers: impl Iterator<Item = (u16, u32)>) -> Self {
        let mut tally = Self::new(k);
        customers.filter(|&(_, code)| code > 0).for_each(|(label, code)| tally.add(label, code));
        tally
    }

    fn add(&mut self, label: u16, code: u32) {
        *self.personas[usize::from(label)].entry(code).or_default() += 1;
        *self.all.entry(code).or_default() += 1;
    }

    /// The profile of each persona; nothing where nobody has a value. With `fixed` the values are all of the codes up
    /// to it, in their order.
    fn profiles(
        &self,
        attribute: &str,
        text: &dyn Fn(u32) -> String,
        fixed: u32,
    ) -> Vec<AttributeProfile> {
        let whole: i64 = self.all.values().sum();
        if whole == 0 {
            return Vec::new();
        }
        let profile = |own: &BTreeMap<u32, i64>| {
            let known: i64 = own.values().sum();
            let value = |code: u32, customers: i64| AttributeShare {
                value: text(code),
                customers,
                share: stats::share(customers as usize, known as usize),
                overall_share: stats::share(
                    self.all.get(&code).map_or(0, |&n| n as usize),
                    whole as usize,
                ),
            };
            let mut values: Vec<AttributeShare> = if fixed > 0 {
                (1..=fixed).map(|code| value(code, own.get(&code).map_or(0, |&n| n))).collect()
            } else {
                own.iter().map(|(&code, &customers)| value(code, customers)).collect()
            };
            if fixed == 0 {
                values.sort_by(|a, b| {
                    b.customers.cmp(&a.customers).then_with(|| a.value.cmp(&b.value))
                });
                values.truncate(VALUES);
            }
            AttributeProfile { attribute: attribute.to_owned(), customers_known: known, values }
        };
        self.personas.iter().map(profile).collect()
    }
}

#[cfg(test)]
mod tests;
