//! Asking, and remembering.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use callout_proto::identity::v1::{
    self as pb, credential_service_client::CredentialServiceClient, user_service_client::UserServiceClient,
};
use callout_runtime::{Peer, SharedClock, request::on_behalf_of};
use callout_store::Db;
use jiff::{SignedDuration, Timestamp};
use moka::sync::Cache;
use prost::Message;
use tonic::{Code, Response, Status};

use crate::{
    store::{self, Copy, Subject},
    types::{Contacts, IdentityError, Known, User},
};

/// How long an answer is good without asking again.
pub(crate) const FRESH_FOR: SignedDuration = SignedDuration::from_secs(30);
/// How long the identity service may take to answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long it is left alone after it could not be reached, so that a burst is not slowed by
/// time-outs.
const LEFT_ALONE: SignedDuration = SignedDuration::from_secs(1);
/// What stands for an organization that was heard of.
const HEARD_OF: &str = "organization";

/// Asks the identity service, and remembers.
#[derive(Clone)]
pub struct IdentityClient {
    pub(crate) users: UserServiceClient<Peer>,
    pub(crate) credentials: CredentialServiceClient<Peer>,
    pub(crate) db: Db,
    pub(crate) clock: SharedClock,
    memory: Cache<Subject, Fresh>,
    /// When each copy was last written to the database.
    written: Cache<Subject, Arc<Copy>>,
    left_alone_until: Arc<AtomicI64>,
}

/// An answer in memory.
#[derive(Clone)]
struct Fresh {
    value: Arc<Copy>,
    until: Timestamp,
}

/// What came of asking.
pub(crate) enum Asked<M> {
    /// The answer.
    Answer(M),
    /// The identity service says that it does not exist.
    No,
    /// The identity service cannot be reached, or could not be a moment ago.
    Unreachable,
}

/// What the identity service answers.
pub(crate) trait Answer: Message + Default {
    /// How long it is good without asking again.
    fn fresh_for(&self) -> SignedDuration {
        FRESH_FOR
    }
}

impl Answer for pb::GetUserContactMethodsResponse {}
impl Answer for pb::ListTeamMembersResponse {}
impl Answer for () {}

impl std::fmt::Debug for IdentityClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdentityClient")
    }
}

impl IdentityClient {
    /// A client of `peer`, which must be trusted, that keeps its copies in `db`.
    pub fn new(peer: Peer, db: Db, clock: SharedClock) -> Self {
        Self {
            users: UserServiceClient::new(peer.clone()),
            credentials: CredentialServiceClient::new(peer),
            db,
            clock,
            memory: Cache::new(50_000),
            written: Cache::new(50_000),
            left_alone_until: Arc::new(AtomicI64::new(i64::MIN)),
        }
    }

    /// A user and how to reach them.
    pub async fn contacts(
        &self,
        organization: &str,
        user_id: &str,
    ) -> Result<Known<Contacts>, IdentityError> {
        let of = subject(organization, "contacts", user_id);
        self.known(&of, self.ask_contacts(organization, user_id)).await.map(Known::into)
    }

    /// The active members of a team.
    pub async fn team_members(
        &self,
        organization: &str,
        team_id: &str,
    ) -> Result<Known<Vec<User>>, IdentityError> {
        let of = subject(organization, "team", team_id);
        let known = self.known(&of, self.ask_team(organization, team_id)).await?;
        let users = known.value.users.into_iter().map(User::from).collect();
        Ok(Known { value: users, stale: known.stale })
    }

    /// Whether there is such a user, and they are active.
    pub async fn is_active_user(&self, organization: &str, user_id: &str) -> Result<bool, IdentityError> {
        match self.contacts(organization, user_id).await {
            Ok(known) => Ok(known.value.user.active),
            Err(IdentityError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Lets the [`Refresher`](crate::Refresher) keep copies of this organization's people from now
    /// on. Looking up a contact, a team or a key of the organization does so too.
    pub async fn heard_of(&self, organization: &str) {
        self.remember(&subject(organization, HEARD_OF, ""), &(), self.clock.now()).await;
    }

    /// Asks for a user's contacts now, whatever is remembered; whether anybody answered.
    pub(crate) async fn refresh_contacts(&self, organization: &str, user_id: &str) -> bool {
        let of = subject(organization, "contacts", user_id);
        !matches!(self.ask(&of, self.ask_contacts(organization, user_id)).await, Asked::Unreachable)
    }

    /// Asks for a team's members now, whatever is remembered; whether anybody answered.
    pub(crate) async fn refresh_team(&self, organization: &str, team_id: &str) -> bool {
        let of = subject(organization, "team", team_id);
        !matches!(self.ask(&of, self.ask_team(organization, team_id)).await, Asked::Unreachable)
    }

    async fn ask_contacts(
        &self,
        organization: &str,
        user_id: &str,
    ) -> Result<pb::GetUserContactMethodsResponse, Status> {
        let request = pb::GetUserContactMethodsRequest { user_id: user_id.to_owned() };
        let mut users = self.users.clone();
        users.get_user_contact_methods(on_behalf_of(organization, request)).await.map(Response::into_inner)
    }

    async fn ask_team(
        &self,
        organization: &str,
        team_id: &str,
    ) -> Result<pb::ListTeamMembersResponse, Status> {
        let request = pb::ListTeamMembersRequest { team_id: team_id.to_owned() };
        let mut users = self.users.clone();
        users.list_team_members(on_behalf_of(organization, request)).await.map(Response::into_inner)
    }

    /// What memory holds, or `question` is answered, or the copy says, in this order.
    pub(crate) async fn known<M: Answer>(
        &self,
        of: &Subject,
        question: impl Future<Output = Result<M, Status>>,
    ) -> Result<Known<M>, IdentityError> {
        if let Some(value) = self.fresh(of) {
            return Ok(Known { value, stale: false });
        }
        match self.ask(of, question).await {
            Asked::Answer(value) => Ok(Known { value, stale: false }),
            Asked::No => Err(IdentityError::NotFound),
            Asked::Unreachable => self.last_known(of).await,
        }
    }

    /// What memory holds and need not be asked again.
    pub(crate) fn fresh<M: Answer>(&self, of: &Subject) -> Option<M> {
        let fresh = self.memory.get(of).filter(|fresh| self.clock.now() < fresh.until)?;
        M::decode(fresh.value.value.as_slice()).ok()
    }

    /// Asks, and remembers the answer.
    async fn ask<M: Answer>(
        &self,
        of: &Subject,
        question: impl Future<Output = Result<M, Status>>,
    ) -> Asked<M> {
        let asked_at = self.clock.now();
        let asked = self.reach(question).await;
        match &asked {
            Asked::Answer(answer) => self.remember(of, answer, asked_at).await,
            Asked::No => self.forget(of).await,
            Asked::Unreachable => {}
        }
        asked
    }

    /// Asks, unless nobody answered a moment ago.
    pub(crate) async fn reach<M>(&self, question: impl Future<Output = Result<M, Status>>) -> Asked<M> {
        if self.clock.now().as_microsecond() < self.left_alone_until.load(Ordering::Relaxed) {
            return Asked::Unreachable;
        }
        let error = match tokio::time::timeout(TIMEOUT, question).await {
            Ok(Ok(answer)) => return Asked::Answer(answer),
            Ok(Err(status)) if is_no(status.code()) => return Asked::No,
            Ok(Err(status)) => status,
            Err(_) => Status::deadline_exceeded("no answer in time"),
        };
        // From now, not from when it was asked: after a time-out that second would be over.
        let now = self.clock.now();
        let until = now.checked_add(LEFT_ALONE).unwrap_or(now);
        self.left_alone_until.store(until.as_microsecond(), Ordering::Relaxed);
        metrics::counter!("callout_identity_unreachable_total").increment(1);
        tracing::warn!(code = ?error.code(), reason = error.message(), "identity service unreachable");
        Asked::Unreachable
    }

    pub(crate) async fn last_known<M: Answer>(&self, of: &Subject) -> Result<Known<M>, IdentityError> {
        let copy = store::get(&self.db, of).await.map_err(|error| {
            tracing::error!(%error, "last-known copy");
            IdentityError::Unavailable
        })?;
        let copy = copy.filter(|copy| crate::keys::may_be_used(of, copy, self.clock.now()));
        let copy = copy.ok_or(IdentityError::Unavailable)?;
        let value = M::decode(copy.value.as_slice()).map_err(|error| {
            tracing::error!(%error, kind = of.kind, "a last-known copy does not decode");
            IdentityError::Unavailable
        })?;
        Ok(Known { value, stale: true })
    }

    /// Keeps an answer. That the copy cannot be written is logged, not an error: the answer is good.
    async fn remember<M: Answer>(&self, of: &Subject, answer: &M, now: Timestamp) {
        let copy = Arc::new(Copy { value: answer.encode_to_vec(), fetched_at: now });
        let until = now.checked_add(answer.fresh_for()).unwrap_or(now);
        self.memory.insert(of.clone(), Fresh { value: Arc::clone(&copy), until });
        let written = self.written.get(of);
        let is_written = written.is_some_and(|old| {
            old.value == copy.value && now.duration_since(old.fetched_at) < store::COPY_AGE
        });
        if is_written {
            return;
        }
        match store::put(&self.db, of, &copy).await {
            Ok(()) => self.written.insert(of.clone(), copy),
            Err(error) => tracing::error!(%error, "last-known copy not written"),
        }
    }

    async fn forget(&self, of: &Subject) {
        let remembered = self.memory.remove(of).is_some() | self.written.remove(of).is_some();
        // Strangers' guesses at keys must not cost a write each.
        let remembered = remembered || matches!(store::get(&self.db, of).await, Ok(Some(_)));
        if remembered && let Err(error) = store::delete(&self.db, of).await {
            tracing::error!(%error, "last-known copy not deleted");
        }
    }
}

pub(crate) fn subject(organization: &str, kind: &'static str, key: &str) -> Subject {
    Subject { organization: organization.to_owned(), kind, key: key.to_owned() }
}

/// Whether the identity service has answered, and the answer is no.
fn is_no(code: Code) -> bool {
    matches!(code, Code::NotFound | Code::InvalidArgument)
}

impl From<Known<pb::GetUserContactMethodsResponse>> for Known<Contacts> {
    fn from(known: Known<pb::GetUserContactMethodsResponse>) -> Self {
        Self { value: known.value.into(), stale: known.stale }
    }
}
