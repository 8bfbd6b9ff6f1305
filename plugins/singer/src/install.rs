//! The commands around a connector: installing it, finding its program, making it log JSON.

use std::collections::BTreeMap;

use switchyard_plugin_api::{
    Plan, PlanFile,
    script::{Lines, quoted},
};

const IMAGE: &str = "python:3.10.12";
const LOGGING: &str = "logging.conf";
const FORMATTER: &str = "switchyard_json_log.py";
/// Both connectors and we import from the working directory.
const LOGGING_CONF: &str = "[loggers]\nkeys=root\n\n[handlers]\nkeys=stderr\n\n[formatters]\nkeys=json\n\n[logger_root]\nlevel=INFO\nhandlers=stderr\n\n\
[handler_stderr]\nlevel=INFO\nclass=StreamHandler\nformatter=json\nargs=(sys.stderr,)\n\n[formatter_json]\nclass=switchyard_json_log.Formatter\n";
const FORMATTER_PY: &str = r#"import json
import logging


class Formatter(logging.Formatter):
    def format(self, record):
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + self.formatException(record.exc_info)
        return json.dumps({"levelname": record.levelname, "name": record.name, "message": message})
"#;

/// A plan for one program of a connector. `use_it` is the command line, in which `"$program"` is the program.
pub fn plan(packages: &[String], program: &str, use_it: &str, files: Vec<PlanFile>, wanted: &[&str]) -> Plan {
    let file = |path: &str, content: &str| PlanFile { path: path.into(), content: content.into(), executable: false };
    let mut commands = vec!["set -o errexit".to_owned()];
    if !packages.is_empty() {
        let packages: Vec<_> = packages.iter().map(|package| quoted(package)).collect();
        // What a run before this one installed in the same directory is used again.
        commands.push(format!(
            "test -e ./bin/{0} || {{ python -m pip install -q pip --upgrade >&2; python -m pip install -q --target . {1} >&2; }}",
            quoted(program),
            packages.join(" ")
        ));
        // singer-python reads its own file.
        commands.push(format!("find . -mindepth 2 -name {LOGGING} -exec cp {LOGGING} {{}} \\;"));
    }
    commands.push(format!("program=./bin/{0}; test -e \"$program\" || program={0}", quoted(program)));
    commands.push(use_it.to_owned());
    let mut env =
        BTreeMap::from([("PYTHONUNBUFFERED".to_owned(), "true".to_owned()), ("PIP_ROOT_USER_ACTION".to_owned(), "ignore".to_owned())]);
    let mut all = files;
    if !packages.is_empty() {
        env.insert("LOGGING_CONF_FILE".to_owned(), LOGGING.to_owned());
        env.insert("PYTHONPATH".to_owned(), ".".to_owned());
        all.extend([file(LOGGING, LOGGING_CONF), file(FORMATTER, FORMATTER_PY)]);
    }
    Plan {
        argv: Lines::new(&commands).argv(),
        env,
        image: Some(IMAGE.into()),
        files: all,
        wanted: wanted.iter().map(|&pattern| pattern.to_owned()).collect(),
        ..Plan::default()
    }
}
