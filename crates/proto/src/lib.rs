//! The generated code of Callout's API and its embedded descriptors.
