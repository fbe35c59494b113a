//! Jobs: one for each request, one worker for each, and nothing of who lost the lease.

use super::*;
use crate::testing::{at, on_every_engine};

const LEASE: i64 = 30_000_000;

async fn create(store: &Store, id: &str, request_id: Option<&str>, second: i64) -> Job {
    let job = store
        .job_create(JobKind::Segmentation, "{}", true, request_id, id.to_owned(), at(second))
        .await;
    job.expect("job")
}

#[tokio::test]
async fn the_same_request_gives_the_same_job() {
    on_every_engine(async |store| {
        let first = create(&store, "a", Some("r"), 0).await;
        assert_eq!(create(&store, "b", Some("r"), 1).await, first);
        assert_eq!(create(&store, "c", None, 2).await.id, "c");
        assert_eq!(create(&store, "d", None, 2).await.id, "d");
        let ids = |jobs: Vec<Job>| jobs.into_iter().map(|job| job.id).collect::<Vec<_>>();
        let page = store.jobs_list(JobKind::Segmentation, None, 2).await.expect("page");
        assert_eq!(ids(page), ["d", "c"]);
        let after = Some((at(2), "c".to_owned()));
        assert_eq!(
            ids(store.jobs_list(JobKind::Segmentation, after, 2).await.expect("page")),
            ["a"]
        );
        assert!(store.jobs_list(JobKind::ChurnTraining, None, 2).await.expect("page").is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_job_has_one_worker_and_passes_on_when_its_lease_ends() {
    on_every_engine(async |store| {
        create(&store, "a", None, 0).await;
        let claimed = store.job_claim("w1", at(1), LEASE).await.expect("claim").expect("a job");
        assert_eq!((claimed.state, claimed.attempt), (JobState::Running, 1));
        assert_eq!(store.job_claim("w2", at(2), LEASE).await.expect("claim"), None);
        assert!(store.job_renew("a", "w1", 0.5, "fit", at(3), LEASE).await.expect("renew"));
        assert!(store.job_renew("a", "w1", 0.25, "fit", at(3), LEASE).await.expect("renew"));
        assert_eq!(store.job_get("a").await.expect("get").expect("job").progress, 0.5);
        let taken =
            store.job_claim("w2", at(40), LEASE).await.expect("claim").expect("the lease ended");
        assert_eq!((taken.attempt, taken.progress), (2, 0.0));
        assert!(!store.job_renew("a", "w1", 0.6, "fit", at(41), LEASE).await.expect("renew"));
        assert!(!store.job_fail("a", "w1", "INTERNAL", "late", at(41)).await.expect("fail"));
        assert!(
            store.job_fail("a", "w2", "TOO_FEW_CUSTOMERS", "add some", at(42)).await.expect("fail")
        );
        let failed = store.job_get("a").await.expect("get").expect("job");
        assert_eq!(failed.failure.expect("failure").reason, "TOO_FEW_CUSTOMERS");
        assert_eq!(store.job_claim("w3", at(99), LEASE).await.expect("claim"), None);
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_leaves_nothing_of_its_result() {
    on_every_engine(async |store| {
        create(&store, "a", None, 0).await;
        store.job_claim("w1", at(1), LEASE).await.expect("claim");
        store.job_claim("w2", at(40), LEASE).await.expect("claim");
        let finish = async |owner: &str| {
            let write = async |tx: &DatabaseTransaction| {
                crate::active::active_set_in(tx, JobKind::Segmentation, "a", at(41)).await?;
                job_finish(tx, "a", owner, at(41)).await
            };
            store.write_long(write).await
        };
        assert!(matches!(finish("w1").await, Err(Error::LeaseLost)));
        assert_eq!(store.active_get(JobKind::Segmentation).await.expect("active"), None);
        finish("w2").await.expect("it holds the lease");
        assert_eq!(
            store.active_get(JobKind::Segmentation).await.expect("active").as_deref(),
            Some("a")
        );
        let job = store.job_get("a").await.expect("get").expect("job");
        assert_eq!((job.state, job.progress), (JobState::Succeeded, 1.0));
    })
    .await;
}

#[tokio::test]
async fn an_attempt_that_was_left_to_others_does_not_count() {
    on_every_engine(async |store| {
        create(&store, "a", None, 0).await;
        for turn in 1..=5 {
            let claimed = store.job_claim("w1", at(turn), LEASE).await.expect("claim");
            assert_eq!(claimed.expect("at once").attempt, 1);
            assert!(store.job_release("a", "w1", at(turn)).await.expect("release"));
        }
        store.job_claim("w2", at(9), LEASE).await.expect("claim").expect("a job");
        assert!(!store.job_release("a", "w1", at(10)).await.expect("nothing to release"));
        assert_eq!(store.job_claim("w1", at(11), LEASE).await.expect("claim"), None);
    })
    .await;
}
