//! Plugins whose copy of the boundary differs: each change is refused in one readable line, or known to be harmless.
//!
//! A variant is a library of one file: the boundary's own `layout.rs` with one replacement, and a root module that does nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use switchyard_registry::{State, Status};

use crate::host::Host;

const LAYOUT: &str = include_str!("../../../../plugin-api/src/abi/layout.rs");
const LOCK: &str = include_str!("../../../../Cargo.lock");

/// What every variant does behind its layout.
const MODULE: &str = r#"
#![allow(warnings)]
mod layout;
use abi_stable::{library::{LibHeader, CheckTypeLayout, RootModuleResult, __call_root_module_loader}, prefix_type::PrefixTypeTrait, std_types::*};
use async_ffi::{FfiFuture, FutureExt};
use layout::*;

fn ok(json: &'static str) -> Reply { RResult::ROk(RVec::from(json.as_bytes().to_vec())) }
extern "C" fn init(_: HostBox) -> Reply { ok("null") }
extern "C" fn manifest() -> Reply { ok(MANIFEST) }
extern "C" fn extra() -> Reply { ok("null") }
extern "C" fn component(_: Kind, _: RStr<'_>) -> RResult<ComponentBox, RVec<u8>> { RResult::RErr(RVec::new()) }
extern "C" fn ping() -> FfiFuture<()> { async {}.into_ffi() }
extern "C" fn late_ping() -> FfiFuture<u8> { async { 1 }.into_ffi() }
fn module() -> PluginModuleRef { PluginModule { FIELDS }.leak_into_prefix() }
extern "C" fn load() -> RootModuleResult { __call_root_module_loader(module) }
#[unsafe(export_name = "switchyard_plugin_root_v1")]
pub static ROOT: LibHeader = unsafe { LibHeader::from_constructor::<PluginModuleRef>(load, CheckTypeLayout::Yes) };
#[used]
#[unsafe(link_section = ".switchyard")]
#[unsafe(export_name = "switchyard_plugin_header_v1")]
static HEADER: [u8; HEADER_TEXT.len()] = *HEADER_TEXT;
const HEADER_TEXT: &[u8; HEADER_TEXT_LENGTH] = HEADER_LITERAL;
const MANIFEST: &str = MANIFEST_LITERAL;
"#;

struct Variant {
    name: &'static str,
    /// Replacements in the layout; each must be found.
    layout: &'static [(&'static str, &'static str)],
    fields: &'static str,
    /// Version of the API crate, and the one its header claims.
    version: &'static str,
    claims: &'static str,
    /// What the host makes of it: its code, and what the one line says.
    refused: Option<(&'static str, &'static str)>,
}

const FIELDS: &str = "init, manifest, component, ping";

const SAME: Variant = Variant { name: "same", layout: &[], fields: FIELDS, version: "1.0.0", claims: "1.0.0", refused: None };

fn variants() -> Vec<Variant> {
    let mismatch = |says| Some(("plugin::layout_mismatch", says));
    vec![
        SAME,
        Variant {
            name: "field_type",
            layout: &[("pub ping: extern \"C\" fn() -> FfiFuture<()>", "pub ping: extern \"C\" fn() -> FfiFuture<u8>")],
            fields: "init, manifest, component, ping: late_ping",
            refused: mismatch("PluginModule.ping: mismatched type: the host expects (), the plugin has u8"),
            ..SAME
        },
        Variant {
            name: "added_field",
            layout: &[(
                "    /// The manifest as JSON.",
                concat!("    pub extra: extern \"C\" fn() -> Reply,\n", "    /// The manifest as JSON."),
            )],
            fields: "init, manifest, component, ping, extra",
            refused: mismatch("PluginModule"),
            ..SAME
        },
        Variant {
            name: "reordered",
            layout: &[
                ("pub init: extern \"C\" fn(HostBox) -> Reply,", "pub manifest: extern \"C\" fn() -> Reply,"),
                (
                    "    pub manifest: extern \"C\" fn() -> Reply,\n    /// A component",
                    "    pub init: extern \"C\" fn(HostBox) -> Reply,\n    /// A component",
                ),
            ],
            refused: mismatch("PluginModule"),
            ..SAME
        },
        Variant {
            name: "renamed_field",
            layout: &[("pub manifest: extern", "pub description: extern")],
            fields: "init, description: manifest, component, ping",
            refused: mismatch("PluginModule"),
            ..SAME
        },
        Variant {
            name: "method_parameter",
            layout: &[("time_unix_nanos: i64", "time_unix_nanos: u32")],
            refused: mismatch("ContextObject.try_write_log: mismatched type: the host expects i64, the plugin has u32"),
            ..SAME
        },
        Variant {
            name: "enum_variant",
            layout: &[("    Task,\n", "    Task,\n    Trigger,\n")],
            refused: mismatch("(Kind): too many variants: the host expects 2, the plugin has 3"),
            ..SAME
        },
        Variant {
            name: "field_at_the_end",
            layout: &[(
                "    pub ping: extern \"C\" fn() -> FfiFuture<()>,\n",
                "    pub ping: extern \"C\" fn() -> FfiFuture<()>,\n    pub extra: extern \"C\" fn() -> Reply,\n",
            )],
            fields: "init, manifest, component, ping, extra",
            ..SAME
        },
        Variant {
            name: "method_at_the_end",
            layout: &[(
                "    fn panicked(&self, panic: RSlice<'_, u8>);",
                "    fn panicked(&self, panic: RSlice<'_, u8>);\n    fn more(&self);",
            )],
            ..SAME
        },
        Variant { name: "patch_version", version: "1.0.7", claims: "1.0.7", ..SAME },
        Variant { name: "minor_version", version: "1.3.0", claims: "1.3.0", ..SAME },
        Variant {
            name: "major_version",
            version: "2.0.0",
            claims: "2.0.0",
            refused: Some(("plugin::api_mismatch", "it was built with plugin API 2.0.0, this host speaks 1.")),
            ..SAME
        },
        Variant {
            name: "major_version_in_disguise",
            version: "2.0.0",
            refused: mismatch("the plugin was built with plugin API 2.0.0, the host has 1."),
            ..SAME
        },
    ]
}

impl Variant {
    fn component(&self) -> String {
        format!("dev.switchyard.test.variant.{}", self.name)
    }

    fn info(&self) -> String {
        format!(r#""id":"{}","version":"1.0.0","api":"{}","rustc":"1.95.0","target":"here","panic":"unwind""#, self.name, self.claims)
    }

    fn source(&self) -> String {
        let header = format!(r#"{{"switchyard":1,{},"components":[["task","{}"]]}}"#, self.info(), self.component());
        let schema = r#"{"type":"object"}"#;
        let manifest =
            format!(r#"{{"plugin":{{{}}},"components":[{{"kind":"task","type":"{}","schema":{schema}}}]}}"#, self.info(), self.component());
        MODULE
            .replace("HEADER_TEXT_LENGTH", &header.len().to_string())
            .replace("HEADER_LITERAL", &format!("b{header:?}"))
            .replace("MANIFEST_LITERAL", &format!("{manifest:?}"))
            .replace("FIELDS", self.fields)
    }

    fn layout(&self) -> String {
        let mut layout = LAYOUT.to_owned();
        for (from, to) in self.layout {
            assert!(layout.contains(from), "{}: the layout no longer has {from:?}", self.name);
            layout = layout.replacen(from, to, 1);
        }
        layout
    }

    /// Builds the library, or finds it built.
    fn build(&self, root: &Path) -> PathBuf {
        let crate_dir = root.join(self.name);
        // The type checker compares the name of the crate that declares a type, so a variant bears the API's.
        let manifest = format!(
            "[package]\nname = \"switchyard-plugin-api\"\nversion = \"{}\"\nedition = \"2024\"\n\n\
             [lib]\nname = \"variant_{}\"\npath = \"module.rs\"\ncrate-type = [\"cdylib\"]\n\n\
             [dependencies]\nabi_stable = {{ version = \"0.11.3\", default-features = false }}\n\
             async-ffi = {{ version = \"0.5.1\", features = [\"abi_stable\"] }}\n\n\
             [profile.dev]\ndebug = false\n\n[workspace]\n",
            self.version, self.name
        );
        fs::create_dir_all(&crate_dir).unwrap();
        write_new(&crate_dir.join("Cargo.toml"), &manifest);
        write_new(&crate_dir.join("module.rs"), &self.source());
        write_new(&crate_dir.join("layout.rs"), &self.layout());
        let lock = crate_dir.join("Cargo.lock");
        if !lock.exists() {
            fs::write(&lock, LOCK).unwrap();
        }
        let target = root.join("target");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--offline", "--manifest-path"])
            .arg(crate_dir.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .output()
            .unwrap();
        assert!(built.status.success(), "{}: {}", self.name, String::from_utf8_lossy(&built.stderr));
        target.join(format!("debug/libvariant_{}.so", self.name))
    }
}

/// Leaves a file alone that is right, so that cargo sees nothing new.
fn write_new(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|present| present == text) {
        return;
    }
    fs::write(path, text).unwrap();
}

#[test]
fn mismatch_5() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("variants");
    let host = Host::new();
    let variants = variants();
    for variant in &variants {
        host.add(&format!("{}.so", variant.name), &fs::read(variant.build(&root)).unwrap());
    }
    let registry = host.open();
    for variant in &variants {
        let rows = host.rows(&registry, &format!("{}.so", variant.name));
        let [row] = &rows[..] else { panic!("{}: one row is expected, not {rows:?}", variant.name) };
        match variant.refused {
            None => assert_eq!(row.state, State::Ready, "{}: {row:?}", variant.name),
            Some((code, says)) => assert_refused(variant.name, row, code, says),
        }
        let newer = variant.name == "minor_version";
        assert_eq!(row.warnings.iter().any(|warning| warning.contains("newer than this host's")), newer, "{}: {row:?}", variant.name);
    }
    let refused = registry.load_all();
    assert!(refused.is_empty(), "what was accepted can be opened: {refused:?}");
}

fn assert_refused(name: &str, row: &Status, code: &str, says: &str) {
    assert_eq!((row.state, row.code.as_deref()), (State::Refused, Some(code)), "{name}: {row:?}");
    let reason = row.reason.as_ref().unwrap();
    let line = reason.split(" (full report: ").next().unwrap();
    assert!(line.contains(says) && !line.contains('\n') && line.len() < 300, "{name}: {line}");
    assert!(line.contains("rebuild") || line.contains("newer host"), "{name} says what to do: {line}");
    if code == "plugin::layout_mismatch" && name != "major_version_in_disguise" {
        let report = reason.split(" (full report: ").nth(1).unwrap().trim_end_matches(')');
        assert!(fs::metadata(report).unwrap().len() > 1000, "{name}: the whole report is kept");
    }
}
