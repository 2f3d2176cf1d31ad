//! Acting on an alert: what people and programs may do to one.
//!
//! Each act is one transaction: it locks the alert, changes it, lets its escalation know, writes
//! its history and plans what others are told.

use std::sync::Arc;

use callout_auth::{OrganizationId, Principal};
use callout_store::Tx;
use jiff::{SignedDuration, Timestamp};

use super::{Alert, AlertId, Event, EventKind, Status, event::RecordedEvent, history, store};
use crate::{
    error::{Error, Result},
    escalation::{self, Reach, step},
    notify,
    snapshot::Snapshot,
    state::{Change, State},
};

/// The longest snooze.
pub const MAX_SNOOZE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The longest note.
const MAX_NOTE: usize = 4096;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The name that histories show.
    pub name: String,
    /// The user, if it is one.
    pub user_id: Option<String>,
}

impl From<&Principal> for Actor {
    fn from(principal: &Principal) -> Self {
        Self { name: principal.actor().to_owned(), user_id: principal.user_id().map(ToOwned::to_owned) }
    }
}

/// An act under way: the alert is locked.
struct Act {
    tx: Tx,
    alert: Alert,
    snapshot: Arc<Snapshot>,
    events: Vec<Event>,
    now: Timestamp,
}

impl State {
    /// Says that somebody is on it.
    pub async fn acknowledge(
        &self,
        organization: &OrganizationId,
        id: AlertId,
        actor: &Actor,
        note: &str,
    ) -> Result<Alert> {
        let mut act = self.begin(organization, id, note).await?;
        if !act.alert.acknowledge(&actor.name, act.now)? {
            return Ok(act.alert);
        }
        let message = format!("acknowledged by {}", actor.name);
        act.say(EventKind::Acknowledged, actor, message, note);
        self.let_escalation_know(&mut act, &step::Event::Acknowledged).await?;
        let service = act.snapshot.services.get(&act.alert.service_id).map(|config| &config.service);
        notify::acknowledged(&mut act.tx, &act.alert, service, actor.user_id.as_deref(), act.now).await?;
        self.finish(act).await
    }

    /// Takes the acknowledgement back.
    pub async fn unacknowledge(
        &self,
        organization: &OrganizationId,
        id: AlertId,
        actor: &Actor,
        note: &str,
    ) -> Result<Alert> {
        let mut act = self.begin(organization, id, note).await?;
        if !act.alert.unacknowledge(act.now)? {
            return Ok(act.alert);
        }
        let message = format!("the acknowledgement was taken back by {}", actor.name);
        act.say(EventKind::Unacknowledged, actor, message, note);
        self.let_escalation_know(&mut act, &step::Event::Unacknowledged).await?;
        self.finish(act).await
    }

    /// Closes it.
    pub async fn resolve(
        &self,
        organization: &OrganizationId,
        id: AlertId,
        actor: &Actor,
        note: &str,
    ) -> Result<Alert> {
        let mut act = self.begin(organization, id, note).await?;
        if !act.alert.resolve(&actor.name, act.now) {
            return Ok(act.alert);
        }
        act.say(EventKind::Resolved, actor, format!("resolved by {}", actor.name), note);
        self.let_escalation_know(&mut act, &step::Event::Resolved).await?;
        let service = act.snapshot.services.get(&act.alert.service_id).map(|config| &config.service);
        notify::resolved(&mut act.tx, &act.alert, service, actor.user_id.as_deref(), act.now).await?;
        self.finish(act).await
    }

    /// Goes on to the next step now. An acknowledgement ends with it: who escalates wants help.
    pub async fn escalate(
        &self,
        organization: &OrganizationId,
        id: AlertId,
        actor: &Actor,
        note: &str,
    ) -> Result<Alert> {
        let mut act = self.begin(organization, id, note).await?;
        if !act.alert.is_open() {
            return Err(Error::Precondition("a resolved alert cannot be escalated".to_owned()));
        }
        act.alert.unacknowledge(act.now)?;
        act.alert.snoozed_until = None;
        act.alert.updated_at = act.now;
        act.say(EventKind::Escalated, actor, format!("escalated by {}", actor.name), note);
        if !self.let_escalation_know(&mut act, &step::Event::Escalate).await? {
            return Err(Error::Precondition("the alert has no escalation policy".to_owned()));
        }
        self.finish(act).await
    }

    /// Holds the escalation until a time.
    pub async fn snooze(
        &self,
        organization: &OrganizationId,
        id: AlertId,
        actor: &Actor,
        until: Timestamp,
        note: &str,
    ) -> Result<Alert> {
        let mut act = self.begin(organization, id, note).await?;
        if until <= act.now || until.duration_since(act.now) > MAX_SNOOZE {
            return Err(Error::invalid("until", "must be in the future, at most 30 days ahead"));
        }
        if act.alert.status != Status::Triggered {
            let reason = format!("an alert that is {} cannot be snoozed", act.alert.status.name());
            return Err(Error::Precondition(reason));
        }
        act.alert.snoozed_until = Some(until);
        act.alert.updated_at = act.now;
        let message = format!("snoozed until {until} by {}", actor.name);
        act.say(EventKind::Snoozed, actor, message, note);
        self.let_escalation_know(&mut act, &step::Event::Snoozed { until }).await?;
        self.finish(act).await
    }

    /// Makes a user responsible, or nobody, and tells the user.
    pub async fn assign(
        &self,
        organization: &OrganizationId,
        id: AlertId,
        actor: &Actor,
        user_id: Option<String>,
    ) -> Result<Alert> {
        let mut act = self.begin(organization, id, "").await?;
        if !act.alert.is_open() {
            return Err(Error::Precondition("a resolved alert cannot be assigned".to_owned()));
        }
        if act.alert.assignee_user_id == user_id {
            return Ok(act.alert);
        }
        let message = match &user_id {
            Some(user) => format!("assigned to {user} by {}", actor.name),
            None => format!("assigned to nobody by {}", actor.name),
        };
        act.alert.assignee_user_id = user_id.clone();
        act.alert.updated_at = act.now;
        act.say(EventKind::Assigned, actor, message, "");
        if let Some(user) = user_id.filter(|user| Some(user) != actor.user_id.as_ref()) {
            let service = act.snapshot.services.get(&act.alert.service_id).map(|config| &config.service);
            let context = notify::StepContext { policy: "", step: 0, round: 0 };
            let to = [step::Recipient::User(user)];
            notify::page(&mut act.tx, &self.links, &act.alert, service, &to, &context, act.now).await?;
        }
        self.finish(act).await
    }

    /// Writes a note into the history.
    pub async fn note(
        &self,
        organization: &OrganizationId,
        id: AlertId,
        actor: &Actor,
        text: &str,
    ) -> Result<RecordedEvent> {
        let act = self.begin(organization, id, text).await?;
        let Act { mut tx, alert, now, .. } = act;
        let event = Event::new(&alert, now, EventKind::Note, &actor.name, text);
        let recorded = history::append(&mut tx, vec![event]).await?;
        tx.commit().await?;
        self.announce(&alert, recorded.clone());
        recorded.into_iter().next().ok_or(Error::NotFound("event"))
    }

    /// Changes what the alert says.
    pub async fn edit(
        &self,
        organization: &OrganizationId,
        id: AlertId,
        actor: &Actor,
        change: impl FnOnce(&mut Alert) -> Result<Vec<&'static str>> + Send,
    ) -> Result<Alert> {
        let mut act = self.begin(organization, id, "").await?;
        let fields = change(&mut act.alert)?;
        act.alert.updated_at = act.now;
        let message = format!("{} changed {}", actor.name, fields.join(", "));
        act.say(EventKind::Updated, actor, message, "");
        self.finish(act).await
    }

    /// Tells those who watch on this node.
    pub fn announce(&self, alert: &Alert, recorded: Vec<RecordedEvent>) {
        let alert = Arc::new(alert.clone());
        for event in recorded {
            // Nobody listens: nobody is told.
            let _ = self.changes.send(Change { alert: Arc::clone(&alert), event: Arc::new(event) });
        }
    }

    async fn begin(&self, organization: &OrganizationId, id: AlertId, note: &str) -> Result<Act> {
        if note.len() > MAX_NOTE {
            return Err(Error::invalid("note", "must be at most 4 KiB"));
        }
        let now = self.clock.now();
        let snapshot = self.snapshots.get(&self.db, organization, now).await?;
        let mut tx = self.db.begin().await?;
        let alert = store::lock(&mut tx, organization, id).await?.ok_or(Error::NotFound("alert"))?;
        Ok(Act { tx, alert, snapshot, events: Vec::new(), now })
    }

    /// Lets an event happen to the alert's escalation; false if it has none.
    async fn let_escalation_know(&self, act: &mut Act, event: &step::Event) -> Result<bool> {
        let Some(escalation) = escalation::store::get(&mut act.tx, act.alert.id).await? else {
            return Ok(false);
        };
        let organization = act.alert.organization.clone();
        let snapshot = Arc::clone(&act.snapshot);
        let reach = Reach::prepare(&self.identity, &organization, snapshot, escalation.policy_id).await;
        let applied =
            escalation::apply(&mut act.tx, &self.links, &mut act.alert, escalation, event, &reach, act.now)
                .await?;
        act.events.extend(applied.events);
        Ok(true)
    }

    async fn finish(&self, mut act: Act) -> Result<Alert> {
        store::update(&mut act.tx, &act.alert).await?;
        let recorded = history::append(&mut act.tx, act.events).await?;
        act.tx.commit().await?;
        self.escalation_wake.wake();
        self.outbox_wake.wake();
        self.announce(&act.alert, recorded);
        Ok(act.alert)
    }
}

impl Act {
    fn say(&mut self, kind: EventKind, actor: &Actor, message: String, note: &str) {
        self.events.push(Event::new(&self.alert, self.now, kind, &actor.name, message));
        if !note.is_empty() {
            self.events.push(Event::new(&self.alert, self.now, EventKind::Note, &actor.name, note));
        }
    }
}
