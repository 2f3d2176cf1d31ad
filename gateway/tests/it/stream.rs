//! Calls that are answered item by item.

use std::time::Duration;

use futures::StreamExt;
use serde_json::json;

use crate::{Gateway, request};

/// How long a test waits for something that should happen at once.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_stream_comes_in_the_form_that_was_asked_for() {
    for gateway in Gateway::both().await {
        let list = async |accept: &str| {
            gateway.send(request("GET", "/api/v1/alerts?statuses=TRIGGERED", &[("accept", accept)], "")).await
        };
        let answer = list("*/*").await;
        assert_eq!(answer.header("content-type"), "application/json");
        let tokens: Vec<_> =
            answer.json().as_array().unwrap().iter().map(|item| item["pageToken"].clone()).collect();
        assert_eq!(tokens, ["1", "2"]);
        assert_eq!(answer.json()[0]["alert"]["dedupCount"], "3");

        let answer = list("application/x-ndjson").await;
        assert_eq!(answer.header("content-type"), "application/x-ndjson");
        assert_eq!(answer.text.lines().count(), 2);

        let answer = list("text/event-stream").await;
        assert_eq!(answer.header("content-type"), "text/event-stream");
        assert_eq!(answer.text.matches("data: {").count(), 2);
    }
}

#[tokio::test]
async fn an_error_at_the_start_is_the_answer_and_a_late_one_the_last_item() {
    for gateway in Gateway::both().await {
        let answer = gateway.get("/api/v1/alerts?text=fails+at+once").await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["status"].clone()),
            (400, json!("FAILED_PRECONDITION"))
        );
        let answer = gateway.get("/api/v1/alerts?text=fails+late").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()[1]["error"]["status"], "UNAVAILABLE");
        assert_eq!(gateway.get("/api/v1/alerts?text=none").await.json(), json!([]));
    }
}

#[tokio::test]
async fn items_come_at_once_and_hanging_up_ends_the_call() {
    for gateway in Gateway::both().await {
        let watch = request("GET", "/api/v1/alerts/watch", &[("accept", "application/x-ndjson")], "");
        let mut body = gateway.open(watch).await.into_body().into_data_stream();
        let first = tokio::time::timeout(PATIENCE, body.next()).await.unwrap().unwrap().unwrap();
        assert!(first.starts_with(b"{\"alert\":{\"id\":\"1\""), "{first:?}");
        drop(body);
        tokio::time::timeout(PATIENCE, gateway.watch_dropped.notified()).await.unwrap();
    }
}
