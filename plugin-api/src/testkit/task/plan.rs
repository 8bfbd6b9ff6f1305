//! What a planned task owes: a command that the host can hand to any runner.

use serde_json::Value;

use super::{super::run::no_panic, Behaviour, Checked, Subject};
use crate::{ErrorKind, Plan};

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "plan.command",
        title: "makes a plan with a program, sound variables, and files that stay in the working directory",
        exempt: by_itself,
        check: |subject| Box::pin(std::future::ready(command(&subject))),
    },
    Behaviour {
        name: "plan.same",
        title: "makes the same plan of the same properties each time",
        exempt: by_itself,
        check: |subject| Box::pin(std::future::ready(same(&subject))),
    },
    Behaviour {
        name: "plan.elsewhere",
        title: "names no directory of this machine in a plan for a container",
        exempt: by_itself,
        check: |subject| Box::pin(std::future::ready(elsewhere(&subject))),
    },
    Behaviour {
        name: "plan.refuses",
        title: "refuses properties that it cannot plan with as errors of the user, without a panic",
        exempt: |subject| (!planned(subject)).then_some(ITSELF),
        check: |subject| Box::pin(std::future::ready(refuses(&subject))),
    },
];

const ITSELF: &str = "it does its work itself";
const HERE: &str = "/var/lib/conformance/work";
const THERE: &str = "/there/only";

fn planned(subject: &Subject) -> bool {
    use super::Judge;
    subject.component().planned
}

fn by_itself(subject: &Subject) -> Option<&'static str> {
    if planned(subject) { subject.unknown() } else { Some(ITSELF) }
}

fn plan(subject: &Subject, working_dir: &str, containerized: bool) -> Result<Plan, String> {
    let made = subject.task().plan(&subject.planned(), &subject.context(working_dir, containerized));
    made.map_err(|error| format!("there is no plan: {error} [{}]", error.code))
}

fn command(subject: &Subject) -> Checked {
    let plan = plan(subject, HERE, false)?;
    let mut wrong = Vec::new();
    if plan.argv.first().map_or("", String::as_str).is_empty() {
        wrong.push("it names no program".to_owned());
    }
    if plan.argv.iter().chain(plan.env.values()).any(|text| text.contains('\0')) {
        wrong.push("an argument or a variable holds a NUL character, which no system can pass".to_owned());
    }
    for name in plan.env.keys().filter(|name| name.is_empty() || name.contains(['=', '\0'])) {
        wrong.push(format!("{name:?} is no name of a variable"));
    }
    for path in plan.files.iter().map(|file| &file.path).chain(&plan.wanted) {
        if path.is_empty() || path.starts_with('/') || path.split('/').any(|part| part == "..") {
            wrong.push(format!("the file {path:?} leads out of the working directory"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn same(subject: &Subject) -> Checked {
    if plan(subject, HERE, false)? == plan(subject, HERE, false)? {
        Ok(())
    } else {
        Err("two plans of the same properties differ, so nobody can compare them".to_owned())
    }
}

fn elsewhere(subject: &Subject) -> Checked {
    let text = serde_json::to_string(&plan(subject, THERE, true)?).map_err(|error| error.to_string())?;
    let of_host = [std::env::current_dir().ok(), std::env::var_os("HOME").map(Into::into)];
    // `/root` and the like are in images too.
    let named =
        of_host.into_iter().flatten().filter(|path| path.components().count() > 2).find(|path| text.contains(&*path.to_string_lossy()));
    match named {
        Some(path) => Err(format!("it names {}, which is not there", path.display())),
        None => Ok(()),
    }
}

fn refuses(subject: &Subject) -> Checked {
    let context = subject.context(HERE, false);
    for properties in [Value::from(7), "text".into(), serde_json::json!({ "noSuchPropertyOfTheKit": 1 })] {
        match subject.task().plan(&properties, &context) {
            Ok(_) if properties.is_object() => {}
            Ok(_) => return Err(format!("{properties} is taken instead of a map of properties")),
            Err(error) => {
                no_panic(Some(&error)).map_err(|panic| format!("{properties}: {panic}"))?;
                if error.kind != ErrorKind::User {
                    return Err(format!("{properties}: the error is of kind {:?}, not User: {error}", error.kind));
                }
            }
        }
    }
    Ok(())
}
