//! The conformance kit: every behaviour that a task runner owes for the capabilities it declares, as tests that its author runs with
//! one line. `switchyard plugins test FILE.so` runs the very same behaviours on a finished library.
//!
//! ```
//! # use switchyard_plugin_api::prelude::*;
//! # #[derive(Deserialize, JsonSchema)]
//! # pub struct Properties {}
//! # #[derive(Default)]
//! # struct MyRunner;
//! # impl TaskRunner for MyRunner {
//! #     type Properties = Properties;
//! #     const TYPE: &'static str = "org.example.MyRunner";
//! #     fn describe(&self) -> Description { Description::new("Runs nothing.") }
//! #     async fn run(&self, _: RunRequest<Properties>, _: Context) -> Result<Outcome, Error> { Ok(Outcome::exited(0)) }
//! # }
//! use switchyard_plugin_api::testkit;
//!
//! // A test named `conformance`; the runner needs no properties to run a shell command.
//! testkit::conformance!(MyRunner);
//!
//! // The same with properties, an image, and less output than the usual 100 MB.
//! testkit::conformance!(against_the_engine: MyRunner, testkit::Options {
//!     image: Some("busybox".into()),
//!     flood: 1 << 20,
//!     ..testkit::Options::default()
//! });
//! # fn main() {}
//! ```
//!
//! The runner has to be able to run a POSIX shell with the usual small tools (`cat`, `head`, `seq`, `sleep`, `tr`, `yes`): on this
//! machine, or in the image that the options name. [`task_conformance!`] asks of a [`Task`](crate::Task) what a task owes. A behaviour that the declared [`Capabilities`](crate::Capabilities) do not promise
//! is *not applicable*, and the report says why.

mod attach;
mod cancel;
mod directory;
mod example;
mod files;
mod host;
mod input;
mod judge;
mod leak;
mod logs;
mod manifest;
mod outcome;
mod pressure;
mod replay;
mod report;
mod run;
mod subject;
mod task;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::{__conformance as conformance, __replay as replay, __task_conformance as task_conformance};
pub use host::Host;
pub use replay::{Components, Options as ReplayOptions, PARTS as REPLAY_PARTS, replay as replay_recording, replay_file};
pub use report::{Report, Row, Verdict};
use subject::Subject;
pub use task::{run_some_of_task, run_task, task_names};

use crate::{BoxFuture, Component, DynTaskRunner, TaskRunner, TypedRunner};

/// What the kit has to know about the place where the runner runs commands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Options {
    /// The runner's properties for running a shell command, without `type`.
    pub properties: Value,
    /// What an administrator would configure for the runner.
    pub config: Value,
    /// The task's `containerImage`, for runners that need one.
    pub image: Option<String>,
    /// Program and leading arguments that take a script as last argument.
    pub shell: Vec<String>,
    /// Bytes of output that the behaviour `logs.flood` writes.
    pub flood: u64,
    /// Seconds that one run may take before it counts as hung.
    pub patience: u64,
    /// Seconds that a runner may need, besides the grace period, to end what it was asked to end. Usual: 5 on this machine, 20 in
    /// containers, 60 on another system.
    pub slack: Option<u64>,
    /// Behaviours to leave out, and why. They stand in the report as not applicable, with this reason.
    pub skip: BTreeMap<String, String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            properties: Value::Object(Default::default()),
            config: Value::Null,
            image: None,
            shell: vec!["/bin/sh".into(), "-c".into()],
            flood: 100 << 20,
            patience: 120,
            slack: None,
            skip: BTreeMap::new(),
        }
    }
}

/// Nothing, or why the behaviour is not there.
pub(crate) type Checked = Result<(), String>;

/// One behaviour.
pub(crate) struct Behaviour {
    /// Stable name, such as `logs.flood`.
    pub name: &'static str,
    /// What the runner does, in one line.
    pub title: &'static str,
    /// Why it cannot be asked of this runner.
    pub exempt: fn(&Subject) -> Option<&'static str>,
    pub check: fn(Subject) -> BoxFuture<Checked>,
}

/// Asked of every runner.
fn nobody(_: &Subject) -> Option<&'static str> {
    None
}

fn behaviours() -> impl Iterator<Item = &'static Behaviour> {
    [manifest::ALL, outcome::ALL, logs::ALL, pressure::ALL, input::ALL, files::ALL, cancel::ALL, attach::ALL, leak::ALL]
        .into_iter()
        .flatten()
}

/// Names and titles of all behaviours, in the order in which they are checked.
pub fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    behaviours().map(|behaviour| (behaviour.name, behaviour.title))
}

/// Checks every behaviour of a runner.
pub fn run<R: TaskRunner>(runner: R, options: Options) -> Report {
    let typed = TypedRunner::new(runner);
    let component = typed.component();
    run_dyn(Arc::new(typed), &component, options, |_| {})
}

/// Checks every behaviour of a runner, wherever it comes from; `each` is told every row as soon as it is known.
pub fn run_dyn(runner: Arc<dyn DynTaskRunner>, component: &Component, options: Options, each: impl FnMut(&Row) + Send) -> Report {
    let names: Vec<&str> = behaviours().map(|behaviour| behaviour.name).collect();
    run_some(runner, component, options, &names, |_| {}, each)
}

/// Checks the named behaviours; `before` is told each name before its check begins.
pub fn run_some(
    runner: Arc<dyn DynTaskRunner>,
    component: &Component,
    options: Options,
    names: &[&str],
    mut before: impl FnMut(&str) + Send,
    mut each: impl FnMut(&Row) + Send,
) -> Report {
    let subject = Subject::new(runner, component.clone(), options);
    let mut report = Report::new(&component.type_name);
    // A thread of its own: the caller may be inside another runtime.
    std::thread::scope(|scope| {
        let work = || {
            for behaviour in behaviours().filter(|behaviour| names.contains(&behaviour.name)) {
                before(behaviour.name);
                let row = check(&subject, behaviour);
                each(&row);
                report.rows.push(row);
            }
        };
        if scope.spawn(work).join().is_err() {
            tracing::error!("the conformance kit itself failed");
        }
    });
    report
}

fn check(subject: &Subject, behaviour: &Behaviour) -> Row {
    let skipped = subject.options().skip.get(behaviour.name).cloned();
    let exempt = skipped.or_else(|| (behaviour.exempt)(subject).map(str::to_owned));
    let (subject, check) = (subject.clone(), behaviour.check);
    checked(behaviour.name, behaviour.title, exempt, move || check(subject))
}

/// The row of a behaviour that is checked now, unless there is a reason not to.
fn checked(name: &str, title: &str, exempt: Option<String>, check: impl FnOnce() -> BoxFuture<Checked> + Send + 'static) -> Row {
    let started = std::time::Instant::now();
    let verdict = match exempt {
        Some(reason) => Verdict::NotApplicable { reason },
        None => match runtime().and_then(|runtime| {
            let checked = runtime.block_on(async {
                // In a task of its own, so that a panic of the component is a row and not the end.
                let work = async { check().await };
                tokio::spawn(work).await.unwrap_or_else(|error| Err(run::explain(error)))
            });
            runtime.shutdown_timeout(Duration::from_millis(100));
            checked
        }) {
            Ok(()) => Verdict::Passed,
            Err(reason) => Verdict::Failed { reason },
        },
    };
    Row { behaviour: name.to_owned(), title: title.to_owned(), verdict, millis: started.elapsed().as_millis() as u64 }
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let built = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("sy-testkit").enable_all().build();
    built.map_err(|error| format!("the kit cannot start its threads: {error}"))
}

/// Makes a test that runs the conformance kit and fails with its report: `conformance!(MyRunner)`, `conformance!(MyRunner, options)`,
/// `conformance!(name_of_the_test: MyRunner, options)`. The runner needs `Default`.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance {
    ($runner:ty $(,)?) => {
        $crate::testkit::conformance!(conformance: $runner, $crate::testkit::Options::default());
    };
    ($name:ident: $runner:ty, $options:expr $(,)?) => {
        #[test]
        fn $name() {
            $crate::testkit::run(<$runner as ::core::default::Default>::default(), $options).assert();
        }
    };
    ($runner:ty, $options:expr $(,)?) => {
        $crate::testkit::conformance!(conformance: $runner, $options);
    };
}

/// The same for a task: `task_conformance!(MyTask)`, `task_conformance!(MyTask, options)`, `task_conformance!(name: MyTask, options)`.
#[doc(hidden)]
#[macro_export]
macro_rules! __task_conformance {
    ($task:ty $(,)?) => {
        $crate::testkit::task_conformance!(conformance: $task, $crate::testkit::Options::default());
    };
    ($name:ident: $task:ty, $options:expr $(,)?) => {
        #[test]
        fn $name() {
            $crate::testkit::run_task(<$task as ::core::default::Default>::default(), $options).assert();
        }
    };
    ($task:ty, $options:expr $(,)?) => {
        $crate::testkit::task_conformance!(conformance: $task, $options);
    };
}

#[cfg(test)]
mod tests;
