//! Rendering: the entry for everybody else.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::cache::Cache;
use crate::error::{Code, Error};
use crate::eval::{Budget, Render, Sink};
use crate::limits::Limits;
use crate::raw;
use crate::scope::Scope;
use crate::secrets::Secrets;
use crate::template::Template;

/// Renders templates and remembers those it has read. Cheap to clone, shared by all threads.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    cache: Cache,
    limits: Limits,
}

impl Default for Engine {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Engine {
    /// An engine that remembers 1,000 templates.
    pub fn new(limits: Limits) -> Self {
        Self::with_cache(limits, 1000)
    }

    /// An engine that remembers about `templates` templates.
    pub fn with_cache(limits: Limits, templates: usize) -> Self {
        Self { shared: Arc::new(Shared { cache: Cache::new(templates), limits }) }
    }

    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// Reads a template, or finds it among those already read.
    pub fn template(&self, source: &str) -> Result<Arc<Template>, Error> {
        self.shared.cache.get(source)
    }

    /// Renders to text.
    pub fn render(&self, source: &str, scope: &dyn Scope) -> Result<String, Error> {
        if !needs_rendering(source) {
            return Ok(source.to_owned());
        }
        self.render_template(&*self.template(source)?, scope)
    }

    /// Renders a template that was read before to text.
    pub fn render_template(&self, template: &Template, scope: &dyn Scope) -> Result<String, Error> {
        self.run(template, scope, &Budget::new(self.limits()), Mode::Text, text).map(raw::strip)
    }

    /// Renders to a value: a template that is one `{{ … }}` keeps its type, anything else is text.
    pub fn render_typed(&self, source: &str, scope: &dyn Scope) -> Result<Value, Error> {
        if !needs_rendering(source) {
            return Ok(Value::String(source.to_owned()));
        }
        let template = self.template(source)?;
        let budget = Budget::new(self.limits());
        let typed = self.run(&template, scope, &budget, Mode::Typed, |sink| match sink.into_json() {
            Value::String(text) => Value::String(raw::strip(text)),
            other => other,
        });
        match typed {
            // What tags print piece by piece was meant as text.
            Err(error) if error.code() == Code::Type.as_str() && source.contains("{%") => {
                self.render_template(&template, scope).map(Value::String).map_err(|_| error)
            }
            typed => typed,
        }
    }

    /// Renders every string inside a value, keys included; other scalars stay as they are.
    pub fn render_value(&self, value: &Value, scope: &dyn Scope) -> Result<Value, Error> {
        self.deep(value, &|text| self.render(text, scope).map(Value::String), &|key| self.render(key, scope))
    }

    /// Like [`render_value`](Self::render_value), where a string that is one `{{ … }}` keeps its type.
    pub fn render_value_typed(&self, value: &Value, scope: &dyn Scope) -> Result<Value, Error> {
        self.deep(value, &|text| self.render_typed(text, scope), &|key| self.render(key, scope))
    }

    /// Renders a condition: false is exactly ``, `false`, `0` or `-0` (the rule of `runIf`, not of `{% if %}`).
    pub fn render_condition(&self, source: &str, scope: &dyn Scope) -> Result<bool, Error> {
        Ok(is_truthy(&self.render(source, scope)?))
    }

    fn deep(
        &self,
        value: &Value,
        leaf: &dyn Fn(&str) -> Result<Value, Error>,
        key: &dyn Fn(&str) -> Result<String, Error>,
    ) -> Result<Value, Error> {
        Ok(match value {
            Value::String(text) => leaf(text)?,
            Value::Array(items) => Value::Array(items.iter().map(|item| self.deep(item, leaf, key)).collect::<Result<_, _>>()?),
            Value::Object(entries) => {
                let mut rendered = Map::with_capacity(entries.len());
                for (name, item) in entries {
                    rendered.insert(key(name)?, self.deep(item, leaf, key)?);
                }
                Value::Object(rendered)
            }
            scalar => scalar.clone(),
        })
    }

    /// One pass over `template` inside another rendering, paid from its budget; raw tags stay.
    pub(crate) fn pass(&self, template: &Template, scope: &dyn Scope, budget: &Budget) -> Result<String, Error> {
        self.run(template, scope, budget, Mode::Pass, text)
    }

    fn run<T>(
        &self,
        template: &Template,
        scope: &dyn Scope,
        budget: &Budget,
        mode: Mode,
        finish: impl FnOnce(Sink<'_>) -> T,
    ) -> Result<T, Error> {
        let host = scope.host();
        let secrets = Secrets { host };
        let mut render = Render::new(self, template, scope, budget, &secrets);
        render.keep_raw = mode == Mode::Pass;
        let mut sink = if mode == Mode::Typed { Sink::typed() } else { Sink::text(template.source().len()) };
        let result = render.nodes(template.nodes(), &mut sink).and_then(|()| render.charge_bytes(sink.len()));
        match result {
            Ok(()) => Ok(finish(sink)),
            Err(fault) => Err(Error::new(*fault, template.source())),
        }
    }
}

fn text(sink: Sink<'_>) -> String {
    sink.into_text()
}

#[derive(PartialEq, Eq)]
enum Mode {
    Text,
    Typed,
    /// Text whose raw tags survive for the next pass.
    Pass,
}

/// False for text that prints itself.
pub fn needs_rendering(source: &str) -> bool {
    memchr::memchr(b'{', source.as_bytes()).is_some()
}

/// The truth of a rendered condition (`runIf`, `If.condition` …).
pub fn is_truthy(rendered: &str) -> bool {
    !matches!(rendered, "" | "false" | "0" | "-0")
}
