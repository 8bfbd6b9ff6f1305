//! Takes one file through every gate, in the order that keeps the host alive: nothing of it runs before its bytes are checked,
//! and its first run is in another process.

use std::path::Path;

use semver::Version;
use switchyard_plugin_api::{API_VERSION, Manifest, abi::layout::ROOT_SYMBOL, header};

use crate::{
    cache::{self, Cache},
    elf,
    file::{self, Stamp},
    gate::{GateVerdict, Gates},
    options::Options,
    preflight::{self, Failure},
    refusal::Refusal,
    trust,
    verdict::{Brief, Known, Names, Verdict},
};

const HEADER_SYMBOL: &str = "switchyard_plugin_header_v1";

/// What came out for one file.
pub(crate) struct Inspection {
    pub gates: Gates,
    /// Absent when there is nothing to remember: the file cannot be read, or the trouble may be gone at the next start.
    pub known: Option<Known>,
    pub result: Result<Manifest, Refusal>,
}

/// What is inspected.
struct Subject<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    hash: &'a str,
}

pub(crate) struct Inspector<'a> {
    pub options: &'a Options,
    pub cache: &'a Cache,
}

impl Inspector<'_> {
    /// Goes through all gates; a verdict about the same content is used again unless `afresh`.
    pub fn inspect(&self, path: &Path, afresh: bool) -> Inspection {
        let mut gates = Gates::default();
        let (stamp, bytes) = match file::read(path, self.options.trust) {
            Ok(read) => read,
            Err(refusal) => return Inspection { result: Err(gates.fail("file", refusal)), known: None, gates },
        };
        gates.pass("file", format!("a regular file of {} bytes that only its owner may write", bytes.len()));
        let hash = cache::hash(&bytes);
        let remembered = if afresh { None } else { self.cache.read_verdict::<Verdict>(&hash) };
        let subject = Subject { path, bytes: &bytes, hash: &hash };
        let (result, signed) = match remembered {
            Some(verdict) => self.recall(&subject, verdict, &mut gates),
            None => self.examine(&subject, &mut gates),
        };
        let copy = result.is_ok().then(|| self.cache.store_library(&hash, &bytes).and_then(|path| Stamp::at(&path)));
        let (copy, result) = match (copy, result) {
            (Some(Ok(copy)), result) => (Some(copy), result),
            (Some(Err(error)), _) => (None, Err(self.no_copy(&error))),
            (None, result) => (None, result),
        };
        let brief = result.as_ref().map_err(Clone::clone).map(|manifest| Brief {
            plugin: manifest.plugin.clone(),
            components: manifest.components.iter().map(Names::of).collect(),
            warnings: gates.warnings(),
        });
        let known = if result.as_ref().is_err_and(is_temporary) { None } else { Some(Known { stamp, hash, copy, signed, brief }) };
        Inspection { known, gates, result }
    }

    /// What is known of the content, and what is asked of this file now.
    fn recall(&self, subject: &Subject<'_>, verdict: Verdict, gates: &mut Gates) -> (Result<Manifest, Refusal>, Option<String>) {
        gates.0 = verdict.gates;
        let manifest = match verdict.result {
            Ok(manifest) => manifest,
            Err(refusal) => return (Err(refusal), None),
        };
        let plugin = &manifest.plugin;
        let after = gates.0.iter().position(|gate| gate.name == "header").unwrap_or(gates.0.len());
        let mut asked = Gates::default();
        let admitted = self.options.policy.admit(
            subject.path,
            subject.bytes,
            subject.hash,
            || format!("{} {}", plugin.id, plugin.version),
            &mut asked,
        );
        let types = manifest.components.iter().map(|component| component.type_name.as_str());
        let admitted = admitted.and_then(|signed| self.options.policy.allows(&plugin.id, types, &mut asked).map(|()| signed));
        gates.0.splice(after..after, asked.0);
        match admitted {
            Ok(signed) => (Ok(manifest), signed),
            Err(refusal) => {
                // The failed gate is the last one.
                let failed = gates.0.iter().position(|gate| gate.verdict == GateVerdict::Failed).map_or(gates.0.len(), |at| at + 1);
                gates.0.truncate(failed);
                (Err(refusal), None)
            }
        }
    }

    fn examine(&self, subject: &Subject<'_>, gates: &mut Gates) -> (Result<Manifest, Refusal>, Option<String>) {
        let mut signed = None;
        let result = self.pass_gates(subject, gates, &mut signed).map_err(|failure| self.keep_report(subject.hash, failure));
        if !result.as_ref().is_err_and(is_temporary) {
            let lasting = gates.0.iter().filter(|gate| !trust::GATES.contains(&&*gate.name)).cloned().collect();
            self.cache.write_verdict(subject.hash, &Verdict { gates: lasting, result: result.clone() });
        }
        (result, signed)
    }

    fn pass_gates(&self, subject: &Subject<'_>, gates: &mut Gates, signed: &mut Option<String>) -> Result<Manifest, Failure> {
        let Subject { path, bytes, hash } = *subject;
        let section = read_elf(bytes, gates)?;
        let header = section.as_deref().map(header::Header::parse);
        let describe = || match &header {
            Some(Ok(header)) => format!("{} {}", header.plugin.id, header.plugin.version),
            _ => "a library that does not say what it is".to_owned(),
        };
        *signed = self.options.policy.admit(path, bytes, hash, describe, gates)?;
        let header = read_header(header, gates)?;
        let types = header.components.iter().map(|(_, type_name)| type_name.as_str());
        self.options.policy.allows(&header.plugin.id, types, gates)?;
        let copy = self.cache.store_library(hash, bytes).map_err(|e| gates.fail("copy", self.no_copy(&e)))?;
        gates.pass("copy", format!("content {}", &hash[..16]));
        let manifest = preflight::run(&self.options.preflight, self.options.preflight_timeout, &copy, gates)?;
        agree(&header, &manifest).map_err(|refusal| gates.fail("manifest", refusal))?;
        Ok(manifest)
    }

    fn no_copy(&self, error: &std::io::Error) -> Refusal {
        Refusal::new("plugin::no_copy", format!("its private copy cannot be written below {}: {error}", self.options.cache_dir.display()))
            .with_help("free some space, or name another cache directory")
    }

    fn keep_report(&self, hash: &str, failure: Failure) -> Refusal {
        let Failure { mut refusal, report } = failure;
        if let Some(report) = report {
            match self.cache.write_report(hash, &report) {
                Ok(path) => refusal.report = Some(path),
                Err(error) => tracing::warn!(%error, "a report cannot be written"),
            }
        }
        refusal
    }
}

/// The header's section, if there is one.
fn read_elf(bytes: &[u8], gates: &mut Gates) -> Result<Option<Vec<u8>>, Refusal> {
    let elf = elf::read(bytes, &[ROOT_SYMBOL, HEADER_SYMBOL], header::SECTION).map_err(|refusal| gates.fail("elf", refusal))?;
    let missing: Vec<&str> = [ROOT_SYMBOL, HEADER_SYMBOL].into_iter().filter(|name| !elf.symbols.iter().any(|s| s == name)).collect();
    if !missing.is_empty() {
        let refusal = Refusal::new("plugin::no_entry", format!("it is a library but no plugin: it exports no `{}`", missing.join("`, `")))
            .with_help("export the components with `switchyard_plugin_api::export_plugin!`, or move the file elsewhere");
        return Err(gates.fail("elf", refusal));
    }
    gates.pass("elf", format!("a complete shared library for {}", std::env::consts::ARCH));
    if elf.static_tls {
        gates.warn(
            "elf",
            "it needs the static TLS block, which has room for few such libraries; with many of them start the host with \
             GLIBC_TUNABLES=glibc.rtld.optional_static_tls=65536",
        );
    }
    Ok(elf.section)
}

fn read_header(header: Option<Result<header::Header, String>>, gates: &mut Gates) -> Result<header::Header, Refusal> {
    let Some(header) = header else {
        let refusal = Refusal::new("plugin::no_header", format!("it has no section `{}`", header::SECTION))
            .with_help("build it again without stripping its sections");
        return Err(gates.fail("header", refusal));
    };
    let header = header.map_err(|e| gates.fail("header", Refusal::new("plugin::bad_header", e)))?;
    check_header(&header, gates)?;
    Ok(header)
}

/// What a broken system caused may be different the next time.
fn is_temporary(refusal: &Refusal) -> bool {
    matches!(&*refusal.code, "plugin::no_copy" | "plugin::no_preflight") || trust::CODES.contains(&&*refusal.code)
}

fn check_header(header: &header::Header, gates: &mut Gates) -> Result<(), Refusal> {
    let plugin = &header.plugin;
    if header.switchyard != header::FORMAT {
        let reason = format!("its header has format {}, this host reads format {}", header.switchyard, header::FORMAT);
        return Err(gates.fail("header", Refusal::new("plugin::bad_header", reason).with_help("use a newer host")));
    }
    if Version::parse(&plugin.version).is_err() {
        let refusal = Refusal::new("plugin::bad_version", format!("its version `{}` is no semantic version such as 1.2.0", plugin.version));
        return Err(gates.fail("header", refusal));
    }
    if plugin.panic == "abort" {
        let refusal = Refusal::new("plugin::panic_abort", "it was built with panic=abort: any panic in it would end the host")
            .with_help("remove `panic = \"abort\"` from its profile and build it again");
        return Err(gates.fail("header", refusal));
    }
    gates.pass("header", format!("{} {}, built with rustc {} for {}", plugin.id, plugin.version, plugin.rustc, plugin.target));
    check_api(&plugin.api, API_VERSION, gates)
}

/// One major version of the API is one promise; a newer minor one may use services that this host does not have.
fn check_api(theirs: &str, ours: &str, gates: &mut Gates) -> Result<(), Refusal> {
    let (Ok(plugin), Ok(host)) = (Version::parse(theirs), Version::parse(ours)) else {
        let refusal = Refusal::new("plugin::bad_header", format!("its API version `{theirs}` is no semantic version"));
        return Err(gates.fail("api", refusal));
    };
    if plugin.major != host.major {
        let refusal = Refusal::new("plugin::api_mismatch", format!("it was built with plugin API {plugin}, this host speaks {host}"));
        let help =
            if plugin.major > host.major { "use a newer host".to_owned() } else { format!("rebuild it with plugin API {}", host.major) };
        return Err(gates.fail("api", refusal.with_help(help)));
    }
    if plugin.minor > host.minor {
        gates
            .warn("api", format!("it was built with plugin API {plugin}, newer than this host's {host}: it may ask for what is not there"));
    } else {
        gates.pass("api", format!("plugin API {plugin}, the host's is {host}"));
    }
    Ok(())
}

/// The header routes tasks before any code runs, so the code must mean the same.
fn agree(header: &header::Header, manifest: &Manifest) -> Result<(), Refusal> {
    let mut declared: Vec<_> = header.components.iter().map(|(kind, name)| (*kind, name.as_str())).collect();
    let mut made: Vec<_> = manifest.components.iter().map(|component| (component.kind, component.type_name.as_str())).collect();
    declared.sort_unstable();
    made.sort_unstable();
    if header.plugin.id != manifest.plugin.id || header.plugin.version != manifest.plugin.version || declared != made {
        return Err(Refusal::new("plugin::two_minds", "its header and its manifest describe different plugins")
            .with_help("export the plugin with one `export_plugin!` and build it again"));
    }
    if made.is_empty() {
        return Err(Refusal::new("plugin::no_components", "it brings no task runner and no task"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_versions() {
        for (theirs, ours, expected) in [
            ("1.0.0", "1.0.0", Ok(0)),
            ("1.0.7", "1.0.0", Ok(0)),
            ("1.0.0", "1.4.0", Ok(0)),
            ("1.5.0", "1.4.0", Ok(1)),
            ("2.0.0", "1.4.0", Err("plugin::api_mismatch")),
            ("0.9.0", "1.0.0", Err("plugin::api_mismatch")),
            ("one", "1.0.0", Err("plugin::bad_header")),
        ] {
            let mut gates = Gates::default();
            let result = check_api(theirs, ours, &mut gates).map(|()| gates.warnings().len()).map_err(|refusal| refusal.code);
            assert_eq!(result, expected.map_err(str::to_owned), "{theirs} for {ours}");
        }
    }
}
