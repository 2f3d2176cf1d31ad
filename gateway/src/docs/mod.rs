//! `/openapi.json` and, at `/docs`, Swagger UI, which comes with the binary: nothing is fetched
//! from anywhere else, and the page may run no script but its own.

use axum::{
    Router,
    body::{Body, Bytes},
    response::{IntoResponse, Redirect},
    routing::get,
};
use http::{
    HeaderName, HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
};

/// Swagger UI sets styles on elements and draws with data: images.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What is vendored stands under its version, so it never changes.
const FOREVER: &str = "public, max-age=31536000, immutable";
const REVALIDATE: &str = "no-cache";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

const PAGE: &str = include_str!("page.html");
const START: &str = include_str!("start.js");
const STYLE: &str = include_str!("style.css");
const BUNDLE: &[u8] = include_bytes!("../../vendor/swagger-ui/swagger-ui-bundle.js");
const BUNDLE_STYLE: &[u8] = include_bytes!("../../vendor/swagger-ui/swagger-ui.css");

/// The document and the page that shows it.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(document: &serde_json::Value) -> Router<S> {
    let document = Bytes::from(document.to_string());
    Router::new()
        .route("/", get(async || Redirect::temporary("/docs")))
        .route("/openapi.json", served("application/json", REVALIDATE, document))
        .route("/docs", served(HTML, REVALIDATE, PAGE))
        .route("/docs/", served(HTML, REVALIDATE, PAGE))
        .route("/docs/start.js", served(JAVASCRIPT, REVALIDATE, START))
        .route("/docs/style.css", served(CSS, REVALIDATE, STYLE))
        .route("/docs/swagger-ui-5.35.0/swagger-ui-bundle.js", served(JAVASCRIPT, FOREVER, BUNDLE))
        .route("/docs/swagger-ui-5.35.0/swagger-ui.css", served(CSS, FOREVER, BUNDLE_STYLE))
}

fn served<S: Clone + Send + Sync + 'static>(
    content_type: &'static str,
    cache: &'static str,
    content: impl Into<Bytes>,
) -> axum::routing::MethodRouter<S> {
    let content = content.into();
    let headers: [(HeaderName, &'static str); 3] =
        [(CONTENT_TYPE, content_type), (CACHE_CONTROL, cache), (CONTENT_SECURITY_POLICY, POLICY)];
    get(async move || -> Response<Body> {
        let mut response = Body::from(content).into_response();
        for (name, value) in headers {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    })
}
