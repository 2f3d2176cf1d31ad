//! What the rules of a service decide about an alert.
//!
//! Rules are tried in their order. One whose condition holds applies its actions; unless it says
//! `continue_matching`, the search ends there. Labels that a rule adds and a priority that it sets
//! are seen by the rules after it. A condition that cannot be evaluated on an alert does not hold,
//! and the decision says why. Where no rule matched, the service's own policy and template apply.

use std::collections::BTreeMap;

use callout_expression::{Condition, Context, SyntaxError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{alert::Priority, catalog::Service, violation::Violation};

/// The variables that conditions may use.
pub const VARIABLES: [&str; 4] = ["alert", "labels", "annotations", "service"];
/// How many rules a service may have.
pub const MAX_RULES: usize = 500;
/// How many actions a rule may have.
pub const MAX_ACTIONS: usize = 16;

/// One thing that follows from a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Escalate by this policy. The first rule that names one decides.
    EscalationPolicy(Uuid),
    /// Set the priority. The last rule that names one decides.
    Priority(Priority),
    /// Add these labels; one that exists is replaced.
    AddLabels(BTreeMap<String, String>),
    /// Render with this template. The first rule that names one decides.
    Template(String),
    /// Keep the alert, page nobody.
    Suppress,
    /// Notify this channel configuration at once.
    NotifyChannel(String),
}

/// A condition and what follows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its id.
    pub id: Uuid,
    /// The service whose alerts it looks at.
    pub service_id: Uuid,
    /// Its place, from 1.
    pub position: i64,
    /// Its name, unique in the service.
    pub name: String,
    /// A CEL expression; empty always holds.
    pub condition: String,
    /// What follows.
    pub actions: Vec<Action>,
    /// Look at the next rule too.
    pub continue_matching: bool,
    /// Kept, never looked at.
    pub disabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Rule {
    /// What is wrong with it, by field.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        if !(1..=255).contains(&self.name.chars().count()) {
            found.push(Violation::new("rule.name", "must have 1 to 255 characters"));
        }
        if let Err(error) = compile(&self.condition) {
            found.push(Violation::new("rule.condition", error.to_string()));
        }
        if !(1..=MAX_ACTIONS).contains(&self.actions.len()) {
            found.push(Violation::new("rule.actions", format!("must be 1 to {MAX_ACTIONS} actions")));
        }
        for (index, action) in self.actions.iter().enumerate() {
            if let Some(reason) = action.problem() {
                found.push(Violation::new(format!("rule.actions[{index}]"), reason));
            }
        }
        found
    }
}

impl Action {
    fn problem(&self) -> Option<&'static str> {
        match self {
            Self::AddLabels(labels) if labels.is_empty() || labels.len() > 32 => {
                Some("must add 1 to 32 labels")
            }
            Self::AddLabels(labels)
                if labels.iter().any(|(name, value)| name.len() > 255 || value.len() > 4096) =>
            {
                Some("label names have at most 255 bytes, values at most 4 KiB")
            }
            Self::Template(name) if !(1..=255).contains(&name.len()) => {
                Some("the template's name has 1 to 255 bytes")
            }
            Self::NotifyChannel(id) if !(1..=128).contains(&id.len()) => {
                Some("the channel's id has 1 to 128 bytes")
            }
            _ => None,
        }
    }
}

/// What rules look at.
#[derive(Debug, Clone)]
pub struct Sample<'a> {
    /// The alert's summary.
    pub summary: &'a str,
    /// The alert's details.
    pub details: &'a str,
    /// What sent it.
    pub source: &'a str,
    /// Its priority before routing.
    pub priority: Priority,
    /// Its labels before routing.
    pub labels: &'a BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: &'a BTreeMap<String, String>,
}

/// What is decided about an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The policy to follow; `None`: nobody is paged.
    pub policy_id: Option<Uuid>,
    /// Its priority.
    pub priority: Priority,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The template, if one was chosen.
    pub template: Option<String>,
    /// Keep it, page nobody.
    pub suppressed: bool,
    /// Channel configurations to notify at once.
    pub notify_channels: Vec<String>,
    /// No rule matched.
    pub default_route: bool,
    /// What became of each rule that was looked at.
    pub results: Vec<RuleResult>,
}

/// What became of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleResult {
    /// The rule.
    pub rule_id: Uuid,
    /// Its name.
    pub name: String,
    /// The condition held.
    pub matched: bool,
    /// Why it could not be evaluated.
    pub error: Option<String>,
}

/// A service's rules, compiled.
#[derive(Debug, Default)]
pub struct CompiledRules(Vec<(Rule, Result<Option<Condition>, SyntaxError>)>);

fn compile(condition: &str) -> Result<Option<Condition>, SyntaxError> {
    if condition.trim().is_empty() {
        return Ok(None);
    }
    Condition::compile(condition, &VARIABLES).map(Some)
}

impl CompiledRules {
    /// Compiles rules, which are put in their order. One that does not compile, because an older
    /// version of Callout took it, never holds and says why.
    pub fn new(mut rules: Vec<Rule>) -> Self {
        rules.sort_by_key(|rule| rule.position);
        let enabled = rules.into_iter().filter(|rule| !rule.disabled);
        Self(
            enabled
                .map(|rule| {
                    let condition = compile(&rule.condition);
                    (rule, condition)
                })
                .collect(),
        )
    }

    /// What they decide about an alert of `service`.
    pub fn decide(&self, sample: &Sample<'_>, service: &Service) -> Decision {
        let mut decision = Decision {
            policy_id: None,
            priority: sample.priority,
            labels: sample.labels.clone(),
            template: None,
            suppressed: false,
            notify_channels: Vec::new(),
            default_route: true,
            results: Vec::with_capacity(self.0.len()),
        };
        let mut context = None;
        for (rule, condition) in &self.0 {
            let holds = match condition {
                Ok(None) => Ok(true),
                Ok(Some(condition)) => {
                    let context = context.get_or_insert_with(|| self::context(sample, &decision, service));
                    condition.matches(context).map_err(|error| error.to_string())
                }
                Err(error) => Err(error.to_string()),
            };
            decision.results.push(RuleResult {
                rule_id: rule.id,
                name: rule.name.clone(),
                matched: holds == Ok(true),
                error: holds.clone().err(),
            });
            if holds != Ok(true) {
                continue;
            }
            decision.default_route = false;
            rule.actions.iter().for_each(|action| apply(action, &mut decision));
            if !rule.continue_matching {
                break;
            }
            context = None;
        }
        decision.finish(service)
    }
}

impl Decision {
    fn finish(mut self, service: &Service) -> Self {
        if self.default_route {
            self.policy_id = service.escalation_policy_id;
        }
        if self.template.is_none() && !service.template.is_empty() {
            self.template = Some(service.template.clone());
        }
        if self.suppressed {
            self.policy_id = None;
            self.notify_channels.clear();
        }
        self
    }
}

fn apply(action: &Action, decision: &mut Decision) {
    match action {
        Action::EscalationPolicy(id) => decision.policy_id = decision.policy_id.or(Some(*id)),
        Action::Priority(priority) => decision.priority = *priority,
        Action::AddLabels(labels) => decision.labels.extend(labels.clone()),
        Action::Template(name) => decision.template = decision.template.take().or_else(|| Some(name.clone())),
        Action::Suppress => decision.suppressed = true,
        Action::NotifyChannel(id) if !decision.notify_channels.contains(id) => {
            decision.notify_channels.push(id.clone());
        }
        Action::NotifyChannel(_) => {}
    }
}

fn context(sample: &Sample<'_>, decision: &Decision, service: &Service) -> Context {
    let alert = json!({
        "summary": sample.summary,
        "details": sample.details,
        "source": sample.source,
        "priority": decision.priority.name(),
    });
    let (labels, annotations): (Value, Value) = (json!(decision.labels), json!(sample.annotations));
    let service = json!({"id": service.id, "name": service.name, "labels": service.labels});
    Context::new([
        ("alert", &alert),
        ("labels", &labels),
        ("annotations", &annotations),
        ("service", &service),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, condition: &str, actions: Vec<Action>) -> Rule {
        Rule {
            id: Uuid::nil(),
            service_id: Uuid::nil(),
            position: 0,
            name: name.into(),
            condition: condition.into(),
            actions,
            continue_matching: false,
            disabled: false,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn continuing(rule: Rule) -> Rule {
        Rule { continue_matching: true, ..rule }
    }

    fn decide(rules: Vec<Rule>, labels: &[(&str, &str)]) -> Decision {
        let service = Service {
            id: Uuid::nil(),
            name: "checkout".into(),
            description: String::new(),
            escalation_policy_id: Some(Uuid::from_u128(99)),
            labels: BTreeMap::new(),
            template: String::new(),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        };
        let labels: BTreeMap<_, _> = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let sample = Sample {
            summary: "disk full",
            details: "",
            source: "alertmanager",
            priority: Priority::from_labels(&labels),
            labels: &labels,
            annotations: &BTreeMap::new(),
        };
        let numbered = rules.into_iter().zip(1..).map(|(rule, position)| Rule { position, ..rule });
        CompiledRules::new(numbered.collect()).decide(&sample, &service)
    }

    const POLICY: Uuid = Uuid::from_u128(1);

    #[test]
    fn the_first_rule_that_matches_decides() {
        let rules = vec![
            rule("db", "labels.team == 'db'", vec![Action::EscalationPolicy(POLICY)]),
            rule(
                "all",
                "",
                vec![Action::EscalationPolicy(Uuid::from_u128(2)), Action::Priority(Priority::P5)],
            ),
        ];
        let decision = decide(rules.clone(), &[("team", "db"), ("severity", "critical")]);
        assert_eq!((decision.policy_id, decision.priority), (Some(POLICY), Priority::P1));
        assert_eq!(decision.results.len(), 1);
        let decision = decide(rules, &[("severity", "critical")]);
        assert_eq!((decision.policy_id, decision.priority), (Some(Uuid::from_u128(2)), Priority::P5));
        let missing = decision.results[0].error.as_deref().unwrap();
        assert!(missing.contains("team"), "{missing}");
    }

    #[test]
    fn the_service_decides_where_no_rule_does() {
        let decision = decide(vec![rule("db", "has(labels.team)", vec![Action::Suppress])], &[]);
        assert!(decision.default_route && !decision.suppressed);
        assert_eq!(decision.policy_id, Some(Uuid::from_u128(99)));
    }

    #[test]
    fn rules_that_continue_add_up() {
        let label = |name: &str| Action::AddLabels([(name.to_owned(), "yes".to_owned())].into());
        let decision = decide(
            vec![
                continuing(rule("one", "", vec![label("one"), Action::Priority(Priority::P2)])),
                continuing(rule("two", "labels.one == 'yes' && alert.priority == 'P2'", vec![label("two")])),
                rule(
                    "three",
                    "'two' in labels",
                    vec![Action::NotifyChannel("c".into()), Action::Template("t".into())],
                ),
                rule("never", "", vec![Action::Suppress]),
            ],
            &[],
        );
        assert_eq!(decision.labels.len(), 2);
        assert_eq!(decision.notify_channels, ["c"]);
        assert_eq!(decision.template.as_deref(), Some("t"));
        assert_eq!(decision.policy_id, None, "a rule matched, and none named a policy");
    }

    #[test]
    fn what_is_suppressed_reaches_nobody() {
        let actions =
            vec![Action::EscalationPolicy(POLICY), Action::NotifyChannel("c".into()), Action::Suppress];
        let decision = decide(vec![rule("mute", "", actions)], &[]);
        assert!(decision.suppressed);
        assert_eq!((decision.policy_id, decision.notify_channels), (None, vec![]));
    }

    #[test]
    fn a_rule_that_is_wrong_says_where() {
        let mut wrong = rule("", "labels.team = 'db'", vec![]);
        wrong.actions = vec![Action::AddLabels(BTreeMap::new())];
        let fields: Vec<_> = wrong.violations().into_iter().map(|v| v.field).collect();
        assert_eq!(fields, ["rule.name", "rule.condition", "rule.actions[0]"]);
    }
}
