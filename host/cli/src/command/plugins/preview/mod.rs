//! `switchyard plugins preview`: what a restart would do to types, flows and running tasks.

mod flows;
mod runs;

use std::path::{Path, PathBuf};

use serde::Serialize;
use switchyard_engine::Keeper;
use switchyard_registry::{Directory, FileFate, Outlook, TypeFate};
use switchyard_server::control::Client;

use self::{
    flows::{Broken, Flows},
    runs::Run,
};
use super::{
    diff::{self, Change},
    loaded,
};
use crate::{
    arguments::{Format, Globals, PreviewPlugins},
    baseline::{self, Baseline},
    command::{print, print_json, server},
    exit::Exit,
    failure::Failure,
    host::Host,
    screen::{Palette, Screen},
};

/// What the directories are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Against {
    /// A server that runs.
    Server,
    /// What the last server started with.
    LastServer,
    /// No server has run here.
    Nothing,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    against: Against,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    directories: Vec<PathBuf>,
    #[serde(flatten)]
    outlook: Outlook,
    /// Of plugins that are there in another build.
    changes: Vec<PluginChange>,
    flows: usize,
    broken: Vec<Broken>,
    runs: Vec<Run>,
    /// Whether anything would be lost or broken.
    breaks: bool,
}

#[derive(Debug, Serialize)]
struct PluginChange {
    plugin: String,
    before: String,
    after: String,
    changes: Vec<Change>,
}

pub fn run(globals: &Globals, command: &PreviewPlugins) -> Result<Exit, Failure> {
    let data_dir = server::directory(globals, &command.data)?;
    if data_dir.exists() && !data_dir.is_dir() {
        return Err(Failure::usage("store::data_dir", format!("{} is not a directory", data_dir.display()))
            .with_help("name the data directory of the server with --data-dir or SWITCHYARD_DATA_DIR"));
    }
    let known = Baseline::read(&data_dir);
    let running = loaded::by_server(globals, &command.data)?;
    let against = match (&running, &known) {
        (Some(_), _) => Against::Server,
        (None, Some(_)) => Against::LastServer,
        (None, None) => Against::Nothing,
    };
    let mut before = known.unwrap_or_default();
    if let Some(plugins) = &running {
        before.pid = plugins.pid;
        before.rows.clone_from(&plugins.rows);
    }
    let client = running.is_some().then(|| Client::find(&data_dir)).flatten();
    let next = next(globals, &data_dir, &before, against)?;

    let rows = baseline::rows(&next);
    if against == Against::Nothing {
        before.rows = rows.iter().filter(|row| row.file.is_none()).cloned().collect();
    }
    let outlook = Outlook::between(&before.rows, &rows);
    let mut flows = Flows::new(client.as_ref(), &next);
    let given = [&*command.flows, &before.flows].concat();
    flows.check_files(&given)?;
    let runs = runs::find(client.as_ref(), &data_dir, &next, &before, &mut flows)?;
    let Flows { checked, broken, .. } = flows;
    let lost = outlook.types.iter().any(|change| change.fate == TypeFate::Lost);
    let refused = outlook.files.iter().any(|file| matches!(file.fate, FileFate::Refused | FileFate::Missing));
    let document = Document {
        against,
        pid: (against == Against::Server).then_some(before.pid),
        directories: loaded::directories(&next),
        changes: changes(&before, &next),
        flows: checked,
        breaks: lost || refused || !broken.is_empty() || runs.iter().any(Run::is_lost),
        outlook,
        broken,
        runs,
    };
    if command.output == Format::Json {
        print_json(&document)?;
    } else {
        print(document.text(Screen::stdout(globals.color).palette).as_bytes())?;
    }
    Ok(if document.breaks { Exit::Failed } else { Exit::Success })
}

/// A host as the server would be after a restart: with its directories, its configuration, its lock, where nobody names others.
fn next(globals: &Globals, data_dir: &Path, before: &Baseline, against: Against) -> Result<Host, Failure> {
    let mut globals = globals.clone();
    globals.locked |= before.locked;
    globals.config = globals.config.take().or_else(|| before.config.clone());
    let named = !globals.plugins.is_empty() || against == Against::Nothing;
    let directories: Vec<Directory> = before.directories.iter().map(Directory::explicit).collect();
    // As a server has it; it is not started for being asked.
    let keeper = Keeper::new(data_dir.join("keeper"), Vec::new());
    Host::open_kept(&globals, Some(keeper), |options| {
        options.write_status = false;
        if !named {
            // One that was not there is only worth a word when somebody has named it.
            let old = std::mem::replace(&mut options.directories, directories);
            let usual = |path: &Path| old.iter().any(|known| !known.explicit && baseline::absolute(known.path.clone()) == path);
            options.directories.iter_mut().for_each(|directory| directory.explicit = !usual(&directory.path));
        }
    })
}

/// What changes within plugins that are there before and after.
fn changes(before: &Baseline, next: &Host) -> Vec<PluginChange> {
    let after = next.registry.manifests();
    let old = |id: &str| before.manifests.values().find(|manifest| manifest.plugin.id == id);
    let compared = after.values().filter_map(|new| {
        let old = old(&new.plugin.id)?;
        let changes = diff::between(old, new);
        let (before, after) = (old.plugin.version.clone(), new.plugin.version.clone());
        (!changes.is_empty()).then(|| PluginChange { plugin: new.plugin.id.clone(), before, after, changes })
    });
    compared.collect()
}

impl Document {
    fn text(&self, palette: Palette) -> String {
        let mut text = match (self.against, self.pid) {
            (Against::Server, pid) => format!("compared with what the server that runs (pid {}) has loaded\n", pid.unwrap_or_default()),
            (Against::LastServer, _) => "no server runs; compared with what the last one had loaded\n".to_owned(),
            (Against::Nothing, _) => "no server has run on this data directory: everything is new\n".to_owned(),
        };
        if !self.outlook.files.is_empty() {
            text.push_str("\nfiles\n");
        }
        for file in &self.outlook.files {
            let line = if file.is_bad() { palette.bad(file.line()).to_string() } else { file.line() };
            text.push_str(&format!("  {line}\n"));
        }
        for (fate, title) in [(TypeFate::Lost, "lost"), (TypeFate::Changed, "changed"), (TypeFate::Gained, "gained")] {
            let types: Vec<_> = self.outlook.types.iter().filter(|change| change.fate == fate).collect();
            if !types.is_empty() {
                text.push_str(&format!("\ntypes {title}\n"));
            }
            for change in types {
                let line = if fate == TypeFate::Lost { palette.bad(change.line()).to_string() } else { change.line() };
                text.push_str(&format!("  {line}\n"));
            }
        }
        if !self.outlook.placements.is_empty() {
            text.push_str("\nwhere plugins run\n");
        }
        for change in &self.outlook.placements {
            let line = if change.quarantine.is_some() { palette.doubtful(change.line()).to_string() } else { change.line() };
            text.push_str(&format!("  {line}\n"));
        }
        for PluginChange { plugin, before, after, changes } in &self.changes {
            text.push_str(&format!("\n{} {before} -> {after}\n", palette.bold(plugin)));
            text.push_str(&diff::change::text(palette, changes).trim_start_matches('\n').replace("\n\n", "\n"));
        }
        if self.flows > 0 {
            text.push_str(&format!("\n{} flows checked, {} would break\n", self.flows, self.broken.len()));
        }
        for broken in &self.broken {
            broken.findings.iter().for_each(|finding| text.push_str(&format!("  {}\n", palette.bad(finding))));
            if !broken.executions.is_empty() {
                text.push_str(&format!("    it runs: {}\n", broken.executions.join(", ")));
            }
        }
        let found = self.runs.iter().filter(|run| run.is_found()).count();
        let not = self.runs.len() - found;
        text.push_str(&format!("\ntask runs under way: {}; found again: {found}, not: {not}\n", self.runs.len()));
        for run in &self.runs {
            let line = if run.is_lost() { palette.bad(run.line()).to_string() } else { run.line() };
            text.push_str(&format!("  {line}\n"));
        }
        let verdict = match (self.breaks, self.outlook.is_empty()) {
            (true, _) => palette.bad("a restart would lose or break something").to_string(),
            (false, true) => palette.good("a restart would change nothing").to_string(),
            (false, false) => palette.good("a restart would break nothing").to_string(),
        };
        format!("{text}\n{verdict}\n")
    }
}
