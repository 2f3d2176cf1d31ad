//! Who must know, and when.
