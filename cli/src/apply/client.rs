//! Callout's REST API, as `apply` uses it.

use anyhow::{Context, bail};
use reqwest::{Method, header::AUTHORIZATION};
use serde_json::Value;

/// Calls one server with one key.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: String,
}

impl Client {
    /// A client of a server such as `http://127.0.0.1:8080`.
    pub fn new(server: &str, key: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(std::time::Duration::from_secs(30)).build()?;
        Ok(Self { http, base: format!("{}/api/v1", server.trim_end_matches('/')), key: key.to_owned() })
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }

    /// Makes, or does something.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Changes.
    pub async fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::PATCH, path, Some(body)).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        request = request.header(AUTHORIZATION, format!("Bearer {}", self.key));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.with_context(|| format!("cannot reach {}", self.base))?;
        let status = response.status();
        let answer: Value = response.json().await.with_context(|| format!("HTTP {status}, and no JSON"))?;
        if !status.is_success() {
            bail!("{}", answer["message"].as_str().unwrap_or("the server refused"));
        }
        Ok(answer)
    }
}
