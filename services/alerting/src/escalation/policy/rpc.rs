//! `alerting.v1.EscalationService`.

use callout_auth::{OrganizationId, Principal};
use callout_proto::alerting::v1::{
    self as pb, escalation_service_server::EscalationService, escalation_target::Target as PbTarget,
};
use callout_store::{PageToken, Tx, new_id, page_size};
use jiff::Timestamp;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Policy, Step, Target, store};
use crate::{
    catalog::rpc::name_taken,
    error::{Error, Result},
    schedule, snapshot,
    state::State,
    wire::{Mask, duration, duration_to_pb, id, masked, reference, to_pb},
};

const WHAT: &str = "escalation policy";
const MUTABLE: [&str; 5] = ["name", "description", "steps", "repeat_count", "acknowledge_timeout"];

type Answer<T> = std::result::Result<Response<T>, Status>;

#[tonic::async_trait]
impl EscalationService for State {
    async fn create_escalation_policy(
        &self,
        request: Request<pb::CreateEscalationPolicyRequest>,
    ) -> Answer<pb::EscalationPolicy> {
        let organization = Principal::of(&request)?.organization.clone();
        let now = self.clock.now();
        let mut policy = from_pb(request.into_inner().policy.unwrap_or_default())?;
        (policy.id, policy.created_at, policy.updated_at) = (new_id(now), now, now);
        self.save_policy(&organization, &policy, true).await?;
        Ok(Response::new(policy.into()))
    }

    async fn get_escalation_policy(
        &self,
        request: Request<pb::GetEscalationPolicyRequest>,
    ) -> Answer<pb::EscalationPolicy> {
        let organization = Principal::of(&request)?.organization.clone();
        let policy = self.policy(&organization, &request.get_ref().policy_id).await?;
        Ok(Response::new(policy.into()))
    }

    async fn list_escalation_policies(
        &self,
        request: Request<pb::ListEscalationPoliciesRequest>,
    ) -> Answer<pb::ListEscalationPoliciesResponse> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let size = page_size(request.page_size, 100, 500).map_err(|e| Error::page(&e))?;
        let after: Option<String> =
            PageToken::decode(&request.page_token, &request.name).map_err(|e| Error::page(&e))?;
        let limit = i64::try_from(size + 1).unwrap_or(i64::MAX);
        let after = after.unwrap_or_default();
        let found = store::list(&self.db, &organization, &after, &request.name, limit).await;
        let mut policies = found.map_err(Error::from)?;
        let more = policies.len() > size;
        policies.truncate(size);
        let last = policies.last().filter(|_| more);
        let next_page_token =
            last.map(|p| PageToken::encode(p.name.clone(), &request.name)).unwrap_or_default();
        let policies = policies.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListEscalationPoliciesResponse { policies, next_page_token }))
    }

    async fn update_escalation_policy(
        &self,
        request: Request<pb::UpdateEscalationPolicyRequest>,
    ) -> Answer<pb::EscalationPolicy> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let mask = Mask::new(request.update_mask, &MUTABLE)?;
        let wanted = request.policy.unwrap_or_default();
        let present = self.policy(&organization, &wanted.id).await?;
        let new = from_pb(wanted)?;
        let policy = Policy {
            name: masked(&mask, "name", present.name, new.name),
            description: masked(&mask, "description", present.description, new.description),
            steps: masked(&mask, "steps", present.steps, new.steps),
            repeat_count: masked(&mask, "repeat_count", present.repeat_count, new.repeat_count),
            acknowledge_timeout: masked(
                &mask,
                "acknowledge_timeout",
                present.acknowledge_timeout,
                new.acknowledge_timeout,
            ),
            updated_at: self.clock.now(),
            ..present
        };
        self.save_policy(&organization, &policy, false).await?;
        Ok(Response::new(policy.into()))
    }

    async fn delete_escalation_policy(
        &self,
        request: Request<pb::DeleteEscalationPolicyRequest>,
    ) -> Answer<()> {
        let organization = Principal::of(&request)?.organization.clone();
        self.delete_policy(&organization, &request.get_ref().policy_id).await?;
        Ok(Response::new(()))
    }
}

impl State {
    async fn policy(&self, organization: &OrganizationId, text: &str) -> Result<Policy> {
        store::get(&self.db, organization, id(text, WHAT)?).await?.ok_or(Error::NotFound(WHAT))
    }

    async fn save_policy(&self, organization: &OrganizationId, policy: &Policy, is_new: bool) -> Result<()> {
        Error::if_any(policy.violations())?;
        let mut tx = self.db.begin().await?;
        check_schedules(&mut tx, organization, policy).await?;
        let written = if is_new {
            store::insert(&mut tx, organization, policy).await
        } else {
            store::update(&mut tx, organization, policy).await
        };
        written.map_err(|error| name_taken(error, "an escalation policy"))?;
        snapshot::raise(&mut tx, organization).await?;
        Ok(tx.commit().await?)
    }

    async fn delete_policy(&self, organization: &OrganizationId, text: &str) -> Result<()> {
        let id = id(text, WHAT)?;
        let mut tx = self.db.begin().await?;
        if store::users(&mut tx, organization, id).await? > 0 {
            let reason = "a service, a routing rule or an open alert uses the escalation policy";
            return Err(Error::Precondition(reason.to_owned()));
        }
        if !store::delete(&mut tx, organization, id).await? {
            return Err(Error::NotFound(WHAT));
        }
        snapshot::raise(&mut tx, organization).await?;
        Ok(tx.commit().await?)
    }
}

async fn check_schedules(tx: &mut Tx, organization: &OrganizationId, policy: &Policy) -> Result<()> {
    for (step, targets) in policy.steps.iter().map(|step| &step.targets).enumerate() {
        for (index, target) in targets.iter().enumerate() {
            if let Target::Schedule(id) = target
                && !schedule::store::exists(tx, organization, *id).await?
            {
                let field = format!("policy.steps[{step}].targets[{index}].schedule_id");
                return Err(Error::invalid(field, "there is no such schedule"));
            }
        }
    }
    Ok(())
}

fn from_pb(policy: pb::EscalationPolicy) -> Result<Policy> {
    let steps = policy.steps.into_iter().enumerate().map(|(index, step)| step_from_pb(step, index));
    Ok(Policy {
        id: Uuid::nil(),
        name: policy.name,
        description: policy.description,
        steps: steps.collect::<Result<_>>()?,
        repeat_count: u32::try_from(policy.repeat_count)
            .map_err(|_| Error::invalid("policy.repeat_count", "must not be negative"))?,
        acknowledge_timeout: policy.acknowledge_timeout.map(duration),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    })
}

fn step_from_pb(step: pb::EscalationStep, index: usize) -> Result<Step> {
    let path = format!("policy.steps[{index}]");
    let delay = step.delay.ok_or_else(|| Error::invalid(format!("{path}.delay"), "is needed"))?;
    let targets = step.targets.into_iter().enumerate().map(|(index, target)| {
        let path = format!("{path}.targets[{index}]");
        Ok(match target.target.ok_or_else(|| Error::invalid(&path, "names no target"))? {
            PbTarget::UserId(id) => Target::User(id),
            PbTarget::TeamId(id) => Target::Team(id),
            PbTarget::ScheduleId(id) => Target::Schedule(reference(&id, &format!("{path}.schedule_id"))?),
            PbTarget::ChannelId(id) => Target::Channel(id),
        })
    });
    Ok(Step { delay: duration(delay), targets: targets.collect::<Result<_>>()? })
}

impl From<Policy> for pb::EscalationPolicy {
    fn from(policy: Policy) -> Self {
        Self {
            id: policy.id.to_string(),
            name: policy.name,
            description: policy.description,
            steps: policy.steps.into_iter().map(Into::into).collect(),
            repeat_count: i32::try_from(policy.repeat_count).unwrap_or(i32::MAX),
            acknowledge_timeout: policy.acknowledge_timeout.map(duration_to_pb),
            created_at: Some(to_pb(policy.created_at)),
            updated_at: Some(to_pb(policy.updated_at)),
        }
    }
}

impl From<Step> for pb::EscalationStep {
    fn from(step: Step) -> Self {
        let targets = step.targets.into_iter().map(|target| {
            let target = match target {
                Target::User(id) => PbTarget::UserId(id),
                Target::Team(id) => PbTarget::TeamId(id),
                Target::Schedule(id) => PbTarget::ScheduleId(id.to_string()),
                Target::Channel(id) => PbTarget::ChannelId(id),
            };
            pb::EscalationTarget { target: Some(target) }
        });
        Self { delay: Some(duration_to_pb(step.delay)), targets: targets.collect() }
    }
}
