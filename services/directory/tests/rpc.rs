//! The directory as its callers see it, through every layer.

#![expect(clippy::unwrap_used, reason = "clippy takes the helpers of a test for no test")]

use std::sync::Arc;

use callout_auth::{Role, key_sha256};
use callout_directory::{ApiKey, BootstrapKey, DirectoryConfig};
use callout_proto::identity::v1::{
    self as pb, credential_service_client::CredentialServiceClient, user_service_client::UserServiceClient,
};
use callout_runtime::{MasterKey, Peer, request::on_behalf_of};
use callout_testkit::ManualClock;
use jiff::SignedDuration;
use tonic::{Code, Request, Status};

struct World {
    /// Calls with no credentials of its own.
    stranger: Peer,
    /// Calls as one of Callout's services.
    service: Peer,
    clock: ManualClock,
}

/// Acme has three users and five keys, globex one user of acme's name and one key.
async fn world() -> World {
    let key = |name: &str, role: &str, rest: &str| {
        format!("      - {{name: {name}, role: {role}, sha256: {}{rest}}}\n", key_sha256(name))
    };
    let acme_keys = [
        key("admin", "admin", ""),
        key("viewer", "viewer", ""),
        key("of-alice", "member", ", user: alice"),
        key("of-carol", "member", ", user: carol"),
        key("short", "member", ", expires: 2026-03-02T09:00:10Z"),
    ];
    let file = format!(
        "organizations:
  - id: zeta
    users:
      - {{id: alice, name: Alice, contact_methods: [{{channel: push, address: x}}, {{channel: email, address: a@b, disabled: true}}]}}
      - {{id: bob}}
      - {{id: carol, active: false}}
    teams:
      - {{id: sre, members: [carol, bob, alice, bob]}}
    api_keys:
{}  - id: globex
    users: [{{id: alice, name: Another}}]
    api_keys:
{}",
        acme_keys.concat(),
        key("globex", "owner", "")
    );
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("directory.yaml");
    std::fs::write(&path, file).unwrap();
    let bootstrap = ApiKey {
        name: "first".into(),
        sha256: key_sha256("first"),
        role: Role::Owner,
        user_id: None,
        expires: None,
    };
    let clock = ManualClock::at("2026-03-02T09:00:00Z");
    let master_key = MasterKey::from_bytes([1; 32]);
    let service = callout_directory::build(
        &DirectoryConfig { file: path },
        vec![BootstrapKey { organization: None, key: bootstrap }],
        &master_key,
        Arc::new(clock.clone()),
    )
    .await
    .unwrap();
    let stranger = Peer::near(service.router);
    World { service: stranger.clone().trusted(&master_key), stranger, clock }
}

impl World {
    fn users(&self) -> UserServiceClient<Peer> {
        UserServiceClient::new(self.stranger.clone())
    }

    async fn owner_of(&self, key: &str) -> Result<pb::AuthenticateApiKeyResponse, Status> {
        let request = pb::AuthenticateApiKeyRequest { key_sha256: key_sha256(key) };
        let mut client = CredentialServiceClient::new(self.service.clone());
        Ok(client.authenticate_api_key(on_behalf_of("", request)).await?.into_inner())
    }
}

fn with_key<T>(key: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    request
}

fn ids(users: &[pb::User]) -> Vec<&str> {
    users.iter().map(|user| user.id.as_str()).collect()
}

#[tokio::test]
async fn users_and_teams_are_listed_page_by_page() {
    let world = world().await;
    let list = async |page_size, page_token: &str| {
        let request = pb::ListUsersRequest { page_size, page_token: page_token.to_owned() };
        Ok::<_, Status>(world.users().list_users(with_key("viewer", request)).await?.into_inner())
    };
    let first = list(2, "").await.unwrap();
    assert_eq!(ids(&first.users), ["alice", "bob"]);
    let second = list(2, &first.next_page_token).await.unwrap();
    assert_eq!((ids(&second.users), second.next_page_token.as_str()), (vec!["carol"], ""));
    assert_eq!(list(3, "").await.unwrap().next_page_token, "", "the last page says that it is the last");
    for (page_size, token, field) in
        [(501, "", "page_size"), (-1, "", "page_size"), (0, "!", "page_token"), (0, "_w", "page_token")]
    {
        let refused = list(page_size, token).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().starts_with(field), "{refused}");
    }
    let teams = world.users().list_teams(with_key("viewer", pb::ListTeamsRequest::default())).await.unwrap();
    assert_eq!(teams.into_inner().teams[0].id, "sre");
    let sre = pb::ListTeamMembersRequest { team_id: "sre".into() };
    let members = world.users().list_team_members(with_key("viewer", sre)).await.unwrap().into_inner();
    assert_eq!(ids(&members.users), ["alice", "bob"], "active ones, each once, by id");
}

#[tokio::test]
async fn users_are_got_by_id_with_their_contact_methods() {
    let world = world().await;
    let get = async |ids: Vec<String>| {
        let request = with_key("viewer", pb::GetUsersByIDsRequest { ids });
        Ok::<_, Status>(world.users().get_users_by_i_ds(request).await?.into_inner().users)
    };
    let found = get(["bob", "nobody", "alice"].map(str::to_owned).into()).await.unwrap();
    assert_eq!(ids(&found), ["bob", "alice"]);
    assert_eq!(get(Vec::new()).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(get(vec!["bob".to_owned(); 501]).await.unwrap_err().code(), Code::InvalidArgument);

    let contacts = async |key, user_id: &str| {
        let request = pb::GetUserContactMethodsRequest { user_id: user_id.to_owned() };
        let answer = world.users().get_user_contact_methods(with_key(key, request)).await;
        answer.map(tonic::Response::into_inner).map_err(|status| status.code())
    };
    let methods = contacts("of-alice", "alice").await.unwrap().contact_methods;
    let methods: Vec<_> = methods.iter().map(|m| (m.id.as_str(), m.disabled)).collect();
    assert_eq!(methods, [("push-1", false), ("email-2", true)]);
    assert_eq!(contacts("of-alice", "nobody").await, Err(Code::NotFound));
    assert_eq!(contacts("viewer", "alice").await, Err(Code::PermissionDenied));

    for (user_id, exists, active) in [("alice", true, true), ("carol", true, false), ("nobody", false, false)]
    {
        let request = pb::ValidateUserExistsRequest { user_id: user_id.to_owned() };
        let answer = world.users().validate_user_exists(with_key("viewer", request)).await.unwrap();
        assert_eq!(answer.into_inner(), pb::ValidateUserExistsResponse { exists, active });
    }
}

#[tokio::test]
async fn an_organization_sees_itself_only() {
    let world = world().await;
    let list = pb::ListUsersRequest::default();
    let theirs = world.users().list_users(with_key("globex", list.clone())).await.unwrap().into_inner();
    assert_eq!(theirs.users.len(), 1);
    assert_eq!(theirs.users[0].name, "Another");
    // A header that only Callout's services may use does not help.
    let mut request = with_key("globex", list.clone());
    request.metadata_mut().insert("callout-organization", "zeta".parse().unwrap());
    assert_eq!(world.users().list_users(request).await.unwrap().into_inner().users.len(), 1);
    let team = pb::ListTeamMembersRequest { team_id: "sre".into() };
    let refused = world.users().list_team_members(with_key("globex", team)).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let mut services = UserServiceClient::new(world.service.clone());
    let nobody = services.list_users(on_behalf_of("no-such", list.clone())).await.unwrap().into_inner();
    assert!(nobody.users.is_empty());
    let refused = world.users().list_users(Request::new(list)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn keys_are_known_by_their_hash_while_they_are_good() {
    let world = world().await;
    let first = world.owner_of("first").await.unwrap();
    assert_eq!((first.organization_id.as_str(), first.role()), ("zeta", pb::Role::Owner), "the file's first");
    assert_eq!(first.max_age.unwrap().seconds, 30);
    assert_eq!(world.owner_of("of-alice").await.unwrap().user_id, "alice");
    assert_eq!(world.owner_of("short").await.unwrap().max_age.unwrap().seconds, 10);

    world.clock.advance(SignedDuration::from_secs(10));
    let refused =
        [world.owner_of("short").await, world.owner_of("of-carol").await, world.owner_of("x").await];
    let said = refused.map(|answer| answer.map_err(|status| (status.code(), status.message().to_owned())));
    assert_eq!(said[0].as_ref().unwrap_err().0, Code::Unauthenticated);
    assert!(said.iter().all(|other| *other == said[0]), "nobody learns why: {said:?}");

    // Only services may ask whose key it is.
    let request = pb::AuthenticateApiKeyRequest { key_sha256: key_sha256("admin") };
    let mut client = CredentialServiceClient::new(world.stranger.clone());
    let refused = client.authenticate_api_key(with_key("admin", request)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}
