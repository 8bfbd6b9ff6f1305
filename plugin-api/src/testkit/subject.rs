//! The runner under test, and how to ask it for a run.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use super::{Options, run::Run};
use crate::{Capabilities, Component, DynTaskRunner, Placement};

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Subject(Arc<Inner>);

struct Inner {
    runner: Arc<dyn DynTaskRunner>,
    component: Component,
    options: Options,
}

impl Subject {
    pub fn new(runner: Arc<dyn DynTaskRunner>, component: Component, options: Options) -> Self {
        Self(Arc::new(Inner { runner, component, options }))
    }

    pub fn runner(&self) -> &Arc<dyn DynTaskRunner> {
        &self.0.runner
    }

    pub fn component(&self) -> &Component {
        &self.0.component
    }

    pub fn capabilities(&self) -> &Capabilities {
        &self.0.component.capabilities
    }

    pub fn options(&self) -> &Options {
        &self.0.options
    }

    pub fn properties(&self) -> Value {
        match &self.0.options.properties {
            Value::Null => Value::Object(Default::default()),
            properties => properties.clone(),
        }
    }

    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.0.options.patience)
    }

    /// What a runner may need besides the grace period to end what it was asked to end.
    pub fn slack(&self) -> Duration {
        let usual = match self.capabilities().placement {
            Placement::Local => 5,
            Placement::Container => 20,
            Placement::Remote => 60,
        };
        Duration::from_secs(self.0.options.slack.unwrap_or(usual))
    }

    pub fn is_local(&self) -> bool {
        self.capabilities().placement == Placement::Local
    }

    /// A run of a shell script.
    pub fn shell(&self, script: &str) -> Result<Run, String> {
        let mut argv = self.options().shell.clone();
        argv.push(script.to_owned());
        Run::new(self.clone(), argv)
    }

    /// A run of a script that finds `arguments` as `$1`, `$2`, and so on.
    pub fn shell_with(&self, script: &str, arguments: &[&str]) -> Result<Run, String> {
        let mut run = self.shell(script)?;
        run.request.command.argv.push("sh".to_owned());
        run.request.command.argv.extend(arguments.iter().map(|&argument| argument.to_owned()));
        Ok(run)
    }
}
