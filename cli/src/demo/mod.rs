//! The example: people, a schedule, a policy, a service, and receivers on this machine whose
//! messages are printed.

mod receivers;

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub use receivers::Receivers;

use crate::{
    apply::{self, Client},
    cli::say,
};

/// Where the example's files have Slack and webhooks, and mail.
const HTTP: &str = "http://127.0.0.1:8025";
const SMTP: &str = "port: 2525";

/// The example's people.
const DIRECTORY: &str = include_str!("../../../deploy/demo/directory.yaml");
const DECLARED: &str = include_str!("../../../deploy/demo/callout.yaml");
/// The example's integration key: worth nothing outside of an example.
const KEY: &str = "demo-integration-key-0000";

/// The example's directory, with the receivers' addresses.
pub fn directory(receivers: &Receivers) -> String {
    DIRECTORY.replace(HTTP, &receivers.http_url())
}

/// Applies the example, and says what to try.
pub async fn set_up(url: &str, admin_key: &str, receivers: &Receivers) -> anyhow::Result<()> {
    let client = Client::new(url, admin_key)?;
    let declared = DECLARED
        .replace(HTTP, &receivers.http_url())
        .replace(SMTP, &format!("port: {}", receivers.smtp_port()));
    apply::text_of(&client, "deploy/demo/callout.yaml", &declared, false).await?;
    say(format_args!(
        "\nTry:\n  curl -X POST {url}/api/v1/webhook/generic/{KEY} -H 'content-type: application/json' \\\n    -d '{{\"summary\": \"disk full on db-1\", \"severity\": \"critical\", \"dedup_key\": \"disk-db-1\"}}'\n  \
         curl -H \"authorization: Bearer $(cat callout-data/admin.key)\" {url}/api/v1/alerts\n  \
         open {url}/docs\n\nMessages to Slack, mail and webhooks are printed here."
    ));
    Ok(())
}

/// Prints every message that the receivers get, until shutdown.
pub fn print_messages(mut receivers: Receivers, shutdown: CancellationToken) {
    tokio::spawn(async move {
        while let Some(Some(message)) = shutdown.run_until_cancelled(receivers.next()).await {
            say(message);
        }
    });
}

/// `callout demo`: the whole way of one alert.
pub async fn run() -> anyhow::Result<()> {
    let directory = std::env::temp_dir().join(format!("callout-demo-{}", std::process::id()));
    let mut server = tokio::process::Command::new(std::env::current_exe()?)
        .args(["up", "--demo", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(&directory)
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start callout up")?;
    let output = server.stdout.take().context("no output")?;
    let result = tell(output, &directory).await;
    server.kill().await.ok();
    std::fs::remove_dir_all(&directory).ok();
    result
}

async fn tell(output: tokio::process::ChildStdout, directory: &std::path::Path) -> anyhow::Result<()> {
    use tokio::io::{AsyncBufReadExt, BufReader};
    let mut lines = BufReader::new(output).lines();
    let first = lines.next_line().await?.context("callout up ended")?;
    let Some(url) = first.strip_prefix("ready ").map(ToOwned::to_owned) else { bail!("{first}") };
    while let Some(line) = lines.next_line().await? {
        if line.contains("are printed here") {
            break;
        }
    }
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            say(format_args!("    {line}"));
        }
    });
    let key = std::fs::read_to_string(directory.join("admin.key"))?;
    let client = Client::new(&url, key.trim())?;

    say("1. Alertmanager reports that the node db-1 is down.");
    let answer = send(&url, "firing").await?;
    let id = answer["alerts"][0]["id"].as_str().context("no alert was opened")?.to_owned();
    say("   Alice, who is on call, is told by Slack, mail and webhook:");
    history(&client, &id, "STEP_NOTIFIED", 1).await?;
    say("2. Nobody answers. After 5 s Bob is told:");
    history(&client, &id, "STEP_NOTIFIED", 2).await?;
    say("3. Bob acknowledges. Those who were told hear of it, and nobody else is told.");
    client.post(&format!("/alerts/{id}/acknowledge"), &json!({"note": "looking at it"})).await?;
    history(&client, &id, "ALERT_ACKNOWLEDGED", 1).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    say("4. The node is back: Alertmanager says so, and the alert is closed.");
    send(&url, "resolved").await?;
    history(&client, &id, "ALERT_RESOLVED", 1).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    say("5. The alert's history:");
    let events = client.get(&format!("/alerts/{id}/events")).await?;
    for event in events["events"].as_array().into_iter().flatten() {
        let time = event["time"].as_str().unwrap_or_default();
        say(format_args!(
            "   {}  {}",
            time.get(11..19).unwrap_or(time),
            event["message"].as_str().unwrap_or_default()
        ));
    }
    Ok(())
}

/// Waits until the history has so many entries of a kind.
async fn history(client: &Client, id: &str, kind: &str, count: usize) -> anyhow::Result<()> {
    for _ in 0..150 {
        let events = client.get(&format!("/alerts/{id}/events")).await?;
        let found =
            events["events"].as_array().into_iter().flatten().filter(|event| event["kind"] == kind).count();
        if found >= count {
            tokio::time::sleep(Duration::from_millis(700)).await;
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("{kind} did not happen within 15 s")
}

/// What a real Alertmanager sends.
async fn send(url: &str, status: &str) -> anyhow::Result<Value> {
    let labels = json!({"alertname": "NodeDown", "severity": "critical", "namespace": "database", "instance": "db-1:9100"});
    let body = json!({
        "version": "4", "groupKey": "{}:{alertname=\"NodeDown\"}", "truncatedAlerts": 0, "status": status,
        "receiver": "callout", "groupLabels": {"alertname": "NodeDown"}, "commonLabels": labels,
        "commonAnnotations": {}, "externalURL": "http://alertmanager.example.com",
        "alerts": [{
            "status": status, "labels": labels, "startsAt": "2026-01-01T00:00:00Z", "endsAt": "0001-01-01T00:00:00Z",
            "annotations": {"summary": "The node db-1 is down", "runbook_url": "https://runbooks.example.com/node-down"},
            "generatorURL": "http://prometheus.example.com/graph", "fingerprint": "5ef1c0de5ef1c0de",
        }],
    });
    let response = reqwest::Client::new()
        .post(format!("{url}/api/v1/webhook/alertmanager/{KEY}"))
        .json(&body)
        .send()
        .await?
        .error_for_status()?;
    Ok(response.json().await?)
}
