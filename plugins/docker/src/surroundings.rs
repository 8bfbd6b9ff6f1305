//! What the process finds around itself: environment, home directory, user. Read once, handed to whoever decides by it.

use std::{collections::BTreeMap, path::PathBuf};

/// Environment, home directory and user.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// User id.
    pub uid: u32,
    /// Group ids, the primary one first.
    pub gids: Vec<u32>,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        let mut gids = vec![rustix::process::getegid().as_raw()];
        for gid in rustix::process::getgroups().unwrap_or_default() {
            if !gids.contains(&gid.as_raw()) {
                gids.push(gid.as_raw());
            }
        }
        let env = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
        Self { env, uid: rustix::process::geteuid().as_raw(), gids }
    }

    /// A variable that is set and not empty.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// A directory below the home directory.
    pub fn home(&self, below: &str) -> Option<PathBuf> {
        self.var("HOME").map(|home| PathBuf::from(home).join(below))
    }

    /// The directory of the Docker CLI's configuration.
    pub fn client_config_dir(&self) -> Option<PathBuf> {
        self.var("DOCKER_CONFIG").map(PathBuf::from).or_else(|| self.home(".docker"))
    }

    /// Who we are, for messages about permissions.
    pub fn who(&self) -> String {
        let gids: Vec<String> = self.gids.iter().map(u32::to_string).collect();
        format!("we are uid {}, gids {}", self.uid, gids.join(","))
    }
}
