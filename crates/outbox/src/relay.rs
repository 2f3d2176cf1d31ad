//! Takes messages out of the outbox and hands them over.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use callout_runtime::{Next, Worker, WorkerError};
use callout_store::{Db, Result, Tx};
use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use crate::{
    backoff::backoff,
    message::{Message, Outcome, Trouble},
    store::{self, Taken, failed},
};

/// How many messages one run takes.
const BATCH: i64 = 64;
/// How many are handed over at once.
const CONCURRENCY: usize = 32;
/// How long a taken message is left alone by others: twice the time that a hand-over may take. It is
/// also how long a message waits that a node had taken when it died.
const LEASE: SignedDuration = SignedDuration::from_secs(20);
/// The wait after the first failure, and the longest one.
const WAITS: (SignedDuration, SignedDuration) = (SignedDuration::from_secs(1), SignedDuration::from_secs(30));

/// Knows how to hand messages over.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Hands one over. The receiver may have got it before.
    async fn deliver(&self, message: &Message) -> Outcome;

    /// Writes down, with the postponement, why a message waits or was given up.
    async fn trouble(&self, tx: &mut Tx, message: &Message, trouble: &Trouble, now: Timestamp) -> Result<()>;
}

/// A worker that empties the outbox.
#[derive(Debug)]
pub struct Relay<H> {
    db: Db,
    handler: Arc<H>,
}

impl<H: Handler> Relay<H> {
    /// A relay of this database's outbox.
    pub fn new(db: Db, handler: Arc<H>) -> Self {
        Self { db, handler }
    }

    async fn settle(&self, taken: Vec<(Taken, Outcome)>, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let done: Vec<&Message> =
            taken.iter().filter(|(_, o)| *o == Outcome::Done).map(|(t, _)| &t.message).collect();
        store::complete(&mut tx, &done).await?;
        for (taken, outcome) in &taken {
            let Some(trouble) = trouble(taken, outcome, now, rand::random()) else { continue };
            if store::postpone(&mut tx, &taken.message, &trouble, now).await? {
                self.handler.trouble(&mut tx, &taken.message, &trouble, now).await?;
            }
        }
        tx.commit().await?;
        metrics::counter!("callout_outbox_relayed_total").increment(done.len() as u64);
        Ok(())
    }
}

#[async_trait]
impl<H: Handler> Worker for Relay<H> {
    fn name(&self) -> &'static str {
        "outbox relay"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(2)
    }

    async fn run_once(&self, now: Timestamp) -> std::result::Result<Next, WorkerError> {
        // Looking costs no write, so an idle relay leaves the disk alone.
        let due = store::next_due(&self.db).await.map_err(failed)?;
        match due {
            None => return Ok(Next::WhenWoken),
            Some(due) if due > now => return Ok(Next::At(due)),
            Some(_) => {}
        }
        let mut tx = self.db.begin().await.map_err(failed)?;
        let taken = store::take(&mut tx, now, LEASE, BATCH).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        let handed = stream::iter(taken)
            .map(|taken| async move {
                let outcome = self.handler.deliver(&taken.message).await;
                (taken, outcome)
            })
            .buffer_unordered(CONCURRENCY)
            .collect::<Vec<_>>()
            .await;
        self.settle(handed, now).await.map_err(failed)?;
        Ok(Next::Now)
    }
}

/// What is wrong with a message that was not accepted.
fn trouble(taken: &Taken, outcome: &Outcome, now: Timestamp, random: f64) -> Option<Trouble> {
    let (reason, retry) = match outcome {
        Outcome::Done => return None,
        Outcome::Retry(reason) => (reason, true),
        Outcome::Refused(reason) => (reason, false),
    };
    let wait = backoff(taken.message.attempts, WAITS.0, WAITS.1, random);
    Some(Trouble {
        reason: reason.clone(),
        next_attempt: retry.then(|| now.checked_add(wait).unwrap_or(Timestamp::MAX)),
        repeated: taken.last_error.as_ref() == Some(reason),
    })
}
