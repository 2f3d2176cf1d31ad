//! From a webhook to the person on call, and until somebody acts.

use callout_testkit::databases;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::system::{GLOBEX_KEY, System, alert};

#[tokio::test]
async fn an_alert_reaches_the_person_on_call_and_then_the_next_until_the_link_is_used() {
    for database in databases().await {
        let system = System::start(&database).await;
        let answer = system.send(&json!([alert("api", "firing")])).await;
        let id = answer["alerts"][0]["id"].as_str().unwrap().to_owned();

        // Alice is on call: Slack, mail and webhook.
        let slack = system.slack.wait_for(1).await[0].json();
        assert_eq!(slack["text"], "[CRITICAL] api is down", "{}", database.kind);
        let hook = system.webhook.wait_for(1).await.remove(0);
        assert_eq!((hook.path.as_str(), hook.json()["user"]["id"].as_str()), ("/alice", Some("alice")));
        assert!(hook.header("webhook-signature").starts_with("v1,"));
        let mail = system.mail.wait_for(1).await.remove(0);
        assert_eq!(mail.to, ["alice@example.com"]);
        assert_eq!(mail.header("Subject").as_deref(), Some("[CRITICAL] api is down"));

        // The same alert again tells nobody.
        let again = system.send(&json!([alert("api", "firing")])).await;
        assert_eq!(
            (&again["alerts"][0]["result"], &again["alerts"][0]["id"]),
            (&json!("repeated"), &json!(id))
        );

        // Nobody answers: Bob is told.
        let mail = system.mail.wait_for(2).await.remove(1);
        assert_eq!(mail.to, ["bob@example.com"]);

        // Following the link, as mail scanners do, acts on nothing; pressing its button does.
        let link = hook.json()["links"]["action"].as_str().unwrap().to_owned();
        let browser = reqwest::Client::new();
        let page = browser.get(&link).send().await.unwrap().text().await.unwrap();
        assert!(page.contains("Nobody has acted yet"), "{page}");
        let (_, shown) = system.api(Method::GET, &format!("/alerts/{id}"), None).await;
        assert_eq!((&shown["status"], &shown["dedupCount"]), (&json!("TRIGGERED"), &json!("2")));
        let page = browser
            .post(&link)
            .form(&[("action", "acknowledge")])
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert!(page.contains("Acknowledged by alice"), "{page}");
        let forged = format!("{link}x");
        assert_eq!(browser.get(forged).send().await.unwrap().status(), StatusCode::FORBIDDEN);

        // Bob, who was told, hears of it; then the resolve closes it, and both hear of that.
        let mail = system.mail.wait_for(3).await.remove(2);
        assert_eq!(mail.to, ["bob@example.com"]);
        assert!(mail.data.contains("ACKNOWLEDGED by alice"), "{}", mail.data);
        let closed = system.send(&json!([alert("api", "resolved")])).await;
        assert_eq!(closed["alerts"][0]["result"], "closed");
        system.mail.wait_for(5).await;
        let (_, shown) = system.api(Method::GET, &format!("/alerts/{id}"), None).await;
        assert_eq!((&shown["status"], &shown["escalation"]["state"]), (&json!("RESOLVED"), &json!("ENDED")));

        // Firing again is a new alert.
        let new = system.send(&json!([alert("api", "firing")])).await;
        assert_eq!(new["alerts"][0]["result"], "opened");
        assert_ne!(new["alerts"][0]["id"], json!(id));
    }
}

#[tokio::test]
async fn of_a_group_exactly_the_one_that_resolves_closes() {
    for database in databases().await {
        let system = System::start(&database).await;
        let group = |two| json!([alert("one", "firing"), alert("two", two), alert("three", "firing")]);
        system.send(&group("firing")).await;
        system.send(&group("resolved")).await;
        let (_, open) = system.api(Method::GET, "/alerts?filter.statuses=TRIGGERED", None).await;
        let mut names: Vec<_> = open
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["alert"]["labels"]["alertname"].clone())
            .collect();
        names.sort_by_key(ToString::to_string);
        assert_eq!(names, [json!("one"), json!("three")], "{}", database.kind);
    }
}

#[tokio::test]
async fn a_mail_server_that_is_down_delays_and_the_history_says_so() {
    for database in databases().await {
        let mut system = System::start(&database).await;
        system.mail.stop_listening();
        let answer = system.send(&json!([alert("db", "firing")])).await;
        let id = answer["alerts"][0]["id"].as_str().unwrap().to_owned();
        system.slack.wait_for(1).await;
        let waits =
            |history: &[String]| history.iter().any(|line| line.contains("no connection to the mail server"));
        while !waits(&system.history(&id).await) {
            tokio::task::yield_now().await;
        }
        system.mail.listen_again().await;
        assert_eq!(system.mail.wait_for(1).await[0].to, ["alice@example.com"], "{}", database.kind);
    }
}

#[tokio::test]
async fn a_preview_is_what_the_receiver_got() {
    for database in databases().await {
        let system = System::start(&database).await;
        system.send(&json!([alert("web", "firing")])).await;
        let got_slack = system.slack.wait_for(1).await[0].body.clone();
        let got_hook = system.webhook.wait_for(1).await[0].body.clone();
        let mail = system.mail.wait_for(1).await.remove(0);
        let (_, listed) = system.api(Method::GET, "/deliveries?userId=alice", None).await;
        for delivery in listed["deliveries"].as_array().unwrap() {
            let body = json!({"deliveryId": delivery["id"]});
            let (status, preview) = system.api(Method::POST, "/templates/preview", Some(body)).await;
            assert_eq!(status, StatusCode::OK, "{preview}");
            match preview["channel"].as_str().unwrap() {
                "SLACK" => assert_eq!(preview["body"].as_str().unwrap().as_bytes(), got_slack),
                "WEBHOOK" => assert_eq!(preview["body"].as_str().unwrap().as_bytes(), got_hook),
                "EMAIL" => {
                    assert_eq!(preview["subject"].as_str(), mail.header("Subject").as_deref());
                    let parts = mail_parts(&mail.data);
                    assert_eq!(lines(preview["text"].as_str().unwrap()), lines(&parts[0]));
                    assert_eq!(lines(preview["html"].as_str().unwrap()), lines(&parts[1]));
                }
                other => panic!("{other}"),
            }
        }
    }
}

/// The bodies of a mail's parts, decoded (RFC 2045, quoted-printable).
fn mail_parts(data: &str) -> Vec<String> {
    let boundary = data.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap();
    let separator = format!("--{boundary}");
    let parts = data.split(&separator).skip(1).filter(|part| !part.starts_with("--"));
    parts
        .map(|part| {
            let (head, body) = part.split_once("\r\n\r\n").unwrap();
            let body = body.strip_suffix("\r\n").unwrap_or(body);
            if head.to_lowercase().contains("quoted-printable") { unquoted(body) } else { body.to_owned() }
        })
        .collect()
}

fn unquoted(body: &str) -> String {
    let joined = body.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'=' {
            let hex = std::str::from_utf8(&tail[..2]).unwrap();
            bytes.push(u8::from_str_radix(hex, 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Mail ends lines with CRLF, whatever the text has.
fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[tokio::test]
async fn a_second_organization_sees_nothing_of_the_first() {
    for database in databases().await {
        let system = System::start(&database).await;
        let answer = system.send(&json!([alert("api", "firing")])).await;
        let id = answer["alerts"][0]["id"].as_str().unwrap();
        for path in [format!("/alerts/{id}"), format!("/alerts/{id}/events")] {
            let (status, _) = system.api_as(GLOBEX_KEY, Method::GET, &path, None).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        }
        let acknowledge = format!("/alerts/{id}/acknowledge");
        let (status, _) = system.api_as(GLOBEX_KEY, Method::POST, &acknowledge, Some(json!({}))).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        for path in ["/alerts", "/services", "/channels", "/schedules", "/deliveries", "/users"] {
            let (status, answer) = system.api_as(GLOBEX_KEY, Method::GET, path, None).await;
            assert_eq!(status, StatusCode::OK, "{path}: {answer}");
            assert!(
                !answer.to_string().contains("shop") && !answer.to_string().contains("alice"),
                "{path}: {answer}"
            );
        }
        let (status, _) = system.api_as("no-such-key", Method::GET, "/alerts", None).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
}
