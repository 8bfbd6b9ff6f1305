//! The variables an expression can see, borrowed from whoever holds them.

use serde_json::{Map, Value};

use crate::host::{Host, HostError, Nowhere};
use crate::val::Val;

/// The variables of one rendering. Values are borrowed: nothing is cloned to be looked at.
pub trait Scope: Sync {
    /// The variable `name`, or `None` when there is none.
    fn get(&self, name: &str) -> Option<Val<'_>>;
    /// The names of all variables, for hints and `printContext()`.
    fn names(&self) -> Vec<&str>;
    /// The services behind `secret()`, `kv()`, `read()` …
    fn host(&self) -> &dyn Host {
        &Nowhere
    }
}

/// A map whose entries are looked up when an expression asks for them.
pub trait Lazy: Sync {
    /// The entry `key`; [`HostError::Missing`] when there is none.
    fn entry(&self, key: &str) -> Result<Value, HostError>;
    /// The known keys, for hints; may be empty.
    fn keys(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The range of local variables that a `_context` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    pub(crate) base: usize,
    pub(crate) end: usize,
}

impl Scope for Map<String, Value> {
    fn get(&self, name: &str) -> Option<Val<'_>> {
        Map::get(self, name).map(Val::from)
    }
    fn names(&self) -> Vec<&str> {
        self.keys().map(String::as_str).collect()
    }
}

/// An object is a scope of its entries; anything else is empty.
impl Scope for Value {
    fn get(&self, name: &str) -> Option<Val<'_>> {
        self.as_object()?.get(name).map(Val::from)
    }
    fn names(&self) -> Vec<&str> {
        self.as_object().map(Scope::names).unwrap_or_default()
    }
}

impl Scope for () {
    fn get(&self, _: &str) -> Option<Val<'_>> {
        None
    }
    fn names(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// More variables on top of another scope, and optionally another host.
pub struct Overlay<'a> {
    base: &'a dyn Scope,
    host: Option<&'a dyn Host>,
    added: Vec<(&'a str, Val<'a>)>,
}

impl<'a> Overlay<'a> {
    /// Everything `base` has.
    pub fn on(base: &'a dyn Scope) -> Self {
        Self { base, host: None, added: Vec::new() }
    }
    /// Adds or hides one variable.
    pub fn with(mut self, name: &'a str, value: impl Into<Val<'a>>) -> Self {
        self.added.push((name, value.into()));
        self
    }
    /// Adds a map that is looked up on demand.
    pub fn with_lazy(self, name: &'a str, map: &'a dyn Lazy) -> Self {
        self.with(name, Val::Lazy(map))
    }
    /// Replaces the services.
    pub fn with_host(mut self, host: &'a dyn Host) -> Self {
        self.host = Some(host);
        self
    }
}

impl Scope for Overlay<'_> {
    fn get(&self, name: &str) -> Option<Val<'_>> {
        let added = self.added.iter().rev().find(|(key, _)| *key == name);
        added.map(|(_, value)| value.clone()).or_else(|| self.base.get(name))
    }
    fn names(&self) -> Vec<&str> {
        let mut names = self.base.names();
        for (name, _) in &self.added {
            if !names.contains(name) {
                names.push(name);
            }
        }
        names
    }
    fn host(&self) -> &dyn Host {
        self.host.unwrap_or_else(|| self.base.host())
    }
}
