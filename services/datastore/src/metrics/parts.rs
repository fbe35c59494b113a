//! What part of the whole each group is.

use super::{Dimensions, Frame, Question, volumes};
use crate::error::Result;
use crate::store::Store;
use cx_analytics::metrics::{Counts, GroupKey, Groups, Metric, Share};

/// Interactions or customers of each group, of all in the bucket that the filter lets through. The whole is counted apart, as a
/// customer may be in several groups.
pub(super) async fn of_whole(
    store: &Store,
    question: &Question<'_>,
    metric: Metric,
) -> Result<Groups> {
    let count = async |question: &Question<'_>| {
        let frame = Frame::new(question, metric, store.query().get_database_backend());
        volumes::number(store, &frame, metric).await
    };
    let whole = count(&Question { by: Dimensions::default(), ..question.clone() }).await?;
    let of: std::collections::BTreeMap<usize, i64> =
        whole.iter().map(|(key, counts)| (key.bucket, number(counts))).collect();
    let mut groups = Groups::default();
    for (key, counts) in count(question).await?.iter() {
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
