//! Every chore of this repository, one file per verb. `cargo xtask` lists them.

mod apt;
mod bench;
mod ci;
mod compilers;
mod demo;
mod dist;
mod editor;
mod engine;
mod failure;
mod fuzz;
mod image;
mod lint;
mod podman;
mod postgres;
mod program;
mod python;
mod step;
mod test;
mod tool;
mod workspace;

use std::process::ExitCode;

use failure::{Failure, Result};
use workspace::Workspace;

/// One verb of `cargo xtask`.
struct Chore {
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace, &[String]) -> Result<()>,
}

const CHORES: &[Chore] = &[
    Chore {
        name: "demo",
        about: "build everything and run an example flow (--check: fail unless it prints what it should)",
        run: demo::run,
    },
    Chore { name: "dist", about: "build host and plugins in release, fill plugins-dist/", run: dist::run },
    Chore {
        name: "test",
        about: "install what the tests need and run all of them (--kube KUBECONFIG: on a cluster too, --kube-only: only there); arguments go to cargo nextest",
        run: test::run,
    },
    Chore { name: "lint", about: "rustfmt, clippy, cargo deny, cargo machete", run: lint::run },
    Chore { name: "bench", about: "measure ours against its peers in turns; [--list] [--rounds N] [ROW...]", run: bench::run },
    Chore {
        name: "fuzz",
        about: "changed texts for the readers of flows and expressions; [SECONDS] for each, 60 when absent",
        run: fuzz::run,
    },
    Chore { name: "ci", about: "what the build server runs: test, lint, demo --check", run: ci::run },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure} [{}]", failure.code());
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let Some((verb, rest)) = arguments.split_first() else {
        print!("{}", usage());
        return Ok(());
    };
    if matches!(verb.as_str(), "help" | "-h" | "--help") {
        print!("{}", usage());
        return Ok(());
    }
    let Some(chore) = CHORES.iter().find(|chore| chore.name == verb) else {
        return Err(Failure::new("xtask::unknown_chore", format!("there is no chore `{verb}`\n\n{}", usage())));
    };
    (chore.run)(&Workspace::find()?, rest)
}

fn usage() -> String {
    let width = CHORES.iter().map(|chore| chore.name.len()).max().unwrap_or(0);
    let rows: String = CHORES.iter().map(|chore| format!("  {:width$}  {}\n", chore.name, chore.about)).collect();
    format!("usage: cargo xtask CHORE [ARGUMENTS]\n\n{rows}")
}
