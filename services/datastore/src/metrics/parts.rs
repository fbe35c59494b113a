//! What part of the whole each group is.

use super::{Dimensions, Frame, Question, volumes};
use crate::error::Result;
use crate::store::Store;
use cx_analytics::metrics::{Counts, GroupKey, Groups, Metric, Share};
use std::collections::BTreeMap;

/// Interactions or customers of each group, of all in the bucket that the filter lets through. All customers are counted apart, as one
/// may be in several groups; an interaction is in one.
pub(super) async fn of_whole(
    store: &Store,
    question: &Question<'_>,
    metric: Metric,
) -> Result<Groups> {
    let count = async |question: &Question<'_>| {
        let frame = Frame::new(question, metric, store.query().get_database_backend());
        volumes::number(store, &frame, metric).await
    };
    let parts = count(question).await?;
    let apart = match metric {
        Metric::ActiveCustomers => {
            Some(count(&Question { by: Dimensions::default(), ..question.clone() }).await?)
        }
        _ => None,
    };
    let mut of: BTreeMap<usize, i64> = BTreeMap::new();
    for (key, counts) in apart.as_ref().unwrap_or(&parts).iter() {
        *of.entry(key.bucket).or_default() += number(counts);
    }
    let mut groups = Groups::default();
    for (key, counts) in parts.iter() {
        let of = of.get(&key.bucket).copied().unwrap_or_default();
        let share = Share { hits: number(counts), of, excluded: 0 };
        groups.add(GroupKey::clone(key), Counts::Share(share));
    }
    Ok(groups)
}

fn number(counts: &Counts) -> i64 {
    match counts {
        Counts::Total(total) => total.n,
        _ => 0,
    }
}
