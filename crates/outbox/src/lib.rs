//! What leaves a service, written in the transaction that causes it.
