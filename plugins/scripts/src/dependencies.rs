//! Packages and interpreter versions that a Python task asks for.

use schemars::JsonSchema;
use sha2::{Digest, Sha256};
use switchyard_plugin_api::{Archive, PlanFile, TargetOs, prelude::*, script::ScriptProperties};

use crate::{
    extra::{Extra, Preparation},
    path,
};

/// Installs them; the same text for every task.
const PROGRAM: &str = include_str!("dependencies.sh");
/// The uv that is fetched where there is none.
const UV_VERSION: &str = "0.11.26";

/// What only Python tasks have.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Python {
    /// Packages to install before the run, one requirement each, such as `pandas>=2`. They are installed where the task runs.
    #[serde(default)]
    dependencies: Option<Vec<String>>,
    /// Version of the interpreter, such as `3.13`. Where it is not installed, uv brings it.
    #[serde(default)]
    python_version: Option<String>,
    /// Keep installed packages for other runs with the same ones: in the host's cache directory for tasks that run as its processes, in
    /// internal storage, for tasks of the same namespace and image, wherever they run elsewhere.
    #[serde(default = "yes")]
    dependency_cache_enabled: bool,
    /// What installs: `UV`, or `PIP`.
    #[serde(default)]
    #[schemars(extend("enum" = ["UV", "PIP", null]))]
    package_manager: Option<String>,
    /// Fetch uv from the package index where it is missing. Otherwise pip installs.
    #[serde(default = "yes")]
    uv_auto_install_enabled: bool,
    /// Version of the uv that is fetched.
    #[serde(default)]
    uv_installer_version: Option<String>,
    /// SHA-256 of the package of uv that is fetched: another one is refused.
    #[serde(default)]
    uv_installer_sha256: Option<String>,
}

fn yes() -> bool {
    true
}

impl Extra for Python {
    fn preparation(&self, base: &ScriptProperties, context: &PlanContext) -> Result<Option<Preparation>, Error> {
        let dependencies = self.dependencies.as_deref().unwrap_or_default();
        let version = self.python_version.as_deref().unwrap_or_default();
        if dependencies.is_empty() && version.is_empty() {
            return Ok(None);
        }
        let refuse = |property: &str, why: String| Err(Error::user("flow::invalid_property", why).at(format!("/{property}")));
        if context.target_os == TargetOs::Windows || !base.has_shell(&["/bin/sh"]) {
            let why =
                "`dependencies` and `pythonVersion` need a POSIX shell as the interpreter: remove `interpreter`, or install in the image";
            return refuse("dependencies", why.to_owned());
        }
        if let Some(bad) = dependencies.iter().find(|line| line.contains(['\n', '\r'])) {
            return refuse("dependencies", format!("a dependency is one line, not {bad:?}"));
        }
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "._-+".contains(c));
        let uv = self.uv_installer_version.as_deref().unwrap_or(UV_VERSION);
        let checksum = self.uv_installer_sha256.as_deref().unwrap_or_default();
        for (property, text) in [("pythonVersion", version), ("uvInstallerVersion", uv), ("uvInstallerSha256", checksum)] {
            if !plain(text) {
                return refuse(property, format!("`{property}` is {text:?}, which is no version"));
            }
        }
        let manager = match self.package_manager.as_deref() {
            None | Some("UV") => "UV",
            Some("PIP") => "PIP",
            Some(other) => return refuse("packageManager", format!("`packageManager` is {other:?}; write UV or PIP")),
        };
        let requirements: String = dependencies.iter().map(|line| format!("{line}\n")).collect();
        let key: String = Sha256::digest(format!("{version}\n{requirements}")).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let list = path::name(&requirements, ".txt");
        let keeps = self.dependency_cache_enabled && context.containerized && !dependencies.is_empty();
        let archives: Vec<Archive> = keeps.then(|| archive(&key)).into_iter().collect();
        let word = |name: &str| path::word(&path::absolute(context, name), context.target_os);
        let words = archives.first().map(|archive| (word(&archive.found), word(&archive.made))).unwrap_or_default();
        let content = format!(
            "KEY={key} CACHE={} MANAGER={manager} VERSION={version} INSTALL_UV={} UV_VERSION={uv} UV_SHA256={checksum}\nREQUIREMENTS={}\nARCHIVE_FOUND={} ARCHIVE_MADE={}\n{PROGRAM}",
            self.dependency_cache_enabled,
            self.uv_auto_install_enabled,
            word(&list),
            words.0,
            words.1,
        );
        let program = path::name(&content, ".sh");
        let command = format!(". {}", path::word(&path::absolute(context, &program), context.target_os));
        let file = |path: String, content: String| PlanFile { path, content, executable: false };
        Ok(Some(Preparation {
            command,
            files: vec![file(list, requirements), file(program, content)],
            program: "\"$KESTRA_PYTHON\"".to_owned(),
            archives,
        }))
    }
}

/// In a directory that hosts never take for the user's.
fn archive(key: &str) -> Archive {
    let file = |which: &str| format!(".kestra_additional_python_lib/{which}-{key}.tar.gz");
    Archive { name: format!("python-dependencies-{key}.tar.gz"), found: file("found"), made: file("made") }
}
