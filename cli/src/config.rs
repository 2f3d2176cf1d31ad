//! The effective configuration.

use std::net::SocketAddr;

use anyhow::Context;
use callout_alerting::AlertingConfig;
use callout_directory::DirectoryConfig;
use callout_gateway::GatewayConfig;
use callout_notification::NotificationConfig;
use callout_runtime::{MasterKey, telemetry::LogFormat};
use callout_store::DatabaseConfig;
use serde::{Deserialize, Serialize};

use crate::cli::Common;

/// Everything that can be configured, a topic each.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The installation's secret: the base64 of 32 bytes. `callout up` makes one by itself.
    pub master_key: String,
    /// Where the data is kept.
    pub database: DatabaseConfig,
    /// Where the services are, when they run by themselves.
    pub peers: PeersConfig,
    /// Alerting.
    pub alerting: AlertingConfig,
    /// Notification.
    pub notification: NotificationConfig,
    /// The directory.
    pub directory: DirectoryConfig,
    /// The gateway.
    pub gateway: GatewayConfig,
    /// Logs and metrics.
    pub telemetry: TelemetryConfig,
}

/// Where the services are.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PeersConfig {
    /// The alerting service.
    pub alerting: String,
    /// The notification service.
    pub notification: String,
    /// The identity service.
    pub identity: String,
}

impl Default for PeersConfig {
    fn default() -> Self {
        Self {
            alerting: "http://127.0.0.1:7001".to_owned(),
            notification: "http://127.0.0.1:7002".to_owned(),
            identity: "http://127.0.0.1:7003".to_owned(),
        }
    }
}

/// Logs and metrics.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// What is logged, in the form of RUST_LOG.
    pub log: String,
    /// How logs are written: text or json.
    pub log_format: LogFormat,
    /// Where Prometheus metrics are served; nowhere if absent.
    pub metrics_listen: Option<SocketAddr>,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { log: "warn,callout=info".to_owned(), log_format: LogFormat::Text, metrics_listen: None }
    }
}

/// Defaults, then the file, then the environment, then flags.
pub fn load(common: &Common) -> anyhow::Result<Config> {
    Ok(callout_runtime::config::load(&Config::default(), common.config.as_deref(), common.flags())?)
}

impl Config {
    /// The configured secret, which services that run by themselves must share.
    pub fn master_key(&self) -> anyhow::Result<MasterKey> {
        MasterKey::parse(&self.master_key).context(
            "master_key (CALLOUT_MASTER_KEY) is needed, the same for every service of the installation",
        )
    }
}
