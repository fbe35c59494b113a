//! The command line as a person meets it: help, wrong settings, exit codes.

use crate::support::{self, Database, Engine};

fn output(arguments: &[&str], settings: &[(&str, &str)]) -> (i32, String, String) {
    let output = support::cx().args(arguments).envs(settings.iter().copied()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn help_names_every_verb_on_stdout() {
    let (code, stdout, _) = output(&["--help"], &[]);
    assert_eq!(code, 0);
    for verb in ["serve", "migrate", "import", "segment", "churn", "export", "demo", "healthcheck"]
    {
        assert!(
            stdout.lines().any(|line| line.trim_start().starts_with(verb)),
            "{verb} is missing from: {stdout}"
        );
    }
}

#[test]
fn a_wrong_setting_is_named_and_exits_2() {
    for (key, value) in [
        ("CX_LISTEN", "nowhere"),
        ("CX_DATABASE", "mysql://secret@localhost/cx"),
        ("CX_WORKERS", "many"),
    ] {
        let (code, stdout, stderr) = output(&["serve"], &[(key, value)]);
        assert_eq!(code, 2, "{key}: {stderr}");
        assert!(stderr.contains(key), "{key} is not named in: {stderr}");
        assert!(!stderr.contains("secret"), "a password is shown in: {stderr}");
        assert!(stdout.is_empty(), "talk belongs on stderr: {stdout}");
    }
}

async fn migrate_says_what_it_did(engine: Engine) {
    let database = Database::unmigrated(engine);
    let run = || output(&["migrate", "--database", database.url()], &[]);
    let (code, _, stderr) = run();
    assert_eq!(code, 0, "{stderr}");
    let (code, _, stderr) = run();
    assert_eq!(code, 0, "{stderr}");
    database.store().await.schema_check().await.unwrap();
}

async fn serve_waits_for_no_migration_of_a_server(engine: Engine) {
    if engine == Engine::Sqlite {
        return; // a file of its own it migrates by itself, which the smoke test sees
    }
    let database = Database::unmigrated(engine);
    let (code, _, stderr) =
        output(&["serve", "--listen", "127.0.0.1:0", "--database", database.url()], &[]);
    assert_ne!(code, 0);
    assert!(stderr.contains("cx migrate"), "{stderr}");
}

on_both_engines!(migrate_says_what_it_did, serve_waits_for_no_migration_of_a_server);
