//! Settings of git that a flow may choose. Many others name programs, which git then starts with the rights of the host.

const SECTIONS: &[&str] =
    &["http", "user", "author", "committer", "fetch", "pull", "push", "pack", "transfer", "gc", "advice", "color", "branch", "init"];
const CORE: &[&str] = &[
    "autocrlf",
    "eol",
    "safecrlf",
    "longpaths",
    "symlinks",
    "filemode",
    "ignorecase",
    "precomposeunicode",
    "compression",
    "quotepath",
    "abbrev",
    "bigfilethreshold",
    "logallrefupdates",
    "packedgitlimit",
    "packedgitwindowsize",
    "deltabasecachelimit",
    "preloadindex",
    "checkstat",
    "trustctime",
];

/// Whether a flow may set it.
pub fn allowed(key: &str) -> bool {
    let Some((section, name)) = key.split_once('.') else { return false };
    let (section, name) = (section.to_ascii_lowercase(), name.to_ascii_lowercase());
    let plain = !key.contains(|c: char| c.is_control()) && !name.is_empty();
    plain && (SECTIONS.contains(&section.as_str()) || section == "core" && CORE.contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn settings_that_start_programs_are_refused() {
        for (key, expected) in [
            ("core.autocrlf", true),
            ("core.autoCRLF", true),
            ("http.postBuffer", true),
            ("http.https://host/.extraHeader", true),
            ("user.email", true),
            ("core.sshCommand", false),
            ("core.fsmonitor", false),
            ("core.hooksPath", false),
            ("alias.x", false),
            ("credential.helper", false),
            ("filter.x.smudge", false),
            ("include.path", false),
            ("nonsense", false),
            ("", false),
            ("user.a\nb", false),
        ] {
            assert_eq!(allowed(key), expected, "{key}");
        }
    }
}
