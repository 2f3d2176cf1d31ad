//! `notification.v1.NotificationService`.

use std::{
    collections::{HashMap, hash_map::Entry},
    pin::Pin,
};

use callout_auth::{OrganizationId, Principal};
use callout_proto::notification::v1::{self as pb, notification_service_server::NotificationService};
use callout_store::{PageToken, page_size};
use futures::Stream;
use tokio::sync::{broadcast::error::RecvError, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status as RpcStatus};
use uuid::Uuid;

use super::{
    state::Status,
    store::{self, Delivery, Filter},
    wire::delivery_to_pb,
};
use crate::{
    error::{Error, Result},
    state::State,
    wire::{id, kind},
};

const WHAT: &str = "delivery";

type Answer<T> = std::result::Result<Response<T>, RpcStatus>;
type Sender = mpsc::Sender<std::result::Result<pb::Delivery, RpcStatus>>;

#[tonic::async_trait]
impl NotificationService for State {
    async fn send_notification(
        &self,
        request: Request<pb::SendNotificationRequest>,
    ) -> Answer<pb::SendNotificationResponse> {
        let organization = Principal::of(&request)?.organization.clone();
        let accepted = self.accept(&organization, request.into_inner()).await?;
        let (notification_id, duplicate) = (accepted.id.to_string(), accepted.duplicate);
        Ok(Response::new(pb::SendNotificationResponse { notification_id, duplicate }))
    }

    async fn get_delivery_status(
        &self,
        request: Request<pb::GetDeliveryStatusRequest>,
    ) -> Answer<pb::Delivery> {
        let organization = Principal::of(&request)?.organization.clone();
        let id = id(&request.get_ref().delivery_id, WHAT)?;
        Ok(Response::new(self.delivery_for_answer(&organization, id).await?.ok_or(Error::NotFound(WHAT))?))
    }

    async fn list_deliveries(
        &self,
        request: Request<pb::ListDeliveriesRequest>,
    ) -> Answer<pb::ListDeliveriesResponse> {
        let organization = Principal::of(&request)?.organization.clone();
        Ok(Response::new(self.page(&organization, request.into_inner()).await?))
    }

    type StreamDeliveryStatusStream =
        Pin<Box<dyn Stream<Item = std::result::Result<pb::Delivery, RpcStatus>> + Send>>;

    async fn stream_delivery_status(
        &self,
        request: Request<pb::StreamDeliveryStatusRequest>,
    ) -> Answer<Self::StreamDeliveryStatusStream> {
        let organization = Principal::of(&request)?.organization.clone();
        let (to, from) = mpsc::channel(64);
        tokio::spawn(watch(self.clone(), organization, request.into_inner(), to));
        Ok(Response::new(Box::pin(ReceiverStream::new(from))))
    }

    async fn cancel_notification(
        &self,
        request: Request<pb::CancelNotificationRequest>,
    ) -> Answer<pb::CancelNotificationResponse> {
        let organization = Principal::of(&request)?.organization.clone();
        Ok(Response::new(self.cancel(&organization, request.into_inner()).await?))
    }

    async fn retry_delivery(&self, request: Request<pb::RetryDeliveryRequest>) -> Answer<pb::Delivery> {
        let organization = Principal::of(&request)?.organization.clone();
        let id = id(&request.get_ref().delivery_id, WHAT)?;
        self.retry(&organization, id).await?;
        Ok(Response::new(self.delivery_for_answer(&organization, id).await?.ok_or(Error::NotFound(WHAT))?))
    }

    async fn register_destination(
        &self,
        request: Request<pb::RegisterDestinationRequest>,
    ) -> Answer<pb::RegisterDestinationResponse> {
        let organization = Principal::of(&request)?.organization.clone();
        let destination_id = self.register(&organization, request.into_inner()).await?.to_string();
        Ok(Response::new(pb::RegisterDestinationResponse { destination_id }))
    }
}

impl State {
    async fn delivery_for_answer(
        &self,
        organization: &OrganizationId,
        id: Uuid,
    ) -> Result<Option<pb::Delivery>> {
        let Some(delivery) = store::get(&self.db, organization, id).await? else { return Ok(None) };
        let notification = store::notification(&self.db, organization, delivery.notification_id).await?;
        let history = store::history(&self.db, id).await?;
        Ok(Some(delivery_to_pb(delivery, notification.as_ref(), history)))
    }

    async fn page(
        &self,
        organization: &OrganizationId,
        request: pb::ListDeliveriesRequest,
    ) -> Result<pb::ListDeliveriesResponse> {
        let notification_id = match request.notification_id.as_str() {
            "" => None,
            text => Some(id(text, "notification")?),
        };
        let filter = Filter {
            notification_id,
            subject: request.subject.clone(),
            statuses: request.statuses.iter().take(10).map(|status| i64::from(*status)).collect(),
            kind: request.channel.into(),
            user_id: request.user_id.clone(),
        };
        let size = page_size(request.page_size, 100, 500).map_err(|e| Error::page(&e))?;
        let before: Option<Uuid> =
            PageToken::decode(&request.page_token, &filter).map_err(|e| Error::page(&e))?;
        let limit = i64::try_from(size + 1).unwrap_or(i64::MAX);
        let mut found =
            store::list(&self.db, organization, &filter, before.unwrap_or(Uuid::max()), limit).await?;
        let more = found.len() > size;
        found.truncate(size);
        let last = found.last().filter(|_| more);
        let next_page_token = last.map(|d| PageToken::encode(d.id, &filter)).unwrap_or_default();
        let deliveries = self.deliveries_for_answer(organization, found, request.include_history).await?;
        Ok(pb::ListDeliveriesResponse { deliveries, next_page_token })
    }

    async fn deliveries_for_answer(
        &self,
        organization: &OrganizationId,
        found: Vec<Delivery>,
        with_history: bool,
    ) -> Result<Vec<pb::Delivery>> {
        let mut notifications = HashMap::new();
        let mut answers = Vec::with_capacity(found.len());
        for delivery in found {
            let of = delivery.notification_id;
            if let Entry::Vacant(place) = notifications.entry(of) {
                place.insert(store::notification(&self.db, organization, of).await?);
            }
            let history =
                if with_history { store::history(&self.db, delivery.id).await? } else { Default::default() };
            answers.push(delivery_to_pb(delivery, notifications[&of].as_ref(), history));
        }
        Ok(answers)
    }

    async fn retry(&self, organization: &OrganizationId, id: Uuid) -> Result<()> {
        let delivery = store::get(&self.db, organization, id).await?.ok_or(Error::NotFound(WHAT))?;
        if !matches!(delivery.status, Status::Failed | Status::Cancelled | Status::Unknown) {
            let reason = "only a failed, cancelled or unknown delivery can be sent again";
            return Err(Error::Precondition(reason.to_owned()));
        }
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        store::set_status(&mut tx, &delivery, Status::Pending, Some(now), "sent again by hand", now).await?;
        tx.commit().await?;
        self.delivery_wake.wake();
        Ok(())
    }

    async fn register(
        &self,
        organization: &OrganizationId,
        request: pb::RegisterDestinationRequest,
    ) -> Result<Uuid> {
        let destination = request.destination.unwrap_or_default();
        let kind = kind(destination.channel(), "destination.channel")?;
        for (field, text, max) in [
            ("destination.user_id", &destination.user_id, 128),
            ("destination.address", &destination.address, 2048),
        ] {
            if !(1..=max).contains(&text.len()) {
                return Err(Error::invalid(field, format!("must have 1 to {max} bytes")));
            }
        }
        if request.label.len() > 255 {
            return Err(Error::invalid("label", "must have at most 255 bytes"));
        }
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let (user, address) = (&destination.user_id, &destination.address);
        let id = store::register(&mut tx, organization, user, kind, address, &request.label, now).await?;
        tx.commit().await?;
        Ok(id)
    }
}

/// Tells `to` about deliveries as they change on this node, until it hangs up.
async fn watch(
    state: State,
    organization: OrganizationId,
    request: pb::StreamDeliveryStatusRequest,
    to: Sender,
) {
    let mut changes = state.changes.subscribe();
    loop {
        let id = tokio::select! {
            change = changes.recv() => match change {
                Ok(id) => id,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            },
            () = to.closed() => return,
        };
        // One of another organization is not found.
        let Ok(Some(delivery)) = state.delivery_for_answer(&organization, id).await else { continue };
        let wanted = |filter: &str, value: &str| filter.is_empty() || filter == value;
        let fits = wanted(&request.notification_id, &delivery.notification_id)
            && wanted(&request.subject, &delivery.subject);
        if fits && to.send(Ok(delivery)).await.is_err() {
            return;
        }
    }
}
