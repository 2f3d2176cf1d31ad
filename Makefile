# What people and CI run. `make test` and `make lint` are all that must pass.

.PHONY: test lint run fmt advisories

# Needs PostgreSQL's server programs; see scripts/with-postgres.sh. The end-to-end tests also use
# prometheus-alertmanager where it is installed, and say so where it is not.
test:
	cargo build --locked -p callout
	scripts/with-postgres.sh cargo test --locked --workspace

lint:
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --workspace -- -D warnings -D clippy::unwrap_used
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet
	cargo deny --all-features check licenses bans sources

run:
	cargo run --release -- up --demo

fmt:
	cargo fmt --all

# Needs the advisory database, which is fetched.
advisories:
	cargo deny check advisories
