//! Counts of the journey map and of paths, from each customer's touchpoints.

use super::{By, Cell, CellCounts, PathCounts, Place, Transition};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// A touchpoint as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    /// When, in microseconds.
    pub at: i64,
    /// The code of its [`Place`].
    pub place: u8,
}

/// Counts the journey map. A touchpoint is followed by the next one of the customer, if that comes `within` microseconds.
#[derive(Debug)]
pub struct MapCounter {
    end: i64,
    as_of: i64,
    within: i64,
    personas: BTreeMap<Option<i16>, OfPersona>,
}

#[derive(Debug, Default)]
struct OfPersona {
    cells: HashMap<u8, CellCounts>,
    /// Times to the next place, by both places.
    spans: HashMap<(u8, u8), Vec<i64>>,
}

impl MapCounter {
    /// Of touchpoints before `end`; nothing is known of what happens from `as_of` on.
    pub fn new(end: i64, as_of: i64, within: i64) -> Self {
        Self { end, as_of, within, personas: BTreeMap::new() }
    }

    /// Counts a customer's touchpoints, in their order. Those from the end on are only what others are followed by.
    pub fn add(&mut self, persona: Option<i16>, touches: &[Touch]) {
        let OfPersona { cells, spans } = self.personas.entry(persona).or_default();
        // Backwards, so that what is seen first is a customer's last touchpoint in a cell.
        let mut seen = [false; 256];
        let mut next: Option<Touch> = None;
        for touch in touches.iter().rev() {
            let followed_by = next.replace(*touch).filter(|next| next.at - touch.at <= self.within);
            if touch.at >= self.end {
                continue;
            }
            let counts = cells.entry(touch.place).or_default();
            let immature = touch.at.saturating_add(self.within) >= self.as_of;
            let ended = !immature && followed_by.is_none();
            counts.interactions += 1;
            counts.immature += i64::from(immature);
            counts.ended += i64::from(ended);
            if let Some(next) = followed_by.filter(|_| !immature) {
                counts.followed += 1;
                spans.entry((touch.place, next.place)).or_default().push(next.at - touch.at);
            }
            if !std::mem::replace(&mut seen[usize::from(touch.place)], true) {
                counts.customers += 1;
                counts.customers_ended += i64::from(ended);
                counts.customers_immature += i64::from(immature);
            }
        }
    }

    /// What was counted: the cells, and how often each was followed by each place.
    pub fn finish(self) -> (BTreeMap<Cell, CellCounts>, Vec<Transition>) {
        let (mut counts, mut transitions) = (BTreeMap::new(), Vec::new());
        for (persona, of) in self.personas {
            let cell = |place| Cell { persona, place: Place::from_code(place) };
            counts.extend(of.cells.into_iter().map(|(place, counts)| (cell(place), counts)));
            transitions.extend(of.spans.into_iter().map(|((from, to), mut spans)| Transition {
                from: cell(from),
                to: Place::from_code(to),
                count: count(spans.len()),
                middle: middle(&mut spans),
            }));
        }
        (counts, transitions)
    }
}

/// What a path is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathRules {
    /// What makes two interactions the same touchpoint.
    pub by: By,
    /// Most touchpoints of a path, at most [`PathRules::MOST`].
    pub length: usize,
    /// Whether the same touchpoint several times in a row is told several times.
    pub repeats: bool,
    /// A new journey begins after more than so many microseconds without a touchpoint.
    pub gap: i64,
}

impl PathRules {
    /// Most touchpoints of a path: bytes of a number that is not negative.
    pub const MOST: usize = 7;

    /// The byte of a path that stands for a place. None is zero, which is the end of a path.
    fn code(&self, place: u8) -> u8 {
        match self.by {
            By::StageAndChannel => place,
            By::Stage => 0xf0 | place,
            By::Channel => 0xf0 & place,
        }
    }
}

/// A path's place in the list: its journeys and its number, a byte for each touchpoint, the first in the highest of seven.
pub type PathKey = (i64, i64);

/// Some paths, and what they are of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PathPage {
    /// Paths with their places in the list, most frequent first.
    pub paths: Vec<(PathKey, PathCounts)>,
    /// Journeys whose path is known.
    pub known: i64,
    /// Journeys that are shorter and not over.
    pub open: i64,
}

/// Counts the paths of journeys.
#[derive(Debug)]
pub struct PathCounter {
    rules: PathRules,
    begin: Range<i64>,
    as_of: i64,
    customers: u32,
    known: Vec<Known>,
    open: i64,
}

/// A journey whose path is known.
#[derive(Debug, Clone, Copy)]
struct Known {
    path: i64,
    customer: u32,
    ended: bool,
    /// From its first touchpoint to the last of the path.
    span: i64,
}

impl PathCounter {
    /// Of journeys that begin in the range; nothing is known of what happens from `as_of` on.
    pub fn new(rules: PathRules, begin: Range<i64>, as_of: i64) -> Self {
        Self { rules, begin, as_of, customers: 0, known: Vec::new(), open: 0 }
    }

    /// Counts a customer's touchpoints, in their order.
    pub fn add(&mut self, touches: &[Touch]) {
        self.customers += 1;
        let PathRules { length, repeats, gap, .. } = self.rules;
        for journey in touches.chunk_by(|one, next| next.at - one.at <= gap) {
            let (first, last) = (journey[0].at, journey[journey.len() - 1].at);
            if !self.begin.contains(&first) {
                continue;
            }
            let (mut path, mut steps, mut reached, mut previous) = (0, 0, first, 0);
            for touch in journey {
                let code = self.rules.code(touch.place);
                if repeats || code != previous {
                    steps += 1;
                    previous = code;
                    if steps <= length {
                        path |= i64::from(code) << (8 * (PathRules::MOST - steps));
                        reached = touch.at;
                    }
                }
            }
            let over = last.saturating_add(gap) < self.as_of;
            if over || steps >= length {
                let (customer, ended) = (self.customers, over && steps <= length);
                self.known.push(Known { path, customer, ended, span: reached - first });
            } else {
                self.open += 1;
            }
        }
    }

    /// At most `limit` paths, the most frequent first, those after `after` in the list.
    pub fn page(mut self, after: Option<PathKey>, limit: usize) -> PathPage {
        let place = |(journeys, path): PathKey| (Reverse(journeys), path);
        let known = count(self.known.len());
        self.known.sort_unstable_by_key(|journey| (journey.path, journey.customer));
        let mut paths: Vec<(PathKey, &[Known])> = self
            .known
            .chunk_by(|one, other| one.path == other.path)
            .map(|journeys| ((count(journeys.len()), journeys[0].path), journeys))
            .filter(|(key, _)| after.is_none_or(|after| place(*key) > place(after)))
            .collect();
        paths.sort_unstable_by_key(|(key, _)| place(*key));
        paths.truncate(limit);
        let paths = paths.into_iter().map(|(key, journeys)| (key, path(journeys)));
        PathPage { paths: paths.collect(), known, open: self.open }
    }
}

/// Journeys of one path, sorted by customer.
fn path(journeys: &[Known]) -> PathCounts {
    let bytes = journeys[0].path.to_be_bytes();
    let steps = bytes[1..].iter().take_while(|code| **code != 0);
    let mut spans: Vec<i64> = journeys.iter().map(|journey| journey.span).collect();
    PathCounts {
        steps: steps.map(|code| Place::from_code(*code)).collect(),
        journeys: count(journeys.len()),
        customers: count(journeys.chunk_by(|one, next| one.customer == next.customer).count()),
        ended: count(journeys.iter().filter(|journey| journey.ended).count()),
        middle: middle(&mut spans),
    }
}

/// The two middle ones of at least one, of an odd number twice the same.
fn middle(spans: &mut [i64]) -> (i64, i64) {
    let half = spans.len() / 2;
    let odd = spans.len() % 2 == 1;
    let (below, upper, _) = spans.select_nth_unstable(half);
    let lower = below.iter().max().filter(|_| !odd).unwrap_or(upper);
    (*lower, *upper)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
