//! Answers, page by page.

use super::*;

#[tokio::test]
async fn answers_are_paged_by_arrival_and_by_age_without_loss() {
    on_every_engine(async |store| {
        let answers: Vec<Interaction> =
            (0..9).map(|n| nps(&format!("c{}", n % 3), &format!("i{n}"), n / 4, 1)).collect();
        for (second, part) in answers.chunks(4).enumerate() {
            put(&store, part.to_vec(), 50 + second as i64).await;
        }
        for by_age in [false, true] {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let range = at(-9)..at(99);
                let page = match by_age {
                    true => store.opinions_given(Kind::Survey, range, after.as_ref(), 2).await,
                    false => store.opinions_arrived(range, after.as_ref(), 2).await,
                };
                let page = page.expect("page");
                let Some(last) = page.last() else { break };
                after = Some(last.key());
                seen.extend(page.into_iter().map(|one| one.interaction_id));
            }
            let unique: BTreeSet<&String> = seen.iter().collect();
            assert_eq!((seen.len(), unique.len()), (9, 9), "{seen:?}");
        }
    })
    .await;
}
