//! The functions that conditions may call.

use std::sync::LazyLock;

use cel::{
    Env, ExecutionError,
    common::{
        types::{CelBool, CelString, STRING_TYPE},
        value::CowVal,
    },
};
use moka::sync::Cache;
use regex::{Regex, RegexBuilder};

/// Compiled patterns. They all stand literally in a condition, so there are not many.
static PATTERNS: LazyLock<Cache<String, Option<Regex>>> = LazyLock::new(|| Cache::new(10_000));

/// The standard functions, those on strings, and our own `matches`: the engine's compiles its
/// pattern at every call.
pub(super) fn environment() -> Env {
    let mut env = Env::stdlib();
    env.add_extension(cel::extensions::strings).expect("the extension fits the standard library");
    env.add_member_overload("matches", "string_matches", STRING_TYPE, vec![STRING_TYPE], matches)
        .expect("there is no other `matches`");
    env
}

/// Compiles a pattern (RE2 syntax, as CEL demands), within bounds.
pub(super) fn compile_pattern(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(256 << 10).dfa_size_limit(1 << 20).nest_limit(50).build()
}

fn matches<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let failed = |reason: &str| ExecutionError::function_error("matches", reason);
    let text = |index: usize| {
        let argument = arguments.get(index).and_then(|value| value.downcast_ref::<CelString>());
        argument.map(CelString::inner).ok_or_else(|| failed("needs two strings"))
    };
    let (text, pattern) = (text(0)?, text(1)?);
    let regex = PATTERNS.get_with_by_ref(pattern, || compile_pattern(pattern).ok());
    let regex = regex.ok_or_else(|| failed("the pattern is invalid or too large"))?;
    Ok(CowVal::owned(CelBool::from(regex.is_match(text))))
}
