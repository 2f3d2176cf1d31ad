//! Services that answer in known ways, near and far.

use std::{pin::Pin, sync::Arc};

use axum::{Router, body::Body, routing::any};
use callout_proto::{
    alerting::v1::{
        self as alerting,
        alert_service_server::{AlertService, AlertServiceServer},
    },
    identity::v1::{
        self as identity,
        user_service_server::{UserService, UserServiceServer},
    },
};
use callout_runtime::{Peer, server};
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, Request as HttpRequest};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, service::Routes};

type Answer<T> = Result<Response<T>, Status>;
type Items<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Users "u1" and "u2"; other ids fail in the way they are named after.
#[derive(Debug)]
pub struct Users;

#[tonic::async_trait]
impl UserService for Users {
    async fn list_users(
        &self,
        request: Request<identity::ListUsersRequest>,
    ) -> Answer<identity::ListUsersResponse> {
        let header = |name| request.metadata().get(name).map_or("", |value| value.to_str().unwrap_or("?"));
        // Tells what arrived in the fields of a user.
        let user = identity::User {
            id: "u1".into(),
            name: header("authorization").to_owned(),
            email: header("x-request-id").to_owned(),
            time_zone: format!("{}{}", header("cookie"), header("callout-organization")),
            role: identity::Role::Admin.into(),
            active: true,
        };
        let next_page_token = request.get_ref().page_size.to_string();
        Ok(Response::new(identity::ListUsersResponse { users: vec![user], next_page_token }))
    }

    async fn get_users_by_i_ds(
        &self,
        request: Request<identity::GetUsersByIDsRequest>,
    ) -> Answer<identity::GetUsersByIDsResponse> {
        let user = |id| identity::User { id, ..Default::default() };
        let users = request.into_inner().ids.into_iter().map(user).collect();
        Ok(Response::new(identity::GetUsersByIDsResponse { users }))
    }

    async fn get_user_contact_methods(
        &self,
        request: Request<identity::GetUserContactMethodsRequest>,
    ) -> Answer<identity::GetUserContactMethodsResponse> {
        Err(match request.get_ref().user_id.as_str() {
            "limited" => {
                let mut status = Status::resource_exhausted("slower");
                status.metadata_mut().insert("retry-after", "7".parse().unwrap());
                status
            }
            "strange" => callout_runtime::status::invalid_field("user_id", "is strange"),
            "stranger" => Status::unauthenticated("who?"),
            "forbidden" => Status::permission_denied("no"),
            "there" => Status::already_exists("yes"),
            "panic" => panic!("as asked"),
            _ => Status::not_found("no such user"),
        })
    }

    async fn validate_user_exists(
        &self,
        request: Request<identity::ValidateUserExistsRequest>,
    ) -> Answer<identity::ValidateUserExistsResponse> {
        let exists = request.get_ref().user_id == "a/b c";
        Ok(Response::new(identity::ValidateUserExistsResponse { exists, active: false }))
    }

    async fn list_teams(
        &self,
        _: Request<identity::ListTeamsRequest>,
    ) -> Answer<identity::ListTeamsResponse> {
        std::future::pending().await
    }

    async fn list_team_members(
        &self,
        _: Request<identity::ListTeamMembersRequest>,
    ) -> Answer<identity::ListTeamMembersResponse> {
        Err(Status::unimplemented("not here"))
    }
}

/// Two alerts, and a stream that tells when it is dropped.
#[derive(Debug, Default)]
pub struct Alerts {
    /// Told when a watch ends.
    pub dropped: Arc<Notify>,
}

struct TellWhenDropped(Arc<Notify>);

impl Drop for TellWhenDropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

fn listed(id: &str) -> alerting::ListAlertsResponse {
    let alert = alerting::Alert { id: id.into(), dedup_count: 3, ..Default::default() };
    alerting::ListAlertsResponse { alert: Some(alert), page_token: id.into() }
}

#[tonic::async_trait]
impl AlertService for Alerts {
    type ListAlertsStream = Items<alerting::ListAlertsResponse>;
    type WatchAlertsStream = Items<alerting::WatchAlertsResponse>;

    async fn get_alert(&self, request: Request<alerting::GetAlertRequest>) -> Answer<alerting::Alert> {
        Ok(Response::new(alerting::Alert { id: request.into_inner().alert_id, ..Default::default() }))
    }

    async fn create_alert(
        &self,
        request: Request<alerting::CreateAlertRequest>,
    ) -> Answer<alerting::CreateAlertResponse> {
        let request = request.into_inner();
        let alert =
            alerting::Alert { summary: request.summary, labels: request.labels, ..Default::default() };
        Ok(Response::new(alerting::CreateAlertResponse { alert: Some(alert), deduplicated: true }))
    }

    async fn list_alerts(
        &self,
        request: Request<alerting::ListAlertsRequest>,
    ) -> Answer<Self::ListAlertsStream> {
        let filter = request.into_inner().filter.unwrap_or_default();
        let items: Vec<Result<_, Status>> = match filter.text.as_str() {
            "none" => vec![],
            "fails at once" => vec![Err(Status::failed_precondition("not yet"))],
            "fails late" => vec![Ok(listed("1")), Err(Status::unavailable("gone"))],
            _ => vec![Ok(listed("1")), Ok(listed("2"))],
        };
        Ok(Response::new(stream::iter(items).boxed()))
    }

    async fn watch_alerts(
        &self,
        _: Request<alerting::WatchAlertsRequest>,
    ) -> Answer<Self::WatchAlertsStream> {
        let guard = TellWhenDropped(Arc::clone(&self.dropped));
        let first = alerting::WatchAlertsResponse { alert: listed("1").alert, event: None };
        let forever = stream::pending().inspect(move |_| {
            let _ = &guard;
        });
        Ok(Response::new(stream::iter([Ok(first)]).chain(forever).boxed()))
    }

    async fn update_alert(&self, request: Request<alerting::UpdateAlertRequest>) -> Answer<alerting::Alert> {
        let request = request.into_inner();
        let mut alert = request.alert.unwrap_or_default();
        alert.details = request.update_mask.unwrap_or_default().paths.join(" ");
        Ok(Response::new(alert))
    }

    async fn count_alerts(
        &self,
        _: Request<alerting::CountAlertsRequest>,
    ) -> Answer<alerting::CountAlertsResponse> {
        Err(Status::unimplemented("count"))
    }

    async fn update_alert_status(
        &self,
        _: Request<alerting::UpdateAlertStatusRequest>,
    ) -> Answer<alerting::Alert> {
        Err(Status::unimplemented("status"))
    }

    async fn acknowledge_alert(
        &self,
        _: Request<alerting::AcknowledgeAlertRequest>,
    ) -> Answer<alerting::Alert> {
        Err(Status::unimplemented("acknowledge"))
    }

    async fn resolve_alert(&self, _: Request<alerting::ResolveAlertRequest>) -> Answer<alerting::Alert> {
        Err(Status::unimplemented("resolve"))
    }

    async fn escalate_alert(&self, _: Request<alerting::EscalateAlertRequest>) -> Answer<alerting::Alert> {
        Err(Status::unimplemented("escalate"))
    }

    async fn snooze_alert(&self, _: Request<alerting::SnoozeAlertRequest>) -> Answer<alerting::Alert> {
        Err(Status::unimplemented("snooze"))
    }

    async fn assign_alert(&self, _: Request<alerting::AssignAlertRequest>) -> Answer<alerting::Alert> {
        Err(Status::unimplemented("assign"))
    }

    async fn add_alert_note(
        &self,
        _: Request<alerting::AddAlertNoteRequest>,
    ) -> Answer<alerting::AlertEvent> {
        Err(Status::unimplemented("note"))
    }

    async fn list_alert_events(
        &self,
        _: Request<alerting::ListAlertEventsRequest>,
    ) -> Answer<alerting::ListAlertEventsResponse> {
        Err(Status::unimplemented("events"))
    }
}

/// The identity service.
pub async fn identity() -> Router {
    let mut routes = Routes::builder();
    routes.add_service(UserServiceServer::new(Users));
    let grpc = callout_runtime::grpc::router(routes, &["identity.v1.UserService"]).await;
    callout_runtime::grpc::with_http(grpc, Router::new())
}

/// The alerting service, with webhooks and action links that say what arrived.
pub async fn alerting(dropped: Arc<Notify>) -> Router {
    let mut routes = Routes::builder();
    routes.add_service(AlertServiceServer::new(Alerts { dropped }));
    let grpc = callout_runtime::grpc::router(routes, &["alerting.v1.AlertService"]).await;
    let http = Router::new().route("/api/v1/webhook/{*rest}", any(echo)).route("/a/{*rest}", any(echo));
    callout_runtime::grpc::with_http(grpc, http)
}

async fn echo(request: HttpRequest<Body>) -> (http::StatusCode, HeaderMap, String) {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return (http::StatusCode::BAD_REQUEST, HeaderMap::new(), "broken".into());
    };
    let mut names: Vec<_> = head.headers.keys().map(|name| name.as_str().to_owned()).collect();
    names.retain(|name| !["user-agent", "content-length", "host"].contains(&name.as_str()));
    names.sort();
    let text = format!("{} {} {} {}", head.method, head.uri.path(), body.len(), names.join(","));
    let mut headers = HeaderMap::new();
    headers.insert("x-frame-options", "SAMEORIGIN".parse().unwrap());
    (http::StatusCode::ACCEPTED, headers, text)
}

/// A router of this process served on a free port.
pub async fn serve(router: Router) -> (String, CancellationToken) {
    let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let shutdown = CancellationToken::new();
    tokio::spawn(server::serve(listener, router, shutdown.clone()));
    (address, shutdown)
}

/// The router as a peer, in this process or over a connection.
pub async fn peer(router: Router, far: bool) -> Peer {
    if !far {
        return Peer::near(router);
    }
    Peer::far(&serve(router).await.0).unwrap()
}
