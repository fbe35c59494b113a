//! Rules, and what people do with alerts.

use super::*;
use crate::error::Error;

#[tokio::test]
async fn rules_are_made_once_listed_changed_and_deleted() {
    on_every_engine(async |store| {
        let new = |id: &str, request: Option<&str>| NewRule {
            id: id.to_owned(),
            request_id: request.map(str::to_owned),
            name: id.to_owned(),
            description: String::new(),
            condition: detractor(6),
            scope: Scope::default(),
            backfill: false,
        };
        let made = store.alert_rule_create(&new("a", Some("r")), at(1)).await.expect("made");
        assert_eq!((made.since, made.enabled, made.seen_until), (at(1), true, None));
        let again = store.alert_rule_create(&new("b", Some("r")), at(2)).await.expect("the same");
        assert_eq!(again, made);
        store.alert_rule_create(&new("c", None), at(2)).await.expect("made");
        store.alert_rule_create(&new("d", None), at(2)).await.expect("made");
        let ids = |list: Vec<Rule>| list.into_iter().map(|one| one.id).collect::<Vec<_>>();
        assert_eq!(ids(store.alert_rules_list(None, 2).await.expect("page")), ["d", "c"]);
        let rest = store.alert_rules_list(Some((at(2), "c".to_owned())), 2).await.expect("page");
        assert_eq!(ids(rest), ["a"]);

        let update = async |change: RuleChange, etag: &str, second: i64| {
            store.alert_rule_update("a", &change, etag, at(second)).await
        };
        let named = RuleChange { name: Some("x".to_owned()), ..RuleChange::default() };
        let renamed = update(named.clone(), &made.etag(), 3).await.expect("changed").expect("a");
        assert_eq!((renamed.name.as_str(), renamed.since), ("x", at(1)), "it goes on as it was");
        // Asked again it is so already, whatever the etag.
        assert_eq!(update(named, &made.etag(), 4).await.expect("as is").expect("a"), renamed);
        let other = RuleChange { condition: Some(detractor(3)), ..RuleChange::default() };
        let stale = update(other.clone(), &made.etag(), 4).await;
        assert!(matches!(stale, Err(Error::EtagMismatch { etag }) if etag == renamed.etag()));
        let changed = update(other, &renamed.etag(), 5).await.expect("changed").expect("a");
        assert_eq!(changed.since, at(5), "another condition counts from now on");
        let kind = RuleChange { condition: Some(open_for(1)), ..RuleChange::default() };
        assert!(matches!(update(kind, "", 6).await, Err(Error::Invalid { .. })));
        let enable = |enabled| RuleChange { enabled: Some(enabled), ..RuleChange::default() };
        let off = update(enable(false), "", 7).await.expect("changed").expect("a");
        assert_eq!((off.enabled, off.since), (false, at(5)));
        assert_eq!(ids(store.alert_rules_enabled().await.expect("list")), ["c", "d"]);
        let on = update(enable(true), "", 8).await.expect("changed").expect("a");
        assert_eq!(on.since, at(8), "what happened meanwhile does not count");
        assert_eq!(
            store.alert_rule_update("n", &enable(true), "", at(9)).await.expect("none"),
            None
        );
        assert!(store.alert_rule_delete("a").await.expect("deleted"));
        assert!(!store.alert_rule_delete("a").await.expect("none"));
        assert_eq!(store.alert_rule_get("a").await.expect("read"), None);
    })
    .await;
}

#[tokio::test]
async fn alerts_are_acknowledged_assigned_and_resolved_once_and_by_who_knows_them() {
    on_every_engine(async |store| {
        let rule = rule(&store, detractor(6), 0).await;
        put(&store, vec![nps("a", "1", 10, 3)], 11).await;
        judge(&store, &rule, 12).await;
        let alert = all(&store).await.remove(0);
        let act = async |act: &Act, etag: &str, second: i64| {
            store.alert_change(&alert.id, act, ("ann", etag), at(second)).await
        };
        let done = |changed: crate::Result<Option<Changed>>| match changed.expect("an answer") {
            Some(Changed::Done(alert)) => *alert,
            other => panic!("{other:?}"),
        };
        let seen = done(act(&Act::Acknowledge, &alert.etag, 20).await);
        assert_eq!(seen.acknowledged, Some((at(20), "ann".to_owned())));
        assert_eq!(seen.state, State::Acknowledged);
        // The same call again, with the etag of before.
        assert_eq!(done(act(&Act::Acknowledge, &alert.etag, 21).await), seen);
        let to = |who: &str| Act::Assign(Some(who.to_owned()));
        let late = act(&to("eve"), &alert.etag, 22).await;
        assert!(matches!(late, Err(Error::EtagMismatch { etag }) if etag == seen.etag));
        assert_eq!(done(act(&to("eve"), &seen.etag, 23).await).assignee.as_deref(), Some("eve"));
        let end = |outcome, note: &str| Act::Resolve { outcome, note: note.to_owned() };
        let over = done(act(&end(Outcome::Recovered, "called"), "", 24).await);
        let resolution = over.resolution.clone().expect("resolved");
        assert_eq!((resolution.at, resolution.by.as_str()), (at(24), "ann"));
        assert_eq!(done(act(&end(Outcome::Recovered, "called"), "1", 25).await), over);
        assert_eq!(done(act(&Act::Acknowledge, "", 25).await), over, "it was before");
        for refused in [end(Outcome::NoAction, "called"), end(Outcome::Recovered, ""), to("bob")] {
            assert_eq!(act(&refused, "", 26).await.expect("an answer"), Some(Changed::Resolved));
        }
        let none = store.alert_change("x", &Act::Acknowledge, ("ann", ""), at(27)).await;
        assert_eq!(none.expect("an answer"), None);

        let (read, log) = store.alert_get(&alert.id).await.expect("read").expect("there");
        assert_eq!(read, over);
        let told: Vec<(Action, i64, Option<&str>)> =
            log.iter().map(|c| (c.action, c.position, c.actor.as_deref())).collect();
        let ann = Some("ann");
        assert_eq!(
            told,
            [
                (Action::Raised, 1, None),
                (Action::Acknowledged, 2, ann),
                (Action::Assigned, 3, ann),
                (Action::Resolved, 4, ann)
            ]
        );
        assert_eq!(log[2].assignee.as_deref(), Some("eve"));
        assert_eq!(
            (log[3].outcome, log[3].note.as_deref()),
            (Some(Outcome::Recovered), Some("called"))
        );
        let filters = [
            AlertFilter { state: Some(State::Resolved), ..AlertFilter::default() },
            AlertFilter { assignee: Some("eve".to_owned()), ..AlertFilter::default() },
            AlertFilter { customer: Some("a".to_owned()), ..AlertFilter::default() },
            AlertFilter { start: Some(at(12)), end: Some(at(13)), ..AlertFilter::default() },
        ];
        for filter in filters {
            let page = store.alerts_list(&filter, None, 9).await.expect("page");
            assert_eq!(page, std::slice::from_ref(&over), "{filter:?}");
        }
        let filters = [
            AlertFilter { state: Some(State::Open), ..AlertFilter::default() },
            AlertFilter {
                kind: Some(cx_analytics::alerts::Kind::HighValueAtRisk),
                ..AlertFilter::default()
            },
            AlertFilter { persona: Some("p".to_owned()), ..AlertFilter::default() },
            AlertFilter { end: Some(at(12)), ..AlertFilter::default() },
        ];
        for filter in filters {
            assert!(
                store.alerts_list(&filter, None, 9).await.expect("page").is_empty(),
                "{filter:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn of_two_who_resolve_at_once_one_does() {
    on_every_engine(async |store| {
        let rule = rule(&store, detractor(6), 0).await;
        put(&store, vec![nps("a", "1", 10, 3)], 11).await;
        judge(&store, &rule, 12).await;
        let alert = all(&store).await.remove(0);
        let acts: Vec<Act> = (0..6)
            .map(|n| Act::Resolve { outcome: Outcome::Recovered, note: n.to_string() })
            .collect();
        let calls =
            acts.iter().map(|act| store.alert_change(&alert.id, act, ("me", &alert.etag), at(20)));
        let answers = futures::future::join_all(calls).await;
        let done = answers.iter().filter(|one| matches!(one, Ok(Some(Changed::Done(_))))).count();
        assert_eq!(done, 1, "{answers:?}");
        assert_eq!(store.membership_head().await.expect("head"), 2);
    })
    .await;
}
