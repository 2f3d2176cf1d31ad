//! Databases, clocks and receivers for tests.
