//! Plugins with an allocator of their own, one and many: they need the static TLS block, which has room for few.

use serde_json::{Value, json};

use crate::host::{Host, allocating};

const TYPE: &str = "dev.switchyard.test.Allocating0";
const COPIES: usize = 10;
const TUNABLE: (&str, &str) = ("GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=65536");

/// The library as another plugin, with its own id and type.
fn copy(library: &[u8], number: usize) -> Vec<u8> {
    let mut bytes = library.to_vec();
    for name in ["allocating", "Allocating"] {
        let (from, to) = (format!("{name}0"), format!("{name}{number}"));
        let places: Vec<usize> =
            bytes.windows(from.len()).enumerate().filter(|(_, window)| *window == from.as_bytes()).map(|(at, _)| at).collect();
        assert!(!places.is_empty());
        for at in places {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
    }
    bytes
}

#[test]
fn memory_goes_back_to_the_allocator_it_came_from() {
    for host in [Host::sharing(), Host::sharing().apart()] {
        let ended = host.with("a.so", &allocating()).call(TYPE, "run", json!({ "bytes": 3_000_000 }));
        assert_eq!(ended.log_bytes, 3_000_000, "{:?}", ended.error);
        assert_eq!(ended.ok.as_ref().and_then(|ok| ok["details"]["text"].as_str()).map(str::len), Some(3_000_000));
    }
}

#[test]
fn many_that_need_the_static_tls_block_are_explained() {
    let host = Host::new();
    let library = std::fs::read(allocating()).unwrap();
    for number in 0..COPIES {
        host.add(&format!("a{number}.so"), &copy(&library, number));
    }
    // Each by itself is fine, and the report names the budget.
    let registry = host.open();
    for number in 0..COPIES {
        let rows = host.rows(&registry, &format!("a{number}.so"));
        assert!(rows[0].state.is_usable() && rows[0].warnings.iter().any(|warning| warning.contains("static TLS")), "{rows:?}");
    }
    let failed: Vec<Value> = host.open_all(&[]);
    assert!(!failed.is_empty() && failed.len() < COPIES, "some have room, some have not: {failed:?}");
    for error in &failed {
        assert_eq!(error["code"], "plugin::load_failed", "{error}");
        assert!(error["help"].as_str().unwrap_or_default().contains("GLIBC_TUNABLES=glibc.rtld.optional_static_tls=65536"), "{error}");
    }
    assert_eq!(host.open_all(&[TUNABLE]), Vec::<Value>::new(), "the remedy that is named works");
    // In a process of its own each has the block to itself.
    assert_eq!(host.apart().call(&format!("dev.switchyard.test.Allocating{}", COPIES - 1), "run", json!({ "bytes": 10 })).log_bytes, 10);
}
