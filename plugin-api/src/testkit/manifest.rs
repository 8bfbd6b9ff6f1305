//! What a runner says about itself, and what it answers before anything runs.

use serde_json::{Map, Value};

use super::{
    Behaviour, Checked, example,
    judge::{Judge, literal},
    nobody,
    run::no_panic,
    subject::Subject,
};
use crate::{Component, Error, ErrorKind};

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "manifest.description",
        title: "has a qualified type name, a title, other names that are not its own, and an icon that is SVG",
        exempt: nobody,
        check: |subject| Box::pin(std::future::ready(description(subject.component()))),
    },
    Behaviour {
        name: "manifest.schema",
        title: "describes every property, and knows no others",
        exempt: nobody,
        check: |subject| Box::pin(std::future::ready(schema(subject.component()))),
    },
    Behaviour {
        name: "manifest.examples",
        title: "has example flows that use it, with properties that it accepts",
        exempt: nobody,
        check: |subject| Box::pin(std::future::ready(examples(&subject))),
    },
    Behaviour {
        name: "validate.accepts",
        title: "accepts the properties that it is tested with",
        exempt: nobody,
        check: |subject| Box::pin(std::future::ready(accepts(&subject))),
    },
    Behaviour {
        name: "validate.refuses",
        title: "refuses unknown properties and values of a wrong type, naming them, without a panic",
        exempt: nobody,
        check: |subject| Box::pin(std::future::ready(refuses(&subject))),
    },
    Behaviour {
        name: "paths.names",
        title: "names a working directory, and an output directory exactly when the task asked for one",
        exempt: nobody,
        check: |subject| Box::pin(std::future::ready(paths(&subject))),
    },
    Behaviour {
        name: "preview.shows",
        title: "shows the command that it would run, the same each time",
        exempt: |subject| (!subject.capabilities().preview).then_some("does not declare `preview`"),
        check: |subject| Box::pin(preview(subject)),
    },
    Behaviour {
        name: "health.answers",
        title: "says in a line whether it could run something now",
        exempt: nobody,
        check: |subject| Box::pin(health(subject)),
    },
];

pub(super) fn description(component: &Component) -> Checked {
    let about = &component.description;
    let mut wrong = Vec::new();
    let qualified = |name: &str| {
        let part =
            |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        name.split('.').count() > 1 && name.split('.').all(part)
    };
    for name in std::iter::once(&component.type_name).chain(&about.aliases) {
        if !qualified(name) {
            wrong.push(format!("{name:?} is no qualified type name such as org.example.runner.Echo"));
        }
    }
    if about.title.trim().is_empty() || about.title.contains('\n') {
        wrong.push("the title is not one line of text".to_owned());
    }
    if about.aliases.contains(&component.type_name) {
        wrong.push("its own name is among its aliases".to_owned());
    }
    if about.icon.as_deref().is_some_and(|icon| !(icon.contains("<svg") && icon.trim_end().ends_with("</svg>"))) {
        wrong.push("the icon is no SVG document".to_owned());
    }
    if about.icon.as_deref().is_some_and(|icon| icon.contains("<script") || icon.contains("http://") && !icon.contains("www.w3.org")) {
        wrong.push("the icon holds a script or loads something".to_owned());
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn properties_of(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

pub(super) fn schema(component: &Component) -> Checked {
    let schema = &component.schema;
    let mut wrong = Vec::new();
    if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
        wrong.push("misspelt properties are accepted; put #[serde(deny_unknown_fields)] on the properties struct".to_owned());
    }
    for (name, property) in properties_of(schema).into_iter().flatten() {
        if property.get("description").and_then(Value::as_str).is_none_or(str::is_empty) {
            wrong.push(format!("the property `{name}` has no description; write a doc comment on its field"));
        }
        if name.contains('_') {
            wrong.push(format!("the property `{name}` is not in camelCase, as all others of a flow are"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

pub(super) fn examples(subject: &dyn Judge) -> Checked {
    let component = subject.component();
    let examples = &component.description.examples;
    // Nobody shall write it any more.
    if examples.is_empty() && component.description.deprecated.is_some() {
        return Ok(());
    }
    if examples.is_empty() {
        return Err("there is no example; add one with `Description::example` or `runnable_example`".to_owned());
    }
    let names: Vec<&str> = std::iter::once(&component.type_name).chain(&component.description.aliases).map(String::as_str).collect();
    let mut wrong = Vec::new();
    for example in examples {
        let mut fault = |what: String| wrong.push(format!("{:?}: {what}", example.title));
        let flow = match example::parse(&example.flow) {
            Ok(flow) => flow,
            Err(error) => {
                fault(format!("it is no YAML: {error}"));
                continue;
            }
        };
        for key in ["id", "namespace", "tasks"] {
            if flow.get(key).is_none() {
                fault(format!("the flow has no `{key}`"));
            }
        }
        let mut uses = Vec::new();
        example::of_type(&flow, &names, &mut uses);
        if uses.is_empty() {
            fault(format!("it does not use {}", component.type_name));
        }
        for used in uses {
            let properties = subject.own(used);
            if !literal(&properties) {
                continue;
            }
            match subject.validate(&properties) {
                Ok(problems) => problems.iter().for_each(|problem| fault(format!("{}: {}", problem.property, problem.message))),
                Err(error) => fault(error.to_string()),
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

pub(super) fn accepts(subject: &dyn Judge) -> Checked {
    match subject.validate(&subject.properties()) {
        Ok(problems) if problems.is_empty() => Ok(()),
        Ok(problems) => {
            Err(problems.iter().map(|problem| format!("{}: {}", problem.property, problem.message)).collect::<Vec<_>>().join("\n"))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Values of which most types accept at most one.
fn samples() -> [Value; 6] {
    [Value::Bool(true), (-7).into(), 0.5.into(), "neither a number nor anything else".into(), vec![Value::Null].into(), Map::new().into()]
}

pub(super) fn refuses(subject: &dyn Judge) -> Checked {
    let Value::Object(good) = subject.properties() else { return Err("the tested properties are no map".to_owned()) };
    let with = |name: &str, value: Value| {
        let mut properties = good.clone();
        properties.insert(name.to_owned(), value);
        Value::Object(properties)
    };
    let user = |what: &str, error: &Error| {
        no_panic(Some(error)).map_err(|panic| format!("{what}: {panic}"))?;
        if error.kind == ErrorKind::User {
            Ok(())
        } else {
            Err(format!("{what}: the error is of kind {:?}, not User: {error}", error.kind))
        }
    };
    if subject.is_strict() && subject.component().schema.get("additionalProperties") == Some(&Value::Bool(false)) {
        let name = "noSuchPropertyOfTheKit";
        match subject.validate(&with(name, 1.into())) {
            Err(error) => {
                user("an unknown property", &error)?;
                if !error.to_string().contains(name) {
                    return Err(format!("the error for an unknown property does not name it: {error}"));
                }
            }
            Ok(_) => return Err("an unknown property is accepted, though the schema forbids it".to_owned()),
        }
    }
    for value in [Value::from(7), "text".into(), vec![Value::from(1)].into()] {
        match subject.validate(&value) {
            Err(error) => user("properties that are no map", &error)?,
            Ok(_) => return Err(format!("{value} is accepted instead of a map of properties")),
        }
    }
    for name in properties_of(&subject.component().schema).into_iter().flatten().map(|(name, _)| name) {
        let mut refused = 0;
        for value in samples() {
            match subject.validate(&with(name, value)) {
                Ok(problems) => refused += usize::from(!problems.is_empty()),
                Err(error) => {
                    user(&format!("`{name}` with a wrong value"), &error)?;
                    refused += 1;
                }
            }
        }
        let open = subject.component().schema["properties"][name.as_str()].get("type").is_none();
        if refused == 0 && !open && subject.is_strict() {
            return Err(format!("`{name}` accepts anything: a truth value, numbers, a text, a list and a map"));
        }
    }
    Ok(())
}

fn paths(subject: &Subject) -> Checked {
    let mut run = subject.shell("true")?;
    for output_dir in [None, Some("outputs".to_owned())] {
        run.request.files.output_dir.clone_from(&output_dir);
        let paths = subject.runner().paths(&run.request.properties, &run.request.files).map_err(|error| error.to_string())?;
        // A runner that moves no files has no directory to name.
        let moves = !subject.capabilities().file_strategies.is_empty();
        if moves && paths.working_dir.is_empty() {
            return Err("it names no working directory".to_owned());
        }
        if moves && paths.output_dir.is_some() != output_dir.is_some() {
            return Err(format!("with `output_dir: {output_dir:?}` it names {:?}", paths.output_dir));
        }
    }
    Ok(())
}

async fn preview(subject: Subject) -> Checked {
    let run = subject.shell("echo a word that is in no other command")?.env("KIT", "1");
    let mut last = None;
    for _ in 0..2 {
        let previewed = tokio::time::timeout(subject.patience(), subject.runner().preview(run.request.clone())).await;
        let preview = previewed.map_err(|_| "no answer".to_owned())?.map_err(|error| format!("it failed: {error} [{}]", error.code))?;
        if preview.kind.is_empty() {
            return Err("it does not say what the document is: `kind` is empty".to_owned());
        }
        if !preview.document.to_string().contains("a word that is in no other command") {
            return Err(format!("the command is not in it: {}", preview.document));
        }
        if last.as_ref().is_some_and(|last| *last != preview) {
            return Err("two previews of one request differ, so nobody can compare them".to_owned());
        }
        last = Some(preview);
    }
    Ok(())
}

async fn health(subject: Subject) -> Checked {
    let asked = subject.runner().health(subject.properties());
    match tokio::time::timeout(std::time::Duration::from_secs(30), asked).await {
        Err(_) => Err("no answer within 30 s".to_owned()),
        Ok(Err(error)) => Err(format!("it failed instead of answering `ok: false`: {error} [{}]", error.code)),
        Ok(Ok(health)) if health.message.trim().is_empty() => Err("it says nothing: `message` is empty".to_owned()),
        Ok(Ok(health)) if !health.ok => Err(format!("it says that it could not run anything: {}", health.message)),
        Ok(Ok(_)) => Ok(()),
    }
}
