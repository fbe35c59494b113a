//! What kind of structure there is.

use serde::{Deserialize, Serialize};

/// What kind of structure there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Structure {
    /// Groups with gaps between them.
    Separated,
    /// No gaps, but more order than noise has: the personas are useful slices, and another number would do.
    #[default]
    Continuum,
    /// Nothing that noise would not have: the personas are made up.
    None,
}
