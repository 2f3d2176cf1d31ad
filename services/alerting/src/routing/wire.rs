//! Rules on the wire.

use callout_proto::alerting::v1::{self as pb, routing_action::Action as PbAction};
use uuid::Uuid;

use super::rule::{Action, Rule, RuleResult};
use crate::{
    alert::Priority,
    error::{Error, Result},
    wire::{reference, to_pb},
};

/// The parts of a rule that a request may set.
pub(super) fn from_pb(rule: pb::RoutingRule) -> Result<Rule> {
    let actions = rule.actions.into_iter().enumerate().map(|(index, action)| {
        let field = format!("rule.actions[{index}]");
        action_from_pb(action.action.ok_or_else(|| Error::invalid(&field, "names no action"))?, &field)
    });
    Ok(Rule {
        id: Uuid::nil(),
        service_id: Uuid::nil(),
        position: 0,
        name: rule.name,
        condition: rule.condition,
        actions: actions.collect::<Result<_>>()?,
        continue_matching: rule.continue_matching,
        disabled: rule.disabled,
        created_at: jiff::Timestamp::UNIX_EPOCH,
        updated_at: jiff::Timestamp::UNIX_EPOCH,
    })
}

fn action_from_pb(action: PbAction, field: &str) -> Result<Action> {
    Ok(match action {
        PbAction::EscalationPolicyId(id) => {
            Action::EscalationPolicy(reference(&id, &format!("{field}.escalation_policy_id"))?)
        }
        PbAction::Priority(number) => {
            let priority = Priority::from_number(number.into());
            let field = format!("{field}.priority");
            Action::Priority(priority.ok_or_else(|| Error::invalid(field, "must be P1 to P5"))?)
        }
        PbAction::AddLabels(labels) => Action::AddLabels(labels.labels.into_iter().collect()),
        PbAction::Template(name) => Action::Template(name),
        PbAction::Suppress(true) => Action::Suppress,
        PbAction::Suppress(false) => return Err(Error::invalid(format!("{field}.suppress"), "must be true")),
        PbAction::NotifyChannelId(id) => Action::NotifyChannel(id),
    })
}

impl From<Rule> for pb::RoutingRule {
    fn from(rule: Rule) -> Self {
        Self {
            id: rule.id.to_string(),
            service_id: rule.service_id.to_string(),
            name: rule.name,
            condition: rule.condition,
            actions: rule.actions.into_iter().map(Into::into).collect(),
            continue_matching: rule.continue_matching,
            disabled: rule.disabled,
            position: i32::try_from(rule.position).unwrap_or(i32::MAX),
            created_at: Some(to_pb(rule.created_at)),
            updated_at: Some(to_pb(rule.updated_at)),
        }
    }
}

impl From<Action> for pb::RoutingAction {
    fn from(action: Action) -> Self {
        let action = match action {
            Action::EscalationPolicy(id) => PbAction::EscalationPolicyId(id.to_string()),
            Action::Priority(priority) => PbAction::Priority(priority as i32),
            Action::AddLabels(labels) => {
                PbAction::AddLabels(pb::Labels { labels: labels.into_iter().collect() })
            }
            Action::Template(name) => PbAction::Template(name),
            Action::Suppress => PbAction::Suppress(true),
            Action::NotifyChannel(id) => PbAction::NotifyChannelId(id),
        };
        Self { action: Some(action) }
    }
}

impl From<RuleResult> for pb::RuleResult {
    fn from(result: RuleResult) -> Self {
        Self {
            rule_id: result.rule_id.to_string(),
            name: result.name,
            matched: result.matched,
            error: result.error.unwrap_or_default(),
        }
    }
}
