//! The real Alertmanager, as Debian packages it.

use std::process::Stdio;

use callout_testkit::{PATIENCE, databases};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::system::{KEY, System};

const BINARY: &str = "prometheus-alertmanager";

/// A running Alertmanager that sends to a system.
struct Alertmanager {
    url: String,
    _process: Child,
}

impl Alertmanager {
    /// `None` where it is not installed.
    async fn start(system: &System) -> Option<Self> {
        let config = system.directory.path().join("alertmanager.yml");
        let text = format!(
            "route: {{receiver: callout, group_by: [cluster], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}}\n\
             receivers:\n  - name: callout\n    webhook_configs: [{{url: \"{}/api/v1/webhook/alertmanager/{KEY}\", send_resolved: true}}]\n",
            system.url
        );
        std::fs::write(&config, text).expect("a file");
        let port = free_port();
        let process = Command::new(BINARY)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", system.directory.path().join("alertmanager").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .ok()?;
        let alertmanager = Self { url: format!("http://127.0.0.1:{port}"), _process: process };
        tokio::time::timeout(PATIENCE, alertmanager.is_ready()).await.expect("Alertmanager is ready in time");
        Some(alertmanager)
    }

    async fn is_ready(&self) {
        while reqwest::get(format!("{}/-/ready", self.url)).await.is_err() {
            tokio::task::yield_now().await;
        }
    }

    async fn report(&self, name: &str, ends_at: Option<&str>) {
        let mut alert: Value = json!({
            "labels": {"alertname": name, "severity": "critical", "cluster": "eu"},
            "annotations": {"summary": format!("{name} is down")},
        });
        if let Some(at) = ends_at {
            alert["endsAt"] = at.into();
        }
        let response = reqwest::Client::new()
            .post(format!("{}/api/v2/alerts", self.url))
            .json(&json!([alert]))
            .send()
            .await
            .expect("Alertmanager answers");
        assert!(response.status().is_success());
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound port").port()
}

#[tokio::test]
async fn the_real_alertmanager_opens_and_closes_alerts() {
    for database in databases().await {
        let system = System::start(&database).await;
        let Some(alertmanager) = Alertmanager::start(&system).await else {
            println!("{BINARY} is not installed: not tested");
            return;
        };
        alertmanager.report("NodeDown", None).await;
        alertmanager.report("DiskFull", None).await;
        let mails = system.mail.wait_for(2).await;
        let mut subjects: Vec<_> = mails[..2].iter().filter_map(|mail| mail.header("Subject")).collect();
        subjects.sort();
        assert_eq!(
            subjects,
            ["[CRITICAL] DiskFull is down", "[CRITICAL] NodeDown is down"],
            "{}",
            database.kind
        );

        alertmanager.report("NodeDown", Some("2026-01-01T00:00:00Z")).await;
        let closed = async {
            loop {
                let (_, listed) = system.api(Method::GET, "/alerts?filter.statuses=RESOLVED", None).await;
                if let Some(first) = listed.as_array().and_then(|all| all.first().cloned()) {
                    return first;
                }
            }
        };
        let closed = tokio::time::timeout(PATIENCE, closed).await.expect("the resolve arrives in time");
        assert_eq!(closed["alert"]["labels"]["alertname"], "NodeDown");
        let (_, open) = system.api(Method::GET, "/alerts?filter.statuses=TRIGGERED", None).await;
        assert_eq!(open.as_array().unwrap().len(), 1, "the other one stays open");
    }
}
