//! What a condition may contain.

use cel::{
    Program,
    common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue},
};

use super::{SyntaxError, functions::compile_pattern};

/// How long a condition may be.
pub const MAX_SOURCE_BYTES: usize = 4096;

/// The functions that conditions may call, besides operators and `has()`.
pub const FUNCTIONS: [&str; 15] = [
    "bool",
    "charAt",
    "contains",
    "double",
    "endsWith",
    "indexOf",
    "int",
    "lowerAscii",
    "matches",
    "size",
    "startsWith",
    "string",
    "substring",
    "trim",
    "upperAscii",
];

const MAX_DEPTH: usize = 48;
const MAX_COMPREHENSIONS: usize = 4;
const MAX_LIST: usize = 256;

/// Refuses what must not even be parsed.
pub(super) fn source(source: &str) -> Result<(), SyntaxError> {
    if source.len() > MAX_SOURCE_BYTES {
        let message = format!("is longer than {MAX_SOURCE_BYTES} bytes");
        return Err(SyntaxError::nowhere(message));
    }
    Ok(())
}

/// Refuses what must not run.
pub(super) fn program(program: &Program, variables: &[&str]) -> Result<(), SyntaxError> {
    let references = program.references();
    let mut unknown: Vec<_> = references
        .variables()
        .into_iter()
        .filter(|name| !variables.contains(name) && !name.starts_with('@'))
        .collect();
    unknown.sort_unstable();
    let mut check = Check { comprehensions: 0, bound: Vec::new() };
    check.expression(program.expression(), 0, false).map_err(SyntaxError::nowhere)?;
    unknown.retain(|name| !check.bound.iter().any(|bound| bound == name));
    if let Some(name) = unknown.first() {
        let known = variables.join(", ");
        return Err(SyntaxError::nowhere(format!("there is no variable `{name}`; there are {known}")));
    }
    Ok(())
}

struct Check {
    comprehensions: usize,
    /// Names that comprehensions bind.
    bound: Vec<String>,
}

impl Check {
    fn expression(&mut self, e: &IdedExpr, depth: usize, looping: bool) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err("is nested too deeply".to_owned());
        }
        let depth = depth + 1;
        match &e.expr {
            Expr::Call(call) => {
                function(&call.func_name)?;
                if call.func_name == "matches" {
                    pattern(call.args.last())?;
                }
                let parts = call.target.iter().map(AsRef::as_ref).chain(&call.args);
                self.all(parts, depth, looping)
            }
            Expr::Comprehension(loop_) => {
                self.comprehensions += 1;
                if self.comprehensions > MAX_COMPREHENSIONS {
                    return Err(format!("has more than {MAX_COMPREHENSIONS} loops"));
                }
                if looping {
                    return Err("has a loop in a loop".to_owned());
                }
                if matches!(loop_.accu_init.expr, Expr::List(_) | Expr::Map(_)) {
                    return Err("map and filter are not allowed; use exists, all or exists_one".to_owned());
                }
                self.bound.push(loop_.iter_var.clone());
                self.bound.push(loop_.accu_var.clone());
                self.expression(&loop_.iter_range, depth, looping)?;
                let body = [&loop_.accu_init, &loop_.loop_cond, &loop_.loop_step, &loop_.result];
                self.all(body, depth, true)
            }
            Expr::List(list) if list.elements.len() > MAX_LIST => {
                Err(format!("has a list of more than {MAX_LIST} elements"))
            }
            Expr::List(list) => self.all(&list.elements, depth, looping),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => self.all([&entry.key, &entry.value], depth, looping),
                EntryExpr::StructField(field) => self.expression(&field.value, depth, looping),
            }),
            Expr::Select(select) => self.expression(&select.operand, depth, looping),
            Expr::Struct(_) => Err("messages are not allowed".to_owned()),
            _ => Ok(()),
        }
    }

    fn all<'e>(
        &mut self,
        parts: impl IntoIterator<Item = &'e IdedExpr>,
        depth: usize,
        looping: bool,
    ) -> Result<(), String> {
        parts.into_iter().try_for_each(|part| self.expression(part, depth, looping))
    }
}

/// Operators are spelled as functions with signs in their names, such as `_==_` and `@in`.
fn function(name: &str) -> Result<(), String> {
    let is_operator = name.starts_with(|first: char| !first.is_ascii_alphabetic());
    if is_operator || FUNCTIONS.contains(&name) {
        return Ok(());
    }
    Err(format!("there is no function `{name}`; there are {}", FUNCTIONS.join(", ")))
}

fn pattern(argument: Option<&IdedExpr>) -> Result<(), String> {
    let Some(Expr::Literal(LiteralValue::String(pattern))) = argument.map(|argument| &argument.expr) else {
        return Err("the pattern of `matches` must be a literal string".to_owned());
    };
    match compile_pattern(pattern.inner()) {
        Ok(_) => Ok(()),
        Err(error) => {
            let reason = error.to_string();
            Err(format!("the pattern of `matches`: {}", reason.lines().last().unwrap_or_default()))
        }
    }
}
