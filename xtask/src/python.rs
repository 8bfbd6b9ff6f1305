//! Tools from PyPI for the tests, each in an environment of its own, because their requirements clash. Made once, kept in the cache.

use std::{fs, path::Path};

use crate::{
    apt,
    failure::{Failure, Result},
    program::Program,
    step::step,
    workspace::{Workspace, create_folder},
};

/// An environment, and a program that shows that it is whole.
struct Environment {
    name: &'static str,
    packages: &'static [&'static str],
    program: &'static str,
}

const ENVIRONMENTS: &[Environment] = &[
    // From 1.11 on dbt brings a parser that is not on PyPI.
    Environment { name: "dbt", packages: &["dbt-core<1.11", "dbt-duckdb"], program: "dbt" },
    Environment { name: "ansible", packages: &["ansible-core"], program: "ansible-playbook" },
    Environment { name: "aws", packages: &["awscli", "moto[server]"], program: "moto_server" },
    Environment { name: "sqlmesh", packages: &["sqlmesh"], program: "sqlmesh" },
    Environment { name: "singer-tap", packages: &["tap-spreadsheets"], program: "tap-spreadsheets" },
    Environment { name: "singer-target", packages: &["target-jsonl"], program: "target-jsonl" },
];
/// What the Singer target of the tests is installed from, by the task itself.
const WHEELS: &[&str] = &["pip", "setuptools", "wheel", "target-jsonl"];
const MARK: &str = "complete";

/// Makes the environments that are missing.
pub fn install(workspace: &Workspace) -> Result<()> {
    let folder = workspace.cache.join("python");
    let missing: Vec<&Environment> = ENVIRONMENTS.iter().filter(|environment| !environment.is_whole(&folder)).collect();
    let wheels = folder.join("wheels");
    if missing.is_empty() && marked(&wheels, WHEELS) {
        return Ok(());
    }
    let names = missing.iter().map(|environment| environment.name).collect::<Vec<_>>().join(", ");
    step(&format!("install tools from PyPI: {names}"), || {
        create_folder(&folder)?;
        let uv = installer(&folder)?;
        missing.iter().try_for_each(|environment| environment.make(&folder, &uv))?;
        if !marked(&wheels, WHEELS) {
            create_folder(&wheels)?;
            let pip = folder.join("uv/bin/pip");
            Program::new(pip).args(["--disable-pip-version-check", "download", "-q", "-d"]).arg(&wheels).args(WHEELS).run()?;
            mark(&wheels, WHEELS)?;
        }
        Ok(())
    })
}

impl Environment {
    fn is_whole(&self, folder: &Path) -> bool {
        let home = folder.join(self.name);
        marked(&home, self.packages) && home.join("bin").join(self.program).is_file()
    }

    fn make(&self, folder: &Path, uv: &Path) -> Result<()> {
        let home = folder.join(self.name);
        if home.exists() {
            fs::remove_dir_all(&home).map_err(|error| Failure::file("clear", &home, &error))?;
        }
        Program::new(uv).args(["venv", "-q", "--python", "python3"]).arg(&home).run()?;
        Program::new(uv)
            .args(["pip", "install", "-q", "--compile-bytecode", "--python"])
            .arg(home.join("bin/python"))
            .args(self.packages)
            .run()?;
        mark(&home, self.packages)
    }
}

/// uv: much faster than pip, and it keeps what environments share once.
fn installer(folder: &Path) -> Result<std::path::PathBuf> {
    let home = folder.join("uv");
    let uv = home.join("bin/uv");
    if uv.is_file() {
        return Ok(uv);
    }
    let venv = || Program::new("python3").args(["-m", "venv"]).arg(&home);
    if !venv().succeeds() {
        // Debian keeps it apart from Python.
        apt::bring(&["python3-venv"])?;
        venv().run()?;
    }
    Program::new(home.join("bin/pip")).args(["--disable-pip-version-check", "install", "-q", "uv"]).run()?;
    Ok(uv)
}

fn marked(home: &Path, packages: &[&str]) -> bool {
    fs::read_to_string(home.join(MARK)).is_ok_and(|text| text == packages.join("\n"))
}

fn mark(home: &Path, packages: &[&str]) -> Result<()> {
    let file = home.join(MARK);
    fs::write(&file, packages.join("\n")).map_err(|error| Failure::file("write", &file, &error))
}
