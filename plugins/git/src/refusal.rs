//! Why git would not: its words become an error that says what to do.

use switchyard_plugin_api::prelude::{Error, ErrorKind};

struct Row {
    /// One of these stands in what git said, in lower case.
    said: &'static [&'static str],
    kind: ErrorKind,
    code: &'static str,
    help: &'static str,
    property: &'static str,
}

/// The first row that fits counts.
const ROWS: &[Row] = &[
    Row {
        said: &["remote host identification has changed"],
        kind: ErrorKind::User,
        code: "git::host_key_changed",
        help: "the server shows another key than the one that is trusted: somebody may be in between. If the server really has a new key, put that into `knownHosts`",
        property: "/knownHosts",
    },
    Row {
        said: &["host key verification failed", "host key is known for"],
        kind: ErrorKind::User,
        code: "git::host_key_unknown",
        help: "compare the server's key with one you trust, then put the lines that `ssh-keyscan HOST` prints into `knownHosts`; `strictHostKeyChecking: false` trusts anybody",
        property: "/knownHosts",
    },
    Row {
        said: &[
            "permission denied (",
            "authentication failed",
            "could not read username",
            "could not read password",
            "terminal prompts disabled",
            "access denied",
            "returned error: 401",
            "returned error: 403",
            "error in libcrypto",
            "invalid format",
        ],
        kind: ErrorKind::User,
        code: "git::authentication",
        help: "set `username` and `password` for HTTP, or `privateKey` for SSH, and see that they may read the repository",
        property: "",
    },
    Row {
        said: &["dubious ownership"],
        kind: ErrorKind::User,
        code: "git::foreign_owner",
        help: "git trusts a repository on the same machine only if it belongs to the host's user; name it in `safe.directory` of that user's git configuration",
        property: "/url",
    },
    Row {
        said: &[
            "remote branch",
            "couldn't find remote ref",
            "did not match any file",
            "does not take a path argument",
            "unable to read tree",
            "unknown revision",
            "not a commit",
            "not our ref",
            "reference is not a tree",
            "ambiguous argument",
        ],
        kind: ErrorKind::User,
        code: "git::no_reference",
        help: "see which branches and tags there are with `git ls-remote URL`",
        property: "",
    },
    Row {
        said: &["would be overwritten", "already exists and is not an empty directory"],
        kind: ErrorKind::User,
        code: "git::in_the_way",
        help: "choose another `directory`, or let the clone come first",
        property: "/directory",
    },
    Row {
        said: &[
            "could not resolve host",
            "connection refused",
            "timed out",
            "could not connect",
            "couldn't connect",
            "failed to connect",
            "connection reset",
            "network is unreachable",
            "no route to host",
            "early eof",
            "unexpected disconnect",
            "returned error: 5",
            "operation too slow",
            "connection closed",
        ],
        kind: ErrorKind::Environment,
        code: "git::unreachable",
        help: "see whether this host reaches the server; a `retry` helps when it is down for a moment",
        property: "/url",
    },
    Row {
        said: &[
            "repository not found",
            "not found",
            "does not appear to be a git repository",
            "does not exist",
            "no such file or directory",
        ],
        kind: ErrorKind::User,
        code: "git::no_repository",
        help: "look at the address; a private repository also seems absent to those who may not read it",
        property: "/url",
    },
    Row {
        said: &["transport 'ext' not allowed", "transport", "unsupported protocol", "is not a valid"],
        kind: ErrorKind::User,
        code: "git::failed",
        help: "use an address that begins with https://, ssh:// or file://",
        property: "/url",
    },
];

/// The error for what git said.
pub fn of(said: &[String], status: &str) -> Error {
    let all = said.join("\n").to_lowercase();
    let line = said.iter().rev().find(|line| line.starts_with("fatal:") || line.starts_with("error:")).or(said.last());
    let message = line.map_or_else(|| format!("git ended with {status}"), |line| line.trim_start_matches("fatal: ").to_owned());
    let Some(row) = ROWS.iter().find(|row| row.said.iter().any(|part| all.contains(part))) else {
        return Error::environment("git::failed", format!("git failed: {message}"));
    };
    let error = Error::new(row.kind, row.code, format!("git failed: {message}")).with_help(row.help);
    if row.property.is_empty() { error } else { error.at(row.property) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_git() {
        for (said, code) in [
            (&["Host key verification failed.", "fatal: Could not read from remote repository."][..], "git::host_key_unknown"),
            (
                &["@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", "Host key verification failed.", "fatal: Could not read"],
                "git::host_key_changed",
            ),
            (&["git@h: Permission denied (publickey).", "fatal: Could not read from remote repository."], "git::authentication"),
            (&["fatal: could not read Username for 'http://h': terminal prompts disabled"], "git::authentication"),
            (&["fatal: Remote branch nope not found in upstream origin"], "git::no_reference"),
            (&["error: pathspec 'refs/tags/x' did not match any file(s) known to git"], "git::no_reference"),
            (&["fatal: unable to access 'http://h/': Could not resolve host: h"], "git::unreachable"),
            (&["fatal: repository 'http://h/x.git/' not found"], "git::no_repository"),
            (&["fatal: '/nowhere' does not appear to be a git repository"], "git::no_repository"),
            (&["error: Untracked working tree file 'a' would be overwritten by merge."], "git::in_the_way"),
            (&["fatal: something new"], "git::failed"),
            (&[], "git::failed"),
        ] {
            let said: Vec<String> = said.iter().map(|&line| line.to_owned()).collect();
            assert_eq!(of(&said, "exit status: 128").code, code, "{said:?}");
        }
    }
}
