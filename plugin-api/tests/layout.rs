//! The layout of everything that crosses the boundary, as text: a change that no one announced fails here.
//!
//! What may change without a new major version: a method or field added *after* the last prefix field of its type. Anything else breaks
//! every plugin out there. To accept a change, run with `UPDATE_LAYOUT=1` and look at the difference.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use abi_stable::StableAbi;
use abi_stable::std_types::{RResult, RVec, UTypeId};
use abi_stable::type_layout::{TLData, TLFields, TypeLayout};
use async_ffi::FfiFuture;
use switchyard_plugin_api::abi::layout::{ComponentBox, ContextBox, HostBox, Kind, PluginModuleRef, Reply, Stream};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/layout.txt");

#[test]
fn layout_is_the_promised_one() {
    let found = dump();
    if std::env::var_os("UPDATE_LAYOUT").is_some() {
        std::fs::write(GOLDEN, &found).unwrap();
    }
    let promised = std::fs::read_to_string(GOLDEN).unwrap();
    let differing = promised.lines().zip(found.lines()).find(|(old, new)| old != new);
    assert!(promised == found, "the layout of the boundary changed, first at {differing:?}; see the top of this test for what that means");
}

#[test]
fn every_type_of_the_boundary_is_in_it() {
    let found = dump();
    for name in [
        "Stream",
        "Kind",
        "PluginModule",
        "fn start",
        "fn try_write_log",
        "fn log_ready",
        "fn notify",
        "fn cancelled",
        "fn trace",
        "fn panicked",
    ] {
        assert!(found.contains(name), "{name} is not in the dump");
    }
}

/// Types by name; several may have the same short name.
type Types = BTreeMap<(String, String), String>;

/// Every type that can be reached, by name, with size, alignment and fields in their order.
fn dump() -> String {
    let mut types = Types::new();
    // What functions return cannot be asked of them, so those types are named here.
    for root in [
        PluginModuleRef::LAYOUT,
        ComponentBox::LAYOUT,
        ContextBox::LAYOUT,
        HostBox::LAYOUT,
        Kind::LAYOUT,
        Stream::LAYOUT,
        Reply::LAYOUT,
        <RResult<ComponentBox, RVec<u8>>>::LAYOUT,
        <FfiFuture<Reply>>::LAYOUT,
        <FfiFuture<RVec<u8>>>::LAYOUT,
        <FfiFuture<()>>::LAYOUT,
    ] {
        visit(root, &mut types);
    }
    let mut texts: Vec<String> = types.into_values().collect();
    texts.sort();
    texts.dedup();
    texts.join("\n")
}

fn visit(layout: &'static TypeLayout, types: &mut Types) {
    let name = layout.full_type().to_string();
    let id: UTypeId = layout.get_utypeid();
    let key = (name.clone(), format!("{id:?}"));
    if types.contains_key(&key) {
        return;
    }
    types.insert(key.clone(), String::new());
    let mut text = format!("{name}: size {}, align {}, {:?}\n", layout.size(), layout.alignment(), layout.repr_attr());
    match layout.data() {
        TLData::Primitive(primitive) => writeln!(text, "  primitive {primitive:?}").unwrap(),
        TLData::Opaque => text.push_str("  opaque\n"),
        TLData::Struct { fields } => write_fields("", fields, &mut text, types),
        TLData::Union { fields } => write_fields("union ", fields, &mut text, types),
        TLData::Enum(all) => {
            let names: Vec<_> = all.variant_names_iter().collect();
            writeln!(text, "  variants {} = {:?}, exhaustive {}", names.join(", "), all.discriminants, all.exhaustiveness.is_exhaustive())
                .unwrap();
            write_fields("", all.fields, &mut text, types);
        }
        TLData::PrefixType(prefix) => {
            writeln!(text, "  prefix of {} fields", prefix.first_suffix_field).unwrap();
            write_fields("", prefix.fields, &mut text, types);
        }
    }
    write_fields("phantom ", layout.phantom_fields(), &mut text, types);
    if let Some(checks) = layout.extra_checks() {
        for nested in checks.nested_type_layouts().iter() {
            visit(nested, types);
        }
    }
    types.insert(key, text);
}

fn write_fields(prefix: &str, fields: TLFields, text: &mut String, types: &mut Types) {
    for field in fields.iter() {
        if field.is_function() {
            for function in field.function_range().iter() {
                writeln!(
                    text,
                    "  {prefix}{} = {}",
                    field.name(),
                    function.to_string().replace("fn(", &format!("fn {}(", field.name())).trim_end()
                )
                .unwrap();
                for parameter in function.param_type_layouts.iter() {
                    visit(parameter(), types);
                }
            }
        } else {
            writeln!(text, "  {prefix}{}: {}", field.name(), field.full_type()).unwrap();
        }
        visit(field.layout(), types);
    }
}
