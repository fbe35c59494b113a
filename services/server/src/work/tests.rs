//! How jobs end, with work that misbehaves, on a file of its own.

use super::*;
use cx_datastore::{JobState, Options};
use std::future::pending;

async fn claimed() -> (tempfile::TempDir, Store, Job) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = format!("sqlite://{}", folder.path().join("t.db").display());
    let store = Store::connect(&Options::new(file)).await.expect("a store");
    store.migrate().await.expect("a schema");
    let id = "j".to_owned();
    store
        .job_create(JobKind::Segmentation, "{}", true, None, id, clock::now())
        .await
        .expect("a job");
    let job = store
        .job_claim("me", clock::now(), micros(LEASE))
        .await
        .expect("an answer")
        .expect("a job");
    (folder, store, job)
}

/// Works on a new job and gives it as it is afterwards.
async fn after<F>(work: fn(Context, Job) -> F) -> Job
where
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let (_folder, store, job) = claimed().await;
    perform(&store, "me", job, &CancellationToken::new(), work).await;
    store.job_get("j").await.expect("an answer").expect("the job")
}

#[tokio::test]
async fn a_refusal_is_told_with_its_reason() {
    async fn refuses(_: Context, _: Job) -> Result<(), Failure> {
        Err(Failure::refused(ErrorReason::TooFewCustomers, "2 are too few"))
    }
    let job = after(refuses).await;
    let failure = job.failure.expect("a failure");
    assert_eq!(
        (failure.reason.as_str(), failure.message.as_str()),
        ("TOO_FEW_CUSTOMERS", "2 are too few")
    );
}

#[tokio::test]
async fn a_panic_fails_the_job_without_its_text() {
    async fn panics(_: Context, job: Job) -> Result<(), Failure> {
        panic!("customer somebody of {}", job.id)
    }
    let job = after(panics).await;
    let failure = job.failure.expect("a failure");
    assert_eq!((job.state, failure.reason.as_str()), (JobState::Failed, "INTERNAL"));
    assert!(failure.message.contains("incident") && !failure.message.contains("somebody"));
}

#[tokio::test]
async fn a_failing_database_leaves_the_job_for_another_attempt() {
    async fn fails(_: Context, _: Job) -> Result<(), Failure> {
        Err(Failure::Database(cx_datastore::Error::Overloaded))
    }
    assert_eq!(after(fails).await.state, JobState::Running, "until its lease ends");
}

#[tokio::test]
async fn a_job_that_never_came_to_an_end_is_given_up() {
    async fn succeeds(_: Context, _: Job) -> Result<(), Failure> {
        Ok(())
    }
    let (_folder, store, job) = claimed().await;
    let job = Job { attempt: ATTEMPTS + 1, ..job };
    perform(&store, "me", job, &CancellationToken::new(), succeeds).await;
    assert_eq!(
        store.job_get("j").await.expect("an answer").expect("the job").state,
        JobState::Failed
    );
}

#[tokio::test]
async fn a_worker_that_stops_leaves_the_job_free_at_once_and_tells_progress_before() {
    async fn lasts(context: Context, _: Job) -> Result<(), Failure> {
        context.progress(0.5, "thinking");
        pending().await
    }
    let (_folder, store, job) = claimed().await;
    let stop = CancellationToken::new();
    let worker = tokio::spawn({
        let (store, stop) = (store.clone(), stop.clone());
        async move { perform(&store, "me", job, &stop, lasts).await }
    });
    let mut seen = store.job_get("j").await.expect("an answer").expect("the job");
    while seen.step != "thinking" {
        sleep(Duration::from_millis(20)).await;
        seen = store.job_get("j").await.expect("an answer").expect("the job");
    }
    assert!((seen.progress - 0.5).abs() < 1e-9);
    stop.cancel();
    worker.await.expect("the worker");
    let again =
        store.job_claim("other", clock::now().plus(1), micros(LEASE)).await.expect("an answer");
    assert_eq!(again.map(|job| job.attempt), Some(1), "an attempt that was left does not count");
}
