//! Whom a policy's targets reach.

use std::{collections::HashMap, sync::Arc};

use callout_auth::OrganizationId;
use callout_identity::IdentityClient;
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    policy::{Policy, Target},
    step::{Reached, Recipient},
};
use crate::snapshot::Snapshot;

/// All that is needed to say whom the targets of one policy reach: asked for before the
/// transaction, so that the decision in it waits for nobody.
#[derive(Debug)]
pub struct Reach {
    snapshot: Arc<Snapshot>,
    policy_id: Uuid,
    teams: HashMap<String, Result<Vec<String>, String>>,
}

impl Reach {
    /// Asks who is in the policy's teams.
    pub async fn prepare(
        identity: &IdentityClient,
        organization: &OrganizationId,
        snapshot: Arc<Snapshot>,
        policy_id: Uuid,
    ) -> Self {
        let mut teams = HashMap::new();
        let steps =
            snapshot.policies.get(&policy_id).map(|policy| policy.steps.as_slice()).unwrap_or_default();
        for target in steps.iter().flat_map(|step| &step.targets) {
            if let Target::Team(id) = target
                && !teams.contains_key(id)
            {
                let members = identity.team_members(organization.as_str(), id).await;
                let members = members.map(|known| known.value.into_iter().map(|user| user.id).collect());
                teams.insert(id.clone(), members.map_err(|error| error.to_string()));
            }
        }
        Self { snapshot, policy_id, teams }
    }

    /// The policy, unless it was deleted.
    pub fn policy(&self) -> Option<&Policy> {
        self.snapshot.policies.get(&self.policy_id)
    }

    /// The configuration that the decision is made by.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Whom a target reaches at an instant.
    pub fn of(&self, target: &Target, at: Timestamp) -> Reached {
        let nobody = |problem: String| Reached { recipients: Vec::new(), problem: Some(problem) };
        let users = |ids: Vec<String>| ids.into_iter().map(Recipient::User).collect();
        match target {
            Target::User(id) => Reached { recipients: vec![Recipient::User(id.clone())], problem: None },
            Target::Channel(id) => {
                Reached { recipients: vec![Recipient::Channel(id.clone())], problem: None }
            }
            Target::Team(id) => match self.teams.get(id) {
                Some(Ok(members)) if members.is_empty() => {
                    nobody(format!("the team {id} has no active members"))
                }
                Some(Ok(members)) => Reached { recipients: users(members.clone()), problem: None },
                Some(Err(error)) => nobody(format!("the team {id}: {error}")),
                None => nobody(format!("the team {id} was added to the policy this moment")),
            },
            Target::Schedule(id) => match self.snapshot.schedules.get(id) {
                None => nobody("a schedule of the policy was deleted".to_owned()),
                Some(schedule) => {
                    let on_call: Vec<_> =
                        schedule.users_at(at).into_iter().map(|user| user.user_id).collect();
                    if on_call.is_empty() {
                        return nobody(format!("nobody is on call by the schedule {}", schedule.name));
                    }
                    Reached { recipients: users(on_call), problem: None }
                }
            },
        }
    }
}
