//! Calls that are answered once.

use serde_json::json;

use crate::{Gateway, request};

#[tokio::test]
async fn an_rpc_is_called_by_path_and_query() {
    for gateway in Gateway::both().await {
        let headers = [
            ("authorization", "Bearer key"),
            ("x-request-id", "abc"),
            ("cookie", "secret"),
            ("callout-organization", "other"),
        ];
        let answer = gateway.send(request("GET", "/api/v1/users?pageSize=5", &headers, "")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("content-type"), "application/json");
        let user = json!({"id": "u1", "name": "Bearer key", "email": "abc", "role": "ADMIN", "timeZone": "", "active": true});
        assert_eq!(answer.json(), json!({"users": [user], "nextPageToken": "5"}));

        let answer = gateway.get("/api/v1/users/batch?ids=b&ids=a").await;
        let ids: Vec<_> =
            answer.json()["users"].as_array().unwrap().iter().map(|user| user["id"].clone()).collect();
        assert_eq!(ids, ["b", "a"]);

        let answer = gateway.get("/api/v1/users/a%2Fb%20c/exists").await;
        assert_eq!(answer.json(), json!({"exists": true, "active": false}));
    }
}

#[tokio::test]
async fn an_rpc_is_called_by_body() {
    for gateway in Gateway::both().await {
        let body = r#"{"service_id": "s", "summary": "ü \u0000", "labels": {"a.b/c": "d"}}"#;
        let answer = gateway.send(request("POST", "/api/v1/alerts", &[], body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json()["alert"]["summary"], "ü \0");
        assert_eq!(answer.json()["alert"]["labels"], json!({"a.b/c": "d"}));
        assert_eq!(answer.json()["alert"]["dedupCount"], "0");

        let body = r#"{"summary": "new", "external_ticket_id": "T-1"}"#;
        let answer = gateway.send(request("PATCH", "/api/v1/alerts/7", &[], body)).await;
        assert_eq!(answer.json()["id"], "7");
        assert_eq!(answer.json()["details"], "external_ticket_id summary");
    }
}

#[tokio::test]
async fn a_services_error_keeps_its_code_details_and_headers() {
    for gateway in Gateway::both().await {
        let get = async |user: &str| gateway.get(&format!("/api/v1/users/{user}/contact-methods")).await;
        for (user, code, status) in [
            ("nobody", 404, "NOT_FOUND"),
            ("limited", 429, "RESOURCE_EXHAUSTED"),
            ("strange", 400, "INVALID_ARGUMENT"),
            ("stranger", 401, "UNAUTHENTICATED"),
            ("forbidden", 403, "PERMISSION_DENIED"),
            ("there", 409, "ALREADY_EXISTS"),
        ] {
            let answer = get(user).await;
            assert_eq!((answer.status.as_u16(), answer.json()["status"].as_str().unwrap()), (code, status));
        }
        assert_eq!(get("stranger").await.header("www-authenticate"), "Bearer");
        assert_eq!(get("limited").await.header("retry-after"), "7");
        let violations = &get("strange").await.json()["details"][0]["fieldViolations"];
        assert_eq!(*violations, json!([{"field": "user_id", "description": "is strange"}]));
        assert_eq!(get("panic").await.status, 500);
        let answer = gateway.get("/api/v1/teams/t/members").await;
        assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (501, json!(12)));
    }
}

#[tokio::test]
async fn a_service_that_is_away_or_silent_is_told_apart_and_nothing_leaks() {
    for gateway in Gateway::both().await {
        let answer = gateway.get("/api/v1/templates").await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(
            answer.json(),
            json!({
                "code": 14,
                "status": "UNAVAILABLE",
                "message": "the notification service cannot be reached; try again",
                "details": [],
            })
        );
        let answer = gateway.send(request("GET", "/api/v1/teams", &[("grpc-timeout", "50m")], "")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["status"].clone()),
            (504, json!("DEADLINE_EXCEEDED"))
        );
    }
}

#[tokio::test]
async fn wrong_requests_never_reach_a_service() {
    let gateway = Gateway::new(false).await;
    let post = async |body: &str| gateway.send(request("POST", "/api/v1/alerts", &[], body.to_owned())).await;

    let answer = post("{\n \"summary\": }").await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (400, json!(3)));
    assert_eq!(
        answer.json()["details"][0]["fieldViolations"],
        json!([{"field": "body", "description": "is not valid JSON: expected value at line 2 column 13"}])
    );
    let answer = post(r#"{"links": [{"href": "x"}]}"#).await;
    assert_eq!(answer.json()["details"][0]["fieldViolations"][0]["field"], "links[0].href");

    let answer = post(&format!("{{\"summary\": \"{}\"}}", "x".repeat(1024 * 1024))).await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (413, json!(3)));

    let answer = gateway.send(request("DELETE", "/api/v1/alerts", &[], "")).await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "GET, POST"));
    let answer = gateway.send(request("OPTIONS", "/api/v1/alerts", &[], "")).await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (204, "GET, POST"));
    let answer = gateway.get("/api/v1/nothing").await;
    assert_eq!((answer.status.as_u16(), answer.json()["status"].clone()), (404, json!("NOT_FOUND")));
}
