//! `identity.v1` over the file.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use callout_auth::Principal;
use callout_proto::identity::v1::{
    self as pb,
    credential_service_server::{CredentialService, CredentialServiceServer},
    user_service_server::{UserService, UserServiceServer},
};
use callout_runtime::status::invalid_field;
use jiff::{SignedDuration, Timestamp};
use tonic::{Request, Response, Status, service::RoutesBuilder};

use crate::{
    Directory,
    directory::{ApiKey, Contact, ContactChannel, Organization, Team, User},
    watch::Current,
};

/// The services that are served.
pub const NAMES: [&str; 2] = ["identity.v1.UserService", "identity.v1.CredentialService"];

/// How long a service may rely on a key without asking again: the delay of a revocation.
const KEY_MAX_AGE: SignedDuration = SignedDuration::from_secs(30);
const DEFAULT_PAGE: usize = 100;
const MAX_PAGE: usize = 500;

/// Answers from what is in force.
#[derive(Clone)]
pub struct DirectoryRpc {
    current: Arc<Current>,
}

impl DirectoryRpc {
    /// Answers from `current`.
    pub fn new(current: Arc<Current>) -> Self {
        Self { current }
    }

    /// Adds both services to the routes.
    pub fn add_to(&self, routes: &mut RoutesBuilder) {
        routes
            .add_service(UserServiceServer::new(self.clone()))
            .add_service(CredentialServiceServer::new(self.clone()));
    }

    /// Asks the caller's organization; one that the file does not name has nobody.
    fn ask<T, R>(
        &self,
        request: &Request<T>,
        question: impl FnOnce(&Organization, &T) -> Result<R, Status>,
    ) -> Result<Response<R>, Status> {
        let principal = Principal::of(request)?;
        let directory: Arc<Directory> = self.current.get();
        let nobody = Organization::default();
        let organization = directory.organizations.get(principal.organization.as_str()).unwrap_or(&nobody);
        question(organization, request.get_ref()).map(Response::new)
    }
}

#[tonic::async_trait]
impl UserService for DirectoryRpc {
    async fn list_users(
        &self,
        request: Request<pb::ListUsersRequest>,
    ) -> Result<Response<pb::ListUsersResponse>, Status> {
        self.ask(&request, |organization, request| {
            let (users, next_page_token) = page(&organization.users, request.page_size, &request.page_token)?;
            Ok(pb::ListUsersResponse { users: users.into_iter().map(user).collect(), next_page_token })
        })
    }

    async fn get_users_by_i_ds(
        &self,
        request: Request<pb::GetUsersByIDsRequest>,
    ) -> Result<Response<pb::GetUsersByIDsResponse>, Status> {
        self.ask(&request, |organization, request| {
            if !(1..=MAX_PAGE).contains(&request.ids.len()) {
                return Err(invalid_field("ids", format!("must be 1 to {MAX_PAGE} ids")));
            }
            let users = request.ids.iter().filter_map(|id| organization.users.get(id)).map(user).collect();
            Ok(pb::GetUsersByIDsResponse { users })
        })
    }

    async fn get_user_contact_methods(
        &self,
        request: Request<pb::GetUserContactMethodsRequest>,
    ) -> Result<Response<pb::GetUserContactMethodsResponse>, Status> {
        self.ask(&request, |organization, request| {
            let found = organization.users.get(&request.user_id);
            let found = found.ok_or_else(|| Status::not_found("there is no such user"))?;
            let contact_methods = found.contacts.iter().map(contact).collect();
            Ok(pb::GetUserContactMethodsResponse { user: Some(user(found)), contact_methods })
        })
    }

    async fn validate_user_exists(
        &self,
        request: Request<pb::ValidateUserExistsRequest>,
    ) -> Result<Response<pb::ValidateUserExistsResponse>, Status> {
        self.ask(&request, |organization, request| {
            let found = organization.users.get(&request.user_id);
            Ok(pb::ValidateUserExistsResponse {
                exists: found.is_some(),
                active: found.is_some_and(|user| user.active),
            })
        })
    }

    async fn list_teams(
        &self,
        request: Request<pb::ListTeamsRequest>,
    ) -> Result<Response<pb::ListTeamsResponse>, Status> {
        self.ask(&request, |organization, request| {
            let (teams, next_page_token) = page(&organization.teams, request.page_size, &request.page_token)?;
            Ok(pb::ListTeamsResponse { teams: teams.into_iter().map(team).collect(), next_page_token })
        })
    }

    async fn list_team_members(
        &self,
        request: Request<pb::ListTeamMembersRequest>,
    ) -> Result<Response<pb::ListTeamMembersResponse>, Status> {
        self.ask(&request, |organization, request| {
            let members = organization.team_members(&request.team_id);
            let members = members.ok_or_else(|| Status::not_found("there is no such team"))?;
            Ok(pb::ListTeamMembersResponse { users: members.into_iter().map(user).collect() })
        })
    }
}

#[tonic::async_trait]
impl CredentialService for DirectoryRpc {
    async fn authenticate_api_key(
        &self,
        request: Request<pb::AuthenticateApiKeyRequest>,
    ) -> Result<Response<pb::AuthenticateApiKeyResponse>, Status> {
        let (directory, now) = (self.current.get(), self.current.now());
        let found = directory.key(&request.get_ref().key_sha256, now);
        let (organization, key) =
            found.ok_or_else(|| Status::unauthenticated("the API key is not known or no longer good"))?;
        Ok(Response::new(pb::AuthenticateApiKeyResponse {
            organization_id: organization.to_owned(),
            key_name: key.name.clone(),
            role: key.role.to_pb().into(),
            user_id: key.user_id.clone().unwrap_or_default(),
            max_age: Some(max_age(key, now)),
        }))
    }
}

/// Not longer than the key itself is good.
fn max_age(key: &ApiKey, now: Timestamp) -> prost_types::Duration {
    let left = key.expires.map_or(KEY_MAX_AGE, |expires| expires.duration_since(now).min(KEY_MAX_AGE));
    prost_types::Duration { seconds: left.as_secs(), nanos: left.subsec_nanos() }
}

/// The entries after the one the token names, and the token for those after them.
fn page<'a, T>(all: &'a BTreeMap<String, T>, size: i32, token: &str) -> Result<(Vec<&'a T>, String), Status> {
    let size = match usize::try_from(size) {
        Ok(0) => DEFAULT_PAGE,
        Ok(size) if size <= MAX_PAGE => size,
        _ => return Err(invalid_field("page_size", format!("must be between 0 and {MAX_PAGE}"))),
    };
    let last_seen =
        read_token(token).ok_or_else(|| invalid_field("page_token", "is not one of this list"))?;
    let after = if token.is_empty() { Bound::Unbounded } else { Bound::Excluded(last_seen.as_str()) };
    let mut rest = all.range::<str, _>((after, Bound::Unbounded));
    let entries: Vec<_> = rest.by_ref().take(size).collect();
    let last = entries.last().map(|(id, _)| BASE64_URL_SAFE_NO_PAD.encode(id));
    let next = if rest.next().is_some() { last.unwrap_or_default() } else { String::new() };
    Ok((entries.into_iter().map(|(_, entry)| entry).collect(), next))
}

/// The id in a token; empty for the empty token of a first page.
fn read_token(token: &str) -> Option<String> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
    String::from_utf8(bytes).ok()
}

fn user(user: &User) -> pb::User {
    pb::User {
        id: user.id.clone(),
        name: user.name.clone(),
        email: user.email.clone(),
        role: user.role.to_pb().into(),
        time_zone: user.time_zone.clone(),
        active: user.active,
    }
}

fn team(team: &Team) -> pb::Team {
    pb::Team { id: team.id.clone(), name: team.name.clone(), description: team.description.clone() }
}

fn contact(contact: &Contact) -> pb::ContactMethod {
    let channel = match contact.channel {
        ContactChannel::Slack => pb::ContactChannel::ContactSlack,
        ContactChannel::Teams => pb::ContactChannel::ContactTeams,
        ContactChannel::Email => pb::ContactChannel::ContactEmail,
        ContactChannel::Sms => pb::ContactChannel::ContactSms,
        ContactChannel::Voice => pb::ContactChannel::ContactVoice,
        ContactChannel::Push => pb::ContactChannel::ContactPush,
        ContactChannel::Webhook => pb::ContactChannel::ContactWebhook,
    };
    pb::ContactMethod {
        id: contact.id.clone(),
        channel: channel.into(),
        address: contact.address.clone(),
        label: contact.label.clone(),
        disabled: contact.disabled,
    }
}
