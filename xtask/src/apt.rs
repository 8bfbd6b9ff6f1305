//! Debian packages, installed only for commands that are not there.

use crate::{
    failure::{Failure, Result},
    program::{Program, find_program},
    step::{note, step},
};

/// A command and the package that brings it.
pub struct Need {
    pub command: &'static str,
    pub package: &'static str,
}

/// What the tests call besides Rust.
pub const FOR_TESTS: &[Need] = &[
    Need { command: "cc", package: "build-essential" },
    Need { command: "git", package: "git" },
    Need { command: "ssh", package: "openssh-client" },
    Need { command: "sshd", package: "openssh-server" },
    Need { command: "python3", package: "python3" },
    Need { command: "docker", package: "docker.io" },
    Need { command: "dockerd", package: "docker.io" },
    Need { command: "iptables", package: "iptables" },
    Need { command: "busybox", package: "busybox-static" },
    Need { command: "node", package: "nodejs" },
    Need { command: "perl", package: "perl" },
    Need { command: "ruby", package: "ruby" },
    Need { command: "php", package: "php-cli" },
    Need { command: "lua", package: "lua5.4" },
    Need { command: "openssl", package: "openssl" },
    Need { command: "docker-registry", package: "docker-registry" },
];

/// What the tests with `podman_` in their name need besides.
pub const FOR_PODMAN: &[Need] = &[
    Need { command: "podman", package: "podman" },
    Need { command: "runc", package: "runc" },
    Need { command: "catatonit", package: "catatonit" },
];

/// What the tests on PostgreSQL call. Its server's programs are not on the path; these come with it.
pub const FOR_POSTGRES: &[Need] = &[
    Need { command: "pg_lsclusters", package: "postgresql" },
    Need { command: "psql", package: "postgresql" },
    Need { command: "runuser", package: "util-linux" },
];

/// What looks at a cluster.
pub const FOR_CLUSTERS: &[Need] = &[Need { command: "kubectl", package: "kubernetes-client" }];

/// Installs the packages of the commands that are missing. A machine without apt is told what to install instead.
pub fn install(needs: &[Need]) -> Result<()> {
    let mut packages: Vec<&str> = needs.iter().filter(|need| find_program(need.command).is_none()).map(|need| need.package).collect();
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    if find_program("apt-get").is_none() {
        return Err(Failure::new(
            "xtask::no_apt",
            format!("this machine has no apt-get; install what brings these commands by hand: {}", missing(needs).join(", ")),
        ));
    }
    step(&format!("install {}", packages.join(" ")), || {
        // Lists may be absent or old; a package that is known already does not need them renewed.
        if !get(&packages).succeeds() {
            update_lists()?;
            get(&packages).run()?;
        }
        let missing = missing(needs);
        if missing.is_empty() {
            return Ok(());
        }
        Err(Failure::new("xtask::still_missing", format!("apt-get was content, yet these commands are missing: {}", missing.join(", "))))
    })
}

/// Installs packages that bring no command.
pub fn bring(packages: &[&str]) -> Result<()> {
    if find_program("apt-get").is_none() {
        return Err(Failure::new("xtask::no_apt", format!("this machine has no apt-get; install {} by hand", packages.join(", "))));
    }
    if get(packages).succeeds() {
        return Ok(());
    }
    update_lists()?;
    get(packages).run()
}

pub fn update_lists() -> Result<()> {
    note("renewing the package lists");
    Program::as_root("apt-get").args(["update", "-q"]).run()
}

fn get(packages: &[&str]) -> Program {
    let quiet = ["DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-q", "-y", "--no-install-recommends"];
    Program::as_root("env").args(quiet).args(packages)
}

fn missing(needs: &[Need]) -> Vec<&'static str> {
    needs.iter().filter(|need| find_program(need.command).is_none()).map(|need| need.command).collect()
}
