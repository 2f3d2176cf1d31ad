//! What is not an RPC: webhooks, action links, pages, headers.

use axum::body::Body;
use bytes::Bytes;
use callout_gateway::{GatewayConfig, GatewayError, Peers, build};
use callout_runtime::Peer;
use futures::stream;
use serde_json::json;

use crate::{Gateway, request};

fn small() -> GatewayConfig {
    GatewayConfig { webhook_body_limit_bytes: 100, ..Default::default() }
}

#[tokio::test]
async fn webhooks_and_action_links_are_passed_unread() {
    for far in [false, true] {
        let gateway = Gateway::with(far, small()).await;
        let headers = [
            ("content-type", "application/json"),
            ("content-encoding", "gzip"),
            ("cookie", "secret"),
            ("x-forwarded-for", "1.2.3.4"),
            ("callout-organization", "other"),
        ];
        let answer = gateway
            .send(request("POST", "/api/v1/webhook/alertmanager/key?token=x", &headers, "not json"))
            .await;
        assert_eq!(answer.status, 202);
        assert_eq!(
            answer.text,
            "POST /api/v1/webhook/alertmanager/key 8 content-encoding,content-type,x-request-id"
        );
        let answer = gateway.get("/a/token").await;
        assert_eq!(answer.text, "GET /a/token 0 x-request-id");
        assert_eq!(answer.header("x-frame-options"), "SAMEORIGIN");
    }
}

#[tokio::test]
async fn a_webhook_that_is_too_large_is_refused_whether_it_says_so_or_not() {
    for far in [false, true] {
        let gateway = Gateway::with(far, small()).await;
        let said = request("POST", "/api/v1/webhook/generic", &[("content-length", "101")], "x".repeat(101));
        assert_eq!(gateway.send(said).await.status, 413);
        let chunks =
            stream::iter((0..11).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(b"0123456789"))));
        let unsaid = request("POST", "/api/v1/webhook/generic", &[], Body::from_stream(chunks));
        assert_eq!(gateway.send(unsaid).await.status, 413);
    }
}

#[tokio::test]
async fn without_alerting_webhooks_are_to_be_sent_again() {
    let away = Peer::far("http://127.0.0.1:1").unwrap();
    let peers = Peers { identity: away.clone(), alerting: away.clone(), notification: away };
    let router = build(GatewayConfig::default(), peers).unwrap();
    let gateway = Gateway { router, watch_dropped: Default::default() };
    let answer = gateway.send(request("POST", "/api/v1/webhook/generic", &[], "{}")).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "1"));
    let answer = gateway.get("/readyz").await;
    assert_eq!((answer.status.as_u16(), answer.json()["ready"].clone()), (503, json!(false)));
    assert_eq!(gateway.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn it_is_ready_while_alerting_is() {
    for gateway in Gateway::both().await {
        let answer = gateway.get("/readyz").await;
        assert_eq!(answer.status, 200);
        let services = json!({"alerting": "serving", "identity": "serving", "notification": "unavailable"});
        assert_eq!(answer.json()["services"], services);
    }
}

#[tokio::test]
async fn every_answer_has_an_id_and_security_headers() {
    let gateway = Gateway::new(false).await;
    for path in ["/healthz", "/api/v1/users", "/nothing", "/docs", "/openapi.json"] {
        let answer = gateway.get(path).await;
        assert_eq!(answer.header("x-request-id").len(), 36, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        let answer = gateway.send(request("GET", path, &[("x-request-id", "mine")], "")).await;
        assert_eq!(answer.header("x-request-id"), "mine", "{path}");
        let answer = gateway.send(request("GET", path, &[("x-request-id", "no blanks")], "")).await;
        assert_eq!(answer.header("x-request-id").len(), 36, "{path}");
    }
}

#[tokio::test]
async fn the_documentation_needs_nothing_from_elsewhere() {
    let gateway = Gateway::new(false).await;
    assert_eq!(gateway.get("/").await.header("location"), "/docs");
    let page = gateway.get("/docs").await;
    assert!(page.header("content-security-policy").contains("script-src 'self'"));
    for quoted in page.text.split('"').filter(|text| text.starts_with('/')) {
        assert_eq!(gateway.get(quoted).await.status, 200, "{quoted}");
    }
    assert!(!page.text.contains("http://") && !page.text.contains("https://"));
    assert_eq!(gateway.get("/openapi.json").await.json()["openapi"], "3.1.0");

    let silent = Gateway::with(false, GatewayConfig { docs: false, ..Default::default() }).await;
    assert_eq!(silent.get("/docs").await.status, 404);
}

#[tokio::test]
async fn other_sites_may_call_only_if_they_are_named() {
    let origin = "https://console.example.com";
    let headers = [("origin", origin), ("access-control-request-method", "GET")];
    let closed = Gateway::new(false).await;
    let answer = closed.send(request("OPTIONS", "/api/v1/users", &headers, "")).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");

    let config = GatewayConfig { cors_allowed_origins: vec![origin.into()], ..Default::default() };
    let open = Gateway::with(false, config).await;
    let answer = open.send(request("OPTIONS", "/api/v1/users", &headers, "")).await;
    assert_eq!(answer.header("access-control-allow-origin"), origin);
    let answer = open.send(request("GET", "/api/v1/users", &[("origin", "https://else.example")], "")).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn an_origin_that_is_none_is_refused_at_start() {
    let away = Peer::far("http://127.0.0.1:1").unwrap();
    let peers = Peers { identity: away.clone(), alerting: away.clone(), notification: away };
    for wrong in ["*", "console.example.com", "https://x.example/", "https://", "https://*.example"] {
        let config = GatewayConfig { cors_allowed_origins: vec![wrong.into()], ..Default::default() };
        let error = build(config, peers.clone()).unwrap_err();
        assert!(matches!(&error, GatewayError::Origin(origin) if origin == wrong), "{error}");
    }
}
