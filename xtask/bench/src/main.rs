//! Measures Switchyard against its peers: whole programs, run in turns, compared by ratio.
//!
//! Absolute times say more about the machine and the minute than about the program, so nothing here is quoted without the peer
//! that ran beside it. `cargo xtask bench` builds everything and calls this.

mod error;
mod flow;
mod measure;
mod parts;
mod peers;
mod program;
mod report;
mod row;
mod rows;
mod stage;
mod venv;

use std::{path::PathBuf, process::ExitCode};

use error::{Error, Result};
use report::{Entry, Report};
use stage::Stage;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((first, rest)) if first == "peer" => peers::run(rest),
        Some((first, rest)) if first == "part" => parts::run(rest),
        _ => Options::parse(&arguments).and_then(|options| bench(&options)),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench: {error} [{}]", error.code());
            ExitCode::from(2)
        }
    }
}

struct Options {
    target: PathBuf,
    cache: PathBuf,
    rounds: usize,
    list: bool,
    rows: Vec<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self { target: "target".into(), cache: std::env::temp_dir(), rounds: 5, list: false, rows: Vec::new() };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().cloned().ok_or_else(|| Error::Usage(format!("{argument} wants a value")));
            match argument.as_str() {
                "--target" => options.target = value()?.into(),
                "--cache" => options.cache = value()?.into(),
                "--rounds" => options.rounds = value()?.parse().map_err(|_| Error::Usage("--rounds wants a number".to_owned()))?,
                "--list" => options.list = true,
                flag if flag.starts_with('-') => return Err(Error::Usage(format!("unknown option {flag}"))),
                row => options.rows.push(row.to_owned()),
            }
        }
        if options.rounds == 0 {
            return Err(Error::Usage("--rounds wants at least 1".to_owned()));
        }
        Ok(options)
    }

    fn wants(&self, id: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|row| row == id)
    }
}

/// Exit code 1 when a row misses its budget, so that a script can ask.
fn bench(options: &Options) -> Result<ExitCode> {
    let known: Vec<&str> = rows::ALL.iter().map(|row| row.id).collect();
    if let Some(unknown) = options.rows.iter().find(|row| !known.contains(&row.as_str())) {
        return Err(Error::Usage(format!("there is no row `{unknown}`; there are: {}", known.join(", "))));
    }
    if options.list {
        for row in rows::ALL {
            println!("{:14} {} | against {} | {}", row.id, row.what, row.against, row.budget);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let stage = Stage::new(&options.target, &options.cache)?;
    let mut report = Report::new(&stage);
    for row in rows::ALL.iter().filter(|row| options.wants(row.id)) {
        eprintln!("==> {}: {} against {}", row.id, row.what, row.against);
        let entry = match (row.prepare)(&stage).and_then(|contest| measure::rounds(&contest, options.rounds)) {
            Ok(measured) => Entry::measured(row, measured),
            // A row that cannot be measured here must not look as if it had passed.
            Err(error) => Entry::left_out(row, &error),
        };
        eprintln!("    {}", entry.verdict());
        report.push(entry);
    }
    println!("{}", report.table());
    let file = options.target.join("bench.json");
    std::fs::write(&file, report.json()).map_err(|error| Error::file("write", &file, &error))?;
    eprintln!("    raw rounds: {}", file.display());
    Ok(if report.within_budget() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
