//! Takes the steps that are due.
//!
//! Each escalation is taken in a transaction of its own, which locks the alert and looks again
//! whether it is still due: two nodes never take the same step, and a node that dies in between
//! leaves nothing half done.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use callout_runtime::{Next, Worker, WorkerError};
use jiff::Timestamp;
use uuid::Uuid;

use super::{Reach, apply, step::Event, store};
use crate::{
    alert::{self, history},
    error::Result,
    state::State,
};

/// How many escalations one run takes.
const BATCH: i64 = 200;

/// The worker.
#[derive(Debug)]
pub struct EscalationWorker(State);

impl EscalationWorker {
    /// A worker on the service's state.
    pub fn new(state: State) -> Self {
        Self(state)
    }

    async fn take(&self, due: &store::Stored, reach: &Reach, now: Timestamp) -> Result<()> {
        let state = &self.0;
        let mut tx = state.db.begin().await?;
        if !store::lock_due(&mut tx, due.alert_id, now).await? {
            return Ok(());
        }
        let alert = alert::store::lock(&mut tx, &due.organization, due.alert_id).await?;
        let escalation = store::get(&mut tx, due.alert_id).await?;
        let (Some(mut alert), Some(escalation)) = (alert, escalation) else { return Ok(()) };
        let applied = apply(&mut tx, &state.links, &mut alert, escalation, &Event::Due, reach, now).await?;
        let recorded = history::append(&mut tx, applied.events).await?;
        tx.commit().await?;
        state.outbox_wake.wake();
        state.announce(&alert, recorded);
        Ok(())
    }
}

#[async_trait]
impl Worker for EscalationWorker {
    fn name(&self) -> &'static str {
        "escalation"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(1)
    }

    async fn run_once(&self, now: Timestamp) -> std::result::Result<Next, WorkerError> {
        let state = &self.0;
        let due = store::due(&state.db, now, BATCH).await?;
        if due.is_empty() {
            return Ok(store::next_due(&state.db).await?.map_or(Next::WhenWoken, Next::At));
        }
        let organizations = due.iter().map(|due| due.organization.clone()).collect();
        let snapshots = state.snapshots.get_many(&state.db, organizations, now).await?;
        let mut reaches: HashMap<(String, Uuid), Reach> = HashMap::new();
        for due in &due {
            let key = (due.organization.to_string(), due.policy_id);
            if !reaches.contains_key(&key) {
                let snapshot = Arc::clone(&snapshots[&due.organization]);
                let reach = Reach::prepare(&state.identity, &due.organization, snapshot, due.policy_id).await;
                reaches.insert(key.clone(), reach);
            }
            // One that fails must not hold up the others.
            if let Err(error) = self.take(due, &reaches[&key], now).await {
                tracing::error!(alert = %due.alert_id, error = ?error, "escalation step failed");
                metrics::counter!("callout_escalation_errors_total").increment(1);
            }
        }
        // Those that failed are still due: they wait for the next look instead of spinning.
        Ok(Next::At(now.checked_add(jiff::SignedDuration::from_millis(20))?))
    }
}
