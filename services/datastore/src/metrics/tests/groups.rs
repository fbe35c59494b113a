//! Groups by attributes of customers, surveys and reasons.

use super::*;

async fn customers(store: &Store, rows: &[(&str, &str)]) {
    store
        .write(async |tx| {
            for (customer, columns) in rows {
                let (names, values) = columns.split_once(" = ").expect("names and values");
                let text = format!(
                    "INSERT INTO customer (customer_id, {names}, updated_at) VALUES ('{customer}', {values}, 0)"
                );
                sql::execute(tx, &text, vec![]).await?;
            }
            Ok(())
        })
        .await
        .expect("stored");
}

fn share(hits: i64, of: i64) -> Counts {
    Counts::Share(Share { hits, of, excluded: 0 })
}

#[tokio::test]
async fn customers_are_told_apart_by_any_attribute() {
    on_every_engine(async |store| {
        customers(
            &store,
            &[
                ("a", r#"gender, country, attributes = 1, 'DE', '{"tier $.x\"":"gold","n":"é"}'"#),
                ("b", r#"gender, plan, attributes = 4, 'it''s', '{"tier $.x\"":"","n":"é"}'"#),
                ("c", "attributes = '{}'"),
            ],
        )
        .await;
        let visit = |customer| (customer, 5, 1, 1, 0, "action=2");
        record(&store, &[visit("a"), visit("a"), visit("b"), visit("c"), visit("unknown")]).await;
        let mut asker = whole();
        let found = async |asker: &Asker| -> Vec<(String, i64)> {
            let number = |counts| match counts {
                Counts::Total(total) => total.n,
                other => panic!("{other:?}"),
            };
            let all = asker.ask(&store, Metric::Interactions).await;
            let named =
                |(key, counts): (GroupKey, _)| (key.attribute.expect("asked"), number(counts));
            all.into_iter().map(named).collect()
        };
        let groups = |of: &[(&str, i64)]| -> Vec<(String, i64)> {
            of.iter().map(|(value, n)| ((*value).to_owned(), *n)).collect()
        };
        let entry = |key: &str| Attribute::Entry(key.to_owned());
        for (attribute, expected) in [
            (
                Attribute::Field(Field::Gender),
                groups(&[("", 2), ("FEMALE", 2), ("UNDISCLOSED", 1)]),
            ),
            (Attribute::Field(Field::Country), groups(&[("", 3), ("DE", 2)])),
            (Attribute::Field(Field::Plan), groups(&[("", 4), ("it's", 1)])),
            (entry("tier $.x\""), groups(&[("", 3), ("gold", 2)])),
            (entry("n"), groups(&[("", 2), ("é", 3)])),
            (entry("none"), groups(&[("", 5)])),
        ] {
            asker.by.attribute = Some(attribute);
            assert_eq!(found(&asker).await, expected);
        }
        asker.filter.attributes = vec![
            (entry("n"), vec!["é".to_owned(), "e".to_owned()]),
            (Attribute::Field(Field::Gender), vec!["FEMALE".to_owned()]),
        ];
        assert_eq!(found(&asker).await, groups(&[("", 2)]));
        asker.filter.attributes[1].1 = vec![String::new()];
        assert_eq!(found(&asker).await, []);
    })
    .await;
}

#[tokio::test]
async fn answers_are_told_apart_by_survey_and_policies_hold_within() {
    on_every_engine(async |store| {
        let answer = |customer, day: i64, more: &'static str| (customer, day * DAY, 4, 1, 0, more);
        record(
            &store,
            &[
                answer("a", 1, "subject='s' action=1 variant=3 score_min=1 score_max=5 lower_is_better=0 score=5"),
                answer("a", 2, "subject='t' action=1 variant=3 score_min=1 score_max=5 lower_is_better=0 score=1"),
                answer("b", 2, "action=1 variant=3 score_min=1 score_max=5 lower_is_better=0 score=4"),
                answer("a", 1, "subject='s' action=2 variant=3"),
                answer("b", 1, "subject='t' action=2 variant=3"),
            ],
        )
        .await;
        let mut asker = whole();
        asker.by.detail = true;
        asker.policy = ResponsePolicy::LatestPerCustomer;
        let found = asker.ask(&store, Metric::CsatTop2Box).await;
        let high = |counts: &Counts| match counts {
            Counts::Answers(answers) => answers.patterns.iter().map(|p| p.high).sum::<i64>(),
            other => panic!("{other:?}"),
        };
        let found: Vec<_> =
            found.iter().map(|(key, counts)| (key.detail.as_deref(), high(counts))).collect();
        assert_eq!(found, [(Some(""), 1), (Some("s"), 1), (Some("t"), 0)]);
        asker.filter.details = vec!["t".to_owned()];
        let strays = Counts::Share(Share { hits: 0, of: 1, excluded: 1 });
        assert_eq!(asker.only(&store, Metric::SurveyResponseRate).await, strays);
    })
    .await;
}

/// A case's reason is that of its opening, whatever later events say.
#[tokio::test]
async fn contacts_and_cases_are_told_apart_by_reason() {
    on_every_engine(async |store| {
        let case = |customer, hour: i64, more| (customer, hour * HOUR, 3, 1, 0, more);
        let contact = |customer, hour: i64, more| (customer, hour * HOUR, 2, 5, 0, more);
        record(
            &store,
            &[
                case("a", 1, "subject='1' action=1 topic='billing'"),
                case("a", 3, "subject='1' action=3 topic='other'"),
                case("a", 5, "subject='1' action=4"),
                case("a", 9, "subject='1' action=3"),
                case("b", 2, "subject='1' action=1"),
                contact("a", 1, "wait=1000000 topic='billing'"),
                contact("b", 1, "flag=1 topic='billing'"),
                contact("b", 2, "wait=2 topic='login'"),
            ],
        )
        .await;
        let mut asker = whole();
        asker.by.detail = true;
        let spans = |ended: &[i64], open| {
            let ended = ended.iter().map(|hours| (hours * HOUR * 1_000_000, 1)).collect();
            Counts::Spans(Spans { ended, open, excluded: 0 })
        };
        let found = async |metric| -> Vec<(String, Counts)> {
            let all = asker.ask(&store, metric).await;
            all.into_iter().map(|(key, counts)| (key.detail.expect("asked"), counts)).collect()
        };
        let open = vec![((30 * 24 - 2) * HOUR * 1_000_000, 1)];
        let none = (String::new(), spans(&[], open));
        let billing = "billing".to_owned();
        assert_eq!(
            found(Metric::FirstResolutionTime).await,
            [none.clone(), (billing.clone(), spans(&[2], vec![]))]
        );
        assert_eq!(
            found(Metric::CycleResolutionTime).await,
            [none, (billing.clone(), spans(&[2, 4], vec![]))]
        );
        let login = "login".to_owned();
        assert_eq!(
            found(Metric::AbandonmentRate).await,
            [(billing, share(1, 2)), (login, share(0, 1))]
        );
    })
    .await;
}
