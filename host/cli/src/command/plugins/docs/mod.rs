//! `switchyard plugins docs`: a reference of everything loaded, as static pages that need no network.

mod html;
mod markdown;
mod page;

use std::{fs, path::Path};

use serde_json::json;
use switchyard_model::catalog;

use super::show::Subject;
use crate::{arguments::PluginDocs, command::print, exit::Exit, failure::Failure, host::Host};

const STYLE: &str = include_str!("../../../../reference/style.css");
const SCRIPT: &str = include_str!("../../../../reference/script.js");
/// Kind of a component, and the heading above its kind.
const GROUPS: [(&str, &str); 3] = [("task-runner", "Task runners"), ("task", "Tasks"), ("trigger", "Triggers")];

pub fn run(host: &Host, command: &PluginDocs) -> Result<Exit, Failure> {
    let mut subjects: Vec<Subject> = host.registry.components().iter().map(|component| Subject::of_component(component, host)).collect();
    if !command.plugins_only {
        let known: Vec<String> = subjects.iter().map(|subject| subject.type_name.clone()).collect();
        let own = catalog::tasks().chain(catalog::triggers()).filter(|spec| !spec.removed && !known.iter().any(|name| name == spec.name));
        subjects.extend(own.map(Subject::of_spec));
    }
    subjects.sort_by(|one, other| one.type_name.cmp(&other.type_name));
    let out = &command.out;
    write(&out.join("style.css"), STYLE)?;
    write(&out.join("script.js"), SCRIPT)?;
    write(&out.join("search.js"), &index(&subjects))?;
    write(&out.join("flow.schema.json"), &serde_json::to_string(&host.registry.flow_schema()).unwrap_or_default())?;
    write(&out.join("index.html"), &page::contents(&subjects))?;
    for subject in &subjects {
        write(&out.join(page::file(&subject.type_name)), &page::of_type(subject, &subjects))?;
    }
    print(format!("{} types: {}\n", subjects.len(), out.join("index.html").display()).as_bytes())?;
    Ok(Exit::Success)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
    parent.and_then(|()| fs::write(path, text)).map_err(|error| {
        Failure::usage("cli::unwritable", format!("{} cannot be written: {error}", path.display()))
            .with_help("check the path and that this user may write there")
    })
}

/// What the search looks through; a script, since pages from a disk may not read files.
fn index(subjects: &[Subject]) -> String {
    let entries: Vec<_> = subjects
        .iter()
        .map(|subject| {
            let properties: Vec<String> = super::property::of_schema(&subject.schema).into_iter().map(|property| property.name).collect();
            json!({
                "type": subject.type_name,
                "kind": subject.kind,
                "title": subject.title,
                "file": page::file(&subject.type_name),
                "aliases": subject.aliases,
                "properties": properties,
            })
        })
        .collect();
    // No text of a plugin may end the script.
    format!("window.TYPES = {};\n", json!(entries).to_string().replace('<', "\\u003c"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_of_the_search_cannot_be_ended_by_a_title() {
        let mut subject = Subject::of_spec(catalog::tasks().next().unwrap());
        subject.title = "</script><script>alert(1)</script>".to_owned();
        let text = index(&[subject]);
        assert!(!text.contains("</script>"), "{text}");
    }
}
