//! The task.

use std::fs;

use switchyard_plugin_api::{Level, Problem, prelude::*};

use crate::{access::Access, order, place::Place, program, properties::Properties};

/// Clones a repository into the working directory.
#[derive(Debug, Default)]
pub struct Clone;

impl Task for Clone {
    type Properties = Properties;
    const TYPE: &'static str = "io.kestra.plugin.git.Clone";
    const PLANNED: bool = false;

    fn describe(&self) -> Description {
        Description::new("Clone a git repository.")
            .docs(include_str!("docs.md"))
            .icon(include_str!("icon.svg"))
            .example("Clone a repository and run a script of it.", include_str!("../examples/clone.yaml"))
            .example("Clone a private repository with a token.", include_str!("../examples/token.yaml"))
            .example("Clone by SSH from a server whose key is known.", include_str!("../examples/ssh.yaml"))
    }

    fn validate(&self, properties: &Properties) -> Vec<Problem> {
        properties.problems()
    }

    async fn run(&self, request: TaskRequest<Properties>, context: Context) -> Result<TaskOutcome, Error> {
        let properties = &request.properties;
        if let Some(problem) = properties.problems().into_iter().next() {
            let error = Error::user("flow::invalid_property", problem.message).at(problem.property);
            return Err(problem.help.into_iter().fold(error, Error::with_help));
        }
        context.phase(Phase::Starting);
        let place = Place::make(&request.files.working_dir, properties.given(&properties.directory))?;
        let access = Access::prepare(properties, &request.files.working_dir)?;
        if !properties.strict_host_key_checking {
            context.message(Level::Warn, "the SSH server's key is not checked: anybody in between can read and change what is cloned");
        }
        context.phase(Phase::Running);
        let commit = clone(properties, &place, &access, &context).await?;
        if access.url != properties.url.trim() {
            keep_address(&place, &access.url, properties.url.trim());
        }
        let directory = place.tree.display().to_string();
        let short: String = commit.chars().take(12).collect();
        context.message(Level::Info, format!("Cloned {} at {short} into {directory}", access.url));
        let outputs = [("directory".to_owned(), directory.into()), ("commit".to_owned(), commit.into())];
        Ok(TaskOutcome { outputs: outputs.into_iter().collect(), ..TaskOutcome::default() })
    }
}

async fn clone(properties: &Properties, place: &Place, access: &Access, context: &Context) -> Result<String, Error> {
    let run = async |argv: Vec<String>| program::run(&argv, access, context).await;
    if place.occupied {
        // git clones into an empty directory only: the repository is made beside and moves in.
        let beside = access.folder.path().join("clone");
        run(order::clone(properties, &access.url, &beside, true)).await?;
        move_in(&beside, place)?;
    } else {
        run(order::clone(properties, &access.url, &place.tree, false)).await?;
    }
    let separate = place.occupied || properties.detached();
    if separate {
        let checkout = order::checkout(properties, &place.tree);
        let first = run(checkout.clone()).await;
        match (first, properties.given(&properties.commit)) {
            (Ok(_), _) => {}
            (Err(_), Some(commit)) if commit.len() >= 40 => {
                run(order::fetch_commit(&place.tree, commit)).await?;
                run(checkout).await?;
            }
            (Err(error), _) => return Err(error),
        }
        if properties.clone_submodules == Some(true) {
            run(order::submodules(&place.tree)).await?;
        }
    }
    Ok(run(order::head(&place.tree)).await?.trim().to_owned())
}

fn move_in(beside: &std::path::Path, place: &Place) -> Result<(), Error> {
    let (from, to) = (beside.join(".git"), place.tree.join(".git"));
    if fs::rename(&from, &to).is_ok() {
        return Ok(());
    }
    // Another file system.
    copy(&from, &to).map_err(|error| Error::environment("git::directory", format!("`{}` cannot be filled: {error}", to.display())))
}

fn copy(from: &std::path::Path, to: &std::path::Path) -> std::io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() { copy(&entry.path(), &target)? } else { fs::copy(entry.path(), target).map(drop)? }
    }
    Ok(())
}

/// The password was kept from git's arguments, but a script that fetches or pushes later needs the address as it was written.
fn keep_address(place: &Place, clean: &str, written: &str) {
    let path = place.tree.join(".git/config");
    if let Ok(text) = fs::read_to_string(&path) {
        let _ = fs::write(&path, text.replace(&format!("url = {clean}"), &format!("url = {written}")));
    }
}
