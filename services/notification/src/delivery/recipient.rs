//! Whom a message goes to, and how: users become destinations.

use std::time::Duration;

use async_trait::async_trait;
use callout_auth::OrganizationId;
use callout_identity::{ContactKind, IdentityError};
use callout_outbox::backoff;
use callout_runtime::{Next, Worker, WorkerError};
use callout_store::new_id;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{
    state::Status,
    store::{self, Delivery, Notification, Recipient},
};
use crate::{channel, error::Result, rendered::Kind, state::State};

/// The wait before a user is looked for again, first and longest.
const WAITS: (SignedDuration, SignedDuration) = (SignedDuration::from_secs(2), SignedDuration::from_secs(30));

/// Where a message goes.
#[derive(Debug, Clone)]
pub struct Place {
    /// The kind of channel.
    pub kind: Kind,
    /// The address; empty: where the configuration says.
    pub address: String,
    /// A configuration, if one was named.
    pub channel_id: Option<Uuid>,
    /// Who gets it.
    pub recipient: Recipient,
}

/// What a user comes to.
pub enum Found {
    /// Their places; none: they have no contact method.
    Places(Vec<Place>),
    /// There is no such active user.
    Nobody,
    /// They cannot be looked for now.
    Waiting,
}

impl State {
    /// Where a user is reached.
    pub(super) async fn places_of(&self, organization: &OrganizationId, user_id: &str) -> Result<Found> {
        let known = match self.identity.contacts(organization.as_str(), user_id).await {
            Ok(known) => known.value,
            Err(IdentityError::NotFound) => return Ok(Found::Nobody),
            Err(IdentityError::Unavailable) => return Ok(Found::Waiting),
        };
        if !known.user.active {
            return Ok(Found::Nobody);
        }
        let recipient = Recipient {
            id: known.user.id,
            name: known.user.name,
            email: known.user.email,
            time_zone: known.user.time_zone,
        };
        let contacts = known.methods.into_iter().map(|contact| (kind(contact.kind), contact.address));
        let registered = store::destinations(&self.db, organization, user_id).await?;
        let mut places: Vec<Place> = Vec::new();
        for (kind, address) in contacts.chain(registered) {
            if !places.iter().any(|place| place.kind == kind && place.address == address) {
                places.push(Place { kind, address, channel_id: None, recipient: recipient.clone() });
            }
        }
        Ok(Found::Places(places))
    }

    /// The delivery of a notification to a place. Where nothing can be sent, it has failed already,
    /// and says why.
    pub(super) async fn delivery(
        &self,
        notification: &Notification,
        place: Place,
        now: Timestamp,
    ) -> Result<Delivery> {
        let configuration = match place.channel_id {
            Some(id) => Some(id),
            None => {
                let found = channel::store::default_of(
                    &self.db,
                    &self.master_key,
                    &notification.organization,
                    place.kind,
                );
                found.await?.map(|configuration| configuration.id)
            }
        };
        let needs_none = place.kind == Kind::Slack && place.address.starts_with("http");
        let problem = if !place.kind.is_built() {
            format!("the channel {} is not built yet", place.kind.name())
        } else if configuration.is_none() && !needs_none {
            format!("no {} channel is configured", place.kind.name())
        } else {
            String::new()
        };
        let status = if problem.is_empty() { Status::Pending } else { Status::Failed };
        let lane = configuration.map_or_else(|| format!("none/{}", place.kind.name()), |id| id.to_string());
        Ok(Delivery {
            id: new_id(now),
            organization: notification.organization.clone(),
            notification_id: notification.id,
            subject: notification.subject.clone(),
            priority: notification.priority,
            kind: place.kind,
            address: place.address,
            channel_id: configuration,
            recipient: place.recipient,
            lane,
            status,
            attempts: 0,
            budget_used: 0,
            reached: false,
            due_at: (status == Status::Pending).then_some(now),
            last_error: problem,
            provider_message_id: String::new(),
            created_at: now,
            updated_at: now,
            delivered_at: None,
        })
    }

    /// A delivery that stands for a user who cannot be reached, and says why.
    pub(super) fn unreachable(
        &self,
        notification: &Notification,
        user_id: &str,
        why: &str,
        now: Timestamp,
    ) -> Delivery {
        let recipient =
            Recipient { id: user_id.to_owned(), name: user_id.to_owned(), ..Recipient::default() };
        Delivery {
            id: new_id(now),
            organization: notification.organization.clone(),
            notification_id: notification.id,
            subject: notification.subject.clone(),
            priority: notification.priority,
            kind: Kind::Email,
            address: String::new(),
            channel_id: None,
            recipient,
            lane: "none".to_owned(),
            status: Status::Failed,
            attempts: 0,
            budget_used: 0,
            reached: false,
            due_at: None,
            last_error: why.to_owned(),
            provider_message_id: String::new(),
            created_at: now,
            updated_at: now,
            delivered_at: None,
        }
    }

    /// The deliveries to users; those who cannot be looked for are left waiting in the notification.
    pub(super) async fn deliveries_to(
        &self,
        notification: &mut Notification,
        user_ids: Vec<String>,
        now: Timestamp,
    ) -> Result<Vec<Delivery>> {
        let mut deliveries = Vec::new();
        let mut waiting = Vec::new();
        for user_id in user_ids {
            match self.places_of(&notification.organization, &user_id).await? {
                Found::Places(places) if places.is_empty() => {
                    deliveries.push(self.unreachable(
                        notification,
                        &user_id,
                        "the user has no contact method",
                        now,
                    ));
                }
                Found::Places(places) => {
                    for place in places {
                        deliveries.push(self.delivery(notification, place, now).await?);
                    }
                }
                Found::Nobody => {
                    deliveries.push(self.unreachable(
                        notification,
                        &user_id,
                        "there is no such active user",
                        now,
                    ));
                }
                Found::Waiting => waiting.push(user_id),
            }
        }
        let wait = backoff(notification.resolve_attempts + 1, WAITS.0, WAITS.1, rand::random());
        notification.resolve_at =
            (!waiting.is_empty()).then(|| now.checked_add(wait).unwrap_or(Timestamp::MAX));
        notification.waiting_users = waiting;
        Ok(deliveries)
    }
}

/// Looks again for users who could not be looked for.
#[derive(Debug)]
pub struct RecipientWorker(State);

impl RecipientWorker {
    /// A worker on the service's state.
    pub fn new(state: State) -> Self {
        Self(state)
    }

    async fn look_again(&self, mut notification: Notification, now: Timestamp) -> Result<()> {
        let was = notification.resolve_attempts;
        let users = std::mem::take(&mut notification.waiting_users);
        let deliveries = self.0.deliveries_to(&mut notification, users, now).await?;
        notification.resolve_attempts = was + 1;
        let mut tx = self.0.db.begin().await?;
        if !store::set_waiting(&mut tx, &notification, was).await? {
            return Ok(());
        }
        store::insert(&mut tx, &deliveries).await?;
        tx.commit().await?;
        self.0.delivery_wake.wake();
        Ok(())
    }
}

#[async_trait]
impl Worker for RecipientWorker {
    fn name(&self) -> &'static str {
        "recipients"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(2)
    }

    async fn run_once(&self, now: Timestamp) -> std::result::Result<Next, WorkerError> {
        for notification in store::unresolved(&self.0.db, now).await? {
            self.look_again(notification, now).await?;
        }
        Ok(Next::WhenWoken)
    }
}

fn kind(contact: ContactKind) -> Kind {
    match contact {
        ContactKind::Slack => Kind::Slack,
        ContactKind::Teams => Kind::Teams,
        ContactKind::Email => Kind::Email,
        ContactKind::Sms => Kind::Sms,
        ContactKind::Voice => Kind::Voice,
        ContactKind::Push => Kind::Push,
        ContactKind::Webhook => Kind::Webhook,
    }
}
