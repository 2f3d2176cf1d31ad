//! The engine, with everything taken out that reaches beyond the context.

use std::borrow::Cow;

use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value, escape_formatter,
    value::ValueKind,
};

use super::{Escape, filters};

/// The name of the only template in an environment.
pub(super) const NAME: &str = "template";
const JSON: Cow<'static, str> = Cow::Borrowed("json");
/// Steps that a rendering may take; a page takes a few hundred.
const FUEL: u64 = 50_000;
const RECURSION: usize = 64;

/// An environment for one template.
pub(super) fn environment(escape: Escape) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION);
    environment.set_auto_escape_callback(move |_| match escape {
        Escape::None => AutoEscape::None,
        Escape::Html => AutoEscape::Html,
        Escape::Json => AutoEscape::Custom(JSON),
    });
    environment.set_formatter(print);
    for global in ["range", "dict", "debug", "namespace"] {
        environment.remove_global(global);
    }
    filters::add_to(&mut environment, escape);
    environment
}

/// Prints a value: nothing for `none`, `true` and not `True`, and in JSON always escaped, unless
/// it is what our own `tojson` made.
fn print(output: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::None => return Ok(()),
        ValueKind::Bool => return Ok(output.write_str(if value.is_true() { "true" } else { "false" })?),
        _ => {}
    }
    if !matches!(state.auto_escape(), AutoEscape::Custom(_)) {
        return escape_formatter(output, state, value);
    }
    if value.is_safe() {
        return Ok(output.write_str(value.as_str().unwrap_or_default())?);
    }
    let quoted = serde_json::to_string(&value.to_string()).expect("a string is JSON");
    Ok(output.write_str(&quoted[1..quoted.len() - 1])?)
}
