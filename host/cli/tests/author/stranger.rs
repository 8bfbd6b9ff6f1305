//! The stranger: from an empty directory to a runner that works, and to its second version. Nothing of this repository is used but the
//! program; cargo builds into a target directory of its own, kept in the user's cache so that a second time is quick.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{Home, Running};

const LIBRARY: &str = "libswitchyard_plugin_greeter.so";

/// Homes of the tester: cargo's registry and compilers are not what is tested.
fn real(variable: &str, folder: &str) -> PathBuf {
    env::var_os(variable).map_or_else(|| env::home_dir().unwrap().join(folder), PathBuf::from)
}

struct Stranger {
    home: Home,
    crate_dir: PathBuf,
    target: PathBuf,
}

impl Stranger {
    fn switchyard(&self, arguments: &[&str]) -> (i32, String) {
        let output = self
            .home
            .command(arguments)
            .env("CARGO_HOME", real("CARGO_HOME", ".cargo"))
            .env("RUSTUP_HOME", real("RUSTUP_HOME", ".rustup"))
            .output()
            .unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code().unwrap_or(-1), said)
    }

    #[track_caller]
    fn expect(&self, arguments: &[&str], code: i32) -> String {
        let (found, said) = self.switchyard(arguments);
        assert_eq!(found, code, "{arguments:?}: {said}");
        said
    }

    #[track_caller]
    fn cargo(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("cargo");
        command.args(arguments).current_dir(&self.crate_dir).env("CARGO_TARGET_DIR", &self.target);
        // What the tester's cargo says to its tests is nothing to a stranger's.
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("CARGO_") && !["CARGO_HOME", "CARGO_TARGET_DIR"].contains(&name.as_str()) || name == "RUSTFLAGS" {
                command.env_remove(name);
            }
        }
        let output = command.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "cargo {arguments:?}: {said}");
        said
    }

    /// Puts the finished library into the directory of plugins, as people do.
    fn drop_in(&self) {
        fs::copy(self.built(), self.home.plugins().join(LIBRARY)).unwrap();
    }

    fn built(&self) -> PathBuf {
        self.target.join("release").join(LIBRARY)
    }

    /// Starts the server that the admin runs all the time.
    fn serve(&self) -> Running {
        let mut command = self.home.command(&["serve"]);
        command.env("SWITCHYARD_DATA_DIR", self.home.folder.path().join("data"));
        let mut server = Running::start(command);
        server.until("serving");
        server
    }

    #[track_caller]
    fn on_server(&self, arguments: &[&str], code: i32) -> String {
        let mut command = self.home.command(arguments);
        let output = command.env("SWITCHYARD_DATA_DIR", self.home.folder.path().join("data")).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        said
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.crate_dir.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}: {text}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }
}

#[test]
fn stranger_writes_ships_runs_and_changes_a_runner() {
    let home = Home::new(&["scripts"]);
    let crate_dir = home.folder.path().join("greeter");
    let cache = real("XDG_CACHE_HOME", ".cache").join("switchyard");
    let stranger = Stranger { home, crate_dir, target: cache.join("stranger-target") };

    // New.
    let said = stranger.expect(&["plugins", "new", "greeter"], 0);
    assert!(said.contains("org.example.runner.Greeter"), "{said}");
    assert!(stranger.crate_dir.join("Cargo.lock").is_file(), "cargo wrote its lock file");

    // Build, in the form and without the warnings that its own CI asks for; test it with the kit.
    stranger.cargo(&["fmt", "--check"]);
    stranger.cargo(&["build", "--release", "--locked"]);
    let tested = stranger.cargo(&["test", "--release", "--locked", "--", "--nocapture"]);
    assert!(tested.contains("passed  logs.flood") && tested.contains("0 failed"), "{tested}");
    let library = stranger.built();
    let library = library.to_str().unwrap();
    let report = stranger.expect(&["plugins", "test", library, "--report", "conformance.md"], 0);
    assert!(report.contains("0 failed") && report.contains("example.1.run"), "{report}");

    // Drop, restart, run: the server that runs all the time, and commands of which each is a new host.
    let mut server = stranger.serve();
    let example = stranger.crate_dir.join("examples/greeter.yaml");
    let example = example.to_str().unwrap();
    assert_eq!(stranger.switchyard(&["validate", example]).0, 2, "the type is not known yet");
    stranger.drop_in();
    let noticed = server.until("active after restart");
    assert!(noticed.contains("greeter 0.1.0 passed every check"), "{noticed}");
    let preview = stranger.on_server(&["plugins", "preview"], 0);
    assert!(preview.contains("org.example.runner.Greeter: new, from greeter 0.1.0"), "{preview}");
    stranger.on_server(&["restart"], 0);
    let ran = stranger.on_server(&["run", example, "--server"], 0);
    assert!(ran.contains("Hello from a process that gives way"), "{ran}");
    assert!(stranger.expect(&["plugins", "list"], 0).contains("org.example.runner.Greeter"));
    let ran = stranger.expect(&["run", example], 0);
    assert!(ran.contains("Hello from a process that gives way, niceness 10"), "{ran}");
    stranger.expect(&["run", example, "--record", "recordings"], 0);
    let flows = stranger.crate_dir.join("examples");
    let old = stranger.home.folder.path().join("old.so");
    fs::copy(stranger.built(), &old).unwrap();
    let old = old.to_str().unwrap();

    // A change: one more property, one that goes away.
    stranger.edit(
        "src/properties.rs",
        "    pub nice: u8,\n",
        "    pub nice: u8,\n    /// What is said first.\n    pub greeting: String,\n",
    );
    stranger.edit(
        "src/runner.rs",
        "context.phase(Phase::Running);",
        concat!(
            "context.phase(Phase::Running);\n        let greeting = format!(\"{}\\n\", request.properties.greeting);\n",
            "        context.write_log(LogStream::Stdout, greeting.as_bytes()).await;"
        ),
    );
    stranger.cargo(&["build", "--release"]);
    let compared = stranger.expect(&["plugins", "diff", old, library, "--flows", flows.to_str().unwrap()], 1);
    for part in ["org.example.runner.Greeter greeting: it is new", "asks for a minor version: 0.1.1 or higher, not 0.1.0", "0 would stop"] {
        assert!(compared.contains(part), "{part}: {compared}");
    }
    stranger.edit("Cargo.toml", "version = \"0.1.0\"", "version = \"0.1.1\"");
    stranger.cargo(&["build", "--release"]);
    stranger.expect(&["plugins", "diff", old, library], 0);

    // What the old build did, asked of the new one: it would create the same, and says one more line.
    let replayed = stranger.expect(&["plugins", "replay", "recordings", "--plugin", library], 0);
    assert!(replayed.contains("same") && replayed.contains("preview of org.example.runner.Greeter"), "{replayed}");
    let replayed = stranger.expect(&["plugins", "replay", "recordings", "--plugin", library, "--real"], 1);
    assert!(replayed.contains("standard output: line 1 was recorded as \"Hello from a process"), "{replayed}");

    // Drop, restart, run.
    stranger.drop_in();
    let flow = fs::read_to_string(example).unwrap().replace("nice: 10", "nice: 10\n      greeting: Good morning");
    fs::write(example, flow).unwrap();
    let ran = stranger.expect(&["run", example], 0);
    assert!(ran.contains("Good morning"), "{ran}");
    let preview = stranger.on_server(&["plugins", "preview", "--flows", flows.to_str().unwrap()], 0);
    for part in ["greeter 0.1.0 -> 0.1.1", "greeting: it is new", "1 flows checked, 0 would break", "a restart would break nothing"] {
        assert!(preview.contains(part), "{part}: {preview}");
    }
    stranger.on_server(&["restart"], 0);
    let ran = stranger.on_server(&["run", example, "--server"], 0);
    assert!(ran.contains("Good morning"), "{ran}");
    assert!(stranger.on_server(&["plugins", "preview"], 0).contains("a restart would change nothing"));
    // Back to the first version: the flow would break, and the preview says where.
    fs::copy(old, stranger.home.plugins().join(LIBRARY)).unwrap();
    let preview = stranger.on_server(&["plugins", "preview", "--flows", example], 1);
    assert!(preview.contains("1 would break") && preview.contains("greeter.yaml:") && preview.contains("greeting"), "{preview}");
    stranger.drop_in();
    server.signal("TERM");
    server.end();
    // The other way round: the flow would stop validating.
    let back = stranger.expect(&["plugins", "diff", library, old, "--flows", example], 1);
    assert!(back.contains("1 would stop validating") && back.contains("greeting"), "{back}");
    assert!(Path::new(library).is_file());
}
