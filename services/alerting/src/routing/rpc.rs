//! `alerting.v1.RoutingService`.

use callout_auth::{OrganizationId, Principal};
use callout_proto::alerting::v1::{self as pb, routing_service_server::RoutingService};
use callout_store::{Tx, new_id};
use tonic::{Request, Response, Status};

use super::{
    rule::{Action, Decision, MAX_RULES, Rule, Sample},
    store,
    wire::from_pb,
};
use crate::{
    alert::Priority,
    catalog::rpc::name_taken,
    error::{Error, Result},
    escalation::policy,
    snapshot,
    state::State,
    wire::{Mask, id, masked},
};

const WHAT: &str = "routing rule";
const MUTABLE: [&str; 5] = ["name", "condition", "actions", "continue_matching", "disabled"];

type Answer<T> = std::result::Result<Response<T>, Status>;

#[tonic::async_trait]
impl RoutingService for State {
    async fn create_routing_rule(
        &self,
        request: Request<pb::CreateRoutingRuleRequest>,
    ) -> Answer<pb::RoutingRule> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let service = self.service(&organization, &request.service_id).await?;
        let now = self.clock.now();
        let mut rule = from_pb(request.rule.unwrap_or_default())?;
        (rule.id, rule.service_id, rule.created_at, rule.updated_at) = (new_id(now), service.id, now, now);
        let rule = self.add_rule(&organization, rule).await?;
        Ok(Response::new(rule.into()))
    }

    async fn get_routing_rule(&self, request: Request<pb::GetRoutingRuleRequest>) -> Answer<pb::RoutingRule> {
        let organization = Principal::of(&request)?.organization.clone();
        let rules = store::all(&self.db, &organization).await.map_err(Error::from)?;
        let id = id(&request.get_ref().rule_id, WHAT)?;
        let rule = rules.into_values().flatten().find(|rule| rule.id == id);
        Ok(Response::new(rule.ok_or(Error::NotFound(WHAT))?.into()))
    }

    async fn list_routing_rules(
        &self,
        request: Request<pb::ListRoutingRulesRequest>,
    ) -> Answer<pb::ListRoutingRulesResponse> {
        let organization = Principal::of(&request)?.organization.clone();
        let service = self.service(&organization, &request.get_ref().service_id).await?;
        let mut rules = store::all(&self.db, &organization).await.map_err(Error::from)?;
        let rules = rules.remove(&service.id).unwrap_or_default();
        Ok(Response::new(pb::ListRoutingRulesResponse { rules: rules.into_iter().map(Into::into).collect() }))
    }

    async fn update_routing_rule(
        &self,
        request: Request<pb::UpdateRoutingRuleRequest>,
    ) -> Answer<pb::RoutingRule> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let mask = Mask::new(request.update_mask, &MUTABLE)?;
        let wanted = request.rule.unwrap_or_default();
        let rule = self.change_rule(&organization, &mask, wanted).await?;
        Ok(Response::new(rule.into()))
    }

    async fn delete_routing_rule(&self, request: Request<pb::DeleteRoutingRuleRequest>) -> Answer<()> {
        let organization = Principal::of(&request)?.organization.clone();
        self.delete_rule(&organization, &request.get_ref().rule_id).await?;
        Ok(Response::new(()))
    }

    async fn reorder_routing_rules(
        &self,
        request: Request<pb::ReorderRoutingRulesRequest>,
    ) -> Answer<pb::ListRoutingRulesResponse> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let rules = self.reorder_rules(&organization, request).await?;
        Ok(Response::new(pb::ListRoutingRulesResponse { rules: rules.into_iter().map(Into::into).collect() }))
    }

    async fn test_routing(
        &self,
        request: Request<pb::TestRoutingRequest>,
    ) -> Answer<pb::TestRoutingResponse> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let decision = self.try_routing(&organization, request).await?;
        Ok(Response::new(decision.into()))
    }
}

impl State {
    async fn add_rule(&self, organization: &OrganizationId, mut rule: Rule) -> Result<Rule> {
        Error::if_any(rule.violations())?;
        let mut tx = self.db.begin().await?;
        let present = store::of_service(&mut tx, organization, rule.service_id).await?;
        if present.len() >= MAX_RULES {
            return Err(Error::Precondition(format!("the service has {MAX_RULES} rules already")));
        }
        rule.position = present.last().map_or(1, |last| last.position + 1);
        check_policies(&mut tx, organization, &rule).await?;
        store::insert(&mut tx, organization, &rule).await.map_err(|e| name_taken(e, "a rule"))?;
        snapshot::raise(&mut tx, organization).await?;
        tx.commit().await?;
        Ok(rule)
    }

    async fn change_rule(
        &self,
        organization: &OrganizationId,
        mask: &Mask,
        wanted: pb::RoutingRule,
    ) -> Result<Rule> {
        let mut tx = self.db.begin().await?;
        let present = store::get(&mut tx, organization, id(&wanted.id, WHAT)?).await?;
        let present = present.ok_or(Error::NotFound(WHAT))?;
        let new = from_pb(wanted)?;
        let rule = Rule {
            name: masked(mask, "name", present.name, new.name),
            condition: masked(mask, "condition", present.condition, new.condition),
            actions: masked(mask, "actions", present.actions, new.actions),
            continue_matching: masked(
                mask,
                "continue_matching",
                present.continue_matching,
                new.continue_matching,
            ),
            disabled: masked(mask, "disabled", present.disabled, new.disabled),
            updated_at: self.clock.now(),
            ..present
        };
        Error::if_any(rule.violations())?;
        check_policies(&mut tx, organization, &rule).await?;
        store::update(&mut tx, organization, &rule).await.map_err(|e| name_taken(e, "a rule"))?;
        snapshot::raise(&mut tx, organization).await?;
        tx.commit().await?;
        Ok(rule)
    }

    async fn delete_rule(&self, organization: &OrganizationId, text: &str) -> Result<()> {
        let mut tx = self.db.begin().await?;
        if !store::delete(&mut tx, organization, id(text, WHAT)?).await? {
            return Err(Error::NotFound(WHAT));
        }
        snapshot::raise(&mut tx, organization).await?;
        Ok(tx.commit().await?)
    }

    async fn reorder_rules(
        &self,
        organization: &OrganizationId,
        request: pb::ReorderRoutingRulesRequest,
    ) -> Result<Vec<Rule>> {
        let service = self.service(organization, &request.service_id).await?;
        let mut tx = self.db.begin().await?;
        let mut present = store::of_service(&mut tx, organization, service.id).await?;
        let mut ordered = Vec::with_capacity(present.len());
        for text in &request.rule_ids {
            let found = present.iter().position(|rule| rule.id.to_string() == *text);
            let found =
                found.ok_or_else(|| Error::invalid("rule_ids", format!("`{text}` is unknown or twice")))?;
            ordered.push(present.remove(found));
        }
        if let Some(left) = present.first() {
            return Err(Error::invalid("rule_ids", format!("the rule `{}` is missing", left.id)));
        }
        for (rule, position) in ordered.iter_mut().zip(1..) {
            rule.position = position;
            store::update(&mut tx, organization, rule).await?;
        }
        snapshot::raise(&mut tx, organization).await?;
        tx.commit().await?;
        Ok(ordered)
    }

    async fn try_routing(
        &self,
        organization: &OrganizationId,
        request: pb::TestRoutingRequest,
    ) -> Result<Decision> {
        let service_id = id(&request.service_id, "service")?;
        let snapshot = self.snapshots.get(&self.db, organization, self.clock.now()).await?;
        let config = snapshot.services.get(&service_id).ok_or(Error::NotFound("service"))?;
        let alert = request.alert.unwrap_or_default();
        let labels = alert.labels.into_iter().collect();
        let sample = Sample {
            summary: &alert.summary,
            details: &alert.details,
            source: &alert.source,
            priority: Priority::from_number(alert.priority.into())
                .unwrap_or_else(|| Priority::from_labels(&labels)),
            labels: &labels,
            annotations: &alert.annotations.into_iter().collect(),
        };
        Ok(config.rules.decide(&sample, &config.service))
    }
}

async fn check_policies(tx: &mut Tx, organization: &OrganizationId, rule: &Rule) -> Result<()> {
    for (index, action) in rule.actions.iter().enumerate() {
        if let Action::EscalationPolicy(id) = action
            && !policy::store::exists(tx, organization, *id).await?
        {
            let field = format!("rule.actions[{index}].escalation_policy_id");
            return Err(Error::invalid(field, "there is no such escalation policy"));
        }
    }
    Ok(())
}

impl From<Decision> for pb::TestRoutingResponse {
    fn from(decision: Decision) -> Self {
        Self {
            results: decision.results.into_iter().map(Into::into).collect(),
            escalation_policy_id: decision.policy_id.map(|id| id.to_string()).unwrap_or_default(),
            priority: decision.priority as i32,
            labels: decision.labels.into_iter().collect(),
            template: decision.template.unwrap_or_default(),
            suppressed: decision.suppressed,
            notify_channel_ids: decision.notify_channels,
            default_route: decision.default_route,
        }
    }
}
