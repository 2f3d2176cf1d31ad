//! End-to-end tests on the built binary; see `tests/e2e`.
