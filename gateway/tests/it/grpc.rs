//! gRPC through the gateway's port.

use callout_proto::{
    alerting::v1::{ListAlertsRequest, alert_service_client::AlertServiceClient},
    identity::v1::{GetUserContactMethodsRequest, ListUsersRequest, user_service_client::UserServiceClient},
    notification::v1::{ListTemplatesRequest, template_service_client::TemplateServiceClient},
};
use callout_runtime::{MasterKey, Peer};
use futures::StreamExt;
use tonic::{Code, Request};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::{Gateway, fake, request};

#[tokio::test]
async fn calls_streams_and_errors_pass_through() {
    for gateway in Gateway::both().await {
        let (address, _shutdown) = fake::serve(gateway.router.clone()).await;
        let port = Peer::far(&address).unwrap();

        let mut users = UserServiceClient::new(port.clone());
        let mut request = Request::new(ListUsersRequest { page_size: 3, ..Default::default() });
        request.metadata_mut().insert("authorization", "Bearer key".parse().unwrap());
        request.metadata_mut().insert("callout-organization", "other".parse().unwrap());
        let answer = users.list_users(request).await.unwrap().into_inner();
        assert_eq!((answer.next_page_token.as_str(), answer.users[0].name.as_str()), ("3", "Bearer key"));
        assert_eq!(answer.users[0].time_zone, "");

        let limited = GetUserContactMethodsRequest { user_id: "limited".into() };
        let status = users.get_user_contact_methods(limited).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.metadata().get("retry-after").unwrap(), "7");

        let mut alerts = AlertServiceClient::new(port.clone());
        let stream = alerts.list_alerts(ListAlertsRequest::default()).await.unwrap().into_inner();
        assert_eq!(stream.map(Result::unwrap).count().await, 2);

        let mut templates = TemplateServiceClient::new(port);
        let status = templates.list_templates(ListTemplatesRequest::default()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(status.message(), "the notification service cannot be reached; try again");
    }
}

#[tokio::test]
async fn health_is_asked_of_the_service_and_reflection_knows_all() {
    let gateway = Gateway::new(true).await;
    let (address, _shutdown) = fake::serve(gateway.router.clone()).await;
    let port = Peer::far(&address).unwrap();
    let mut health = HealthClient::new(port.clone());
    let mut check = async |service: &str| {
        let answer = health.check(HealthCheckRequest { service: service.into() }).await;
        answer.map(|answer| answer.into_inner().status).map_err(|status| status.code())
    };
    assert_eq!(check("").await, Ok(1));
    assert_eq!(check("identity.v1.UserService").await, Ok(1));
    assert_eq!(check("notification.v1.TemplateService").await, Ok(2));
    assert_eq!(check("nothing").await, Err(Code::NotFound));

    let ask = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut reflection = ServerReflectionClient::new(port);
    let mut answers =
        reflection.server_reflection_info(futures::stream::iter([ask])).await.unwrap().into_inner();
    let answer = answers.next().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    for name in ["identity.v1.UserService", "alerting.v1.AlertService", "notification.v1.TemplateService"] {
        assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
    }
}

#[tokio::test]
async fn an_unknown_rpc_is_unimplemented_in_grpcs_way() {
    let gateway = Gateway::new(false).await;
    for path in ["/x.v1.Y/Z", "/x", "/alerting.v1.AlertService/Nothing"] {
        let headers = [("content-type", "application/grpc")];
        let answer = gateway.send(request("POST", path, &headers, "")).await;
        assert_eq!((answer.status.as_u16(), answer.header("grpc-status")), (200, "12"), "{path}");
    }
}

#[tokio::test]
async fn a_trusted_peer_lends_its_credentials_to_nobody() {
    let key = MasterKey::from_bytes([1; 32]);
    let identity = Peer::near(fake::identity().await).trusted(&key);
    let away = Peer::far("http://127.0.0.1:1").unwrap();
    let peers = callout_gateway::Peers { identity, alerting: away.clone(), notification: away };
    let router = callout_gateway::build(Default::default(), peers).unwrap();
    let gateway = Gateway { router, watch_dropped: Default::default() };
    let answer = gateway.get("/api/v1/users").await;
    assert_eq!(answer.json()["users"][0]["name"], "");
}
