//! How long a start takes with everything known, against a bare `dlopen` of the same files: five rounds in turns, in this process's
//! children because a library is opened once only.

use std::{
    path::Path,
    process::{Command, ExitCode},
    time::Instant,
};

use switchyard_registry::Registry;

use crate::call::options;

/// Prints microseconds: one child measures one thing.
pub fn main(directory: &Path, cache: &Path) -> ExitCode {
    match std::env::var("MEASURE").as_deref() {
        Ok("open") => {
            let start = Instant::now();
            let registry = Registry::open(options(directory, cache), Vec::new());
            let opened = start.elapsed();
            println!("{} {}", opened.as_micros(), registry.plugins().len());
        }
        Ok("load") => {
            let start = Instant::now();
            let registry = Registry::open(options(directory, cache), Vec::new());
            let failed = registry.load_all();
            println!("{} {}", start.elapsed().as_micros(), failed.len());
        }
        Ok("bare") => {
            let mut files: Vec<_> = std::fs::read_dir(cache.join("libraries")).into_iter().flatten().flatten().map(|e| e.path()).collect();
            files.sort();
            let start = Instant::now();
            let opened = files.iter().filter(|path| bare(path)).count();
            println!("{} {opened}", start.elapsed().as_micros());
        }
        _ => return compare(directory, cache),
    }
    ExitCode::SUCCESS
}

#[allow(unsafe_code)]
fn bare(path: &Path) -> bool {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: the files are libraries that this program has already loaded in other processes.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map(std::mem::forget).is_ok()
}

fn compare(directory: &Path, cache: &Path) -> ExitCode {
    let Ok(program) = std::env::current_exe() else { return ExitCode::from(2) };
    let child = |what: &str| -> Option<f64> {
        let output = Command::new(&program).arg("measure").arg(directory).arg(cache).env("MEASURE", what).output().ok()?;
        String::from_utf8_lossy(&output.stdout).split_whitespace().next()?.parse().ok()
    };
    let first = child("open");
    let mut rounds = Vec::new();
    for round in 0..5 {
        let mut order = ["open", "load", "bare"];
        order.rotate_left(round % 3);
        let mut times = std::collections::BTreeMap::new();
        for what in order {
            let Some(time) = child(what) else { return ExitCode::from(1) };
            times.insert(what, time);
        }
        rounds.push((times["open"], times["load"], times["bare"]));
    }
    rounds.sort_by(|a, b| (a.1 / a.2).total_cmp(&(b.1 / b.2)));
    let (open, load, bare) = rounds[rounds.len() / 2];
    println!("first start, nothing known: {:.0} us", first.unwrap_or_default());
    println!("start, everything known:    {open:.0} us");
    println!("start and open all:         {load:.0} us = {:.2} x bare dlopen ({bare:.0} us)", load / bare);
    ExitCode::SUCCESS
}
