//! Publishing, reading, naming and forgetting, on every engine.

use crate::error::{Error, Result};
use crate::jobs::JobKind;
use crate::personas::LabelChange;
use crate::segmentations::Publication;
use crate::store::Store;
use crate::testing::{at, claimed, on_every_engine, published};
use cx_analytics::segmentation::{Fitted, Parameters, Table};
use cx_analytics::{Activity, Consent, Customer};

const LEASE: i64 = 30_000_000;

/// Sixty customers of two kinds.
fn fitted() -> Fitted {
    let customers = (0..60).map(|number| {
        let mut activity = Activity::empty(format!("c{number:02}"), at(-number * 86_400));
        activity.orders = if number % 3 == 0 { 8 + number % 2 } else { 1 };
        activity
    });
    let parameters = Parameters { k: Some(2), ..Parameters::at(at(0)) };
    let asked = parameters.check().expect("rules hold");
    let table = Table::of(&asked, &customers.collect::<Vec<_>>());
    asked.fit(table, None, &|_, _| true).expect("two kinds")
}

async fn publish(store: &Store, id: &str, fitted: &Fitted, activate: bool) -> Result<bool> {
    claimed(store, id).await;
    let reference = store.active_get(JobKind::Segmentation).await?;
    let of = Publication { reference: reference.as_deref(), ..publication(id, fitted, activate) };
    published(store, of, at(2)).await
}

fn publication<'a>(id: &'a str, fitted: &'a Fitted, activate: bool) -> Publication<'a> {
    Publication {
        id,
        owner: "w",
        as_of: at(0),
        live: true,
        seen_until: at(0),
        fitted,
        activate,
        reference: None,
    }
}

#[tokio::test]
async fn a_segmentation_is_read_back_as_it_was_written() {
    on_every_engine(async |store| {
        let fitted = fitted();
        publish(&store, "s1", &fitted, true).await.expect("publish");
        assert_eq!(
            store.active_get(JobKind::Segmentation).await.expect("active").as_deref(),
            Some("s1")
        );
        assert_eq!(
            store.segmentation_report("s1").await.expect("report"),
            Some(fitted.report.clone())
        );
        let (as_of, model) =
            store.segmentation_model("s1").await.expect("model").expect("it is there");
        assert_eq!((as_of, model), (at(0), fitted.model.clone()));
        assert_eq!(store.segmentation_model("s2").await.expect("model"), None);
        let personas = store.personas_list("s1").await.expect("personas");
        let found: Vec<_> = personas.iter().map(|stored| stored.persona.clone()).collect();
        assert_eq!(found, fitted.personas);
        let mut members = Vec::new();
        loop {
            let after = members
                .last()
                .map(|m: &cx_analytics::segmentation::Assignment| m.customer_id.clone());
            let page = store.assignments_list("s1", None, after.as_deref(), 7).await.expect("page");
            if page.is_empty() {
                break;
            }
            members.extend(page);
        }
        assert_eq!(members, fitted.assignments);
        let second = store.assignments_list("s1", Some(1), None, 100).await.expect("page");
        let counts = store.assignments_counts("s1").await.expect("counts");
        assert_eq!(counts[1], (1, second.len() as i64));
        assert!(second.iter().all(|member| member.persona == 1));
        assert_eq!(
            store.assignment_get("s1", "c07").await.expect("get"),
            Some(fitted.assignments[7].clone())
        );
        assert_eq!(store.assignment_get("s1", "nobody").await.expect("get"), None);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_left_of_a_publication_whose_lease_was_lost() {
    on_every_engine(async |store| {
        let fitted = fitted();
        claimed(&store, "s1").await;
        store.job_claim("other", at(90), LEASE).await.expect("claim").expect("the lease ended");
        let late = publication("s1", &fitted, true);
        assert!(matches!(published(&store, late, at(91)).await, Err(Error::LeaseLost)));
        assert_eq!(store.segmentation_report("s1").await.expect("report"), None);
        assert!(store.personas_list("s1").await.expect("personas").is_empty());
        assert!(store.assignments_list("s1", None, None, 10).await.expect("page").is_empty());
        assert_eq!(store.active_get(JobKind::Segmentation).await.expect("active"), None);
        let right = Publication { owner: "other", ..late };
        published(&store, right, at(92)).await.expect("publish");
        assert_eq!(store.personas_list("s1").await.expect("personas").len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_given_name_stays_and_an_old_etag_is_refused() {
    on_every_engine(async |store| {
        publish(&store, "s1", &fitted(), true).await.expect("publish");
        let first = store.personas_list("s1").await.expect("personas").remove(0);
        let id = first.persona.persona_id.as_str();
        let name = |name: &str| LabelChange { name: Some(name.to_owned()), description: None };
        let given = store
            .persona_label_set(id, &name("Regulars"), &first.label.etag, at(3))
            .await
            .expect("set");
        assert_ne!(given.etag, first.label.etag);
        let again = store.persona_get("s1", id).await.expect("get").expect("it is there");
        assert_eq!(again.label, given);
        let stale = store.persona_label_set(id, &name("Others"), &first.label.etag, at(4)).await;
        assert!(matches!(stale, Err(Error::EtagMismatch { etag }) if etag == given.etag));
        // The same data, parameters and seed give the same persona in a later segmentation, and the name with it.
        publish(&store, "s2", &fitted(), true).await.expect("publish");
        let later = store.persona_get("s2", id).await.expect("get").expect("the same id");
        assert_eq!(later.label.name.as_deref(), Some("Regulars"));
        let description =
            LabelChange { name: None, description: Some("They come often.".to_owned()) };
        let both = store.persona_label_set(id, &description, "", at(5)).await.expect("set");
        assert_eq!(both.name.as_deref(), Some("Regulars"));
        let bare = LabelChange { name: Some(String::new()), description: Some(String::new()) };
        assert_eq!(
            store.persona_label_set(id, &bare, &both.etag, at(6)).await.expect("set"),
            first.label
        );
    })
    .await;
}

#[tokio::test]
async fn of_writers_with_one_etag_one_wins_and_without_all_do() {
    on_every_engine(async |store| {
        publish(&store, "s1", &fitted(), true).await.expect("publish");
        let first = store.personas_list("s1").await.expect("personas").remove(0);
        let (id, etag) = (first.persona.persona_id.as_str(), first.label.etag.as_str());
        let change = |i: usize| LabelChange { name: Some(format!("name {i}")), description: None };
        let changes: Vec<LabelChange> = (0..8).map(change).collect();
        let race = async |etag: &str| {
            let all = changes.iter().map(|change| store.persona_label_set(id, change, etag, at(3)));
            futures::future::join_all(all).await.into_iter().filter(Result::is_ok).count()
        };
        assert_eq!(race(etag).await, 1);
        assert_eq!(race("").await, 8);
    })
    .await;
}

#[tokio::test]
async fn an_erased_customer_no_longer_stands_for_a_persona() {
    on_every_engine(async |store| {
        let fitted = fitted();
        publish(&store, "s1", &fitted, true).await.expect("publish");
        let typical = fitted.personas[0].typical_customer_ids.clone();
        store.customer_erase(&typical[0], at(3)).await.expect("erase");
        let left = store.personas_list("s1").await.expect("personas").remove(0).persona;
        assert_eq!(left.typical_customer_ids, typical[1..]);
    })
    .await;
}

#[tokio::test]
async fn who_was_erased_while_it_was_computed_is_not_published() {
    on_every_engine(async |store| {
        let fitted = fitted();
        let typical = fitted.personas[0].typical_customer_ids[0].clone();
        store.customer_erase(&typical, at(1)).await.expect("erase");
        publish(&store, "s1", &fitted, true).await.expect("publish");
        assert_eq!(store.assignment_get("s1", &typical).await.expect("get"), None);
        let persona = store.personas_list("s1").await.expect("personas").remove(0).persona;
        assert!(!persona.typical_customer_ids.contains(&typical));
    })
    .await;
}

#[tokio::test]
async fn who_objects_to_profiling_is_in_no_persona_from_then_on() {
    on_every_engine(async |store| {
        let fitted = fitted();
        publish(&store, "s1", &fitted, true).await.expect("publish");
        let members = fitted.assignments.iter().filter(|a| a.persona == 0).count() as i64;
        let objector = fitted.personas[0].typical_customer_ids[0].clone();
        let consent = Consent { profiling: Some(false), ..Consent::default() };
        let customer = Customer { customer_id: objector.clone(), consent, ..Customer::default() };
        store.customers_upsert(vec![customer], at(3)).await.expect("upsert");
        assert_eq!(store.assignment_get("s1", &objector).await.expect("get"), None);
        let counts = store.assignments_counts("s1").await.expect("counts");
        assert_eq!(counts[0], (0, members - 1));
        let listed = store.assignments_list("s1", Some(0), None, 100).await.expect("list");
        assert!(listed.iter().all(|a| a.customer_id != objector));
        let stands = store.personas_list("s1").await.expect("personas").remove(0).persona;
        assert!(!stands.typical_customer_ids.contains(&objector));
    })
    .await;
}

#[tokio::test]
async fn a_second_attempt_takes_away_what_the_first_has_left() {
    on_every_engine(async |store| {
        let fitted = fitted();
        claimed(&store, "s1").await;
        let text = "INSERT INTO assignment (customer_id, segmentation_id, persona, distance, runner_up, runner_up_distance, outlier, as_of)
                    VALUES ('stranger', 's1', 0, 0.0, 1, 0.0, 0, 0)";
        let left = async |tx: &sea_orm::DatabaseTransaction| crate::sql::execute(tx, text, vec![]).await;
        store.write(left).await.expect("insert");
        published(&store, publication("s1", &fitted, true), at(2)).await.expect("publish");
        let all = store.assignments_list("s1", None, None, 100).await.expect("list");
        assert_eq!(all, fitted.assignments);
    })
    .await;
}

#[tokio::test]
async fn a_version_that_was_decided_against_another_one_stays_a_candidate() {
    on_every_engine(async |store| {
        let fitted = fitted();
        assert!(publish(&store, "s1", &fitted, true).await.expect("publish"));
        claimed(&store, "s2").await;
        let other = published(&store, publication("s2", &fitted, true), at(2)).await;
        assert!(!other.expect("publish"), "s1 became active while s2 was made");
        let active = store.segmentation_active().await.expect("active").expect("s1");
        assert_eq!((active.id.as_str(), active.live), ("s1", true));
    })
    .await;
}

#[tokio::test]
async fn the_latest_versions_stay_and_the_active_one() {
    on_every_engine(async |store| {
        let fitted = fitted();
        for (id, activate) in
            [("s1", true), ("s2", true), ("s3", false), ("s4", false), ("s5", false)]
        {
            publish(&store, id, &fitted, activate).await.expect("publish");
        }
        // s2 is the latest to cease to be the active one, for the rollback.
        assert!(store.segmentation_activate("s1", at(3)).await.expect("activate"));
        // A run that failed in the middle of writing, and one that is still writing.
        for id in ["failed", "running"] {
            claimed(&store, id).await;
            let of = Publication { id, ..publication(id, &fitted, false) };
            store.segmentation_stage(of).await.expect("stage");
        }
        assert!(store.job_fail("failed", "w", "INTERNAL", "no", at(3)).await.expect("fail"));
        let rows =
            async |id: &str| store.assignments_list(id, None, None, 100).await.expect("list").len();
        assert!(rows("failed").await > 0);
        assert_eq!(store.segmentations_prune(2).await.expect("prune"), 2);
        for (id, there) in [("s1", true), ("s2", true), ("s3", false), ("s4", false), ("s5", true)]
        {
            assert_eq!(store.job_get(id).await.expect("job").is_some(), there, "{id}");
            assert_eq!(store.segmentation_report(id).await.expect("report").is_some(), there);
            assert_eq!(store.personas_list(id).await.expect("personas").is_empty(), !there);
            assert_eq!(rows(id).await > 0, there, "{id}");
        }
        assert!(
            store.job_get("failed").await.expect("job").is_some(),
            "runs that failed take no place"
        );
        assert_eq!(rows("failed").await, 0);
        assert_eq!(rows("running").await, fitted.assignments.len());
        assert_eq!(store.segmentations_prune(2).await.expect("prune"), 0);
        assert!(!store.segmentation_activate("s3", at(9)).await.expect("it is gone"));
    })
    .await;
}

/// What the log tells of an earlier moment outlives the versions, and so does the name that a person gave.
#[tokio::test]
async fn a_persona_of_a_version_that_went_is_still_known() {
    on_every_engine(async |store| {
        let old = fitted();
        publish(&store, "s1", &old, true).await.expect("publish");
        let mut new = fitted();
        for (persona, id) in new.personas.iter_mut().zip(["p", "q"]) {
            persona.persona_id = id.to_owned();
        }
        publish(&store, "s2", &new, true).await.expect("publish");
        let [first, second] = [0, 1].map(|place| old.personas[place].persona_id.clone());
        let name = LabelChange { name: Some("Regulars".to_owned()), description: None };
        store.persona_label_set(&first, &name, "", at(3)).await.expect("named");
        assert_eq!(store.segmentations_prune(0).await.expect("prune"), 1);
        assert_eq!(store.segmentation_report("s1").await.expect("gone"), None);
        let called = async |id: &str| store.persona_called(id).await.expect("an answer");
        assert_eq!(called(&first).await.as_deref(), Some("Regulars"));
        assert_eq!(called(&second).await.as_deref(), Some(""));
        assert_eq!(called("p").await, Some(new.personas[0].name.clone()));
        assert_eq!(called("nobody").await, None);
    })
    .await;
}
