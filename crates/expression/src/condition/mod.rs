//! Conditions in CEL, the Common Expression Language.
//!
//! Allowed are comparisons, logic, `in`, `has()`, `exists`, `all`, `exists_one`, and the functions
//! of [`FUNCTIONS`]. What builds lists or strings of unbounded size (`map`, `filter`, `replace`,
//! `join`, …) is not: the engine has no memory limit.

mod check;
mod functions;

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use cel::{Env, Program, Value};
use serde_json::Value as Json;

pub use check::{FUNCTIONS, MAX_SOURCE_BYTES};

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(functions::environment()));

/// A condition that does not compile, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// From 1; 0 where it is about no place.
    pub line: usize,
    /// From 1; 0 where it is about no place.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl SyntaxError {
    fn nowhere(message: impl Into<String>) -> Self {
        Self { line: 0, column: 0, message: message.into() }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for SyntaxError {}

/// A condition that cannot be evaluated on an alert, for example because a label is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvaluationError(String);

/// A compiled condition. Cheap to clone.
#[derive(Clone)]
pub struct Condition(Arc<Program>);

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Condition")
    }
}

/// What conditions are evaluated over: built once, used for many.
pub struct Context(cel::Context<'static, 'static>);

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context")
    }
}

impl Context {
    /// A context with these variables.
    pub fn new<'a>(variables: impl IntoIterator<Item = (&'a str, &'a Json)>) -> Self {
        let mut context = cel::Context::with_env(Arc::clone(&ENVIRONMENT));
        for (name, value) in variables {
            context.add_variable_from_value(name, to_cel(value));
        }
        Self(context)
    }
}

impl Condition {
    /// Compiles a condition that may use `variables`.
    pub fn compile(source: &str, variables: &[&str]) -> Result<Self, SyntaxError> {
        crate::with_stack(|| {
            check::source(source)?;
            let program = ENVIRONMENT.compile(source).map_err(|errors| syntax_error(&errors))?;
            check::program(&program, variables)?;
            Ok(Self(Arc::new(program)))
        })
    }

    /// Whether it holds.
    pub fn matches(&self, context: &Context) -> Result<bool, EvaluationError> {
        let result = crate::with_stack(|| self.0.execute(&context.0));
        match result {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(EvaluationError(format!("gives {}, not a bool", other.type_of()))),
            Err(error) => Err(EvaluationError(shorten(&error.to_string()))),
        }
    }
}

fn syntax_error(errors: &cel::ParseErrors) -> SyntaxError {
    let Some(first) = errors.errors.first() else { return SyntaxError::nowhere("does not parse") };
    let (line, column) = (usize::try_from(first.pos.0), usize::try_from(first.pos.1));
    let message = first.msg.lines().next().unwrap_or("does not parse").to_owned();
    SyntaxError { line: line.unwrap_or(0), column: column.unwrap_or(0), message }
}

/// The engine's messages quote whole values.
fn shorten(message: &str) -> String {
    const MAX: usize = 300;
    match message.char_indices().nth(MAX) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

/// JSON as CEL sees it. The engine's own conversion makes whole numbers unsigned, so that
/// `n + 1` fails.
fn to_cel(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(value) => match value.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Float(value.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(value) => Value::String(Arc::new(value.clone())),
        Json::Array(values) => Value::List(Arc::new(values.iter().map(to_cel).collect())),
        Json::Object(fields) => {
            let fields: std::collections::HashMap<String, Value> =
                fields.iter().map(|(name, value)| (name.clone(), to_cel(value))).collect();
            fields.into()
        }
    }
}

#[cfg(test)]
mod tests;
