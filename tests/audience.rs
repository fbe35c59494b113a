//! Audiences for advertising platforms, by the API and by `cx export audience`: who is in one, and what is told of them.

use cx_analytics::{Consent, Customer, Timestamp};
use cx_datastore::{JobKind, Store};
use cx_server::grpc::{Api, audience::export_audience};
use cx_server::proto::{
    AudienceMember, AudiencePlatform, ExportAudienceRequest, ExportAudienceResponse,
};
use cx_server::webhooks::{self, Sender};
use futures::TryStreamExt;
use std::fs;
use std::process::Output;
use tonic::Status;

use crate::segmentation::fill;
use crate::support::{self, Database, Engine, reason_of, violations_of};

/// printf %s TEXT | sha256sum
const MAIL: &str = "264e53d93759bde067fd01ef2698f98d1253c730d12f021116f02eebcfa9ace6"; // example@gmail.com
const PLUS: &str = "cb6880e416769253645cb9c6b8989154bf66a56a77fc14c81fb1019663cbb928"; // +14155552671
const BARE: &str = "758fbf68945f21c416814c539ab578876c8d98fb69e6da692def92cd52417fe0"; // 14155552671

/// What a member is, by the customer's place among the persona's members.
fn attributes(customer_id: &str, place: usize) -> Customer {
    let consent = |marketing, profiling| Consent { marketing, profiling, updated_at: None };
    let (email, phone, consent) = match place % 7 {
        0 => ("Exam.ple+cx@gmail.com", "", consent(Some(true), None)),
        1 => ("", "+1 (415) 555-2671", consent(Some(true), Some(true))),
        2 => ("nobody", "415 555 2671", consent(Some(true), None)),
        3 => ("example@gmail.com", "+14155552671", consent(Some(false), None)),
        4 => ("example@gmail.com", "+14155552671", consent(None, Some(true))),
        // Objects, and so is no member any more.
        5 => ("example@gmail.com", "+14155552671", consent(Some(true), Some(false))),
        _ => ("example@gmail.com", "+14155552671", consent(Some(true), None)),
    };
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Customer {
        customer_id: customer_id.to_owned(),
        email: text(email),
        phone: text(phone),
        country: text("US"),
        consent,
        ..Customer::default()
    }
}

/// A persona with members of every sort. Every eighth customer has no attributes at all.
async fn persona(database: &Database, store: &Store) -> (String, Expected) {
    fill(store, 200).await;
    let segment = ["segment", "--k", "3", "--as-of", "2023-11-14T22:13:20Z", "--seed", "7"];
    assert!(cx(database, &segment).status.success());
    let active = store.active_get(JobKind::Segmentation).await.unwrap().unwrap();
    let largest = store.personas_list(&active).await.unwrap().swap_remove(0);
    let members = store.assignments_list(&active, Some(largest.ordinal), None, 1000).await.unwrap();
    assert!(members.len() > 56, "{} members are too few", members.len());
    let mut expected = Expected::default();
    let mut customers = Vec::new();
    for (place, member) in members.iter().enumerate() {
        if place % 8 == 7 {
            expected.without_consent += 1;
            continue;
        }
        match place % 7 {
            0 => expected.members.push((true, false)),
            1 => expected.members.push((false, true)),
            2 => expected.without_identifier += 1,
            3 | 4 => expected.without_consent += 1,
            5 => {}
            _ => expected.members.push((true, true)),
        }
        customers.push(attributes(&member.customer_id, place));
    }
    let now = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
    store.customers_upsert(customers, now).await.unwrap();
    (largest.persona.persona_id, expected)
}

/// Which of address and number each member has, and who is left out.
#[derive(Default)]
struct Expected {
    members: Vec<(bool, bool)>,
    without_consent: i64,
    without_identifier: i64,
}

fn cx(database: &Database, arguments: &[&str]) -> Output {
    support::cx().args(arguments).args(["--database", database.url()]).output().unwrap()
}

async fn told(
    store: &Store,
    persona_id: &str,
    platform: AudiencePlatform,
    chunk_size: i32,
) -> Result<Vec<ExportAudienceResponse>, Status> {
    let api = Api {
        store: store.clone(),
        work: cx_server::work::Bell::default(),
        stop: tokio_util::sync::CancellationToken::new(),
        webhooks: Sender::new(&webhooks::Options::default()).unwrap(),
    };
    let persona_id = persona_id.to_owned();
    let request = ExportAudienceRequest { persona_id, platform: platform.into(), chunk_size };
    export_audience(&api, request).await?.into_inner().try_collect().await
}

async fn the_api_streams_who_agreed_and_counts_who_did_not(engine: Engine) {
    let database = Database::new(engine).await;
    let store = database.store().await;
    let (persona, expected) = persona(&database, &store).await;
    for (platform, number) in [(AudiencePlatform::Google, PLUS), (AudiencePlatform::Meta, BARE)] {
        let messages = told(&store, &persona, platform, 0).await.unwrap();
        let [only] = messages.as_slice() else { panic!("{} messages", messages.len()) };
        let counts = (only.without_consent, only.without_identifier);
        assert_eq!(counts, (expected.without_consent, expected.without_identifier));
        let has = |member: &AudienceMember| {
            assert_eq!(member.country, "US");
            assert!(["", number].contains(&member.phone_sha256.as_str()), "{member:?}");
            let dotted = platform == AudiencePlatform::Meta && member.phone_sha256.is_empty();
            // Only Google leaves out dots and tags.
            assert!(["", MAIL].contains(&member.email_sha256.as_str()) != dotted, "{member:?}");
            (!member.email_sha256.is_empty(), !member.phone_sha256.is_empty())
        };
        assert_eq!(only.members.iter().map(has).collect::<Vec<_>>(), expected.members);

        // In parts it is the same, and the last part has the counts, even where nobody is left for it.
        let all = expected.members.len();
        for size in [1, 7, all, all + 1] {
            let parts = told(&store, &persona, platform, size as i32).await.unwrap();
            assert_eq!(parts.len(), all / size + 1, "{size}");
            let (last, full) = parts.split_last().unwrap();
            assert!(full.iter().all(|part| part.members.len() == size && part.as_of == last.as_of));
            assert_eq!((last.without_consent, last.without_identifier), counts);
            let again: Vec<_> = parts.iter().flat_map(|part| part.members.clone()).collect();
            assert_eq!(again, only.members);
        }
    }
}

async fn the_command_writes_files_as_platforms_take_them(engine: Engine) {
    let database = Database::new(engine).await;
    let store = database.store().await;
    let (persona, expected) = persona(&database, &store).await;
    for (platform, header, of) in [
        ("google", "Email,Phone,Country", AudiencePlatform::Google),
        ("meta", "email,phone,country", AudiencePlatform::Meta),
    ] {
        let message = told(&store, &persona, of, 0).await.unwrap().swap_remove(0);
        let line =
            |m: &AudienceMember| format!("{},{},{}", m.email_sha256, m.phone_sha256, m.country);
        let lines: Vec<String> = message.members.iter().map(line).collect();
        let ask = ["export", "audience", "--persona", &persona, "--platform", platform];
        let output = cx(&database, &ask);
        let (stdout, stderr) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success(), "{stderr}");
        assert_eq!(stdout, format!("{header}\n{}\n", lines.join("\n")));
        for (count, of) in [
            (expected.without_consent, "members left out: they did not agree"),
            (expected.without_identifier, "members left out: neither"),
            (lines.len() as i64, "rows written"),
        ] {
            assert!(stderr.contains(&format!("{count} {of}")), "{stderr}");
        }

        // In files of ten, in a folder.
        let folder = database.folder().join(platform);
        fs::create_dir(&folder).unwrap();
        let mut ask = ask.to_vec();
        ask.extend(["--chunk", "10", "--output", folder.to_str().unwrap()]);
        assert!(cx(&database, &ask).status.success());
        for (number, part) in lines.chunks(10).enumerate() {
            let file = folder.join(format!("audience-{:04}.csv", number + 1));
            let text = fs::read_to_string(&file).unwrap();
            assert_eq!(text, format!("{header}\n{}\n", part.join("\n")), "{}", file.display());
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), lines.len().div_ceil(10));

        // Files of an earlier export are never mixed with those of a later one.
        let again = cx(&database, &ask);
        assert_eq!(again.status.code(), Some(2));
        assert!(
            String::from_utf8_lossy(&again.stderr).contains("audience-0001.csv is there already")
        );
    }
    // Exactly as many as fit make no empty file after the last.
    let prefix = database.folder().join("all.csv");
    let all = expected.members.len().to_string();
    let ask = ["export", "audience", "--persona", &persona, "--platform", "meta", "--chunk", &all];
    let output = [&ask[..], &["--output", prefix.to_str().unwrap()]].concat();
    assert!(cx(&database, &output).status.success());
    assert!(database.folder().join("all-0001.csv").exists());
    assert!(!database.folder().join("all-0002.csv").exists());
}

async fn mistakes_are_told(engine: Engine) {
    let database = Database::new(engine).await;
    let store = database.store().await;
    let google = AudiencePlatform::Google;
    let status = told(&store, "p", google, 0).await.unwrap_err();
    assert_eq!(reason_of(&status), "NO_ACTIVE_SEGMENTATION");
    let unset = AudiencePlatform::Unspecified;
    let status = told(&store, "", unset, 10_001).await.unwrap_err();
    assert_eq!(reason_of(&status), "INVALID_FIELD");
    let fields: Vec<String> = violations_of(&status).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["persona_id", "platform", "chunk_size"]);
    assert!(told(&store, "p", google, -1).await.is_err());

    let ask = ["export", "audience", "--platform", "meta", "--persona", "p"];
    let output = cx(&database, &ask);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cx segment"));
    persona(&database, &store).await;
    let status = told(&store, "p", google, 0).await.unwrap_err();
    assert_eq!(reason_of(&status), "PERSONA_NOT_FOUND");
    let output = cx(&database, &ask);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--persona"));
}

on_both_engines!(
    the_api_streams_who_agreed_and_counts_who_did_not,
    the_command_writes_files_as_platforms_take_them,
    mistakes_are_told,
);
