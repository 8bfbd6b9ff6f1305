//! Properties that only one language has.

use switchyard_plugin_api::{Archive, PlanFile, prelude::*, script::ScriptProperties};

/// What a language's own properties change.
pub trait Extra: serde::de::DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// Another extension of the script file.
    fn extension(&self) -> Option<&str> {
        None
    }

    /// What has to happen before the user's own commands.
    fn preparation(&self, _: &ScriptProperties, _: &PlanContext) -> Result<Option<Preparation>, Error> {
        Ok(None)
    }

    /// Arguments between the program and the script file.
    fn arguments(&self) -> &[&str] {
        &[]
    }
}

/// Something to be done in the task's shell before everything else.
#[derive(Debug)]
pub struct Preparation {
    /// The command.
    pub command: String,
    /// Files that it reads.
    pub files: Vec<PlanFile>,
    /// What runs a script afterwards, as a word of the shell.
    pub program: String,
    /// What it keeps for later runs.
    pub archives: Vec<Archive>,
}

/// Most languages have no properties of their own.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct NoExtra {}

impl Extra for NoExtra {}

/// What only JBang tasks have.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Jbang {
    /// Extension of the script file: `.java`, `.jsh`, `.kt`, `.groovy` or `.md`.
    #[serde(default = "java")]
    extension: String,
    /// Print nothing about downloads and compilation.
    #[serde(default = "yes")]
    quiet: bool,
}

impl Extra for Jbang {
    fn extension(&self) -> Option<&str> {
        Some(&self.extension)
    }

    fn arguments(&self) -> &[&str] {
        if self.quiet { &["--quiet"] } else { &[] }
    }
}

fn java() -> String {
    ".java".into()
}

fn yes() -> bool {
    true
}
