//! The rules of ARCHITECTURE.md, checked on the source.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// Every Rust source below a folder of the workspace, with its path from there.
fn sources(folder: &str) -> Vec<(String, String)> {
    fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    collect(&root().join(folder), &mut found);
    let name = |path: &Path| path.strip_prefix(root()).expect("below the root").display().to_string();
    found.iter().map(|path| (name(path), fs::read_to_string(path).expect("a source is text"))).collect()
}

/// The files that decide.
const PURE: [&str; 14] = [
    "services/alerting/src/alert/alert.rs",
    "services/alerting/src/alert/fingerprint.rs",
    "services/alerting/src/escalation/step.rs",
    "services/alerting/src/ingest/alertmanager.rs",
    "services/alerting/src/ingest/fold.rs",
    "services/alerting/src/ingest/generic.rs",
    "services/alerting/src/routing/rule.rs",
    "services/alerting/src/schedule/on_call.rs",
    "services/alerting/src/schedule/plan.rs",
    "services/alerting/src/schedule/restriction.rs",
    "services/alerting/src/schedule/rotation.rs",
    "services/notification/src/delivery/state.rs",
    "services/notification/src/template/rules.rs",
    "services/notification/src/template/validate.rs",
];

#[test]
fn what_decides_knows_neither_database_nor_network_nor_the_present_time() {
    for file in PURE {
        let text = fs::read_to_string(root().join(file)).expect(file);
        for word in ["sqlx", "tonic", "tokio", ".now()", "async fn"] {
            assert!(!text.contains(word), "{file} mentions {word}");
        }
    }
}

#[test]
fn services_meet_over_grpc_only() {
    for service in ["alerting", "notification", "directory"] {
        let manifest =
            fs::read_to_string(root().join(format!("services/{service}/Cargo.toml"))).expect("a manifest");
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap_or_default();
        for other in ["alerting", "notification", "directory", "gateway"] {
            let depends = other != service && dependencies.contains(&format!("callout-{other}.workspace"));
            assert!(!depends, "services/{service} depends on {other}");
        }
    }
}

#[test]
fn sql_stands_in_store_files_and_tonic_does_not() {
    for (name, text) in sources("services") {
        if !name.contains("/src/") {
            continue;
        }
        if name.ends_with("/store.rs") || name.ends_with("history.rs") {
            assert!(!text.contains("tonic"), "{name} mentions tonic");
        }
        if name.ends_with("rpc.rs") || name.ends_with("worker.rs") {
            assert!(!text.contains("sqlx::query"), "{name} has SQL");
        }
    }
}

#[test]
fn rooms_are_small_and_named_for_what_is_in_them() {
    for folder in ["crates", "services", "gateway", "cli"] {
        for (name, text) in sources(folder) {
            let lines = text.lines().count();
            assert!(lines <= 800, "{name} has {lines} lines");
            for word in ["utils", "helpers", "/manager.rs", "/common.rs"] {
                assert!(!name.contains(word), "{name} is named for nothing");
            }
        }
    }
}
