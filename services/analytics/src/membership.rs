//! Membership changes: how customers come into personas, move between them and leave. Values only; what makes
//! one is the store's.

use crate::{Timestamp, codes::coded};
use serde::{Deserialize, Serialize};

coded! {
    /// Why a customer's persona changed.
    Cause {
        /// Data about the customer arrived: interactions, attributes or consent.
        NewData = 1,
        /// Time passed.
        Time = 2,
        /// A new segmentation became active by itself.
        Retrain = 3,
        /// The customer was erased.
        Erasure = 4,
        /// A person activated a segmentation.
        Manual = 5,
    }
}

/// One change of one customer's persona. At least one of `from` and `to` is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place in the order of all changes, from 1; never used twice.
    pub position: i64,
    /// The customer.
    pub customer_id: String,
    /// The persona before; none who enters.
    pub from: Option<String>,
    /// The persona since; none who leaves.
    pub to: Option<String>,
    /// Why.
    pub cause: Cause,
    /// The segmentation that says so.
    pub segmentation_id: String,
    /// When it was found.
    pub at: Timestamp,
}
