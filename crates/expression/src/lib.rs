//! The sandbox for what users write: CEL conditions and templates.
