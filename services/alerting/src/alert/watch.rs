//! Watching alerts as they change.
//!
//! Changes on this node arrive at once. Those that other nodes make are seen in the histories,
//! which are looked at every second; entries are told once, whichever way they come.

use std::{collections::HashSet, time::Duration};

use callout_auth::OrganizationId;
use callout_proto::alerting::v1 as pb;
use callout_store::new_id;
use jiff::SignedDuration;
use tokio::sync::{broadcast::error::RecvError, mpsc};
use tonic::Status;
use uuid::Uuid;

use super::{
    Alert,
    event::RecordedEvent,
    filter::{self, Filter},
    history, store,
    wire::event_to_pb,
};
use crate::{error::Error, state::State};

/// How far back histories are looked at: nodes commit in another order than they make ids.
const OVERLAP: SignedDuration = SignedDuration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many entries are remembered as told.
const REMEMBERED: usize = 10_000;

type Sender = mpsc::Sender<Result<pb::WatchAlertsResponse, Status>>;

struct Watch {
    state: State,
    organization: OrganizationId,
    filter: Filter,
    told: HashSet<Uuid>,
    to: Sender,
}

/// Tells `to` about the organization's alerts until it hangs up.
pub(super) async fn run(
    state: State,
    organization: OrganizationId,
    filter: Filter,
    include_open: bool,
    to: Sender,
) {
    let mut changes = state.changes.subscribe();
    let mut watch = Watch { state, organization, filter, told: HashSet::new(), to };
    if include_open && watch.tell_open().await.is_none() {
        return;
    }
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut since = new_id(watch.state.clock.now());
    loop {
        let goes_on = tokio::select! {
            change = changes.recv() => match change {
                Ok(change) if change.alert.organization == watch.organization => {
                    watch.tell(&change.alert, (*change.event).clone()).await
                }
                Ok(_) | Err(RecvError::Lagged(_)) => Some(()),
                Err(RecvError::Closed) => None,
            },
            _ = look.tick() => watch.tell_since(&mut since).await,
            () = watch.to.closed() => None,
        };
        if goes_on.is_none() {
            return;
        }
    }
}

impl Watch {
    async fn tell_open(&self) -> Option<()> {
        let mut filter = self.filter.clone();
        if filter.statuses.is_empty() {
            filter.statuses = vec![super::Status::Triggered, super::Status::Acknowledged];
        }
        let found = filter::list(&self.state.db, &self.organization, &filter, None, 1000).await;
        let alerts = self.or_end(found.map_err(Error::from)).await?;
        for alert in alerts {
            let alert = self.or_end(self.state.present(alert).await).await?;
            self.to.send(Ok(pb::WatchAlertsResponse { alert: Some(alert), event: None })).await.ok()?;
        }
        Some(())
    }

    async fn tell_since(&mut self, since: &mut Uuid) -> Option<()> {
        let found = history::since(&self.state.db, &self.organization, *since).await;
        // A database that is away for a moment does not end the watch.
        let Ok(recorded) = found else { return Some(()) };
        for entry in recorded {
            let found = store::get(&self.state.db, &self.organization, entry.event.alert_id).await;
            if let Ok(Some(alert)) = found {
                self.tell(&alert, entry).await?;
            }
        }
        let now = self.state.clock.now();
        *since = new_id(now.checked_sub(OVERLAP).unwrap_or(now));
        Some(())
    }

    async fn tell(&mut self, alert: &Alert, entry: RecordedEvent) -> Option<()> {
        if self.told.len() > REMEMBERED {
            self.told.clear();
        }
        if !self.filter.matches(alert) || !self.told.insert(entry.id) {
            return Some(());
        }
        let alert = self.or_end(self.state.present(alert.clone()).await).await?;
        let response = pb::WatchAlertsResponse { alert: Some(alert), event: Some(event_to_pb(entry)) };
        self.to.send(Ok(response)).await.ok()
    }

    /// The value; an error is told and ends the watch.
    async fn or_end<T>(&self, result: Result<T, Error>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                let _ = self.to.send(Err(error.into())).await;
                None
            }
        }
    }
}
