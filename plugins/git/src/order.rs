//! What git is asked to do: argument vectors, without any secret.

use std::path::Path;

use crate::properties::Properties;

/// Fetches the repository to `target`. Nothing is checked out when that needs a step of its own.
pub fn clone(properties: &Properties, url: &str, target: &Path, no_checkout: bool) -> Vec<String> {
    let mut argv = words(&["clone", "--progress", "--no-local"]);
    let mut flag = |text: &str| argv.push(text.to_owned());
    if !properties.detached() {
        flag(&format!("--depth={}", properties.depth));
        if let Some(branch) = properties.given(&properties.branch) {
            flag(&format!("--branch={branch}"));
        }
    }
    flag(if properties.clone_all_branches || properties.detached() { "--no-single-branch" } else { "--single-branch" });
    if properties.no_tags {
        flag("--no-tags");
    }
    if no_checkout || properties.detached() {
        flag("--no-checkout");
    } else if properties.clone_submodules == Some(true) {
        flag("--recurse-submodules");
        flag("--shallow-submodules");
    }
    for (key, value) in properties.git_config.iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        flag(&format!("--config={key}={value}"));
    }
    flag("--");
    flag(url);
    flag(&target.display().to_string());
    argv
}

/// Fetches a commit that no branch has.
pub fn fetch_commit(tree: &Path, commit: &str) -> Vec<String> {
    within(tree, &["fetch", "--progress", "origin", commit])
}

/// Puts the files into the work tree.
pub fn checkout(properties: &Properties, tree: &Path) -> Vec<String> {
    if let Some(commit) = properties.given(&properties.commit) {
        return within(tree, &["checkout", "--progress", "--detach", commit]);
    }
    if let Some(tag) = properties.given(&properties.tag) {
        return within(tree, &["checkout", "--progress", "--detach", &format!("refs/tags/{tag}")]);
    }
    // What is there already and is no file of the repository stays; a file of the same name is refused.
    within(tree, &["read-tree", "-m", "-u", "HEAD"])
}

/// Clones the submodules of what was checked out.
pub fn submodules(tree: &Path) -> Vec<String> {
    within(tree, &["submodule", "update", "--init", "--recursive", "--progress"])
}

/// Says which commit was checked out.
pub fn head(tree: &Path) -> Vec<String> {
    within(tree, &["rev-parse", "HEAD"])
}

fn within(tree: &Path, arguments: &[&str]) -> Vec<String> {
    let mut argv = vec!["-C".to_owned(), tree.display().to_string()];
    argv.extend(words(arguments));
    argv
}

fn words(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|&argument| argument.to_owned()).collect()
}
