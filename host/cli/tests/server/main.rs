//! A server that is killed, stopped and restarted while tasks run, whose disk fills and whose journal is damaged, or that is one of several:
//! nothing is lost, nothing runs twice. Names with `docker_` need an engine, those with `postgres_` a PostgreSQL server.
//! `SWITCHYARD_KILL_ROUNDS` sets how often the server is killed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

mod absent;
mod disk;
mod hosts;
mod kill;
mod restart;
mod schedule;

use std::{fs, path::Path};

fn lines(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}
