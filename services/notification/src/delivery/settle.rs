//! Writing down what became of attempts, those that end together in one transaction.

use std::time::Duration;

use callout_store::Db;
use jiff::Timestamp;
use tokio::sync::{broadcast, mpsc};
use uuid::Uuid;

use super::{
    state::{Facts, Settled, Status, settle},
    store::{self, Delivery},
};
use crate::{channel::Outcome, rendered::Kind};

/// An attempt that has ended, and what follows.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The delivery, as the attempt knew it.
    pub delivery: Delivery,
    /// What becomes of it.
    pub settled: Settled,
    /// The outcome's number on the wire.
    pub outcome_number: i64,
    /// What the provider said.
    pub detail: String,
    /// How the provider calls it.
    pub provider_id: String,
    /// When it ended.
    pub at: Timestamp,
}

impl Finished {
    /// What follows from an outcome.
    pub fn new(delivery: Delivery, outcome: &Outcome, at: Timestamp) -> Self {
        let facts = Facts {
            priority: delivery.priority,
            idempotent: delivery.kind == Kind::Webhook,
            attempts: delivery.attempts,
            budget_used: delivery.budget_used,
            created_at: delivery.created_at,
        };
        let settled = settle(&facts, outcome, at, rand::random());
        let (outcome_number, detail, provider_id) = match outcome {
            Outcome::Accepted { provider_id } => (1, String::new(), provider_id.clone()),
            Outcome::NotProcessed { reason, .. } => (2, reason.clone(), String::new()),
            Outcome::Ambiguous { reason } => (3, reason.clone(), String::new()),
            Outcome::Permanent { reason } => (4, reason.clone(), String::new()),
        };
        let detail = detail.chars().filter(|c| *c != '\0').take(1000).collect();
        Self { delivery, settled, outcome_number, detail, provider_id, at }
    }

    /// When the provider took it.
    pub fn delivered_at(&self) -> Option<Timestamp> {
        (self.settled.status == Status::Delivered).then_some(self.at)
    }
}

/// How many results one transaction takes.
const BATCH: usize = 500;
/// The pause after results could not be written.
const PAUSE: Duration = Duration::from_millis(500);

/// Takes results and writes them. Results that cannot be written are kept and written later: while
/// they are not, the attempts count as under way.
pub async fn run(
    db: Db,
    changes: broadcast::Sender<Uuid>,
    wake: callout_runtime::Wake,
    mut results: mpsc::Receiver<Finished>,
) {
    while let Some(first) = results.recv().await {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(next) = results.try_recv()
        {
            batch.push(next);
        }
        while let Err(error) = write(&db, &batch).await {
            tracing::error!(%error, "results of deliveries not written; trying again");
            tokio::time::sleep(PAUSE).await;
        }
        for finished in &batch {
            metrics::counter!("callout_deliveries_total", "outcome" => finished.outcome_number.to_string())
                .increment(1);
            let _ = changes.send(finished.delivery.id);
        }
        wake.wake();
    }
}

async fn write(db: &Db, batch: &[Finished]) -> callout_store::Result<()> {
    let mut tx = db.begin().await?;
    store::finish(&mut tx, batch).await?;
    tx.commit().await
}
