//! What users write.

use std::collections::BTreeMap;

use switchyard_plugin_api::{Problem, prelude::*};

use crate::config;

/// Properties of `io.kestra.plugin.git.Clone`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Properties {
    /// Address of the repository: `https://…`, `ssh://…`, `git@host:path`, `file:///…` or a path of the host.
    pub url: String,
    /// Branch to check out. Without it the one that the repository itself names (`HEAD`).
    #[serde(default)]
    pub branch: Option<String>,
    /// Tag to check out, with the whole history instead of `depth`. No branch is current then.
    #[serde(default)]
    pub tag: Option<String>,
    /// Commit to check out, in full or its beginning, with the whole history instead of `depth`. Wins over `tag` and `branch`.
    #[serde(default)]
    pub commit: Option<String>,
    /// Where to put the work tree, relative to the working directory; without it the working directory itself.
    #[serde(default)]
    pub directory: Option<String>,
    /// How many commits of history to fetch. Ignored with `commit` or `tag`.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub depth: u32,
    /// Clone the submodules too.
    #[serde(default)]
    pub clone_submodules: Option<bool>,
    /// Fetch every branch. `false` fetches the one named by `branch` alone.
    #[serde(default = "yes")]
    pub clone_all_branches: bool,
    /// Fetch no tags.
    #[serde(default)]
    pub no_tags: bool,
    /// User for HTTP.
    #[serde(default)]
    pub username: Option<String>,
    /// Password or token for HTTP. It is sent to the host of `url` alone, not to those of submodules elsewhere.
    #[serde(default)]
    pub password: Option<String>,
    /// Private key for SSH, in PEM or OpenSSH form.
    #[serde(default)]
    pub private_key: Option<String>,
    /// Passphrase of the private key.
    #[serde(default)]
    pub passphrase: Option<String>,
    /// Refuse an SSH server whose host key is not known, or is another one than the known one.
    #[serde(default = "yes")]
    pub strict_host_key_checking: bool,
    /// Host keys to trust, as lines of a `known_hosts` file (`ssh-keyscan HOST` prints them). Without it those that the host's user
    /// and the host itself trust.
    #[serde(default)]
    pub known_hosts: Option<String>,
    /// File of the host with certificates to trust for HTTPS.
    #[serde(default)]
    pub trusted_ca_pem_path: Option<String>,
    /// Use no proxy, whatever the host is configured for.
    #[serde(default)]
    pub no_proxy: Option<bool>,
    /// How long connecting by SSH may take, in milliseconds.
    #[serde(default = "connect_timeout")]
    pub connect_timeout: u64,
    /// How long an HTTP server may be silent, in milliseconds.
    #[serde(default = "read_timeout")]
    pub read_timeout: u64,
    /// Settings of the new repository, such as `core.autocrlf: "false"`. Settings that name programs are refused.
    #[serde(default)]
    pub git_config: Option<BTreeMap<String, serde_json::Value>>,
    /// Accepted for old flows; cloning does not need it.
    #[serde(default)]
    #[schemars(extend("deprecated" = true))]
    #[allow(dead_code, reason = "it has no effect")]
    pub kestra_url: Option<String>,
    /// Accepted for old flows; cloning does not need it.
    #[serde(default)]
    #[schemars(extend("deprecated" = true, "type" = ["object", "null"]))]
    #[allow(dead_code, reason = "it has no effect")]
    pub auth: Option<serde_json::Value>,
}

impl Properties {
    /// A tag or a commit is checked out, no branch.
    pub fn detached(&self) -> bool {
        self.given(&self.commit).or(self.given(&self.tag)).is_some()
    }

    /// An empty text is as good as none.
    pub fn given<'a>(&self, value: &'a Option<String>) -> Option<&'a str> {
        value.as_deref().filter(|text| !text.is_empty())
    }

    /// What is wrong with them. A text that is still to be rendered can be anything.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let known = |text: &&str| !text.contains("{{") && !text.contains("{%");
        if self.url.trim().is_empty() {
            problems.push(Problem::new("/url", "`url` is empty"));
        }
        if self.url.starts_with('-') {
            problems.push(Problem::new("/url", format!("`{}` is no address", self.url)));
        }
        let hexadecimal = |text: &str| (4..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if let Some(commit) = self.given(&self.commit).filter(known).filter(|commit| !hexadecimal(commit)) {
            let problem = Problem::new("/commit", format!("`{commit}` is no commit"));
            problems.push(problem.with_help("write 4 to 64 hexadecimal digits; names belong to `tag` or `branch`"));
        }
        for (name, value) in [("branch", &self.branch), ("tag", &self.tag)] {
            if let Some(value) = self.given(value).filter(known)
                && (value.starts_with('-') || value.contains(|c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c)))
            {
                problems.push(Problem::new(format!("/{name}"), format!("`{value}` is no name of a {name}")));
            }
        }
        if self.no_tags && self.given(&self.tag).is_some() {
            problems
                .push(Problem::new("/noTags", "`noTags` leaves out the tag that is to be checked out").with_help("remove one of the two"));
        }
        if !self.clone_all_branches && self.given(&self.branch).is_none() {
            problems.push(
                Problem::new("/cloneAllBranches", "`cloneAllBranches: false` needs a `branch`").with_help("name the branch to clone"),
            );
        }
        if let Some(directory) = self.given(&self.directory).filter(known)
            && let Err(why) = crate::place::check(directory)
        {
            problems.push(
                Problem::new("/directory", format!("`{directory}` is no place for a clone: {why}"))
                    .with_help("write a relative path such as `repository`"),
            );
        }
        for key in self.git_config.iter().flatten().map(|(key, _)| key.as_str()).filter(known) {
            if !config::allowed(key) {
                problems.push(
                    Problem::new(format!("/gitConfig/{key}"), format!("the setting `{key}` is not accepted"))
                        .with_help("it could make git start a program on the host; accepted are http.*, user.*, fetch.*, pack.* and the harmless ones of core.*"),
                );
            }
        }
        problems
    }
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

fn connect_timeout() -> u64 {
    10_000
}

fn read_timeout() -> u64 {
    60_000
}
