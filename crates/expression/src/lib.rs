//! The sandbox for what users write: CEL conditions and Jinja templates.
//!
//! Both are compiled once, checked before they are compiled, and bounded when they run: neither
//! engine limits memory or stack by itself, so what could grow without bound is refused by the
//! check, with its place, and the rest is bounded by the sizes of source and input. Errors carry
//! line and column.

pub mod condition;
pub mod template;

pub use condition::{Condition, Context, EvaluationError, SyntaxError};
pub use template::{Escape, Template, TemplateError, TemplateErrorKind};

/// Runs `work` with enough stack for the deepest input that the checks let through. The parsers
/// recurse, and the threads of a server have 2 MiB.
fn with_stack<R>(work: impl FnOnce() -> R) -> R {
    const NEEDED: usize = 16 << 20;
    const GROW_BY: usize = 32 << 20;
    stacker::maybe_grow(NEEDED, GROW_BY, work)
}
