//! `switchyard serve` on the data directory of a home.

use std::thread;

use serde_json::Value as Json;

use super::{Home, Ran, Running};

/// A server of one data directory.
pub struct Server<'a> {
    pub home: &'a Home,
    pub running: Option<Running>,
    environment: Vec<(&'static str, String)>,
    arguments: Vec<&'static str>,
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
        let mut server = Self { home, running: None, environment, arguments: arguments.to_vec() };
        server.again();
        server
    }

    pub fn pid(&self) -> u32 {
        self.running.as_ref().unwrap().pid()
    }

    pub fn again(&mut self) {
        let mut command = self.home.command(&self.arguments);
        command.env("SWITCHYARD_DATA_DIR", self.home.folder.path().join("data")).envs(self.environment.iter().cloned());
        let mut running = Running::start(command);
        running.until("serving");
        self.running = Some(running);
    }

    pub fn kill(&mut self) {
        let running = self.running.take().unwrap();
        running.signal("KILL");
        running.end();
    }

    pub fn ask(&self, arguments: &[&str]) -> Ran {
        let mut command = self.home.command(arguments);
        command.env("SWITCHYARD_DATA_DIR", self.home.folder.path().join("data"));
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
