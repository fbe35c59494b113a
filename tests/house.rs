//! The rules of the house, kept by tests: who may depend on whom, who may name what, how large a file may grow.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The crates with what they promise not to depend on.
const FORBIDDEN: [(&str, &[&str]); 3] = [
    (
        "analytics",
        &[
            "cx-datastore",
            "cx-server",
            "sea-orm",
            "sea-orm-migration",
            "sqlx",
            "tokio",
            "tonic",
            "prost",
            "clap",
            "uuid",
        ],
    ),
    ("datastore", &["cx-server", "tonic", "prost", "prost-types", "clap", "linfa"]),
    ("server", &["sea-orm", "sea-orm-migration", "sqlx", "linfa", "ndarray"]),
];

#[test]
fn crates_depend_in_one_direction_only() {
    for (name, forbidden) in FORBIDDEN {
        let manifest =
            fs::read_to_string(root().join("services").join(name).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
        let named: BTreeSet<&str> = sections
            .iter()
            .filter_map(|section| manifest.get(*section)?.as_table())
            .flat_map(|table| table.keys().map(String::as_str))
            .collect();
        for forbidden in forbidden {
            assert!(
                !named.contains(forbidden),
                "services/{name}/Cargo.toml must not name {forbidden}"
            );
        }
    }
}

#[test]
fn every_dependency_has_a_reason() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let readme = read("services/README.md");
    for name in manifest["workspace"]["dependencies"]
        .as_table()
        .unwrap()
        .keys()
        .filter(|name| !name.starts_with("cx-"))
    {
        let named = readme.lines().any(|line| {
            line.strip_prefix("| ")
                .and_then(|line| line.split(" |").next())
                .is_some_and(|cell| cell.split(", ").any(|one| one == name))
        });
        assert!(named, "services/README.md does not say what {name} is for");
    }
}

#[test]
fn only_the_datastore_speaks_to_a_database() {
    for path in sources("services").iter().filter(|path| !path.starts_with("services/datastore")) {
        refuse_words(path, &["sea_orm", "sqlx::", "sea_orm_migration"]);
    }
}

#[test]
fn only_connect_names_an_engine() {
    let datastore = sources("services/datastore/src");
    assert!(!datastore.is_empty());
    let connect =
        ["connect", "connect.rs"].map(|name| Path::new("services/datastore/src").join(name));
    let inside = |path: &&PathBuf| connect.iter().any(|one| path.starts_with(one));
    for path in datastore.iter().filter(|path| !inside(path)) {
        refuse_words(path, &["sqlite", "postgres", "pragma", "unnest"]);
    }
}

#[test]
fn only_the_server_reads_the_clock_or_chance() {
    for folder in ["services/analytics/src", "services/datastore/src"] {
        for path in sources(folder) {
            refuse_words(
                &path,
                &[
                    "systemtime",
                    "instant::now",
                    "timestamp::now",
                    "zoned::now",
                    "now_v7",
                    "from_os_rng",
                    "thread_rng",
                    "current_timestamp",
                ],
            );
        }
    }
}

#[test]
fn files_stay_small() {
    for path in files(&root(), &["rs", "proto", "py", "sh", "sql"]) {
        let lines = read(&path).lines().count();
        assert!(lines <= 400, "{} has {lines} lines: split it by subject", path.display());
    }
}

#[test]
fn the_top_level_is_the_design() {
    let known = ["Cargo.lock", "Cargo.toml", "README.md", "k8s", "proto", "services", "tests"];
    let found: BTreeSet<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.') && name != "target" && !name.contains(".db"))
        .collect();
    assert_eq!(found, known.map(String::from).into(), "a new top-level entry wants a decision");
}

#[test]
fn every_reason_of_refusal_is_tested() {
    let reasons = read("proto/cx/v1/error_reason.proto");
    let tests: String =
        sources("tests").iter().filter(|path| !path.ends_with("house.rs")).map(read).collect();
    let untested: Vec<&str> = reasons
        .lines()
        .filter_map(|line| line.trim().strip_prefix("ERROR_REASON_")?.split(' ').next())
        .filter(|reason| *reason != "UNSPECIFIED" && !tests.contains(&format!("\"{reason}\"")))
        .collect();
    assert!(untested.is_empty(), "no test under tests/ sees these refusals: {untested:?}");
}

#[test]
fn nothing_names_a_machine() {
    let machine = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    for path in files(&root(), &["rs", "proto", "py", "sh", "md", "toml", "yaml", "run"]) {
        let text = read(&path);
        for word in machine {
            assert!(!text.contains(word), "{} names {word}", path.display());
        }
    }
}

/// Fails where the code of a file, comments and its tests apart, has one of these words in any case.
fn refuse_words(path: &Path, words: &[&str]) {
    if path
        .iter()
        .any(|part| ["tests", "tests.rs", "testing.rs"].iter().any(|tests| part == *tests))
    {
        return;
    }
    for (number, line) in
        read(path).split("#[cfg(test)]").next().unwrap_or_default().lines().enumerate()
    {
        let code = line.split("//").next().unwrap_or_default().to_lowercase();
        for word in words {
            assert!(
                !code.contains(word),
                "{}:{}: {word} does not belong here",
                path.display(),
                number + 1
            );
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The Rust sources below a folder, as paths from the root.
fn sources(folder: &str) -> Vec<PathBuf> {
    files(&root().join(folder), &["rs"])
}

/// The files below a folder with one of these extensions (or, without one, of that name), as paths from the root; hidden folders
/// other than CI's, and what Cargo built, apart.
fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && (!name.starts_with('.') || name == ".ci") {
                found.extend(files(&path, extensions));
            }
        } else if extensions
            .contains(&path.extension().map_or(name.as_str(), |e| e.to_str().unwrap_or("")))
        {
            found.push(path.strip_prefix(root()).unwrap().to_path_buf());
        }
    }
    found.sort();
    found
}
