//! A host in a process of its own, for tests whose outcome may be a signal, and for measuring.
//!
//! ```text
//! registry-probe preflight LIBRARY
//! registry-probe plugin LIBRARY ID
//! registry-probe run DIRECTORY CACHE TYPE METHOD PROPERTIES   (METHOD: validate, paths, preview, run, health, plan, task)
//! registry-probe open DIRECTORY CACHE
//! registry-probe measure DIRECTORY CACHE
//! ```

mod call;
mod console;
mod measure;

use std::{path::Path, process::ExitCode};

use switchyard_registry::{preflight_main, process_main};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["preflight", library] => preflight_main(Path::new(library)),
        ["plugin", library, id] => process_main(Path::new(library), id),
        ["run", directory, cache, type_name, method, properties] => {
            console::install();
            call::main(Path::new(directory), Path::new(cache), type_name, method, properties)
        }
        ["open", directory, cache] => call::open(Path::new(directory), Path::new(cache)),
        ["measure", directory, cache] => measure::main(Path::new(directory), Path::new(cache)),
        _ => {
            eprintln!("usage: registry-probe preflight LIBRARY | run DIRECTORY CACHE TYPE METHOD PROPERTIES | measure DIRECTORY CACHE");
            ExitCode::from(2)
        }
    }
}
