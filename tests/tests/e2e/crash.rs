//! What a kill at any instant leaves behind.

use std::collections::BTreeSet;

use callout_testkit::databases;
use reqwest::Method;
use serde_json::json;

use crate::system::{System, alert};

#[tokio::test]
async fn what_was_answered_survives_a_kill_in_the_middle_of_a_burst() {
    for database in databases().await {
        let mut system = System::start(&database).await;
        let mut answered = BTreeSet::new();
        for round in 0..3 {
            for number in 0..20 {
                let name = format!("burst-{round}-{number}");
                system.send(&json!([alert(&name, "firing")])).await;
                answered.insert(name);
            }
            system.kill_and_restart().await;
        }
        let (_, listed) = system.api(Method::GET, "/alerts?pageSize=1000", None).await;
        let kept: Vec<_> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["alert"]["labels"]["alertname"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(kept.len(), answered.len(), "each once, on {}", database.kind);
        assert_eq!(kept.into_iter().collect::<BTreeSet<_>>(), answered);

        // Each was paged to Alice and, because nobody acts, to Bob.
        let told = |address: &str| -> BTreeSet<String> {
            let mails = system.mail.mails().into_iter().filter(|mail| mail.to == [address]);
            mails.filter_map(|mail| mail.header("Subject")).collect()
        };
        let mut mails = answered.len() * 2;
        while told("alice@example.com").len() < answered.len()
            || told("bob@example.com").len() < answered.len()
        {
            system.mail.wait_for(mails).await;
            mails = system.mail.mails().len() + 1;
        }
    }
}
