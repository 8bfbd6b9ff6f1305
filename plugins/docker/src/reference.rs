//! Image references: `[domain/]path[:tag][@digest]`.

use std::fmt;

use crate::error::Failure;

/// A parsed image reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Everything before tag and digest, as it was written.
    name: String,
    /// Registry host, with its port; none means Docker Hub.
    domain: Option<String>,
    path: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// Docker Hub, in the form in which credentials are filed.
pub const HUB: &str = "docker.io";

impl Reference {
    /// Parses a reference; the error says which part is wrong.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let invalid = |reason: &str| Failure::InvalidImage { image: text.to_owned(), reason: reason.to_owned() };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        // A colon before the last slash belongs to the port of the registry.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        let (domain, path) = match name.split_once('/') {
            Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), path),
            _ => (None, name),
        };
        if path.is_empty() {
            return Err(invalid("the name of the image is missing"));
        }
        if !path.split('/').all(is_path_component) {
            return Err(invalid("a name has lower-case letters, digits, and single separators . _ __ - between them"));
        }
        if domain.is_some_and(|d| !is_domain(d)) {
            return Err(invalid("the registry is not a host name with an optional port"));
        }
        if tag.is_some_and(|t| !is_tag(t)) {
            return Err(invalid("a tag has letters, digits, _ . -, begins with none of . and -, and is at most 128 long"));
        }
        if digest.is_some_and(|d| !is_digest(d)) {
            return Err(invalid("a digest is an algorithm, a colon and hex digits: sha256:<64 hex digits>"));
        }
        Ok(Self {
            name: name.to_owned(),
            domain: domain.map(str::to_owned),
            path: path.to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }

    /// What a pull sends as `fromImage`: the name alone, because some engines add the tag to what they get.
    pub fn repository(&self) -> &str {
        &self.name
    }

    /// What a pull sends as `tag`: the digest when there is one, and never nothing, which would mean every tag.
    pub fn pull_tag(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }

    /// Registry host with its port.
    pub fn registry(&self) -> &str {
        match self.domain.as_deref() {
            None | Some("index.docker.io" | "registry-1.docker.io") => HUB,
            Some(domain) => domain,
        }
    }

    /// Registry and path, the longest key under which credentials may be filed.
    pub fn scope(&self) -> String {
        let library = if self.registry() == HUB && !self.path.contains('/') { "library/" } else { "" };
        format!("{}/{library}{}", self.registry(), self.path)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match (&self.tag, &self.digest) {
            (tag, Some(digest)) => {
                if let Some(tag) = tag {
                    write!(f, ":{tag}")?;
                }
                write!(f, "@{digest}")
            }
            (Some(tag), None) => write!(f, ":{tag}"),
            (None, None) => f.write_str(":latest"),
        }
    }
}

fn is_path_component(component: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !component.starts_with(alphanumeric) || !component.ends_with(alphanumeric) {
        return false;
    }
    component
        .split(alphanumeric)
        .filter(|separator| !separator.is_empty())
        .all(|separator| matches!(separator, "." | "_" | "__") || separator.bytes().all(|b| b == b'-'))
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (domain, None),
    };
    let host_ok = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(address) => address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':'),
        None => host.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        }),
    };
    host_ok && port.is_none_or(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
}

fn is_tag(tag: &str) -> bool {
    !tag.is_empty()
        && tag.len() <= 128
        && !tag.starts_with(['.', '-'])
        && tag.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty()
            && algorithm.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'-' | b'_'))
            && hex.len() >= 32
            && hex.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn docker_d12_references_are_taken_apart() {
        for (text, from_image, tag, registry, scope) in [
            ("centos", "centos", "latest", "docker.io", "docker.io/library/centos"),
            ("busybox:1.36", "busybox", "1.36", "docker.io", "docker.io/library/busybox"),
            ("org/img", "org/img", "latest", "docker.io", "docker.io/org/img"),
            ("docker.io/org/img:2", "docker.io/org/img", "2", "docker.io", "docker.io/org/img"),
            ("host:5000/img", "host:5000/img", "latest", "host:5000", "host:5000/img"),
            ("localhost/img:a", "localhost/img", "a", "localhost", "localhost/img"),
            ("ghcr.io/kestra-io/pydata:latest", "ghcr.io/kestra-io/pydata", "latest", "ghcr.io", "ghcr.io/kestra-io/pydata"),
            ("a__b/c-d.e---f", "a__b/c-d.e---f", "latest", "docker.io", "docker.io/a__b/c-d.e---f"),
            ("[::1]:5000/img", "[::1]:5000/img", "latest", "[::1]:5000", "[::1]:5000/img"),
        ] {
            let reference = Reference::parse(text).unwrap();
            assert_eq!(
                (reference.repository(), reference.pull_tag(), reference.registry(), reference.scope().as_str()),
                (from_image, tag, registry, scope),
                "{text}"
            );
        }
        let pinned = Reference::parse(&format!("host:5000/a/b:1@{DIGEST}")).unwrap();
        assert_eq!((pinned.repository(), pinned.pull_tag()), ("host:5000/a/b", DIGEST));
        assert_eq!(pinned.to_string(), format!("host:5000/a/b:1@{DIGEST}"));
    }

    #[test]
    fn wrong_references_are_refused() {
        for text in [
            "",
            "host:5000/",
            "Upper/case",
            "a//b",
            "-a",
            "a-",
            "a___b",
            "a:",
            "a:-x",
            "a b",
            "img@sha256:12",
            "img@",
            "x..y/z",
            "../etc",
            "h.o:port/x",
        ] {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
    }
}
