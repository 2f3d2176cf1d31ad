//! Whatever is sent, the answer is a client's error or a service's, never ours.

use callout_gateway::GatewayConfig;
use proptest::prelude::*;

use crate::{Gateway, request};

/// Paths near real ones, with anything in their places.
fn paths() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        Just("api".to_owned()),
        Just("v1".to_owned()),
        Just("alerts".to_owned()),
        Just("schedules".to_owned()),
        Just("users".to_owned()),
        Just("batch".to_owned()),
        "[a-z0-9:%._~-]{0,8}",
        "%[0-9a-f]{2}",
    ];
    prop_oneof![
        prop::collection::vec(segment, 0..8).prop_map(|segments| format!("/{}", segments.join("/"))),
        "/api/v1/alerts/[a-z0-9:%]{1,6}(/(acknowledge|snooze|events|notes))?",
        "/api/v1/(alerts|users|users/batch|alerts/count)",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_request_makes_the_gateway_fail(
        method in "(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|TRACE)",
        path in paths(),
        query in "([a-z_.\\[\\]%]{0,12}=?[a-zA-Z0-9:%+.-]{0,8}&?){0,3}",
        content_type in "(application/json|application/grpc|text/plain|)",
        body in prop_oneof![
            "(\\{\"(note|summary|labels|until|id|text)\": ?(null|1|\"x\"|\\[\\]|\\{\\})\\}|\\[|\\{)?",
            ".{0,30}",
        ],
    ) {
        let Ok(uri) = format!("{path}?{query}").parse::<http::Uri>() else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let status = runtime.block_on(async {
            let gateway = Gateway::with(false, GatewayConfig { docs: false, ..Default::default() }).await;
            let mut request = request(&method, "/", &[("content-type", &content_type)], body.clone());
            *request.uri_mut() = uri;
            gateway.open(request).await.status().as_u16()
        });
        // 501 and 503: the fakes' own answers.
        prop_assert!(status != 500 && status != 502, "{method} {path}?{query} {body}: {status}");
    }
}
