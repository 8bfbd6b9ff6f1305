//! `switchyard serve` on the data directory of a home.

use std::{
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value as Json;

use super::{Home, Ran, Running};

/// How long anything may take before a test calls it lost.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A server of one data directory.
pub struct Server<'a> {
    pub home: &'a Home,
    pub running: Option<Running>,
    data: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl<'a> Server<'a> {
    pub fn start(home: &'a Home) -> Self {
        Self::start_with(home, &[])
    }

    /// With something in its environment.
    pub fn start_with(home: &'a Home, environment: &[(&'static str, &str)]) -> Self {
        Self::start_as(home, &["serve"], environment)
    }

    /// With other arguments.
    pub fn start_as(home: &'a Home, arguments: &[&'static str], environment: &[(&'static str, &str)]) -> Self {
        let environment = environment.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let arguments = arguments.iter().map(ToString::to_string).collect();
        let data = home.folder.path().join("data");
        let mut server = Self { home, running: None, data, arguments, environment };
        server.again();
        server
    }

    /// With another data directory below the home, and more arguments for `serve`.
    pub fn start_at(home: &'a Home, data: &str, arguments: &[&str]) -> Self {
        let arguments = ["serve"].iter().chain(arguments).map(ToString::to_string).collect();
        let mut server = Self { home, running: None, data: home.folder.path().join(data), arguments, environment: Vec::new() };
        server.again();
        server
    }

    pub fn pid(&self) -> u32 {
        self.running.as_ref().unwrap().pid()
    }

    pub fn again(&mut self) {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let mut command = self.home.command(&arguments);
        command.env("SWITCHYARD_DATA_DIR", &self.data).envs(self.environment.iter().cloned());
        let mut running = Running::start(command);
        running.until("serving");
        self.running = Some(running);
    }

    pub fn kill(&mut self) {
        let running = self.running.take().unwrap();
        running.signal("KILL");
        running.end();
    }

    /// Ends the server as its user would.
    pub fn stop(&mut self) {
        let running = self.running.take().unwrap();
        running.signal("TERM");
        assert_eq!(running.end().0, 0);
    }

    /// Waits until an execution is in this state.
    pub fn until(&self, id: &str, state: &str) {
        let begun = Instant::now();
        loop {
            let document = self.show(id);
            if document["state"]["current"] == state {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not become {state}: {document:#}\n{}", self.ask(&["logs", id]).stdout());
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    pub fn ask(&self, arguments: &[&str]) -> Ran {
        let mut command = self.home.command(arguments);
        command.env("SWITCHYARD_DATA_DIR", &self.data);
        Ran(command.output().unwrap())
    }

    pub fn submit(&self, flow: &str) -> String {
        self.home.file("flow.yaml", flow);
        self.ask(&["run", "flow.yaml", "--server", "--detach"]).expect(0).stdout().trim().to_owned()
    }

    pub fn show(&self, id: &str) -> Json {
        serde_json::from_str(&self.ask(&["executions", "show", id, "--output", "json"]).expect(0).stdout()).unwrap()
    }

    /// Waits until so many of its task runs are running, besides those that hold others.
    pub fn until_running(&self, id: &str, wanted: usize) {
        loop {
            let document = self.show(id);
            let runs = document["taskRunList"].as_array().unwrap();
            let parents: Vec<&str> = runs.iter().filter_map(|run| run["parentTaskRunId"].as_str()).collect();
            let leaf = |run: &&Json| !parents.contains(&run["id"].as_str().unwrap());
            if runs.iter().filter(leaf).filter(|run| run["state"]["current"] == "RUNNING").count() >= wanted {
                return;
            }
            thread::yield_now();
        }
    }

    /// Follows it to its end.
    pub fn end(&self, id: &str) -> Json {
        self.ask(&["logs", "--follow", id]).expect(0);
        loop {
            let document = self.show(id);
            if document["state"]["endDate"].is_string() {
                return document;
            }
            thread::yield_now();
        }
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.signal("TERM");
            running.end();
        }
    }
}
