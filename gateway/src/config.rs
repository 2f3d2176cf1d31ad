//! How the gateway is run.

use serde::{Deserialize, Serialize};

use crate::transcode::binding::BindingError;

/// How the gateway is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GatewayConfig {
    /// The largest body of a REST request, in bytes.
    pub body_limit_bytes: usize,
    /// The largest body of a webhook, in bytes, as it arrives (compressed, perhaps).
    pub webhook_body_limit_bytes: usize,
    /// Web sites whose pages may call the API from a browser, such as
    /// `https://console.example.com`; none if empty.
    pub cors_allowed_origins: Vec<String>,
    /// Serve `/openapi.json` and `/docs`.
    pub docs: bool,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            body_limit_bytes: 1024 * 1024,
            webhook_body_limit_bytes: 10 * 1024 * 1024,
            cors_allowed_origins: Vec::new(),
            docs: true,
        }
    }
}

/// Why the gateway cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// An RPC's `google.api.http` option cannot be used.
    #[error("the API's descriptors: {0}")]
    Binding(#[from] BindingError),
    /// An origin is not one.
    #[error("cors_allowed_origins: {0:?} is not an origin such as \"https://console.example.com\"")]
    Origin(String),
}
