//! Many users at once, for lists and histories.

use std::collections::HashMap;

use callout_proto::identity::v1 as pb;
use callout_runtime::request::on_behalf_of;
use tonic::Response;

use crate::{
    client::{Asked, IdentityClient, subject},
    types::{IdentityError, Known, User},
};

/// The most ids the identity service takes in one request.
const MAX_IDS: usize = 500;

impl IdentityClient {
    /// Those of the users that exist, in the order asked for.
    ///
    /// While the identity service cannot be reached, those are given of whom there is a copy; it
    /// is an error only if there is none of anybody.
    pub async fn users(&self, organization: &str, ids: &[String]) -> Result<Known<Vec<User>>, IdentityError> {
        let mut found: HashMap<String, User> = HashMap::new();
        let mut stale = false;
        let mut unknown = Vec::new();
        for id in ids {
            match self.fresh::<pb::GetUserContactMethodsResponse>(&subject(organization, "contacts", id)) {
                Some(contacts) => drop(found.insert(id.clone(), contacts.user.unwrap_or_default().into())),
                None => unknown.push(id),
            }
        }
        for chunk in unknown.chunks(MAX_IDS) {
            if let Some(users) = self.ask_users(organization, chunk).await {
                found.extend(users.into_iter().map(|user| (user.id.clone(), user.into())));
                continue;
            }
            stale = true;
            for id in chunk {
                found
                    .extend(self.last_known_user(organization, id).await.map(|user| (user.id.clone(), user)));
            }
        }
        if stale && found.is_empty() {
            return Err(IdentityError::Unavailable);
        }
        let value = ids.iter().filter_map(|id| found.get(id).cloned()).collect();
        Ok(Known { value, stale })
    }

    /// The users the identity service knows; `None` if it cannot be reached.
    async fn ask_users(&self, organization: &str, ids: &[&String]) -> Option<Vec<pb::User>> {
        let request = pb::GetUsersByIDsRequest { ids: ids.iter().map(|id| (*id).clone()).collect() };
        let mut users = self.users.clone();
        let question = async move {
            users.get_users_by_i_ds(on_behalf_of(organization, request)).await.map(Response::into_inner)
        };
        match self.reach(question).await {
            Asked::Answer(answer) => Some(answer.users),
            Asked::No => Some(Vec::new()),
            Asked::Unreachable => None,
        }
    }

    /// The copies of contacts hold the users too.
    async fn last_known_user(&self, organization: &str, id: &str) -> Option<User> {
        let of = subject(organization, "contacts", id);
        let copy = self.last_known::<pb::GetUserContactMethodsResponse>(&of).await.ok()?;
        copy.value.user.map(User::from)
    }
}
