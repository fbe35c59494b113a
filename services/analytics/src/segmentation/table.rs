//! The customers of a fit as columns: what a fit must hold of each, and no more. They are pushed one at a time, so that
//! nobody has to hold the activity of all, which is some 750 bytes each. A row here is about 265: 124 of values (8 of
//! money, 4 of any other feature), 80 of counts by channel and stage, 33 of attributes and 4 for each entry of
//! `Customer.attributes`, 8 and its own length for the id. It knows neither clusters nor personas.

use super::{Checked, Parameters};
use crate::{
    Activity, Customer, Timestamp,
    features::{Points, Scaler, Selection, Values},
    personas::Attributes,
};

/// Customers in the order of their ids.
#[derive(Debug)]
pub struct Table {
    selection: Selection,
    ids: Ids,
    values: Values,
    channels: Vec<[u32; 12]>,
    stages: Vec<[u32; 8]>,
    attributes: Attributes,
    orders_unvalued: i64,
}

/// Texts one after the other, with the end of each.
#[derive(Debug, Default)]
struct Ids {
    text: String,
    ends: Vec<usize>,
}

impl Ids {
    fn push(&mut self, id: &str) {
        self.text.push_str(id);
        self.ends.push(self.text.len());
    }

    fn get(&self, row: usize) -> &str {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[row]]
    }
}

impl Table {
    /// A table without customers, for what was asked.
    pub fn builder(asked: &Checked) -> Builder {
        let Parameters { as_of, .. } = **asked;
        let selection = asked.selection();
        let table = Self {
            ids: Ids::default(),
            values: Values::new(selection.features()),
            channels: Vec::new(),
            stages: Vec::new(),
            attributes: Attributes::new(),
            orders_unvalued: 0,
            selection,
        };
        Builder { table, as_of, unvalued: 0, ascending: true }
    }

    /// The table of customers of whom no attribute is known.
    pub fn of(asked: &Checked, activities: &[Activity]) -> Self {
        let mut builder = Self::builder(asked);
        activities.iter().for_each(|activity| builder.push(activity, None));
        builder.finish()
    }

    /// How values become coordinates, fitted to these customers, and their coordinates: what k-means sees.
    pub fn space(&self) -> (Scaler, Points) {
        let scaler = Scaler::fit(&self.values, &self.selection);
        let value = |row: usize, feature: usize| self.values.column(feature).get(row);
        let points = Points::new(self.rows(), &scaler, value);
        (scaler, points)
    }

    /// Number of customers.
    pub fn rows(&self) -> usize {
        self.ids.ends.len()
    }

    /// Bytes that the customers take, without what is kept once for all of them.
    pub fn bytes(&self) -> usize {
        let row = self.values.bytes() + size_of::<usize>() + size_of::<[u32; 20]>();
        self.rows() * row + self.ids.text.len() + self.attributes.bytes()
    }

    /// The id of the customer in a row; rows are in the order of ids.
    pub fn id(&self, row: usize) -> &str {
        self.ids.get(row)
    }

    pub(crate) fn values(&self) -> &Values {
        &self.values
    }

    pub(crate) fn channels(&self, row: usize) -> &[u32; 12] {
        &self.channels[row]
    }

    pub(crate) fn stages(&self, row: usize) -> &[u32; 8] {
        &self.stages[row]
    }

    pub(crate) fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    pub(super) fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Orders without an amount in the currency of the activities.
    pub(super) fn orders_unvalued(&self) -> i64 {
        self.orders_unvalued
    }
}

/// A table that customers are still coming to.
#[derive(Debug)]
pub struct Builder {
    table: Table,
    as_of: Timestamp,
    unvalued: i128,
    ascending: bool,
}

impl Builder {
    /// Adds a customer: activity before the `as_of` that was asked for, and attributes where there are any. Each
    /// customer may come once, in any order; ascending by id is the cheapest.
    pub fn push(&mut self, activity: &Activity, customer: Option<&Customer>) {
        let table = &mut self.table;
        if let Some(last) = table.rows().checked_sub(1) {
            self.ascending &= table.id(last) < activity.customer_id.as_str();
        }
        table.ids.push(&activity.customer_id);
        let features = table.selection.features().iter();
        table.values.push(features.map(|feature| feature.value(activity, customer, self.as_of)));
        table.channels.push(activity.by_channel.map(count));
        table.stages.push(activity.by_stage.map(count));
        table.attributes.push(customer, self.as_of);
        self.unvalued += i128::from(activity.orders) - i128::from(activity.orders_valued);
    }

    /// Number of customers so far.
    pub fn rows(&self) -> usize {
        self.table.rows()
    }

    /// The table, in the order of ids.
    pub fn finish(self) -> Table {
        let mut table = self.table;
        table.orders_unvalued =
            self.unvalued.clamp(i64::MIN.into(), i64::MAX.into()).try_into().unwrap_or(0);
        if !self.ascending {
            let mut order: Vec<usize> = (0..table.rows()).collect();
            order.sort_by(|&a, &b| table.id(a).cmp(table.id(b)));
            let mut ids = Ids::default();
            order.iter().for_each(|&row| ids.push(table.id(row)));
            table.ids = ids;
            table.values.arrange(&order);
            table.channels = order.iter().map(|&row| table.channels[row]).collect();
            table.stages = order.iter().map(|&row| table.stages[row]).collect();
            table.attributes.arrange(&order);
        }
        table
    }
}

/// More than four thousand million interactions of one customer stay that many.
fn count(interactions: i64) -> u32 {
    interactions.clamp(0, u32::MAX.into()) as u32
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
