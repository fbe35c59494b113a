//! `cx import` as a person uses it: files in, outcomes told, nothing twice.

use crate::support::{self, Database, Engine};
use cx_analytics::{Channel, Interaction, Payload, Timestamp, interaction::Currency};
use flate2::write::GzEncoder;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

const MAPPINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/mappings");

/// What an import said: the exit code, the counts by name, and stderr.
struct Said {
    code: i32,
    counts: BTreeMap<String, u64>,
    stderr: String,
}

impl Said {
    /// accepted, duplicate, conflict, rejected; and that they add up.
    fn outcomes(&self) -> [u64; 4] {
        let count = |name: &str| self.counts[name];
        let all = ["accepted", "duplicate", "conflict", "rejected"].map(count);
        assert_eq!(count("received"), all.iter().sum::<u64>() + count("suppressed"));
        all
    }
}

fn import(database: &Database, arguments: &[&str]) -> Said {
    let output = support::cx()
        .current_dir(database.folder())
        .args(["import", "--database", database.url(), "--log", "warn"])
        .args(arguments)
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let counts = stdout.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
    });
    let stderr = String::from_utf8(output.stderr).unwrap();
    Said { code: output.status.code().unwrap(), counts: counts.collect(), stderr }
}

fn file(database: &Database, name: &str, text: &str) -> PathBuf {
    let path = database.folder().join(name);
    fs::write(&path, text).unwrap();
    path
}

async fn stored(database: &Database, customer_id: &str) -> Vec<Interaction> {
    let store = database.store().await;
    let all = Timestamp::MIN..Timestamp::MAX;
    let stored = store.interactions_list(customer_id, all, true, None, 1000).await.unwrap();
    store.close().await;
    stored.into_iter().map(|stored| stored.interaction).collect()
}

fn at(text: &str) -> Timestamp {
    let instant: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_micros(instant.as_microsecond()).unwrap()
}

async fn invoices_become_orders_and_cancellations_returns(engine: Engine) {
    let database = Database::new(engine).await;
    let sample = format!("{MAPPINGS}/online_retail_sample.csv");
    let mapping = format!("{MAPPINGS}/online_retail.toml");
    let run = || import(&database, &[&sample, "--mapping", &mapping, "--rejects", "rejects.csv"]);
    let said = run();
    assert_eq!((said.code, said.outcomes()), (0, [6, 0, 0, 6]), "{}", said.stderr);

    let of_70001 = stored(&database, "70001").await;
    let [order, returned] = of_70001.as_slice() else { panic!("{of_70001:?}") };
    assert_eq!((order.channel, order.occurred_at), (Channel::Web, at("2011-01-10T08:26:00Z")));
    // Three lines, one of them at the end of the file: 6 × 2.55 + 2 × 3.39 + 0.10.
    assert!(
        matches!(&order.payload, Payload::Order { order_id, total: Some(total), items: Some(9) }
        if order_id == "100001" && total.amount_minor == 2218 && total.currency.as_str() == "GBP")
    );
    assert!(
        matches!(&returned.payload, Payload::Return { refund: Some(refund), items: Some(1), .. }
        if refund.amount_minor == 339 && Some(refund.currency) == Currency::parse("GBP"))
    );

    // In July the clocks of London are an hour ahead of UTC; the earlier of two times counts.
    assert_eq!(stored(&database, "70002").await[1].occurred_at, at("2011-07-01T11:00:00Z"));
    // Nothing but a gift costs nothing; a tenth of a penny is rounded away after summing.
    let totals = stored(&database, "70003").await.into_iter().map(|record| match record.payload {
        Payload::Order { total: Some(total), .. } => total.amount_minor,
        other => panic!("{other:?}"),
    });
    assert_eq!(totals.collect::<Vec<_>>(), [0, 1800]);

    let mut rejects = csv::Reader::from_path(database.folder().join("rejects.csv")).unwrap();
    let rejects: Vec<_> = rejects.records().map(|line| line.unwrap()).collect();
    let listed: Vec<_> = rejects.iter().map(|line| (&line[1], &line[3])).collect();
    let customer = "customer_id";
    let total = "order.total.amount_minor";
    let wanted = [
        ("6", customer),
        ("7", customer),
        ("12", total),
        ("13", customer),
        ("15", total),
        ("16", ""),
    ];
    assert_eq!(listed, wanted);
    assert_eq!(
        &rejects[0][5],
        "100003,10004,PAPER CHAIN,1,2011-01-11 09:00:00,1.25,,United Kingdom"
    );

    assert_eq!(run().outcomes(), [0, 6, 0, 6], "a second import adds nothing");
    assert_eq!(import(&database, &[&sample, "--mapping", &mapping, "--strict"]).code, 1);
}

const LINE: &str = r#"{"customerId":"ann","interactionId":"1","occurredAt":"2024-05-01T10:00:00.5Z","channel":"CHANNEL_EMAIL","survey":{"kind":"KIND_CES","score":6,"comment":"schön, \"easy\""}}"#;

fn parquet_file(path: &Path) {
    let schema = "message cx { required binary customer_id (UTF8); required binary interaction_id (UTF8); \
        required int64 occurred_at (TIMESTAMP(NANOS,true)); required binary channel (UTF8); \
        required group survey { required binary kind (UTF8); required int64 score; optional binary comment (UTF8); } }";
    let schema = parse_message_type(schema).unwrap().into();
    let mut writer =
        SerializedFileWriter::new(File::create(path).unwrap(), schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let texts = ["ann", "1", "2024", "email", "ces", "6", "schön, \"easy\""];
    for (index, text) in texts.iter().enumerate() {
        let mut column = group.next_column().unwrap().unwrap();
        let whole = match index {
            2 => Some(1_714_557_600_500_000_000),
            5 => Some(6),
            _ => None,
        };
        match whole {
            Some(value) => column.typed::<Int64Type>().write_batch(&[value], None, None).unwrap(),
            None => {
                let levels: Option<&[i16]> = (index == 6).then_some(&[1]);
                column
                    .typed::<ByteArrayType>()
                    .write_batch(&[ByteArray::from(*text)], levels, None)
                    .unwrap()
            }
        };
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

async fn every_format_says_the_same(engine: Engine) {
    let database = Database::new(engine).await;
    let plain = file(&database, "a.jsonl", &format!("\u{feff}{LINE}\r\n\r\n"));
    assert_eq!(import(&database, &[plain.to_str().unwrap()]).outcomes(), [1, 0, 0, 0]);

    // Two members of gzip, as appended files have; the header of a table names the fields of the API.
    let gzip = database.folder().join("b.jsonl.gz");
    for _ in 0..2 {
        let part = File::options().create(true).append(true).open(&gzip).unwrap();
        GzEncoder::new(part, flate2::Compression::fast())
            .write_all(format!("{LINE}\n").as_bytes())
            .unwrap();
    }
    assert_eq!(import(&database, &["b.jsonl.gz"]).outcomes(), [0, 2, 0, 0]);

    let table = "channel;customer_id;interaction_id;occurred_at;survey.kind;survey.score;survey.comment\n\
        E-Mail;;2;;;;\n\
        email;ann;1;2024-05-01 10:00:00.5;KIND_CES;6;\"schön, \"\"easy\"\"\"\n";
    let zstd = zstd::encode_all(table.as_bytes(), 3).unwrap();
    fs::write(database.folder().join("c.data"), zstd).unwrap();
    assert_eq!(import(&database, &["c.data", "--format", "csv"]).outcomes(), [0, 1, 0, 1]);

    parquet_file(&database.folder().join("d.parquet"));
    let said = import(&database, &["d.parquet"]);
    assert_eq!(said.outcomes(), [0, 1, 0, 0], "{}", said.stderr);
}

async fn refusals_and_conflicts_are_listed(engine: Engine) {
    let database = Database::new(engine).await;
    let misspelt = LINE.replace("survey", "surveys");
    let off_scale = LINE.replace("\"score\":6", "\"score\":11");
    let other = LINE.replace("\"score\":6", "\"score\":5");
    file(&database, "a.jsonl", &format!("{LINE}\n{misspelt}\n{off_scale}\n{other}\n{LINE}\n{{\n"));
    let said = import(&database, &["a.jsonl", "--validate-only", "--rejects", "checked.jsonl"]);
    assert_eq!(said.outcomes()[3], 3);
    assert!(stored(&database, "ann").await.is_empty());

    assert_eq!(
        import(&database, &["a.jsonl", "--rejects", "r.jsonl", "--acks", "acks.csv"]).outcomes(),
        [1, 1, 1, 3]
    );
    let listed = fs::read_to_string(database.folder().join("r.jsonl")).unwrap();
    let mut listed: Vec<serde_json::Value> =
        listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    listed.sort_by_key(|entry| entry["line"].as_u64());
    let lines: Vec<_> = listed
        .iter()
        .map(|entry| (entry["line"].as_u64().unwrap(), entry["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(lines, [(2, "rejected"), (3, "rejected"), (4, "conflict"), (6, "rejected")]);
    assert!(listed[0]["rule"].as_str().unwrap().contains("surveys"), "{}", listed[0]);
    assert_eq!(listed[1]["field"], "survey.score");
    assert_eq!(listed[2]["raw"], other);
    let acks = fs::read_to_string(database.folder().join("acks.csv")).unwrap();
    assert_eq!(acks, "ann,1,accepted\nann,1,conflict\nann,1,duplicate\n");
}

async fn customers_are_written_through_the_same_road(engine: Engine) {
    let database = Database::new(engine).await;
    let mapping = r#"
        target = "customer"
        [input]
        delimiter = ";"
        encoding = "latin-1"
        missing = ["", "?"]
        [[skip]]
        reason = "tests"
        when = { ID = { starts_with = "test" } }
        [[record]]
        [record.fields]
        customer_id = "{ID}"
        gender = { from = "{Sex}", map = { f = "FEMALE", m = "MALE", "*" = "" } }
        city = "{Town}"
        birth_year = "{Born}"
        consent.marketing = { from = "{News}", default = "no" }
        attributes.colour = "{Colour}"
    "#;
    file(&database, "m.toml", mapping);
    let table = b"ID;Sex;Town;Born;News;Colour\nann;f;K\xf6ln;1980;yes;red\nbob;x;?;19x0;;\ntest1;;;;;\ncy;m;?;;;\n";
    fs::write(database.folder().join("c.csv"), table).unwrap();
    let said = import(&database, &["c.csv", "--mapping", "m.toml"]);
    assert_eq!((said.outcomes(), said.counts["skipped"]), ([2, 0, 0, 1], 1), "{}", said.stderr);
    let store = database.store().await;
    let (ann, _) = store.customer_get("ann").await.unwrap().unwrap();
    assert_eq!((ann.city.as_deref(), ann.birth_year), (Some("Köln"), Some(1980)));
    assert_eq!((ann.consent.marketing, ann.attributes["colour"].as_str()), (Some(true), "red"));
    let (cy, _) = store.customer_get("cy").await.unwrap().unwrap();
    assert_eq!((cy.city, cy.consent.marketing), (None, Some(false)));
    store.close().await;
}

on_both_engines!(
    invoices_become_orders_and_cancellations_returns,
    every_format_says_the_same,
    refusals_and_conflicts_are_listed,
    customers_are_written_through_the_same_road,
);

#[test]
fn a_mapping_that_cannot_work_is_refused_by_its_key() {
    let database = Database::unmigrated(Engine::Sqlite);
    file(&database, "t.csv", "a,b\n1,2\n");
    let fields = |line: &str| format!("[[record]]\n[record.fields]\n{line}\n");
    for (mapping, named) in [
        ("x = 1".to_owned(), "`x`"),
        (format!("[input]\ndelimter = \";\"\n{}", fields("")), "delimter"),
        (format!("[input]\ndelimiter = \"ab\"\n{}", fields("")), "input.delimiter"),
        (fields("order.totl = \"1\""), "record[0].fields.order.totl"),
        (fields("order = \"1\""), "record[0].fields.order"),
        (fields("channel = \"shop\""), "record[0].fields.channel"),
        (fields("order.items = { number = \"{a} / 2\" }"), "order.items.number"),
        (fields("order.items = { number = \"{a}\", take = \"sum\" }"), "order.items.take"),
        (fields("customer_id = { from = \"{a}\", takes = \"min\" }"), "takes"),
        (fields("customer_id = \"{a\""), "customer_id.from"),
        (fields("occurred_at = { from = \"{a}\", time_zone = \"Europe/Londn\" }"), "time_zone"),
        (fields("occurred_at = { from = \"{a}\", time_format = \"%!\" }"), "time_format"),
        (
            format!("{}[[skip]]\nreason = \"r\"\nwhen = {{ a = {{ abov = 1 }} }}\n", fields("")),
            "skip[0].when.a",
        ),
        (fields("customer_id = \"{c}\""), "\"c\""),
        (
            format!(
                "[[lookup]]\nname = \"o\"\nkey = \"k\"\nmatch = \"{{a}}\"\n{}",
                fields("customer_id = \"{o.c}\"")
            ),
            "--lookup o=",
        ),
    ] {
        file(&database, "m.toml", &mapping);
        let said = import(&database, &["t.csv", "--mapping", "m.toml"]);
        assert_eq!(said.code, 2, "{mapping}: {}", said.stderr);
        assert!(said.stderr.contains(named), "{named} is not named in: {}", said.stderr);
    }
}

#[test]
fn a_file_that_breaks_off_is_told() {
    let database = Database::unmigrated(Engine::Sqlite);
    let open = file(&database, "open.csv", &format!("customer_id\n\"{}", "x\n".repeat(3_000_000)));
    let said = import(&database, &[open.to_str().unwrap()]);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("is a quote not closed?"), "{}", said.stderr);

    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(LINE.repeat(50).as_bytes()).unwrap();
    let whole = gzip.finish().unwrap();
    fs::write(database.folder().join("cut.jsonl.gz"), &whole[..whole.len() / 2]).unwrap();
    let said = import(&database, &["cut.jsonl.gz"]);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("cut.jsonl.gz"), "{}", said.stderr);
}
