//! Templates in the Jinja language (minijinja), escaped for where they go.
//!
//! A template sees only the context it is rendered with. Printing something undefined is an error
//! that names its path; asking `{% if x %}`, `is defined` and the filter `default` are not. What
//! could collect memory that neither fuel nor the output cap sees is refused by a check before it is compiled.

mod check;
mod error;
mod filters;
mod sandbox;

use std::{collections::BTreeSet, fmt, io, sync::Arc};

use minijinja::{
    Environment,
    value::{Serde, Value},
};
use serde_json::Value as Json;

pub use check::MAX_SOURCE_BYTES;
pub use error::{TemplateError, TemplateErrorKind};

/// The longest result.
pub const MAX_OUTPUT_BYTES: usize = 256 * 1024;

/// How printed values are escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Escape {
    /// Not at all: plain text.
    None,
    /// For HTML text and attributes.
    Html,
    /// For the inside of JSON strings. `tojson` prints a whole JSON value.
    Json,
}

/// A compiled template. Cheap to clone.
#[derive(Clone)]
pub struct Template {
    environment: Arc<Environment<'static>>,
    source: Arc<str>,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.source).finish()
    }
}

impl Template {
    /// Checks and compiles a template.
    pub fn compile(source: &str, escape: Escape) -> Result<Self, TemplateError> {
        crate::with_stack(|| {
            check::template(source)?;
            let mut environment = sandbox::environment(escape);
            environment
                .add_template_owned(sandbox::NAME, source.to_owned())
                .map_err(|error| error::syntax(source, &error))?;
            Ok(Self { environment: Arc::new(environment), source: source.into() })
        })
    }

    /// Renders it.
    pub fn render(&self, context: &Json) -> Result<String, TemplateError> {
        let mut output = Capped(Vec::with_capacity(self.source.len() * 2));
        crate::with_stack(|| {
            let template = self.environment.get_template(sandbox::NAME)?;
            template.render_captured_to(Value::from(Serde(context)), &mut output).map(drop)
        })
        .map_err(|error| error::rendering(&self.source, &error))?;
        Ok(String::from_utf8(output.0).expect("the engine writes UTF-8"))
    }

    /// The paths it uses from its context, such as `alert.summary`.
    pub fn variables(&self) -> BTreeSet<String> {
        let template = self.environment.get_template(sandbox::NAME);
        template.map(|t| t.undeclared_variables(true).into_iter().collect()).unwrap_or_default()
    }
}

/// A buffer that refuses to grow beyond the cap.
struct Capped(Vec<u8>);

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT_BYTES {
            return Err(io::Error::other(error::OUTPUT_TOO_LONG));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
