//! The API by REST, as an admin's tools use it.

use callout_testkit::databases;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::system::System;

/// Calls that must answer with a status.
struct Admin<'a>(&'a System);

impl Admin<'_> {
    async fn ok(&self, method: Method, path: &str, body: Value) -> Value {
        self.expect(StatusCode::OK, method, path, body).await
    }

    async fn expect(&self, expected: StatusCode, method: Method, path: &str, body: Value) -> Value {
        let sent = if body.is_null() { None } else { Some(body) };
        let (status, answer) = self.0.api(method.clone(), path, sent).await;
        assert_eq!(status, expected, "{method} {path}: {answer}");
        answer
    }
}

fn id(value: &Value) -> &str {
    value["id"].as_str().expect("an id")
}

const NONE: Value = Value::Null;

#[tokio::test]
async fn services_keys_and_rules_are_made_changed_and_deleted() {
    for database in databases().await {
        let system = System::start(&database).await;
        let admin = Admin(&system);
        let service =
            admin.ok(Method::POST, "/services", json!({"name": "billing", "labels": {"tier": "1"}})).await;
        admin.expect(StatusCode::CONFLICT, Method::POST, "/services", json!({"name": "billing"})).await;
        let wrong =
            admin.expect(StatusCode::BAD_REQUEST, Method::POST, "/services", json!({"name": ""})).await;
        assert_eq!(wrong["details"][0]["fieldViolations"][0]["field"], "service.name");
        let path = format!("/services/{}", id(&service));
        let changed = admin.ok(Method::PATCH, &path, json!({"description": "money"})).await;
        assert_eq!((&changed["name"], &changed["labels"]["tier"]), (&json!("billing"), &json!("1")));

        let key = admin.ok(Method::POST, &format!("{path}/integration-keys"), json!({"name": "k"})).await;
        let key_path = format!("/integration-keys/{}", id(&key["integrationKey"]));
        let rotated = admin.ok(Method::POST, &format!("{key_path}/rotate"), json!({})).await;
        assert_ne!(rotated["secret"], key["secret"]);
        admin.ok(Method::POST, &format!("{key_path}/revoke"), json!({})).await;
        let listed = admin.ok(Method::GET, &format!("{path}/integration-keys"), NONE).await;
        assert!(!listed.to_string().contains(rotated["secret"].as_str().unwrap()), "secrets never come back");

        let rules = format!("{path}/routing-rules");
        let first = json!({"name": "one", "condition": "labels.x == '1'", "actions": [{"priority": "P2"}]});
        let first = admin.ok(Method::POST, &rules, first).await;
        let second =
            admin.ok(Method::POST, &rules, json!({"name": "two", "actions": [{"suppress": true}]})).await;
        let wrong = json!({"name": "three", "condition": "labels.x ==", "actions": [{"suppress": true}]});
        let wrong = admin.expect(StatusCode::BAD_REQUEST, Method::POST, &rules, wrong).await;
        assert!(wrong["message"].as_str().unwrap().contains("rule.condition: line 1"), "{wrong}");
        let order = json!({"ruleIds": [id(&second), id(&first)]});
        let ordered = admin.ok(Method::POST, &format!("{rules}/order"), order).await;
        assert_eq!(ordered["rules"][0]["name"], "two");
        let tried = json!({"alert": {"summary": "s", "labels": {"x": "1"}}});
        let tried = admin.ok(Method::POST, &format!("{rules}/test"), tried).await;
        assert_eq!((&tried["suppressed"], tried["results"].as_array().unwrap().len()), (&json!(true), 1));
        admin.ok(Method::DELETE, &format!("/routing-rules/{}", id(&second)), NONE).await;
        admin.ok(Method::DELETE, &path, NONE).await;
        admin.expect(StatusCode::NOT_FOUND, Method::GET, &path, NONE).await;
    }
}

#[tokio::test]
async fn schedules_have_rotations_overrides_and_shifts() {
    for database in databases().await {
        let system = System::start(&database).await;
        let admin = Admin(&system);
        let listed = admin.ok(Method::GET, "/schedules", NONE).await;
        let path = format!("/schedules/{}", id(&listed["schedules"][0]));
        let at = "2026-03-02T12:00:00Z";
        let on_call = |answer: &Value| -> Vec<String> {
            let users = answer["users"].as_array().unwrap();
            users.iter().map(|user| user["userId"].as_str().unwrap().to_owned()).collect()
        };
        let query = format!("{path}/on-call?at={at}");
        assert_eq!(on_call(&admin.ok(Method::GET, &query, NONE).await), ["alice"], "{}", database.kind);
        let stand_in = json!({
            "start": "2026-03-02T10:00:00Z", "end": "2026-03-02T14:00:00Z", "removeUserId": "alice", "addUserId": "bob",
        });
        let stand_in = admin.ok(Method::POST, &format!("{path}/overrides"), stand_in).await;
        let answer = admin.ok(Method::GET, &query, NONE).await;
        assert_eq!(
            (on_call(&answer), &answer["validUntil"]),
            (vec!["bob".into()], &json!("2026-03-02T14:00:00Z"))
        );
        let range = format!("{path}/shifts?from=2026-03-02T08:00:00Z&to=2026-03-02T16:00:00Z");
        let shifts = admin.ok(Method::GET, &range, NONE).await;
        assert_eq!(shifts["shifts"].as_array().unwrap().len(), 3);
        admin.ok(Method::DELETE, &format!("{path}/overrides/{}", id(&stand_in)), NONE).await;

        let layer = json!({
            "name": "second", "participants": ["bob"], "shift": {"unit": "HOURS", "count": 10},
            "startsAt": "2026-01-01T00:00:00",
            "restrictions": [{"weekdays": ["MONDAY"], "startTime": "09:00", "endTime": "17:00"}],
        });
        let added = admin.ok(Method::POST, &format!("{path}/rotations"), layer.clone()).await;
        assert_eq!(on_call(&admin.ok(Method::GET, &query, NONE).await), ["alice", "bob"], "a Monday at noon");
        let rotation = format!("{path}/rotations/{}", id(&added["rotations"][1]));
        let mut wrong = layer;
        wrong["participants"] = json!([]);
        admin.expect(StatusCode::BAD_REQUEST, Method::PUT, &rotation, wrong).await;
        admin.ok(Method::DELETE, &rotation, NONE).await;
        let used = admin.expect(StatusCode::BAD_REQUEST, Method::DELETE, &path, NONE).await;
        assert_eq!(used["message"], "an escalation policy uses the schedule");
    }
}

#[tokio::test]
async fn people_act_on_alerts() {
    for database in databases().await {
        let system = System::start(&database).await;
        let admin = Admin(&system);
        let services = admin.ok(Method::GET, "/services", NONE).await;
        let new =
            json!({"serviceId": id(&services["services"][0]), "summary": "by hand", "labels": {"a": "1"}});
        let made = admin.ok(Method::POST, "/alerts", new.clone()).await;
        let again = admin.ok(Method::POST, "/alerts", new).await;
        assert_eq!((&made["deduplicated"], &again["deduplicated"]), (&json!(false), &json!(true)));
        let path = format!("/alerts/{}", id(&made["alert"]));
        system.mail.wait_for(1).await;

        admin.ok(Method::POST, &format!("{path}/snooze"), json!({"duration": "3600s"})).await;
        let snoozed = admin.ok(Method::GET, &path, NONE).await;
        assert_eq!(snoozed["escalation"]["state"], "SNOOZED");
        admin.ok(Method::POST, &format!("{path}/escalate"), json!({})).await;
        let mails = system.mail.wait_for(2).await;
        assert_eq!(mails[1].to, ["bob@example.com"], "the next step at once");
        admin.ok(Method::POST, &format!("{path}/assign"), json!({"userId": "bob"})).await;
        system.mail.wait_for(3).await;
        admin
            .expect(
                StatusCode::BAD_REQUEST,
                Method::POST,
                &format!("{path}/assign"),
                json!({"userId": "eve"}),
            )
            .await;
        admin.ok(Method::PATCH, &path, json!({"priority": "P2"})).await;
        let counted = admin.ok(Method::GET, "/alerts/count?filter.priorities=P2", NONE).await;
        assert_eq!((&counted["total"], &counted["byStatus"]["TRIGGERED"]), (&json!("1"), &json!("1")));
        let found = admin.ok(Method::GET, "/alerts?filter.text=BY%20HAND&filter.labels.a=1", NONE).await;
        assert_eq!(found.as_array().unwrap().len(), 1);

        admin.ok(Method::POST, &format!("{path}/resolve"), json!({"note": "done"})).await;
        admin.expect(StatusCode::BAD_REQUEST, Method::POST, &format!("{path}/acknowledge"), json!({})).await;
        let history = system.history(id(&made["alert"])).await;
        for expected in
            ["snoozed until", "escalated by admin", "assigned to bob", "resolved by admin", "done"]
        {
            assert!(history.iter().any(|line| line.contains(expected)), "{expected}: {history:?}");
        }
    }
}

#[tokio::test]
async fn templates_have_versions_and_errors_have_places() {
    for database in databases().await {
        let system = System::start(&database).await;
        let admin = Admin(&system);
        let content =
            |text: &str| json!([{"channel": "EMAIL", "subject": "{{ alert.summary }}", "text": text}]);
        let template = json!({"name": "short", "contents": content("{{ labels.pod }}"), "requiredVariables": ["labels.pod"]});
        admin.ok(Method::POST, "/templates", template).await;
        admin.ok(Method::POST, "/templates/short/versions", json!({"contents": content("second")})).await;
        let shown = admin.ok(Method::GET, "/templates/short", NONE).await;
        assert_eq!((&shown["latestVersion"], &shown["published"]["version"]), (&json!(2), &json!(1)));
        let missing = json!({"template": "short", "channel": "EMAIL"});
        let missing =
            admin.expect(StatusCode::BAD_REQUEST, Method::POST, "/templates/preview", missing).await;
        assert!(missing["message"].as_str().unwrap().contains("labels.pod"), "{missing}");
        admin.ok(Method::POST, "/templates/short/publish", json!({"version": 2})).await;
        let preview = json!({"template": "short", "channel": "EMAIL"});
        assert_eq!(admin.ok(Method::POST, "/templates/preview", preview).await["text"], "second");

        let slack = |body: &str| json!({"contents": [{"channel": "SLACK", "text": "t", "body": body}]});
        let blocks = format!("[{}]", vec![r#"{"type": "divider"}"#; 51].join(","));
        for (body, code, line) in [
            ("[\n{{ alert.summary", "INVALID_SYNTAX", 2),
            ("[\n\"{{ labels.pod }}\"]", "MISSING_VARIABLE", 2),
            (blocks.as_str(), "CHANNEL_RULE", 0),
        ] {
            let verdict = admin.ok(Method::POST, "/templates/validate", slack(body)).await;
            let error = &verdict["errors"][0];
            assert_eq!((&error["code"], &error["line"]), (&json!(code), &json!(line)), "{verdict}");
            assert_eq!(error["field"], "contents[0].body");
        }
        admin.ok(Method::DELETE, "/templates/short", NONE).await;
        admin.expect(StatusCode::NOT_FOUND, Method::GET, "/templates/short", NONE).await;
    }
}

#[tokio::test]
async fn a_request_is_taken_once_and_secrets_never_come_back() {
    for database in databases().await {
        let system = System::start(&database).await;
        let admin = Admin(&system);
        let context = json!({"alert": {"summary": "s"}});
        let request = |user: &str| json!({"requestId": "r-1", "userIds": [user], "renderContext": context});
        let first = admin.ok(Method::POST, "/notifications", request("bob")).await;
        let again = admin.ok(Method::POST, "/notifications", request("bob")).await;
        assert_eq!((&again["duplicate"], &again["notificationId"]), (&json!(true), &first["notificationId"]));
        admin.expect(StatusCode::CONFLICT, Method::POST, "/notifications", request("alice")).await;
        admin
            .expect(
                StatusCode::NOT_IMPLEMENTED,
                Method::POST,
                "/channels",
                json!({"name": "s", "channel": "SMS"}),
            )
            .await;
        let channels = admin.ok(Method::GET, "/channels", NONE).await.to_string();
        assert!(!channels.contains("whsec_") && !channels.contains("/slack\""), "{channels}");
    }
}
