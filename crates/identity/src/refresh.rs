//! Keeps copies of everybody, so that the first page of an outage finds its people too.

use std::time::Duration;

use async_trait::async_trait;
use callout_proto::identity::v1 as pb;
use callout_runtime::{Next, Worker, WorkerError, request::on_behalf_of};
use jiff::Timestamp;
use tonic::Status;

use crate::{client::IdentityClient, keys, store};

/// At most this many pages of 500 are asked for of each kind.
const MAX_PAGES: usize = 20;

/// A worker that asks for the contacts of all users and the members of all teams, of every
/// organization that has been heard of.
#[derive(Debug)]
pub struct Refresher(IdentityClient);

impl Refresher {
    /// Refreshes what `client` remembers.
    pub fn new(client: IdentityClient) -> Self {
        Self(client)
    }

    async fn refresh(&self, organization: &str) -> Result<(), Status> {
        let mut page_token = String::new();
        for _ in 0..MAX_PAGES {
            let request = pb::ListUsersRequest { page_size: 500, page_token };
            let mut users = self.0.users.clone();
            let page = users.list_users(on_behalf_of(organization, request)).await?.into_inner();
            for user in &page.users {
                if !self.0.refresh_contacts(organization, &user.id).await {
                    return Err(Status::unavailable("nobody answers any more"));
                }
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        self.refresh_teams(organization).await
    }

    async fn refresh_teams(&self, organization: &str) -> Result<(), Status> {
        let mut page_token = String::new();
        for _ in 0..MAX_PAGES {
            let request = pb::ListTeamsRequest { page_size: 500, page_token };
            let mut users = self.0.users.clone();
            let page = users.list_teams(on_behalf_of(organization, request)).await?.into_inner();
            for team in &page.teams {
                if !self.0.refresh_team(organization, &team.id).await {
                    return Err(Status::unavailable("nobody answers any more"));
                }
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Worker for Refresher {
    fn name(&self) -> &'static str {
        "identity copies"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(60)
    }

    async fn run_once(&self, now: Timestamp) -> Result<Next, WorkerError> {
        // Keys are never listed, so those that nobody uses any more are not noticed otherwise.
        let useless = now.checked_sub(keys::KEY_OUTLIVES).unwrap_or(Timestamp::MIN);
        store::delete_old(&self.0.db, keys::KIND, useless).await?;
        for organization in store::organizations(&self.0.db).await? {
            if let Err(error) = self.refresh(&organization).await {
                tracing::debug!(%organization, %error, "identity copies not refreshed");
                break;
            }
        }
        Ok(Next::WhenWoken)
    }
}
