//! The texts of a new crate.

use super::api::Api;
use crate::failure::Failure;

const LONGEST: usize = 40;

/// Path and text; `@NAME@` and the like are replaced in both.
const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../../../../template/Cargo.toml.in")),
    ("README.md", include_str!("../../../../template/README.md.in")),
    (".gitignore", include_str!("../../../../template/gitignore.in")),
    (".github/workflows/ci.yml", include_str!("../../../../template/ci.yml.in")),
    ("src/lib.rs", include_str!("../../../../template/src/lib.rs.in")),
    ("src/properties.rs", include_str!("../../../../template/src/properties.rs.in")),
    ("src/runner.rs", include_str!("../../../../template/src/runner.rs.in")),
    ("src/process.rs", include_str!("../../../../template/src/process.rs.in")),
    ("src/docs.md", include_str!("../../../../template/src/docs.md.in")),
    ("src/icon.svg", include_str!("../../../../template/src/icon.svg.in")),
    ("examples/@NAME@.yaml", include_str!("../../../../template/examples/example.yaml.in")),
    ("tests/conformance.rs", include_str!("../../../../template/tests/conformance.rs.in")),
];

/// The names of a new plugin.
#[derive(Debug, PartialEq, Eq)]
pub struct Names {
    /// `my-runner`, the plugin's id.
    name: String,
    pub type_name: String,
}

impl Names {
    pub fn new(name: &str, type_name: Option<&str>) -> Result<Self, Failure> {
        let well_formed = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !name.ends_with('-')
            && name.len() <= LONGEST;
        if !well_formed {
            let message = format!("`{name}` cannot be the name of a plugin");
            let help = format!("use up to {LONGEST} lower-case letters, digits and hyphens, beginning with a letter: `my-runner`");
            return Err(Failure::usage("cli::invalid_name", message).with_help(help));
        }
        let type_name = type_name.map_or_else(|| format!("org.example.runner.{}", camel_case(name)), str::to_owned);
        let part =
            |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if type_name.split('.').count() < 2 || !type_name.split('.').all(part) {
            return Err(Failure::usage("cli::invalid_name", format!("`{type_name}` cannot be the name of a type"))
                .with_help("write it like `com.example.runner.MyRunner`"));
        }
        Ok(Self { name: name.to_owned(), type_name })
    }

    /// The library's name as Rust sees it.
    pub fn library(&self) -> String {
        format!("switchyard_plugin_{}", self.name.replace('-', "_"))
    }
}

fn camel_case(name: &str) -> String {
    let parts = name.split('-').map(|part| {
        let mut letters = part.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    });
    parts.collect()
}

/// Every file of the crate but the lock file.
pub fn files(names: &Names, api: &Api) -> Vec<(String, String)> {
    let (plain, testkit, library) = (api.dependency(&[]), api.dependency(&["testkit"]), names.library());
    let marks = [
        ("@NAME@", names.name.as_str()),
        // Flow ids take no hyphen at their beginning, and a plugin's name has none there.
        ("@ID@", names.name.as_str()),
        ("@TYPE@", names.type_name.as_str()),
        ("@LIB@", library.as_str()),
        ("@API@", plain.as_str()),
        ("@API_TESTKIT@", testkit.as_str()),
        ("@API_WORDS@", api.words()),
    ];
    let fill = |text: &str| marks.iter().fold(text.to_owned(), |text, (mark, value)| text.replace(mark, value));
    FILES.iter().map(|(path, text)| (fill(path), fill(text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_and_made() {
        for (name, type_name, expected) in [
            ("greeter", None, Some("org.example.runner.Greeter")),
            ("my-runner2", None, Some("org.example.runner.MyRunner2")),
            ("x", Some("com.acme.X"), Some("com.acme.X")),
            ("x", Some("X"), None),
            ("x", Some("com..X"), None),
            ("Greeter", None, None),
            ("-x", None, None),
            ("x-", None, None),
            ("x/y", None, None),
            ("", None, None),
        ] {
            assert_eq!(Names::new(name, type_name).ok().map(|names| names.type_name), expected.map(str::to_owned), "{name}");
        }
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        let names = Names::new("my-runner", None).unwrap();
        for (path, text) in files(&names, &Api::Bundled) {
            assert!(!path.contains("@NAME@") && !text.contains("@NAME@") && !text.contains("@API") && !text.contains("@LIB@"), "{path}");
        }
    }
}
