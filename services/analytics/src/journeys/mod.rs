//! Journeys: what follows what. The datastore counts, this module makes figures of the counts, and reads one customer's own journey.
//!
//! It knows neither SQL nor the wire. Touchpoints are in order of time, those of one instant in order of their ids.

mod count;
mod figures;
mod follow;

pub use count::{MapCounter, PathCounter, PathKey, PathPage, PathRules, Touch};
pub use figures::{CellFigures, Proportion, StepFigures, Time, map, median, proportion, quantile};
pub use follow::{Cause, Follower, Placed, Relation};

use crate::codes::{Channel, Stage};
use crate::metrics::Share;

/// Where a touchpoint is on the map; what is not looked at is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// The stage, where known.
    pub stage: Option<Stage>,
    /// The channel.
    pub channel: Option<Channel>,
}

impl Place {
    /// The place with this code: the channel's, then four bits of the stage's.
    pub fn from_code(code: u8) -> Self {
        let (channel, stage) =
            (Channel::from_code((code >> 4).into()), Stage::from_code((code & 15).into()));
        Self { stage, channel }
    }
}

/// A cell of the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cell {
    /// Ordinal of the persona; none where not told apart, and for customers without one.
    pub persona: Option<i16>,
    /// Where on the map.
    pub place: Place,
}

/// What happened in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CellCounts {
    /// Touchpoints.
    pub interactions: i64,
    /// Customers with one.
    pub customers: i64,
    /// Touchpoints that another followed in time.
    pub followed: i64,
    /// Touchpoints that nothing followed in time.
    pub ended: i64,
    /// Touchpoints of which that is not known yet.
    pub immature: i64,
    /// Customers whose last touchpoint in the cell nothing followed in time.
    pub customers_ended: i64,
    /// Customers of whom that is not known yet.
    pub customers_immature: i64,
}

/// How often one place followed a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// From where.
    pub from: Cell,
    /// To where.
    pub to: Place,
    /// How often.
    pub count: i64,
    /// The two middle times in microseconds, of an odd number twice the same.
    pub middle: (i64, i64),
}

/// What makes two interactions the same touchpoint of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum By {
    /// Stage and channel.
    #[default]
    StageAndChannel,
    /// The stage.
    Stage,
    /// The channel.
    Channel,
}

/// Journeys that begin alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathCounts {
    /// Their first touchpoints.
    pub steps: Vec<Place>,
    /// How many.
    pub journeys: i64,
    /// Customers with one.
    pub customers: i64,
    /// Those that ended with the last of the touchpoints.
    pub ended: i64,
    /// The two middle times to the last of the touchpoints in microseconds.
    pub middle: (i64, i64),
}

/// Who got from one touchpoint to another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Converted {
    /// Customers who arrived, of those whose window is over; excluded are the others.
    pub share: Share,
    /// Times of those who arrived in microseconds, each with how often it occurs.
    pub times: Vec<(i64, i64)>,
}

#[cfg(test)]
mod tests;
