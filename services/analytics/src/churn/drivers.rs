//! What would help: what raises the risks of a group of customers that the company can do something about. Association, not cause.

use super::score::{Band, Driver};
use std::collections::BTreeMap;

/// Gathers the drivers of customers by persona and band.
#[derive(Debug, Clone, Default)]
pub struct Drivers(BTreeMap<(String, Band), Gathered>);

#[derive(Debug, Clone, Default)]
struct Gathered {
    customers: i64,
    features: BTreeMap<String, Sums>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    customers: i64,
    contribution: f64,
    values: i64,
    value: f64,
}

/// Customers of one persona and one band.
#[derive(Debug, Clone, PartialEq)]
pub struct DriverGroup {
    /// The persona; empty for those who have none.
    pub persona_id: String,
    /// The band.
    pub band: Band,
    /// How many.
    pub customers: i64,
    /// What raises their risks, what weighs most in all of them first.
    pub drivers: Vec<GroupedDriver>,
}

/// What raises the risks of some of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupedDriver {
    /// The feature.
    pub feature: String,
    /// Customers whose risk it raises.
    pub customers: i64,
    /// What it adds to their log-odds on average.
    pub mean_contribution: f64,
    /// Their mean value, in the feature's unit.
    pub mean_value: Option<f64>,
}

impl Drivers {
    /// Adds a customer.
    pub fn add(&mut self, persona_id: &str, band: Band, drivers: &[Driver]) {
        let group = self.0.entry((persona_id.to_owned(), band)).or_default();
        group.customers += 1;
        for driver in drivers {
            let sums = group.features.entry(driver.feature.clone()).or_default();
            sums.customers += 1;
            sums.contribution += driver.contribution;
            if let Some(value) = driver.value {
                sums.values += 1;
                sums.value += value;
            }
        }
    }

    /// The groups by persona and band, each with at most so many drivers.
    pub fn groups(self, most: usize) -> Vec<DriverGroup> {
        let group = |((persona_id, band), gathered): ((String, Band), Gathered)| {
            let mut features: Vec<(String, Sums)> = gathered.features.into_iter().collect();
            // By what they add to the whole group: much with a few weighs as much as a little with many.
            features.sort_by(|one, other| other.1.contribution.total_cmp(&one.1.contribution));
            let driver = |(feature, sums): (String, Sums)| GroupedDriver {
                feature,
                customers: sums.customers,
                mean_contribution: sums.contribution / sums.customers as f64,
                mean_value: (sums.values > 0).then(|| sums.value / sums.values as f64),
            };
            let drivers = features.into_iter().take(most).map(driver).collect();
            DriverGroup { persona_id, band, customers: gathered.customers, drivers }
        };
        self.0.into_iter().map(group).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_weighs_most_in_the_group_comes_first() {
        let driver = |feature: &str, contribution, value| Driver {
            feature: feature.to_owned(),
            contribution,
            value,
        };
        let mut drivers = Drivers::default();
        let (wait, case) = (driver("wait_mean", 0.5, Some(600.0)), driver("cases_open", 0.3, None));
        drivers.add("p", Band::High, &[wait.clone(), case.clone()]);
        drivers.add("p", Band::High, std::slice::from_ref(&case));
        drivers.add("p", Band::High, &[]);
        drivers.add("", Band::Low, &[wait]);
        let groups = drivers.groups(1);
        let [nobody, high] = &groups[..] else { panic!("{groups:?}") };
        assert_eq!((&*nobody.persona_id, nobody.band, nobody.customers), ("", Band::Low, 1));
        assert_eq!((high.customers, high.drivers.len()), (3, 1));
        let first = &high.drivers[0];
        assert_eq!((&*first.feature, first.customers, first.mean_value), ("cases_open", 2, None));
        assert!((first.mean_contribution - 0.3).abs() < 1e-12);
        assert_eq!(nobody.drivers[0].mean_value, Some(600.0));
    }
}
