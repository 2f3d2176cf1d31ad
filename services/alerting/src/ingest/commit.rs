//! Group commit: what arrives together is committed together.
//!
//! Requests wait in a queue. While one transaction commits, others gather; the next one takes them
//! all, up to a bound. Nothing waits for company: an idle committer commits a single request at
//! once. Each request is answered after the commit that has its signals in it.

use std::collections::{BTreeSet, HashSet};

use callout_runtime::Wake;
use callout_store::{Db, Result, StoreError};
use jiff::Timestamp;
use tokio::sync::{broadcast, mpsc, oneshot};

use super::{
    fold::{Plan, fold, open_key},
    signal::{Signal, Verdict},
};
use crate::{
    action::ActionLinks,
    alert::{self, event::RecordedEvent, history, store::OpenKey},
    escalation, notify,
    snapshot::Snapshots,
    state::Change,
};

/// How many signals one transaction takes, unless one request has more.
const MAX_SIGNALS: usize = 1000;
/// How many requests may wait; further ones wait at the door.
const QUEUE: usize = 10_000;
/// How often a batch is tried again because another node opened one of its alerts meanwhile.
const TRIES: usize = 5;

struct Batch {
    signals: Vec<Signal>,
    answer: oneshot::Sender<Result<Vec<Verdict>>>,
}

/// Takes signals and answers when they are committed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Committer(mpsc::Sender<Batch>);

/// What the committer works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The service's database.
    pub db: Db,
    /// The present time.
    pub clock: callout_runtime::SharedClock,
    /// The organizations' configuration.
    pub snapshots: Snapshots,
    /// Signs action links.
    pub links: ActionLinks,
    /// Wakes the escalation worker.
    pub escalation_wake: Wake,
    /// Wakes the outbox relay.
    pub outbox_wake: Wake,
    /// Told about each change.
    pub changes: broadcast::Sender<Change>,
}

impl Committer {
    /// Starts one. It ends when the last handle on it is dropped.
    pub fn start(parts: Parts) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(run(parts, receiver));
        Self(sender)
    }

    /// Commits signals; says what became of each, in their order.
    pub async fn submit(&self, signals: Vec<Signal>) -> Result<Vec<Verdict>> {
        if signals.is_empty() {
            return Ok(Vec::new());
        }
        let gone = || StoreError::Unavailable(sqlx::Error::PoolClosed);
        let (answer, answered) = oneshot::channel();
        self.0.send(Batch { signals, answer }).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

async fn run(parts: Parts, mut queue: mpsc::Receiver<Batch>) {
    while let Some(first) = queue.recv().await {
        let mut batches = vec![first];
        let mut count = batches[0].signals.len();
        while count < MAX_SIGNALS
            && let Ok(batch) = queue.try_recv()
        {
            count += batch.signals.len();
            batches.push(batch);
        }
        metrics::histogram!("callout_ingest_batch_signals").record(count as f64);
        settle(&parts, batches).await;
    }
}

/// Commits batches together; where that fails for a reason that lies in one of them, each by
/// itself, so that one does not take the others with it.
async fn settle(parts: &Parts, batches: Vec<Batch>) {
    let all = batches.iter().flat_map(|batch| batch.signals.iter().cloned()).collect();
    match commit(parts, all).await {
        Ok(verdicts) => {
            let mut verdicts = verdicts.into_iter();
            for batch in batches {
                let own = verdicts.by_ref().take(batch.signals.len()).collect();
                let _ = batch.answer.send(Ok(own));
            }
        }
        Err(error) if batches.len() > 1 && !matches!(error, StoreError::Unavailable(_)) => {
            for batch in batches {
                let result = commit(parts, batch.signals).await;
                let _ = batch.answer.send(result);
            }
        }
        Err(error) => {
            tracing::warn!(error = ?error, "signals not committed");
            let mut error = Some(error);
            for batch in batches {
                let own = error.take();
                let own = own.unwrap_or(StoreError::Unavailable(sqlx::Error::PoolTimedOut));
                let _ = batch.answer.send(Err(own));
            }
        }
    }
}

async fn commit(parts: &Parts, signals: Vec<Signal>) -> Result<Vec<Verdict>> {
    let organizations: HashSet<_> = signals.iter().map(|signal| signal.organization.clone()).collect();
    let keys: Vec<OpenKey> = signals.iter().map(open_key).collect::<BTreeSet<_>>().into_iter().collect();
    for _ in 1..TRIES {
        let now = parts.clock.now();
        let snapshots = parts.snapshots.get_many(&parts.db, organizations.clone(), now).await?;
        let mut tx = parts.db.begin().await?;
        let open = alert::store::lock_open(&mut tx, &keys).await?;
        let plan = fold(signals.clone(), open, &snapshots, now);
        if alert::store::insert(&mut tx, &plan.new).await? < plan.new.len() as u64 {
            // Another node opened one of them since: now it can be seen.
            continue;
        }
        let recorded = write(parts, &mut tx, &plan, &snapshots, now).await?;
        tx.commit().await?;
        announce(parts, &plan, recorded);
        return Ok(plan.verdicts);
    }
    Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut))
}

async fn write(
    parts: &Parts,
    tx: &mut callout_store::Tx,
    plan: &Plan,
    snapshots: &super::fold::Snapshots,
    now: Timestamp,
) -> Result<Vec<RecordedEvent>> {
    let service = |alert: &alert::Alert| {
        let snapshot = snapshots.get(&alert.organization)?;
        snapshot.services.get(&alert.service_id).map(|config| &config.service)
    };
    alert::store::report(tx, &plan.changed).await?;
    escalation::store::insert(tx, &plan.escalations).await?;
    let closed: Vec<_> = plan.closed.iter().map(|alert| alert.id).collect();
    escalation::store::end(tx, &closed).await?;
    let mut messages: Vec<_> = plan
        .channels
        .iter()
        .map(|(alert, channel)| notify::channel(&parts.links, alert, service(alert), channel, now))
        .collect();
    messages.extend(plan.closed.iter().map(|alert| notify::close_message(alert, service(alert), None, now)));
    callout_outbox::append(tx, &messages).await?;
    history::append(tx, plan.events.clone()).await
}

fn announce(parts: &Parts, plan: &Plan, recorded: Vec<RecordedEvent>) {
    if !plan.escalations.is_empty() {
        parts.escalation_wake.wake();
    }
    if !plan.channels.is_empty() || !plan.closed.is_empty() {
        parts.outbox_wake.wake();
    }
    metrics::counter!("callout_alerts_opened_total").increment(plan.new.len() as u64);
    metrics::counter!("callout_alerts_repeated_total").increment(plan.changed.len() as u64);
    if parts.changes.receiver_count() == 0 {
        return;
    }
    for entry in recorded {
        let known = plan.new.iter().chain(&plan.changed).find(|alert| alert.id == entry.event.alert_id);
        if let Some(alert) = known {
            let _ = parts.changes.send(Change { alert: alert.clone().into(), event: entry.into() });
        }
    }
}
