//! Properties that only one language has.

use switchyard_plugin_api::prelude::*;

/// What a language's own properties change.
pub trait Extra: serde::de::DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// Another extension of the script file.
    fn extension(&self) -> Option<&str> {
        None
    }

    /// Arguments between the program and the script file.
    fn arguments(&self) -> &[&str] {
        &[]
    }
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
