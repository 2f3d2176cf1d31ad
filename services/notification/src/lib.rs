//! How they are told.
