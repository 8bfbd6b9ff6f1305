//! Where a new crate gets the plugin API from.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The sources of the plugin API that this program was built with: path and text.
pub const SOURCES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/api.rs"));

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Api {
    /// A copy of [`SOURCES`].
    Bundled,
    /// A directory with the package.
    Path(PathBuf),
    /// A version requirement.
    Version(String),
}

impl Api {
    pub fn find(written: &str) -> Result<Self, Failure> {
        if written == "bundled" {
            return Ok(Self::Bundled);
        }
        let path = Path::new(written);
        if path.is_dir() || written.contains('/') {
            let manifest = path.join("Cargo.toml");
            let is_api = std::fs::read_to_string(&manifest).is_ok_and(|text| text.contains("name = \"switchyard-plugin-api\""));
            // The crate may be anywhere, so a relative path would mean another place there.
            return match path.canonicalize() {
                Ok(path) if is_api => Ok(Self::Path(path)),
                _ => Err(Failure::usage("cli::no_api", format!("{written} is not a directory with the package switchyard-plugin-api"))
                    .with_help("name the `plugin-api` directory of Switchyard's sources, or leave `--api` out")),
            };
        }
        let number = written.trim_start_matches(['^', '=', '~']);
        if number.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())) {
            return Ok(Self::Version(written.to_owned()));
        }
        Err(Failure::usage("cli::no_api", format!("`{written}` is neither a version nor the path of a directory"))
            .with_help("write for example `--api 1.0`, `--api ../switchyard/plugin-api`, or leave it out"))
    }

    /// The dependency in `Cargo.toml`.
    pub fn dependency(&self, features: &[&str]) -> String {
        let features = match features {
            [] => String::new(),
            names => format!(", features = [{}]", names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")),
        };
        match self {
            Self::Bundled => format!("{{ path = {:?}{features} }}", super::VENDORED),
            Self::Path(path) => format!("{{ path = {:?}{features} }}", path.display().to_string()),
            Self::Version(version) if features.is_empty() => format!("{version:?}"),
            Self::Version(version) => format!("{{ version = {version:?}{features} }}"),
        }
    }

    /// For the new crate's README.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Bundled => {
                "; its sources are in `vendor/`, as the host had them that wrote this crate. To use a published version instead, write \
                 it in `Cargo.toml` in place of the path"
            }
            Self::Path(_) | Self::Version(_) => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_a_version_a_path_or_neither() {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugin-api");
        for (written, expected) in [
            ("bundled", Some("{ path = \"vendor/switchyard-plugin-api\" }".to_owned())),
            ("1.0", Some("\"1.0\"".to_owned())),
            ("=1.0.0", Some("\"=1.0.0\"".to_owned())),
            (here, Some(format!("{{ path = {:?} }}", Path::new(here).canonicalize().unwrap().display().to_string()))),
            ("/nowhere/at/all", None),
            ("newest", None),
            ("1.", None),
        ] {
            assert_eq!(Api::find(written).ok().map(|api| api.dependency(&[])), expected, "{written}");
        }
    }

    #[test]
    fn the_bundled_sources_are_complete() {
        for file in ["Cargo.toml", "build.rs", "src/lib.rs", "src/abi/layout.rs", "src/testkit/mod.rs"] {
            assert!(SOURCES.iter().any(|(path, text)| *path == file && !text.is_empty()), "{file} is missing");
        }
    }
}
