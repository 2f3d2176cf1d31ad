//! A running Callout and what surrounds it.

use std::{path::PathBuf, process::Stdio, time::Duration};

use callout_testkit::{HttpReceiver, PATIENCE, SmtpReceiver, TestDatabase};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// The integration key of every test.
pub const KEY: &str = "test-integration-key-0000";

/// A running `callout up`, with receivers for what it sends.
pub struct System {
    pub url: String,
    pub admin_key: String,
    pub slack: HttpReceiver,
    pub webhook: HttpReceiver,
    pub mail: SmtpReceiver,
    pub directory: TempDir,
    database_url: String,
    process: Child,
}

pub fn binary() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "tests are told by the environment what to test")]
    if let Ok(binary) = std::env::var("TEST_CALLOUT_BIN") {
        return binary.into();
    }
    // target/debug/deps/e2e-… → target/debug/callout
    let here = std::env::current_exe().expect("a test has a path");
    let binary = here.ancestors().nth(2).expect("a target directory").join("callout");
    assert!(binary.exists(), "{} is missing: run `cargo build -p callout` first", binary.display());
    binary
}

impl System {
    /// Starts one on a fresh database, with Alice on call and Bob after her.
    pub async fn start(database: &TestDatabase) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (slack, webhook, mail) =
            (HttpReceiver::start().await, HttpReceiver::start().await, SmtpReceiver::start().await);
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(directory.path().join("people.yaml"), people(&webhook)).expect("a file");
        let database_url = database.config.url.clone();
        let (process, url) = launch(&directory, &database_url, "127.0.0.1:0").await;
        let key = std::fs::read_to_string(directory.path().join("data/admin.key")).expect("the admin's key");
        let system = Self {
            url,
            admin_key: key.trim().to_owned(),
            slack,
            webhook,
            mail,
            directory,
            database_url,
            process,
        };
        let output = system.apply(&system.declared("2s"), &[]).await;
        assert!(output.contains("7 created"), "{output}");
        system
    }

    /// What the tests declare; `delay` is that of the first step.
    pub fn declared(&self, delay: &str) -> String {
        format!(
            "
channels:
  - {{name: slack, slack: {{webhook_url: \"{slack}\"}}, default: true, rate_limit_per_second: 1000}}
  - {{name: mail, email: {{host: 127.0.0.1, port: {port}, security: PLAINTEXT, from: \"Callout <callout@example.com>\"}}, default: true}}
  - {{name: hooks, webhook: {{url: \"{webhook}\", signing_secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}}, default: true}}
schedules:
  - name: primary
    time_zone: Europe/Berlin
    rotations: [{{name: weekly, participants: [alice], shift: {{weeks: 1}}, starts_at: \"2026-01-05T09:00:00\"}}]
escalation_policies:
  - name: standard
    steps:
      - {{delay: {delay}, targets: [{{schedule: primary}}]}}
      - {{delay: 1h, targets: [{{user: bob}}]}}
services:
  - name: shop
    escalation_policy: standard
    integration_keys: [{{name: key, secret: {KEY}}}]
",
            slack = self.slack.url("/slack"),
            port = self.mail.port(),
            webhook = self.webhook.url("/team"),
        )
    }

    /// Runs `callout apply` on a text.
    pub async fn apply(&self, text: &str, flags: &[&str]) -> String {
        let file = self.directory.path().join("callout.yaml");
        std::fs::write(&file, text).expect("a file");
        let output = Command::new(binary())
            .args(["apply", "--server", &self.url, "--key-file"])
            .arg(self.directory.path().join("data/admin.key"))
            .arg("-f")
            .arg(&file)
            .args(flags)
            .output()
            .await
            .expect("callout apply runs");
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }

    /// Kills the process as a power cut would, and starts it again on the same address.
    pub async fn kill_and_restart(&mut self) {
        self.process.kill().await.expect("the process can be killed");
        let address = self.url.trim_start_matches("http://").to_owned();
        (self.process, self.url) = launch(&self.directory, &self.database_url, &address).await;
    }

    /// Calls the REST API as the admin.
    pub async fn api(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        self.api_as(&self.admin_key, method, path, body).await
    }

    /// Calls the REST API with a key.
    pub async fn api_as(
        &self,
        key: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let request =
            reqwest::Client::new().request(method, format!("{}/api/v1{path}", self.url)).bearer_auth(key);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let response = request.send().await.expect("the gateway answers");
        (response.status(), response.json().await.unwrap_or_default())
    }

    /// Sends what Alertmanager sends.
    pub async fn send(&self, alerts: &Value) -> Value {
        let response = self.try_send(alerts).await.expect("the gateway answers");
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.expect("JSON")
    }

    pub async fn try_send(&self, alerts: &Value) -> reqwest::Result<reqwest::Response> {
        let body = json!({"version": "4", "status": "firing", "receiver": "callout", "alerts": alerts});
        let url = format!("{}/api/v1/webhook/alertmanager/{KEY}", self.url);
        reqwest::Client::new().post(url).json(&body).timeout(Duration::from_secs(10)).send().await
    }

    /// The messages of an alert's history.
    pub async fn history(&self, id: &str) -> Vec<String> {
        let (status, answer) = self.api(Method::GET, &format!("/alerts/{id}/events"), None).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let events = answer["events"].as_array().cloned().unwrap_or_default();
        events.iter().map(|event| event["message"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// One firing or resolved alert.
pub fn alert(name: &str, status: &str) -> Value {
    json!({
        "status": status,
        "labels": {"alertname": name, "severity": "critical", "namespace": "shop"},
        "annotations": {"summary": format!("{name} is down"), "runbook_url": "https://runbooks.example.com/x"},
        "startsAt": "2026-03-02T09:00:00Z",
    })
}

async fn launch(directory: &TempDir, database_url: &str, listen: &str) -> (Child, String) {
    let mut process = Command::new(binary())
        .arg("up")
        .arg("--data-dir")
        .arg(directory.path().join("data"))
        .arg("--directory")
        .arg(directory.path().join("people.yaml"))
        .args(["--listen", listen, "--database-url", database_url, "--allow-network", "127.0.0.0/8"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("callout up starts");
    let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
    let ready = tokio::time::timeout(PATIENCE, lines.next_line()).await;
    let ready = ready.expect("it is ready in time").expect("its output is text").expect("it says something");
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let url = ready.strip_prefix("ready ").unwrap_or_else(|| panic!("{ready}")).to_owned();
    (process, url)
}

fn people(webhook: &HttpReceiver) -> String {
    format!(
        "
organizations:
  - id: acme
    users:
      - id: alice
        name: Alice
        email: alice@example.com
        contact_methods:
          - {{channel: slack, address: U0ALICE}}
          - {{channel: email, address: alice@example.com}}
          - {{channel: webhook, address: \"{}\"}}
      - {{id: bob, name: Bob, contact_methods: [{{channel: email, address: bob@example.com}}]}}
    api_keys:
      - {{name: looker, role: viewer, sha256: {VIEWER_SHA256}}}
  - id: globex
    api_keys:
      - {{name: other, role: owner, sha256: {GLOBEX_SHA256}}}
",
        webhook.url("/alice")
    )
}

/// A key of the first organization that may only look.
pub const VIEWER_KEY: &str = "viewer-key";
const VIEWER_SHA256: &str = "9b88f3b3de5ee9f1bb657b76cc43581a9e25e9091bb23c35b2748b7c3509b6e6";
/// The second organization's key.
pub const GLOBEX_KEY: &str = "globex-key";
const GLOBEX_SHA256: &str = "f2a455b59b858a04c51108416af2042203cb6ac35fa4141fba4148bc856e78d4";
