//! `abi_stable` reports kilobytes of nested dumps with the reason near the end; an administrator needs one line.

use abi_stable::library::LibraryError;

/// Why a root module was refused.
#[derive(Debug)]
pub struct Mismatch {
    /// The one true line of the report: `PluginModule.ping: mismatched type: the host expects (), the plugin has u8`.
    pub summary: String,
    /// The whole report.
    pub report: String,
}

impl From<LibraryError> for Mismatch {
    fn from(error: LibraryError) -> Self {
        let report = error.to_string();
        Self { summary: summarize(&report), report }
    }
}

/// Field and type of every step from the root module to the difference.
type Trail<'a> = Vec<(&'a str, &'a str)>;

const FUNCTION: &str = "AFunctionPointer";

fn summarize(report: &str) -> String {
    let lines: Vec<&str> = report.lines().map(str::trim).collect();
    let value = |label: &str| lines.iter().find_map(|line| line.strip_prefix(label));
    if let (Some(host), Some(plugin)) = (value("user:"), value("library:")) {
        return format!("the plugin was built with plugin API {plugin}, the host has {host}");
    }
    // Levels without an error of their own are only the way to those that have one; the deepest comes last.
    let start = lines.iter().rposition(|line| line.ends_with("error(s)inside:") && !line.starts_with("0 ")).unwrap_or_default();
    let rest = &lines[start..];
    let place = place(&trail(rest));
    let Some(at) = rest.iter().position(|line| line.starts_with("Error:")) else {
        return lines.iter().find(|line| !line.is_empty()).map_or_else(|| "refused without a reason".to_owned(), |line| (*line).to_owned());
    };
    let error = rest[at].trim_start_matches("Error:");
    let after = |label: &str| rest[at..].iter().skip_while(|line| **line != label).nth(1).map(|line| plain(line));
    match (after("Expected:"), after("Found:")) {
        (Some(expected), Some(found)) => format!("{place}{error}: the host expects {expected}, the plugin has {found}"),
        _ => format!("{place}{error}"),
    }
}

fn plain(line: &str) -> String {
    line.strip_prefix("field_name:").map_or_else(|| line.to_owned(), |name| format!("the field `{name}`"))
}

fn trail<'a>(lines: &[&'a str]) -> Trail<'a> {
    let way = lines.iter().take_while(|line| !line.starts_with("Layout of expected type"));
    let mut trail = Trail::new();
    let mut field = "";
    for line in way {
        if let Some(name) = line.strip_prefix("field_name:") {
            field = name;
        } else if let Some(name) = line.strip_prefix("type:") {
            trail.push((field, name));
        }
    }
    trail
}

/// `Owner.method: `, as far as the trail tells: the last object or module on it, and the function of it that follows.
fn place(trail: &Trail<'_>) -> String {
    let is_owner = |(_, name): &&(&str, &str)| name.contains("_TO<") || *name == "PluginModule";
    let Some(at) = trail.iter().rposition(|step| is_owner(&step)) else { return String::new() };
    let owner = trail[at].1.split("_TO<").next().unwrap_or_default();
    let method = trail[at..].iter().find(|(_, name)| *name == FUNCTION).map(|(field, _)| format!(".{field}")).unwrap_or_default();
    let enumeration = trail.last().filter(|(_, name)| ["Kind", "Stream"].contains(name)).map(|(_, name)| format!(" ({name})"));
    format!("{owner}{method}{}: ", enumeration.unwrap_or_default())
}
