//! Every RPC, called by those who may not.

use callout_testkit::databases;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::system::{System, VIEWER_KEY};

/// Every method and path of the API, path parameters filled with an id that nothing has.
async fn operations(system: &System) -> Vec<(Method, String)> {
    let document: Value =
        reqwest::get(format!("{}/openapi.json", system.url)).await.unwrap().json().await.unwrap();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let filled: Vec<_> = path
            .trim_start_matches("/api/v1")
            .split('/')
            .map(|part| match part {
                "{version}" => "1",
                _ if part.starts_with('{') => "00000000-0000-7000-8000-000000000000",
                _ => part,
            })
            .collect();
        for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            operations.push((method.to_uppercase().parse().unwrap(), filled.join("/")));
        }
    }
    assert!(operations.len() > 70, "{operations:?}");
    operations
}

#[tokio::test]
async fn nobody_gets_in_without_a_key_and_lookers_change_nothing() {
    for database in databases().await {
        let system = System::start(&database).await;
        for (method, path) in operations(&system).await {
            let body = (method != Method::GET && method != Method::DELETE).then(|| json!({}));
            let url = format!("{}/api/v1{path}", system.url);
            let request = reqwest::Client::new().request(method.clone(), url);
            let request = if let Some(body) = &body { request.json(body) } else { request };
            let status = request.send().await.unwrap().status();
            // A PATCH that names no field is refused by the gateway, before anybody asks who is there.
            let refused = status == StatusCode::UNAUTHORIZED
                || (method == Method::PATCH && status == StatusCode::BAD_REQUEST);
            assert!(refused, "{method} {path} without a key: {status}");

            let only_looks = method == Method::GET
                || path.ends_with("/preview")
                || path.ends_with("/validate")
                || path.ends_with("/test");
            if only_looks {
                continue;
            }
            let (status, answer) = system.api_as(VIEWER_KEY, method.clone(), &path, body).await;
            // Webhooks know integration keys only.
            let refused = status == StatusCode::FORBIDDEN
                || (path.starts_with("/webhook/") && status == StatusCode::UNAUTHORIZED)
                || (method == Method::PATCH && status == StatusCode::BAD_REQUEST);
            assert!(refused, "{method} {path} by a viewer: {status} {answer}");
        }
    }
}
