//! What a file may declare.

use std::collections::BTreeMap;

use callout_runtime::yaml::Spanned;
use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    #[serde(default)]
    pub channels: Vec<Channel>,
    #[serde(default)]
    pub templates: Vec<Template>,
    #[serde(default)]
    pub schedules: Vec<Schedule>,
    #[serde(default)]
    pub escalation_policies: Vec<Policy>,
    #[serde(default)]
    pub services: Vec<Service>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    pub name: Spanned<String>,
    pub slack: Option<BTreeMap<String, Value>>,
    pub email: Option<BTreeMap<String, Value>>,
    pub webhook: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    pub default: bool,
    #[serde(default)]
    pub rate_limit_per_second: f64,
    #[serde(default)]
    pub disabled: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    pub name: Spanned<String>,
    #[serde(default)]
    pub description: String,
    pub contents: Vec<Content>,
    #[serde(default)]
    pub required_variables: Vec<String>,
    #[serde(default)]
    pub optional_variables: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    pub channel: String,
    #[serde(default)]
    pub subject: String,
    #[serde(default)]
    pub text: String,
    #[serde(default)]
    pub html: String,
    #[serde(default)]
    pub body: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    pub name: Spanned<String>,
    #[serde(default)]
    pub description: String,
    pub time_zone: String,
    #[serde(default)]
    pub rotations: Vec<Rotation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    pub name: String,
    pub participants: Vec<String>,
    pub shift: Shift,
    pub starts_at: String,
    #[serde(default)]
    pub ends_at: String,
    #[serde(default)]
    pub restrictions: Vec<Restriction>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shift {
    Hours(u32),
    Days(u32),
    Weeks(u32),
    Months(u32),
    Custom(Span),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restriction {
    #[serde(default)]
    pub weekdays: Vec<String>,
    pub start: String,
    pub end: String,
    #[serde(default)]
    pub extra_days: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    pub name: Spanned<String>,
    #[serde(default)]
    pub description: String,
    pub steps: Vec<Step>,
    #[serde(default)]
    pub repeat: u32,
    pub acknowledge_timeout: Option<Span>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub delay: Span,
    pub targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    User(String),
    Team(String),
    Schedule(Spanned<String>),
    Channel(Spanned<String>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub name: Spanned<String>,
    #[serde(default)]
    pub description: String,
    pub escalation_policy: Option<Spanned<String>>,
    #[serde(default)]
    pub template: String,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub integration_keys: Vec<Key>,
    #[serde(default)]
    pub rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    pub name: String,
    /// A secret of one's own; made and printed once if it is left out.
    #[serde(default)]
    pub secret: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub name: String,
    #[serde(default)]
    pub when: String,
    pub escalation_policy: Option<Spanned<String>>,
    pub priority: Option<String>,
    #[serde(default)]
    pub add_labels: BTreeMap<String, String>,
    pub template: Option<String>,
    #[serde(default)]
    pub suppress: bool,
    #[serde(default)]
    pub notify_channels: Vec<Spanned<String>>,
    #[serde(default, rename = "continue")]
    pub continue_matching: bool,
    #[serde(default)]
    pub disabled: bool,
}

/// A span of time, such as `90s`, `5m` or `1h 30m`.
#[derive(Debug, Clone, Copy)]
pub struct Span(SignedDuration);

impl Span {
    /// As proto3 JSON has it.
    pub fn json(self) -> Value {
        Value::String(format!("{}s", self.0.as_secs_f64()))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = text.parse().map(Self);
        parsed
            .map_err(|_| D::Error::custom(format!("`{text}` is no span of time, such as 90s, 5m or 1h 30m")))
    }
}
