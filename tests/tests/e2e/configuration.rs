//! `callout apply`, and what the gateway shows.

use callout_testkit::databases;
use reqwest::StatusCode;

use crate::system::System;

#[tokio::test]
async fn applying_twice_changes_nothing_and_a_dry_run_shows_the_difference() {
    for database in databases().await {
        let system = System::start(&database).await;
        let again = system.apply(&system.declared("2s"), &[]).await;
        assert!(again.contains("0 created, 0 changed, 7 unchanged"), "{again}");
        let shown = system.apply(&system.declared("5m"), &["--dry-run"]).await;
        assert!(shown.contains("~ escalation policy standard"), "{shown}");
        assert!(shown.contains("steps[0].delay: \"2s\" → \"300s\""), "{shown}");
        let again = system.apply(&system.declared("2s"), &[]).await;
        assert!(again.contains("0 changed"), "a dry run changes nothing: {again}");
        let changed = system.apply(&system.declared("5m"), &[]).await;
        assert!(changed.contains("0 created, 1 changed, 6 unchanged"), "{}: {changed}", database.kind);
    }
}

#[tokio::test]
async fn a_wrong_file_names_file_line_and_field() {
    let database = databases().await.remove(0);
    let system = System::start(&database).await;
    for (text, expected) in [
        ("services:\n  - name: a\n    polciy: x\n", "callout.yaml: line 3"),
        ("escalation_policies:\n  - name: a\n    steps: [{delay: soon, targets: []}]\n", "steps[0].delay"),
        (
            "services:\n  - name: a\n    escalation_policy: nowhere\n",
            "services[0].escalation_policy: there is no escalation policy `nowhere`",
        ),
    ] {
        let output = system.apply(text, &[]).await;
        assert!(output.contains(expected) && output.contains("line "), "{output}");
    }
}

#[tokio::test]
async fn the_documentation_is_served_offline() {
    let database = databases().await.remove(0);
    let system = System::start(&database).await;
    for (path, expected) in
        [("/docs", "Callout"), ("/openapi.json", "\"openapi\":\"3.1.0\""), ("/healthz", "")]
    {
        let response = reqwest::get(format!("{}{path}", system.url)).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let text = response.text().await.unwrap().replace(' ', "");
        assert!(text.contains(&expected.replace(' ', "")), "{path}");
    }
}
