//! Sends what is due.
//!
//! Deliveries are taken lane by lane, so that a slow channel fills its own lane and no other. That
//! an attempt begins is committed before anything leaves; what came of it is written when it ends.
//! A node that dies in between leaves an attempt whose lease runs out: it may have arrived.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use callout_runtime::{Next, Worker, WorkerError};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    limit::Limits,
    settle::{self, Finished},
    state::Status,
    store::{self, Delivery},
};
use crate::{
    channel::{self, Outcome, Parcel, configuration::Configuration},
    error::{Error, Result},
    rendered::Rendered,
    state::State,
    template::{builtin, render},
};

/// How many attempts of one lane may be under way.
const LANE_CAPACITY: usize = 64;
/// How long an attempt is left alone by others: longer than any attempt takes.
const LEASE: SignedDuration = SignedDuration::from_secs(15);

/// The worker.
#[derive(Debug)]
pub struct DeliveryWorker {
    state: State,
    limits: Limits,
    results: mpsc::Sender<Finished>,
    under_way: Arc<Mutex<HashMap<String, usize>>>,
}

impl DeliveryWorker {
    /// A worker on the service's state. What writes its results ends when it is dropped.
    pub fn new(state: State) -> Self {
        let (results, receiver) = mpsc::channel(10_000);
        let (db, changes, wake) = (state.db.clone(), state.changes.clone(), state.delivery_wake.clone());
        tokio::spawn(settle::run(db, changes, wake, receiver));
        Self { state, limits: Limits::default(), results, under_way: Arc::default() }
    }

    /// Takes what is due in a lane and sends it; says whether it took all it could.
    async fn run_lane(&self, lane: &str, now: Timestamp) -> Result<bool> {
        let free = LANE_CAPACITY.saturating_sub(self.busy(lane));
        if free == 0 {
            return Ok(false);
        }
        let mut tx = self.state.db.begin().await?;
        let due = store::due(&mut tx, lane, now, i64::try_from(free).unwrap_or(1)).await?;
        let took_all = due.len() == free;
        let configuration = match due.first() {
            Some(first) => self.configuration(first).await?,
            None => None,
        };
        let mut started = Vec::with_capacity(due.len());
        for mut delivery in due {
            if delivery.status == Status::Sending {
                let died = Outcome::ambiguous("the node that sent it died");
                store::finish(&mut tx, &[Finished::new(delivery, &died, now)]).await?;
                continue;
            }
            let limit = self.limits.check(lane, delivery.kind, configuration.as_ref(), delivery.priority);
            if let Err(wait) = limit {
                let later = Some(now.checked_add(wait).unwrap_or(Timestamp::MAX));
                let reason = "waits for the rate limit";
                store::set_status(&mut tx, &delivery, Status::Pending, later, reason, now).await?;
                continue;
            }
            store::start(&mut tx, &mut delivery, now, LEASE).await?;
            started.push(delivery);
        }
        tx.commit().await?;
        let configuration = Arc::new(configuration);
        for delivery in started {
            self.dispatch(delivery, Arc::clone(&configuration));
        }
        Ok(took_all)
    }

    async fn configuration(&self, delivery: &Delivery) -> Result<Option<Configuration>> {
        let Some(id) = delivery.channel_id else { return Ok(None) };
        let (db, key) = (&self.state.db, &self.state.master_key);
        Ok(channel::store::get(db, key, &delivery.organization, id).await?)
    }

    fn dispatch(&self, delivery: Delivery, configuration: Arc<Option<Configuration>>) {
        let (state, results, under_way) =
            (self.state.clone(), self.results.clone(), Arc::clone(&self.under_way));
        let lane = delivery.lane.clone();
        *under_way.lock().expect("no holder of the lock panics").entry(lane.clone()).or_default() += 1;
        tokio::spawn(async move {
            let outcome = state.attempt(&delivery, configuration.as_ref().as_ref()).await;
            let finished = Finished::new(delivery, &outcome, state.clock.now());
            if let Some(count) = under_way.lock().expect("no holder of the lock panics").get_mut(&lane) {
                *count = count.saturating_sub(1);
            }
            // The receiver ends with the program only.
            let _ = results.send(finished).await;
        });
    }

    fn busy(&self, lane: &str) -> usize {
        self.under_way.lock().expect("no holder of the lock panics").get(lane).copied().unwrap_or(0)
    }
}

#[async_trait]
impl Worker for DeliveryWorker {
    fn name(&self) -> &'static str {
        "deliveries"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(1)
    }

    async fn run_once(&self, now: Timestamp) -> std::result::Result<Next, WorkerError> {
        let mut more = false;
        for lane in store::lanes(&self.state.db, now).await? {
            match self.run_lane(&lane, now).await {
                Ok(took_all) => more |= took_all && self.busy(&lane) < LANE_CAPACITY,
                // A lane that fails must not hold up the others.
                Err(error) => tracing::error!(lane, ?error, "deliveries not taken"),
            }
        }
        if more {
            return Ok(Next::Now);
        }
        let next = store::next_due(&self.state.db).await?;
        // A full lane is woken by the attempts that end in it.
        let next = next.map(|at| at.max(now + SignedDuration::from_millis(20)));
        Ok(next.map_or(Next::WhenWoken, Next::At))
    }
}

impl State {
    /// Renders and sends once.
    async fn attempt(&self, delivery: &Delivery, configuration: Option<&Configuration>) -> Outcome {
        if delivery.channel_id.is_some() && configuration.is_none() {
            return Outcome::permanent("the channel was deleted");
        }
        let rendered = match self.render_with(delivery, configuration).await {
            Ok((rendered, _)) => rendered,
            Err(Error::Store(error)) => return Outcome::not_processed(error.to_string()),
            Err(error) => return Outcome::permanent(error.to_string()),
        };
        let parcel = Parcel {
            delivery_id: delivery.id,
            subject: &delivery.subject,
            address: &delivery.address,
            rendered: &rendered,
        };
        self.channels.send(delivery.kind, configuration, &parcel).await
    }

    /// What a delivery sends, byte for byte; and why not by its own template, if not.
    pub(crate) async fn render_delivery(&self, delivery: &Delivery) -> Result<(Rendered, Option<String>)> {
        let configuration = match delivery.channel_id {
            Some(id) => channel::store::get(&self.db, &self.master_key, &delivery.organization, id).await?,
            None => None,
        };
        self.render_with(delivery, configuration.as_ref()).await
    }

    async fn render_with(
        &self,
        delivery: &Delivery,
        configuration: Option<&Configuration>,
    ) -> Result<(Rendered, Option<String>)> {
        let found = store::notification(&self.db, &delivery.organization, delivery.notification_id).await?;
        let notification = found.ok_or(Error::NotFound("notification"))?;
        let mut context = notification.context;
        context["user"] = serde_json::to_value(&delivery.recipient).unwrap_or_default();
        let address = configuration.and_then(|c| channel::rpc::slack_address(c, &delivery.address));
        let own = match notification.template_id {
            None => None,
            Some(id) => self.version(id, notification.template_version).await?,
        };
        let Some(version) = own else {
            return render_default(delivery, &context, address.as_deref()).map(|rendered| (rendered, None));
        };
        match render::render(&version, delivery.kind, &context, address.as_deref()) {
            Ok(rendered) => Ok((rendered, None)),
            Err(problem) => {
                // A page must go out even if its template fails: the built-in one says what matters.
                tracing::warn!(delivery = %delivery.id, %problem, "template failed; the built-in one is used");
                let rendered = render_default(delivery, &context, address.as_deref())?;
                Ok((rendered, Some(problem.to_string())))
            }
        }
    }

    async fn version(&self, id: Uuid, number: i64) -> Result<Option<crate::template::Version>> {
        Ok(crate::template::store::version(&self.db, id, number).await?)
    }
}

fn render_default(
    delivery: &Delivery,
    context: &serde_json::Value,
    address: Option<&str>,
) -> Result<Rendered> {
    let version = builtin::default().published;
    render::render(&version, delivery.kind, context, address).map_err(|problem| vec![problem].into())
}
