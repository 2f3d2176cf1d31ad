//! Taking messages, and taking them back.

use std::collections::HashSet;

use callout_auth::OrganizationId;
use callout_proto::notification::v1::{self as pb, cancel_notification_request::Target};
use callout_runtime::structs::from_struct;
use callout_store::{Tx, new_id};
use jiff::Timestamp;
use prost::Message as _;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    recipient::Place,
    state::{Priority, Status},
    store::{self, Delivery, Notification, Recipient},
};
use crate::{
    channel,
    error::{Error, Result},
    state::State,
    wire::{id, kind, time},
};

const MAX_RECIPIENTS: usize = 1000;
const MAX_CONTEXT_BYTES: usize = 256 * 1024;

/// What became of a request.
pub struct Accepted {
    /// The notification.
    pub id: uuid::Uuid,
    /// It was taken before.
    pub duplicate: bool,
}

impl State {
    /// Takes a message. Nothing is sent before this is committed.
    pub(super) async fn accept(
        &self,
        organization: &OrganizationId,
        request: pb::SendNotificationRequest,
    ) -> Result<Accepted> {
        check(&request)?;
        // So that its people are known before the identity service is down.
        self.identity.heard_of(organization.as_str()).await;
        let now = self.clock.now();
        let hash = content_hash(&request);
        let mut notification = self.notification(organization, &request, hash, now).await?;
        let places = self.places(organization, request.destinations).await?;
        let mut deliveries = Vec::with_capacity(places.len());
        for place in places {
            deliveries.push(self.delivery(&notification, place, now).await?);
        }
        let users = unique(request.user_ids);
        deliveries.extend(self.deliveries_to(&mut notification, users, now).await?);
        let mut tx = self.db.begin().await?;
        let cancelled = store::cancelled_before(&mut tx, organization, &notification.subject).await?;
        if !notification.subject.is_empty()
            && cancelled.is_some_and(|before| notification.decided_at <= before)
        {
            withdraw(&mut notification, &mut deliveries);
        }
        if !store::insert_notification(&mut tx, &notification).await? {
            return same_request(&mut tx, organization, &notification).await;
        }
        store::insert(&mut tx, &deliveries).await?;
        tx.commit().await?;
        self.delivery_wake.wake();
        self.tell(&deliveries);
        Ok(Accepted { id: notification.id, duplicate: false })
    }

    /// Withdraws what waits, and tells those who were told what changed.
    pub(super) async fn cancel(
        &self,
        organization: &OrganizationId,
        request: pb::CancelNotificationRequest,
    ) -> Result<pb::CancelNotificationResponse> {
        check_request_id(&request.request_id)?;
        let now = self.clock.now();
        let before = request.decided_at.map(|at| time(at, "decided_at")).transpose()?.unwrap_or(now);
        let hash = cancel_hash(&request);
        let target = request
            .target
            .ok_or_else(|| Error::invalid("subject", "one of subject and notification_id is needed"))?;
        let follow_up = request.follow_up.unwrap_or_default();
        let tells = follow_up.render_context.is_some();
        let subject = match &target {
            Target::Subject(subject) => subject.clone(),
            Target::NotificationId(text) => {
                let found = store::notification(&self.db, organization, id(text, "notification")?).await?;
                found.ok_or(Error::NotFound("notification"))?.subject
            }
        };
        let send = pb::SendNotificationRequest {
            request_id: request.request_id,
            template: follow_up.template,
            template_version: follow_up.template_version,
            render_context: follow_up.render_context,
            priority: follow_up.priority,
            subject: subject.clone(),
            ..Default::default()
        };
        let notification = self.notification(organization, &send, hash, now).await?;
        let mut tx = self.db.begin().await?;
        if !store::insert_notification(&mut tx, &notification).await? {
            same_request(&mut tx, organization, &notification).await?;
            return Ok(pb::CancelNotificationResponse::default());
        }
        let (pending, reached) = match &target {
            Target::Subject(subject) => {
                store::cancel_subject(&mut tx, organization, subject, before).await?;
                (
                    store::pending_of_subject(&mut tx, organization, subject, before).await?,
                    store::reached_of_subject(&mut tx, organization, subject).await?,
                )
            }
            Target::NotificationId(text) => {
                let id = id(text, "notification")?;
                (
                    store::pending_of_notification(&mut tx, organization, id).await?,
                    store::reached_of_notification(&mut tx, organization, id).await?,
                )
            }
        };
        let mut cancelled = 0;
        for delivery in &pending {
            let done =
                store::set_status(&mut tx, delivery, Status::Cancelled, None, &request.reason, now).await?;
            cancelled += i32::from(done);
        }
        let excluded: HashSet<String> = follow_up.exclude_user_ids.into_iter().collect();
        let news = if tells { news(&notification, reached, &excluded, now) } else { Vec::new() };
        store::insert(&mut tx, &news).await?;
        tx.commit().await?;
        self.delivery_wake.wake();
        self.tell(&pending);
        self.tell(&news);
        Ok(pb::CancelNotificationResponse {
            cancelled,
            followed_up: i32::try_from(news.len()).unwrap_or(i32::MAX),
        })
    }

    /// Tells those who watch on this node.
    pub(super) fn tell(&self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            // Nobody listens: nobody is told.
            let _ = self.changes.send(delivery.id);
        }
    }

    async fn notification(
        &self,
        organization: &OrganizationId,
        request: &pb::SendNotificationRequest,
        content_sha256: String,
        now: Timestamp,
    ) -> Result<Notification> {
        let priority = Priority::from_number(request.priority.into());
        // A page must go out even if its template is gone: the built-in one says what matters.
        let template = match self.template(organization, &request.template).await {
            Err(Error::NotFound(_)) if !request.template.is_empty() => {
                self.template(organization, "").await?
            }
            other => other?,
        };
        let (template_id, template_name) = (template.id, template.name.clone());
        let version = self.template_version(template, request.template_version).await?;
        Ok(Notification {
            id: new_id(now),
            organization: organization.clone(),
            request_id: request.request_id.clone(),
            content_sha256,
            subject: request.subject.clone(),
            priority: priority
                .ok_or_else(|| Error::invalid("priority", "must be LOW, NORMAL, HIGH or CRITICAL"))?,
            template_id,
            template_name,
            template_version: version.number,
            context: request.render_context.as_ref().map_or_else(|| json!({}), from_struct),
            decided_at: request.decided_at.map(|at| time(at, "decided_at")).transpose()?.unwrap_or(now),
            created_at: now,
            waiting_users: Vec::new(),
            resolve_at: None,
            resolve_attempts: 0,
        })
    }

    async fn places(
        &self,
        organization: &OrganizationId,
        destinations: Vec<pb::Destination>,
    ) -> Result<Vec<Place>> {
        let mut places = Vec::with_capacity(destinations.len());
        for (index, destination) in destinations.into_iter().enumerate() {
            let field = format!("destinations[{index}]");
            let recipient = Recipient { id: destination.user_id.clone(), ..Recipient::default() };
            if destination.channel_id.is_empty() {
                let kind = kind(destination.channel(), &format!("{field}.channel"))?;
                if !kind.is_built() {
                    return Err(Error::NotBuilt(kind.name()));
                }
                if destination.address.is_empty() {
                    return Err(Error::invalid(format!("{field}.address"), "is needed without a channel_id"));
                }
                places.push(Place { kind, address: destination.address, channel_id: None, recipient });
                continue;
            }
            let unknown = || Error::invalid(format!("{field}.channel_id"), "there is no such channel");
            let id = destination.channel_id.parse().map_err(|_| unknown())?;
            let found = channel::store::get(&self.db, &self.master_key, organization, id).await?;
            let configuration = found.ok_or_else(unknown)?;
            let recipient = Recipient { name: configuration.name.clone(), ..recipient };
            let kind = configuration.settings.kind();
            places.push(Place { kind, address: destination.address, channel_id: Some(id), recipient });
        }
        Ok(places)
    }
}

/// The same request again is answered as the first time; another one with its id is refused.
async fn same_request(tx: &mut Tx, organization: &OrganizationId, n: &Notification) -> Result<Accepted> {
    let known = store::by_request(tx, organization, &n.request_id).await?;
    let (id, hash) = known.ok_or(Error::NotFound("notification"))?;
    if hash != n.content_sha256 {
        let reason = format!("the request_id `{}` was used with other content", n.request_id);
        return Err(Error::AlreadyExists(reason));
    }
    Ok(Accepted { id, duplicate: true })
}

/// The subject was cancelled before its message arrived.
fn withdraw(notification: &mut Notification, deliveries: &mut [Delivery]) {
    notification.waiting_users.clear();
    notification.resolve_at = None;
    for delivery in deliveries.iter_mut().filter(|delivery| delivery.status == Status::Pending) {
        delivery.status = Status::Cancelled;
        delivery.due_at = None;
        delivery.last_error = "withdrawn before it arrived".to_owned();
    }
}

/// A delivery of the follow-up to each destination that was reached, once.
fn news(
    notification: &Notification,
    reached: Vec<Delivery>,
    excluded: &HashSet<String>,
    now: Timestamp,
) -> Vec<Delivery> {
    let mut seen = HashSet::new();
    reached
        .into_iter()
        .filter(|told| !excluded.contains(&told.recipient.id) || told.recipient.id.is_empty())
        .filter(|told| seen.insert((told.kind, told.address.clone(), told.channel_id)))
        .map(|told| Delivery {
            id: new_id(now),
            notification_id: notification.id,
            priority: notification.priority,
            status: Status::Pending,
            attempts: 0,
            budget_used: 0,
            reached: false,
            due_at: Some(now),
            last_error: String::new(),
            provider_message_id: String::new(),
            created_at: now,
            updated_at: now,
            delivered_at: None,
            ..told
        })
        .collect()
}

fn check(request: &pb::SendNotificationRequest) -> Result<()> {
    check_request_id(&request.request_id)?;
    if request.subject.len() > 255 {
        return Err(Error::invalid("subject", "must have at most 255 bytes"));
    }
    if request.destinations.is_empty() && request.user_ids.is_empty() {
        return Err(Error::invalid("destinations", "destinations or user_ids are needed"));
    }
    for (field, count) in [("destinations", request.destinations.len()), ("user_ids", request.user_ids.len())]
    {
        if count > MAX_RECIPIENTS {
            return Err(Error::invalid(field, format!("must be at most {MAX_RECIPIENTS}")));
        }
    }
    let context = request.render_context.as_ref().map_or(Value::Null, from_struct);
    if context.to_string().len() > MAX_CONTEXT_BYTES {
        return Err(Error::invalid("render_context", "must be at most 256 KiB as JSON"));
    }
    Ok(())
}

fn check_request_id(request_id: &str) -> Result<()> {
    if (1..=255).contains(&request_id.len()) {
        return Ok(());
    }
    Err(Error::invalid("request_id", "must have 1 to 255 bytes"))
}

/// The hash of all that makes a request what it is. Maps have no order on the wire, so the context
/// is hashed as JSON, whose keys are sorted.
fn content_hash(request: &pb::SendNotificationRequest) -> String {
    let context = request.render_context.as_ref().map_or(Value::Null, from_struct);
    let rest = pb::SendNotificationRequest { render_context: None, ..request.clone() };
    let mut hash = Sha256::new();
    hash.update(rest.encode_to_vec());
    hash.update(context.to_string().as_bytes());
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unique(ids: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    ids.into_iter().filter(|id| seen.insert(id.clone())).collect()
}

/// The same for a cancellation.
fn cancel_hash(request: &pb::CancelNotificationRequest) -> String {
    let follow_up = request.follow_up.clone().unwrap_or_default();
    let context = follow_up.render_context.as_ref().map_or(Value::Null, from_struct);
    let rest = pb::CancelNotificationRequest {
        follow_up: Some(pb::FollowUp { render_context: None, ..follow_up }),
        ..request.clone()
    };
    hex(&Sha256::digest([rest.encode_to_vec(), context.to_string().into_bytes()].concat()))
}
