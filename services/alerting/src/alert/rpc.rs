//! `alerting.v1.AlertService`.

use std::{collections::HashMap, pin::Pin};

use callout_auth::{OrganizationId, Principal};
use callout_proto::{
    alerting::v1::{self as pb, alert_service_server::AlertService, snooze_alert_request::End},
    notification::v1 as npb,
};
use callout_runtime::request::on_behalf_of;
use callout_store::{PageToken, page_size};
use futures::{Stream, stream};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status as RpcStatus};
use uuid::Uuid;

pub use super::act::Actor;
use super::{
    Alert, AlertId, Priority, Status,
    act::MAX_SNOOZE,
    filter, fingerprint, history, store, watch,
    wire::{Content, alert_to_pb, event_to_pb, filter_from_pb, links_from_pb},
};
use crate::{
    error::{Error, Result},
    escalation,
    ingest::{Report, Signal, Verdict},
    state::State,
    wire::{Mask, duration, id, time},
};

const WHAT: &str = "alert";
const MUTABLE: [&str; 7] =
    ["summary", "details", "priority", "labels", "annotations", "links", "external_ticket_id"];

type Answer<T> = std::result::Result<Response<T>, RpcStatus>;
type Answers<T> = Pin<Box<dyn Stream<Item = std::result::Result<T, RpcStatus>> + Send>>;

/// The organization, the actor and the alert's id of a request.
macro_rules! who_and_what {
    ($request:expr) => {{
        let principal = Principal::of(&$request)?;
        let (organization, actor) = (principal.organization.clone(), Actor::from(principal));
        let id = AlertId(id(&$request.get_ref().alert_id, WHAT)?);
        (organization, actor, id, $request.into_inner())
    }};
}

#[tonic::async_trait]
impl AlertService for State {
    async fn create_alert(
        &self,
        request: Request<pb::CreateAlertRequest>,
    ) -> Answer<pb::CreateAlertResponse> {
        let principal = Principal::of(&request)?;
        let (organization, actor) = (principal.organization.clone(), Actor::from(principal));
        let signal = signal_from_pb(organization, actor, request.into_inner())?;
        let verdict = self.committer.submit(vec![signal]).await.map_err(Error::from)?.into_iter().next();
        let (alert, deduplicated) = match verdict {
            Some(Verdict::Opened(alert)) => (alert, false),
            Some(Verdict::Repeated(alert)) => (alert, true),
            _ => return Err(Error::NotFound("service").into()),
        };
        let alert = self.present(*alert).await?;
        Ok(Response::new(pb::CreateAlertResponse { alert: Some(alert), deduplicated }))
    }

    async fn get_alert(&self, request: Request<pb::GetAlertRequest>) -> Answer<pb::Alert> {
        let (organization, _, id, _) = who_and_what!(request);
        let alert = store::get(&self.db, &organization, id).await.map_err(Error::from)?;
        Ok(Response::new(self.present(alert.ok_or(Error::NotFound(WHAT))?).await?))
    }

    type ListAlertsStream = Answers<pb::ListAlertsResponse>;

    async fn list_alerts(&self, request: Request<pb::ListAlertsRequest>) -> Answer<Self::ListAlertsStream> {
        let organization = Principal::of(&request)?.organization.clone();
        let page = self.page(&organization, request.into_inner()).await?;
        Ok(Response::new(Box::pin(stream::iter(page.into_iter().map(Ok)))))
    }

    async fn count_alerts(
        &self,
        request: Request<pb::CountAlertsRequest>,
    ) -> Answer<pb::CountAlertsResponse> {
        let organization = Principal::of(&request)?.organization.clone();
        let filter = filter_from_pb(request.into_inner().filter)?;
        let counts = filter::count(&self.db, &organization, &filter).await.map_err(Error::from)?;
        let mut response = pb::CountAlertsResponse::default();
        for count in counts {
            response.total += count.count;
            if let Some(status) = Status::from_number(count.status) {
                *response.by_status.entry(status.name().to_owned()).or_default() += count.count;
            }
            if let Some(priority) = Priority::from_number(count.priority) {
                *response.by_priority.entry(priority.name().to_owned()).or_default() += count.count;
            }
        }
        Ok(Response::new(response))
    }

    async fn update_alert(&self, request: Request<pb::UpdateAlertRequest>) -> Answer<pb::Alert> {
        let principal = Principal::of(&request)?;
        let (organization, actor) = (principal.organization.clone(), Actor::from(principal));
        let request = request.into_inner();
        let mask = Mask::new(request.update_mask, &MUTABLE)?;
        let wanted = request.alert.unwrap_or_default();
        let id = AlertId(id(&wanted.id, WHAT)?);
        let change = |alert: &mut Alert| edit(alert, wanted, &mask);
        let alert = self.edit(&organization, id, &actor, change).await?;
        Ok(Response::new(self.present(alert).await?))
    }

    async fn update_alert_status(&self, request: Request<pb::UpdateAlertStatusRequest>) -> Answer<pb::Alert> {
        let (organization, actor, id, request) = who_and_what!(request);
        let alert = match Status::from_number(request.status.into()) {
            Some(Status::Triggered) => self.unacknowledge(&organization, id, &actor, &request.note).await,
            Some(Status::Acknowledged) => self.acknowledge(&organization, id, &actor, &request.note).await,
            Some(Status::Resolved) => self.resolve(&organization, id, &actor, &request.note).await,
            None => Err(Error::invalid("status", "must be TRIGGERED, ACKNOWLEDGED or RESOLVED")),
        };
        Ok(Response::new(self.present(alert?).await?))
    }

    async fn acknowledge_alert(&self, request: Request<pb::AcknowledgeAlertRequest>) -> Answer<pb::Alert> {
        let (organization, actor, id, request) = who_and_what!(request);
        let alert = self.acknowledge(&organization, id, &actor, &request.note).await?;
        Ok(Response::new(self.present(alert).await?))
    }

    async fn resolve_alert(&self, request: Request<pb::ResolveAlertRequest>) -> Answer<pb::Alert> {
        let (organization, actor, id, request) = who_and_what!(request);
        let alert = self.resolve(&organization, id, &actor, &request.note).await?;
        Ok(Response::new(self.present(alert).await?))
    }

    async fn escalate_alert(&self, request: Request<pb::EscalateAlertRequest>) -> Answer<pb::Alert> {
        let (organization, actor, id, request) = who_and_what!(request);
        let alert = self.escalate(&organization, id, &actor, &request.note).await?;
        Ok(Response::new(self.present(alert).await?))
    }

    async fn snooze_alert(&self, request: Request<pb::SnoozeAlertRequest>) -> Answer<pb::Alert> {
        let (organization, actor, id, request) = who_and_what!(request);
        let until = match request.end {
            Some(End::Until(at)) => time(at, "until")?,
            Some(End::Duration(wait)) => {
                let wait = duration(wait).min(MAX_SNOOZE + MAX_SNOOZE);
                self.clock.now().checked_add(wait).unwrap_or(Timestamp::MAX)
            }
            None => return Err(Error::invalid("until", "one of until and duration is needed").into()),
        };
        let alert = self.snooze(&organization, id, &actor, until, &request.note).await?;
        Ok(Response::new(self.present(alert).await?))
    }

    async fn assign_alert(&self, request: Request<pb::AssignAlertRequest>) -> Answer<pb::Alert> {
        let (organization, actor, id, request) = who_and_what!(request);
        let user_id = Some(request.user_id).filter(|id| !id.is_empty());
        if let Some(user) = &user_id {
            // While identity cannot be asked, whoever assigns is trusted to know the name.
            if let Ok(false) = self.identity.is_active_user(organization.as_str(), user).await {
                return Err(Error::invalid("user_id", "there is no such active user").into());
            }
        }
        let alert = self.assign(&organization, id, &actor, user_id).await?;
        Ok(Response::new(self.present(alert).await?))
    }

    async fn add_alert_note(&self, request: Request<pb::AddAlertNoteRequest>) -> Answer<pb::AlertEvent> {
        let (organization, actor, id, request) = who_and_what!(request);
        if !(1..=4096).contains(&request.text.len()) {
            return Err(Error::invalid("text", "must be 1 byte to 4 KiB").into());
        }
        let recorded = self.note(&organization, id, &actor, &request.text).await?;
        Ok(Response::new(event_to_pb(recorded)))
    }

    async fn list_alert_events(
        &self,
        request: Request<pb::ListAlertEventsRequest>,
    ) -> Answer<pb::ListAlertEventsResponse> {
        let (organization, _, id, request) = who_and_what!(request);
        Ok(Response::new(self.events(&organization, id, &request).await?))
    }

    type WatchAlertsStream = Answers<pb::WatchAlertsResponse>;

    async fn watch_alerts(
        &self,
        request: Request<pb::WatchAlertsRequest>,
    ) -> Answer<Self::WatchAlertsStream> {
        let organization = Principal::of(&request)?.organization.clone();
        let request = request.into_inner();
        let filter = filter_from_pb(request.filter)?;
        let (to, from) = mpsc::channel(64);
        tokio::spawn(watch::run(self.clone(), organization, filter, request.include_open, to));
        Ok(Response::new(Box::pin(ReceiverStream::new(from))))
    }
}

impl State {
    /// An alert for an answer, with what its escalation does.
    pub(super) async fn present(&self, alert: Alert) -> Result<pb::Alert> {
        let escalation = escalation::store::find(&self.db, alert.id).await?;
        let snapshot = self.snapshots.get(&self.db, &alert.organization, self.clock.now()).await?;
        let service = snapshot.services.get(&alert.service_id).map(|config| config.service.name.clone());
        Ok(alert_to_pb(alert, &service.unwrap_or_default(), escalation.as_ref()))
    }

    async fn page(
        &self,
        organization: &OrganizationId,
        request: pb::ListAlertsRequest,
    ) -> Result<Vec<pb::ListAlertsResponse>> {
        let filter = filter_from_pb(request.filter)?;
        let size = page_size(request.page_size, 100, 1000).map_err(|e| Error::page(&e))?;
        let after: Option<Uuid> =
            PageToken::decode(&request.page_token, &filter).map_err(|e| Error::page(&e))?;
        let limit = i64::try_from(size).unwrap_or(i64::MAX);
        let alerts = filter::list(&self.db, organization, &filter, after, limit).await?;
        let ids: Vec<_> = alerts.iter().map(|alert| alert.id).collect();
        let escalations = escalation::store::of_alerts(&self.db, &ids).await?;
        let escalations: HashMap<_, _> = escalations.into_iter().map(|e| (e.alert_id, e)).collect();
        let snapshot = self.snapshots.get(&self.db, organization, self.clock.now()).await?;
        let answers = alerts.into_iter().map(|alert| {
            let service = snapshot.services.get(&alert.service_id).map(|config| config.service.name.as_str());
            let (id, escalation) = (alert.id, escalations.get(&alert.id));
            let alert = alert_to_pb(alert, service.unwrap_or_default(), escalation);
            pb::ListAlertsResponse { alert: Some(alert), page_token: PageToken::encode(id.0, &filter) }
        });
        Ok(answers.collect())
    }

    /// The alert's own history and what became of its messages, in the order of time.
    async fn events(
        &self,
        organization: &OrganizationId,
        id: AlertId,
        request: &pb::ListAlertEventsRequest,
    ) -> Result<pb::ListAlertEventsResponse> {
        let size = page_size(request.page_size, 1000, 1000).map_err(|e| Error::page(&e))?;
        let skip: usize = PageToken::decode(&request.page_token, &request.alert_id)
            .map_err(|e| Error::page(&e))?
            .unwrap_or(0);
        store::get(&self.db, organization, id).await?.ok_or(Error::NotFound(WHAT))?;
        let own = history::list(&self.db, organization, id).await?;
        let deliveries = self.deliveries(organization, id).await;
        let mut events: Vec<pb::AlertEvent> = own.into_iter().map(event_to_pb).collect();
        let deliveries_unavailable = deliveries.is_none();
        events.extend(deliveries.unwrap_or_default());
        events.sort_by_key(|event| event.time.map(|at| (at.seconds, at.nanos)));
        let more = events.len() > skip + size;
        let events = events.into_iter().skip(skip).take(size).collect();
        let next_page_token =
            if more { PageToken::encode(skip + size, &request.alert_id) } else { String::new() };
        Ok(pb::ListAlertEventsResponse { events, next_page_token, deliveries_unavailable })
    }

    /// What became of the messages about an alert; `None` if notification cannot be asked.
    async fn deliveries(&self, organization: &OrganizationId, id: AlertId) -> Option<Vec<pb::AlertEvent>> {
        let request = npb::ListDeliveriesRequest {
            subject: crate::notify::subject(id),
            include_history: true,
            page_size: 500,
            ..Default::default()
        };
        let mut client = self.notification.clone();
        let answer = client.list_deliveries(on_behalf_of(organization.as_str(), request)).await.ok()?;
        let deliveries = answer.into_inner().deliveries;
        Some(deliveries.iter().flat_map(|delivery| delivery_events(delivery, id)).collect())
    }
}

fn delivery_events(delivery: &npb::Delivery, id: AlertId) -> Vec<pb::AlertEvent> {
    let destination = delivery.destination.clone().unwrap_or_default();
    let channel = destination.channel().as_str_name().to_lowercase();
    let to = if destination.user_id.is_empty() { &destination.address } else { &destination.user_id };
    let event = |change: &npb::DeliveryStatusChange| {
        let status = change.status().as_str_name().to_lowercase();
        let mut message = format!("{channel} to {to}: {status}");
        if !change.reason.is_empty() {
            message.push_str(&format!(" ({})", change.reason));
        }
        let details = serde_json::json!({
            "delivery_id": delivery.id, "channel": channel, "user_id": destination.user_id, "status": status,
        });
        pb::AlertEvent {
            id: String::new(),
            alert_id: id.to_string(),
            time: change.time,
            kind: pb::alert_event::Kind::Delivery.into(),
            actor: "callout".to_owned(),
            message,
            details: Some(callout_runtime::structs::to_struct(&details)),
        }
    };
    delivery.history.iter().map(event).collect()
}

fn signal_from_pb(
    organization: OrganizationId,
    actor: Actor,
    request: pb::CreateAlertRequest,
) -> Result<Signal> {
    let labels = request.labels.into_iter().collect();
    let annotations = request.annotations.into_iter().collect();
    let links = links_from_pb(request.links);
    let content = Content {
        summary: &request.summary,
        details: &request.details,
        labels: &labels,
        annotations: &annotations,
        links: &links,
    };
    let mut violations = content.violations("");
    for (field, text) in [("source", &request.source), ("fingerprint", &request.fingerprint)] {
        if text.len() > 255 {
            violations.push(crate::violation::Violation::new(field, "must have at most 255 bytes"));
        }
    }
    Error::if_any(violations)?;
    let fingerprint = match request.fingerprint {
        given if !given.is_empty() => given,
        _ => fingerprint::of_report(&request.summary, &labels),
    };
    let priority = Priority::from_number(request.priority.into());
    let source = if request.source.is_empty() { "api".to_owned() } else { request.source };
    Ok(Signal {
        organization,
        service_id: id(&request.service_id, "service")?,
        actor: actor.name,
        report: Report::Firing,
        priority: priority.unwrap_or_else(|| Priority::from_labels(&labels)),
        summary: request.summary,
        details: request.details,
        source,
        fingerprint,
        labels,
        annotations,
        links,
        started_at: request.started_at.map(|at| time(at, "started_at")).transpose()?,
    })
}

/// Changes the masked fields; returns which.
fn edit(alert: &mut Alert, wanted: pb::Alert, mask: &Mask) -> Result<Vec<&'static str>> {
    let fields: Vec<_> = MUTABLE.into_iter().filter(|field| mask.has(field)).collect();
    if mask.has("summary") {
        alert.summary = wanted.summary;
    }
    if mask.has("details") {
        alert.details = wanted.details;
    }
    if mask.has("priority") {
        let priority = Priority::from_number(wanted.priority.into());
        alert.priority = priority.ok_or_else(|| Error::invalid("alert.priority", "must be P1 to P5"))?;
    }
    if mask.has("labels") {
        alert.labels = wanted.labels.into_iter().collect();
    }
    if mask.has("annotations") {
        alert.annotations = wanted.annotations.into_iter().collect();
    }
    if mask.has("links") {
        alert.links = links_from_pb(wanted.links);
    }
    if mask.has("external_ticket_id") {
        if wanted.external_ticket_id.len() > 255 {
            return Err(Error::invalid("alert.external_ticket_id", "must have at most 255 bytes"));
        }
        alert.external_ticket_id = Some(wanted.external_ticket_id).filter(|id| !id.is_empty());
    }
    let content = Content {
        summary: &alert.summary,
        details: &alert.details,
        labels: &alert.labels,
        annotations: &alert.annotations,
        links: &alert.links,
    };
    Error::if_any(content.violations("alert."))?;
    Ok(fields)
}
