//! Makes the server as a file declares it: channels first, then what refers to them.

use std::collections::HashMap;

use anyhow::Context;
use callout_runtime::yaml::{Spanned, YamlError};
use serde_json::{Map, Value, json};

use super::{
    client::Client,
    difference::difference,
    file::{Channel, Content, File, Policy, Rotation, Rule, Schedule, Service, Shift, Target, Template},
};
use crate::cli::say;

/// The settings that are not shown once they are set.
const SECRETS: [&str; 5] = ["webhookUrl", "botToken", "password", "signingSecret", "url"];

pub struct Plan<'a> {
    client: &'a Client,
    file: &'a str,
    dry_run: bool,
    ids: HashMap<(&'static str, String), String>,
    created: usize,
    changed: usize,
    unchanged: usize,
}

impl<'a> Plan<'a> {
    pub fn new(client: &'a Client, file: &'a str, dry_run: bool) -> Self {
        Self { client, file, dry_run, ids: HashMap::new(), created: 0, changed: 0, unchanged: 0 }
    }

    pub fn summary(&self) -> String {
        let would = if self.dry_run { " (dry run: nothing was changed)" } else { "" };
        format!("{} created, {} changed, {} unchanged{would}", self.created, self.changed, self.unchanged)
    }

    pub async fn apply(&mut self, file: File) -> anyhow::Result<()> {
        for channel in &file.channels {
            self.channel(channel).await?;
        }
        for template in &file.templates {
            self.template(template).await?;
        }
        for schedule in &file.schedules {
            self.schedule(schedule).await?;
        }
        for (index, policy) in file.escalation_policies.iter().enumerate() {
            self.policy(policy, index).await?;
        }
        for (index, service) in file.services.iter().enumerate() {
            self.service(service, index).await?;
        }
        Ok(())
    }

    async fn channel(&mut self, channel: &Channel) -> anyhow::Result<()> {
        let mut wanted = json!({
            "name": channel.name.value,
            "isDefault": channel.default,
            "rateLimitPerSecond": channel.rate_limit_per_second,
            "disabled": channel.disabled,
        });
        for (kind, settings) in
            [("slack", &channel.slack), ("email", &channel.email), ("webhook", &channel.webhook)]
        {
            if let Some(settings) = settings {
                let settings: Map<_, _> = settings.iter().map(|(k, v)| (camel(k), v.clone())).collect();
                wanted[kind] = settings.into();
            }
        }
        self.make("channel", "/channels", "channels", &channel.name, wanted).await.map(drop)
    }

    async fn template(&mut self, template: &Template) -> anyhow::Result<()> {
        let name = &template.name.value;
        let contents: Vec<_> = template.contents.iter().map(content).collect();
        let wanted = json!({
            "contents": contents,
            "requiredVariables": template.required_variables,
            "optionalVariables": template.optional_variables,
        });
        let listed = self.client.get("/templates?pageSize=500").await?;
        let own = |known: &&Value| known["name"] == json!(name) && known["builtIn"] != json!(true);
        let present = listed["templates"].as_array().and_then(|all| all.iter().find(own));
        match present {
            None => {
                self.say('+', "template", name, &[]);
                self.created += 1;
                if !self.dry_run {
                    let mut body = wanted;
                    body["name"] = json!(name);
                    body["description"] = json!(template.description);
                    self.client
                        .post("/templates", &body)
                        .await
                        .with_context(|| self.at(&template.name, "template"))?;
                }
            }
            Some(present) => {
                let lines = difference(&wanted, &present["published"]);
                if self.note("template", name, &lines) {
                    let mut body = wanted;
                    body["publish"] = json!(true);
                    let path = format!("/templates/{}/versions", text(present, "id"));
                    self.client
                        .post(&path, &body)
                        .await
                        .with_context(|| self.at(&template.name, "template"))?;
                }
            }
        }
        Ok(())
    }

    async fn schedule(&mut self, schedule: &Schedule) -> anyhow::Result<()> {
        let rotations: Vec<_> = schedule.rotations.iter().map(rotation).collect();
        let wanted = json!({
            "name": schedule.name.value,
            "description": schedule.description,
            "timeZone": schedule.time_zone,
            "rotations": rotations,
        });
        self.make("schedule", "/schedules", "schedules", &schedule.name, wanted).await.map(drop)
    }

    async fn policy(&mut self, policy: &Policy, index: usize) -> anyhow::Result<()> {
        let mut steps = Vec::new();
        for (step_index, step) in policy.steps.iter().enumerate() {
            let mut targets = Vec::new();
            for (target_index, target) in step.targets.iter().enumerate() {
                let field =
                    format!("escalation_policies[{index}].steps[{step_index}].targets[{target_index}]");
                targets.push(match target {
                    Target::User(id) => json!({"userId": id}),
                    Target::Team(id) => json!({"teamId": id}),
                    Target::Schedule(name) => {
                        json!({"scheduleId": self.id("schedule", "/schedules", "schedules", name, &field).await?})
                    }
                    Target::Channel(name) => {
                        json!({"channelId": self.id("channel", "/channels", "channels", name, &field).await?})
                    }
                });
            }
            steps.push(json!({"delay": step.delay.json(), "targets": targets}));
        }
        let mut wanted = json!({
            "name": policy.name.value,
            "description": policy.description,
            "steps": steps,
            "repeatCount": policy.repeat,
        });
        if let Some(timeout) = policy.acknowledge_timeout {
            wanted["acknowledgeTimeout"] = timeout.json();
        }
        let path = "/escalation-policies";
        self.make("escalation policy", path, "policies", &policy.name, wanted).await.map(drop)
    }

    async fn service(&mut self, service: &Service, index: usize) -> anyhow::Result<()> {
        let field = format!("services[{index}]");
        let mut wanted = json!({
            "name": service.name.value,
            "description": service.description,
            "labels": service.labels,
            "template": service.template,
        });
        if let Some(name) = &service.escalation_policy {
            wanted["escalationPolicyId"] = self.policy_id(name, &field).await?.into();
        }
        let id = self.make("service", "/services", "services", &service.name, wanted).await?;
        let Some(id) = id else { return Ok(()) };
        self.keys(service, &id).await?;
        self.rules(service, &id, &field).await
    }

    async fn keys(&mut self, service: &Service, id: &str) -> anyhow::Result<()> {
        let path = format!("/services/{id}/integration-keys");
        let listed = self.client.get(&path).await?;
        for key in &service.integration_keys {
            let known = listed["integrationKeys"]
                .as_array()
                .is_some_and(|all| all.iter().any(|k| k["name"] == json!(key.name)));
            if known {
                self.unchanged += 1;
                continue;
            }
            self.say('+', "integration key", &format!("{}/{}", service.name.value, key.name), &[]);
            self.created += 1;
            if self.dry_run {
                continue;
            }
            let body = json!({"name": key.name, "secret": key.secret});
            let made =
                self.client.post(&path, &body).await.with_context(|| self.at(&service.name, &key.name))?;
            if key.secret.is_empty() {
                say(format_args!("    its secret, shown this once: {}", text(&made, "secret")));
            }
        }
        Ok(())
    }

    async fn rules(&mut self, service: &Service, id: &str, field: &str) -> anyhow::Result<()> {
        let path = format!("/services/{id}/routing-rules");
        let listed = self.client.get(&path).await?;
        let present = listed["rules"].as_array().cloned().unwrap_or_default();
        let mut order = Vec::new();
        for (index, rule) in service.rules.iter().enumerate() {
            let wanted = self.rule(rule, &format!("{field}.rules[{index}]")).await?;
            let label = format!("{}/{}", service.name.value, rule.name);
            let known = present.iter().find(|known| known["name"] == json!(rule.name));
            match known {
                None => {
                    self.say('+', "rule", &label, &[]);
                    self.created += 1;
                    if !self.dry_run {
                        let made = self.client.post(&path, &wanted).await;
                        let made = made.with_context(|| format!("{}: {field}.rules[{index}]", self.file))?;
                        order.push(text(&made, "id"));
                    }
                }
                Some(known) => {
                    order.push(text(known, "id"));
                    if self.note("rule", &label, &difference(&wanted, known)) {
                        let path = format!("/routing-rules/{}", text(known, "id"));
                        let changed = self.client.patch(&path, &wanted).await;
                        changed.with_context(|| format!("{}: {field}.rules[{index}]", self.file))?;
                    }
                }
            }
        }
        // Rules that the file does not name stay, behind those it does.
        let named = |rule: &&Value| !order.contains(&text(rule, "id"));
        let others: Vec<_> = present.iter().filter(named).map(|rule| text(rule, "id")).collect();
        let before: Vec<_> = present.iter().map(|rule| text(rule, "id")).collect();
        order.extend(others);
        if order != before && !self.dry_run && order.len() > 1 {
            self.client.post(&format!("{path}/order"), &json!({"ruleIds": order})).await?;
        }
        Ok(())
    }

    async fn rule(&mut self, rule: &Rule, field: &str) -> anyhow::Result<Value> {
        let mut actions = Vec::new();
        if let Some(name) = &rule.escalation_policy {
            actions.push(json!({"escalationPolicyId": self.policy_id(name, field).await?}));
        }
        if let Some(priority) = &rule.priority {
            actions.push(json!({"priority": priority}));
        }
        if !rule.add_labels.is_empty() {
            actions.push(json!({"addLabels": {"labels": rule.add_labels}}));
        }
        if let Some(template) = &rule.template {
            actions.push(json!({"template": template}));
        }
        if rule.suppress {
            actions.push(json!({"suppress": true}));
        }
        for name in &rule.notify_channels {
            let id = self
                .id("channel", "/channels", "channels", name, &format!("{field}.notify_channels"))
                .await?;
            actions.push(json!({"notifyChannelId": id}));
        }
        Ok(json!({
            "name": rule.name,
            "condition": rule.when,
            "actions": actions,
            "continueMatching": rule.continue_matching,
            "disabled": rule.disabled,
        }))
    }

    async fn policy_id(&mut self, name: &Spanned<String>, field: &str) -> anyhow::Result<String> {
        let field = format!("{field}.escalation_policy");
        self.id("escalation policy", "/escalation-policies", "policies", name, &field).await
    }

    /// Makes or changes one thing that is known by its name; gives its id, if it has one yet.
    async fn make(
        &mut self,
        what: &'static str,
        path: &str,
        list: &str,
        name: &Spanned<String>,
        wanted: Value,
    ) -> anyhow::Result<Option<String>> {
        let present = self.find(path, list, &name.value).await?;
        let id = match present {
            None => {
                self.say('+', what, &name.value, &[]);
                self.created += 1;
                if self.dry_run {
                    self.ids.insert(
                        (what, name.value.clone()),
                        "00000000-0000-0000-0000-000000000000".to_owned(),
                    );
                    return Ok(None);
                }
                let made = self.client.post(path, &wanted).await.with_context(|| self.at(name, what))?;
                text(&made, "id")
            }
            Some(present) => {
                let id = text(&present, "id");
                let lines = difference(&without_secrets(&wanted, &present), &present);
                if self.note(what, &name.value, &lines) {
                    let changed = self.client.patch(&format!("{path}/{id}"), &wanted).await;
                    changed.with_context(|| self.at(name, what))?;
                }
                id
            }
        };
        self.ids.insert((what, name.value.clone()), id.clone());
        Ok(Some(id))
    }

    /// The id of something that the file or the server has.
    async fn id(
        &mut self,
        what: &'static str,
        path: &str,
        list: &str,
        name: &Spanned<String>,
        field: &str,
    ) -> anyhow::Result<String> {
        if let Some(id) = self.ids.get(&(what, name.value.clone())) {
            return Ok(id.clone());
        }
        let found = self.find(path, list, &name.value).await?;
        let Some(found) = found else {
            let error = YamlError::at(name, field, format!("there is no {what} `{}`", name.value));
            anyhow::bail!("{}: {error}", self.file);
        };
        let id = text(&found, "id");
        self.ids.insert((what, name.value.clone()), id.clone());
        Ok(id)
    }

    async fn find(&self, path: &str, list: &str, name: &str) -> anyhow::Result<Option<Value>> {
        let query: String = reqwest::Url::parse_with_params("http://x/", [("name", name)])?
            .query()
            .unwrap_or_default()
            .to_owned();
        let listed = self.client.get(&format!("{path}?{query}")).await?;
        Ok(listed[list].as_array().and_then(|all| all.first()).cloned())
    }

    /// Counts and shows a change; whether it is to be made.
    fn note(&mut self, what: &str, name: &str, lines: &[String]) -> bool {
        if lines.is_empty() {
            self.unchanged += 1;
            return false;
        }
        self.changed += 1;
        self.say('~', what, name, lines);
        !self.dry_run
    }

    fn say(&self, sign: char, what: &str, name: &str, lines: &[String]) {
        say(format_args!("{sign} {what} {name}"));
        for line in lines {
            say(format_args!("    {line}"));
        }
    }

    /// Where in the file something stands.
    fn at<T>(&self, place: &Spanned<T>, what: &str) -> String {
        format!("{}: line {}: {what}", self.file, place.referenced.line())
    }
}

fn content(content: &Content) -> Value {
    json!({
        "channel": content.channel.to_uppercase(),
        "subject": content.subject,
        "text": content.text,
        "html": content.html,
        "body": content.body,
    })
}

fn rotation(rotation: &Rotation) -> Value {
    let shift = match rotation.shift {
        Shift::Hours(count) => json!({"unit": "HOURS", "count": count}),
        Shift::Days(count) => json!({"unit": "DAYS", "count": count}),
        Shift::Weeks(count) => json!({"unit": "WEEKS", "count": count}),
        Shift::Months(count) => json!({"unit": "MONTHS", "count": count}),
        Shift::Custom(span) => json!({"unit": "CUSTOM", "custom": span.json()}),
    };
    let restrictions: Vec<_> = rotation
        .restrictions
        .iter()
        .map(|r| {
            let weekdays: Vec<_> = r.weekdays.iter().map(|day| day.to_uppercase()).collect();
            json!({"weekdays": weekdays, "startTime": r.start, "endTime": r.end, "extraDays": r.extra_days})
        })
        .collect();
    json!({
        "name": rotation.name,
        "participants": rotation.participants,
        "shift": shift,
        "startsAt": rotation.starts_at,
        "endsAt": rotation.ends_at,
        "restrictions": restrictions,
    })
}

/// Without the secrets that are set already: what they are cannot be asked.
fn without_secrets(wanted: &Value, present: &Value) -> Value {
    let mut wanted = wanted.clone();
    for kind in ["slack", "email", "webhook"] {
        let is_set = present[kind]["secretsSet"].as_array().is_some_and(|set| !set.is_empty());
        if is_set && let Some(settings) = wanted[kind].as_object_mut() {
            settings.retain(|name, _| !SECRETS.contains(&name.as_str()));
        }
    }
    if let Some(fields) = wanted.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    wanted
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut joined, word| {
        let mut letters = word.chars();
        joined.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        joined.push_str(letters.as_str());
        joined
    })
}
