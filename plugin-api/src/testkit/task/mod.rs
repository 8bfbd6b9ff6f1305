//! The kit for tasks: what a task owes besides its manifest.

mod plan;
mod run;
mod subject;

use std::sync::Arc;

use subject::Subject;

use super::{Checked, Options, Report, Row, checked, judge::Judge, manifest};
use crate::{BoxFuture, Component, DynTask, Task, TypedTask};

/// One behaviour of a task.
pub(super) struct Behaviour {
    name: &'static str,
    title: &'static str,
    exempt: fn(&Subject) -> Option<&'static str>,
    check: fn(Subject) -> BoxFuture<Checked>,
}

const MANIFEST: &[Behaviour] = &[
    Behaviour {
        name: "manifest.description",
        title: "has a qualified type name, a title, other names that are not its own, and an icon that is SVG",
        exempt: |_| None,
        check: |subject| Box::pin(std::future::ready(manifest::description(subject.component()))),
    },
    Behaviour {
        name: "manifest.schema",
        title: "describes every property, and knows no others",
        exempt: |_| None,
        check: |subject| Box::pin(std::future::ready(manifest::schema(subject.component()))),
    },
    Behaviour {
        name: "manifest.examples",
        title: "has example flows that use it, with properties that it accepts",
        exempt: |_| None,
        check: |subject| Box::pin(std::future::ready(manifest::examples(&subject))),
    },
    Behaviour {
        name: "validate.accepts",
        title: "accepts the properties that it is tested with",
        exempt: Subject::unknown,
        check: |subject| Box::pin(std::future::ready(manifest::accepts(&subject))),
    },
    Behaviour {
        name: "validate.refuses",
        title: "refuses what is no map, and values that it cannot read as errors of the user, without a panic",
        exempt: Subject::unknown,
        check: |subject| Box::pin(std::future::ready(manifest::refuses(&subject))),
    },
];

fn behaviours() -> impl Iterator<Item = &'static Behaviour> {
    [MANIFEST, plan::ALL, run::ALL].into_iter().flatten()
}

/// Names and titles of all behaviours of tasks, in the order in which they are checked.
pub fn task_names() -> impl Iterator<Item = (&'static str, &'static str)> {
    behaviours().map(|behaviour| (behaviour.name, behaviour.title))
}

/// Checks every behaviour of a task. The properties that it is tested with are those of the options or, when those are empty, of its
/// first example that holds no expression.
pub fn run_task<T: Task>(task: T, options: Options) -> Report {
    let typed = TypedTask::new(task);
    let component = typed.component();
    let names: Vec<&str> = task_names().map(|(name, _)| name).collect();
    run_some_of_task(Arc::new(typed), &component, options, &names, |_| {}, |_| {})
}

/// Checks the named behaviours of a task, wherever it comes from; `before` is told each name before its check begins, `each` every row.
pub fn run_some_of_task(
    task: Arc<dyn DynTask>,
    component: &Component,
    options: Options,
    names: &[&str],
    mut before: impl FnMut(&str) + Send,
    mut each: impl FnMut(&Row) + Send,
) -> Report {
    let subject = Subject::new(task, component.clone(), options);
    let mut report = Report::new(&component.type_name);
    // A thread of its own: the caller may be inside another runtime.
    std::thread::scope(|scope| {
        let work = || {
            for behaviour in behaviours().filter(|behaviour| names.contains(&behaviour.name)) {
                before(behaviour.name);
                let skipped = subject.options().skip.get(behaviour.name).cloned();
                let exempt = skipped.or_else(|| (behaviour.exempt)(&subject).map(str::to_owned));
                let (asked, check) = (subject.clone(), behaviour.check);
                let row = checked(behaviour.name, behaviour.title, exempt, move || check(asked));
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
