//! Keys, passwords and settings of one clone. They reach git by its environment and by private files, never by arguments, which
//! every user of the machine can read.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use switchyard_plugin_api::{prelude::Error, script::quoted};
use tempfile::TempDir;
use url::Url;

use crate::properties::Properties;

/// Answers git's question for a user and a password.
const HELPER: &str = "!answer() { test \"$1\" = get && printf 'username=%s\\npassword=%s\\n' \"$SWITCHYARD_GIT_USERNAME\" \"$SWITCHYARD_GIT_PASSWORD\"; }; answer";
/// Answers ssh's question for a passphrase.
const ASKPASS: &str = "#!/bin/sh\nprintf '%s\\n' \"$SWITCHYARD_GIT_PASSPHRASE\"\n";

/// What one clone is done with. Its files go with it.
#[derive(Debug)]
pub struct Access {
    /// Where git runs: a directory that has no repository around it.
    pub folder: TempDir,
    /// The address without a password.
    pub url: String,
    /// The environment.
    pub env: Vec<(String, String)>,
}

impl Access {
    /// Writes the private files.
    pub fn prepare(properties: &Properties, working_dir: &Path) -> Result<Self, Error> {
        let failed =
            |error: io::Error| Error::environment("git::directory", format!("a private directory for keys cannot be made: {error}"));
        let folder = tempfile::Builder::new().prefix("switchyard-git-").tempdir().map_err(failed)?;
        let (url, login) = login(properties);
        let mut env = vec![
            ("LC_ALL".to_owned(), "C".to_owned()),
            ("GIT_TERMINAL_PROMPT".to_owned(), "0".to_owned()),
            ("GIT_CEILING_DIRECTORIES".to_owned(), working_dir.display().to_string()),
        ];
        let ssh = ssh(properties, folder.path(), &mut env).map_err(failed)?;
        env.push(("GIT_SSH_COMMAND".to_owned(), ssh));
        env.push(("GIT_SSH_VARIANT".to_owned(), "ssh".to_owned()));
        let mut settings = settings(properties);
        if let Some((username, password)) = login {
            settings.push(("credential.helper".to_owned(), String::new()));
            settings.push((format!("credential.{}.helper", origin(&url)), HELPER.to_owned()));
            env.push(("SWITCHYARD_GIT_USERNAME".to_owned(), username));
            env.push(("SWITCHYARD_GIT_PASSWORD".to_owned(), password));
        }
        env.push(("GIT_CONFIG_COUNT".to_owned(), settings.len().to_string()));
        for (number, (key, value)) in settings.into_iter().enumerate() {
            env.push((format!("GIT_CONFIG_KEY_{number}"), key));
            env.push((format!("GIT_CONFIG_VALUE_{number}"), value));
        }
        Ok(Self { folder, url, env })
    }
}

/// The address to give to git, and who we are there. A password inside the address is taken out of it.
fn login(properties: &Properties) -> (String, Option<(String, String)>) {
    let mut address = properties.url.trim().to_owned();
    let mut username = properties.given(&properties.username).map(str::to_owned);
    let mut password = properties.given(&properties.password).map(str::to_owned);
    if let Ok(mut url) = Url::parse(&address)
        && matches!(url.scheme(), "http" | "https")
    {
        let plain = |text: &str| percent_decoded(text);
        if let Some(inside) = url.password().map(plain) {
            username = username.or_else(|| Some(plain(url.username())));
            password = password.or(Some(inside));
        } else if !url.username().is_empty() {
            username = username.or_else(|| Some(plain(url.username())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            // Neither can fail for an address with a host.
            let _ = (url.set_username(""), url.set_password(None));
            address = url.to_string();
        }
    }
    // Servers that take a token want some name beside it.
    let login = password.map(|password| (username.filter(|name| !name.is_empty()).unwrap_or_else(|| "git".to_owned()), password));
    (address, login)
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok()).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (byte, hex) {
            (b'%', Some(value)) => {
                bytes.push(value);
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `https://host:port`, the only place that gets the password.
fn origin(address: &str) -> String {
    Url::parse(address).map_or_else(|_| address.to_owned(), |url| url.origin().ascii_serialization())
}

fn settings(properties: &Properties) -> Vec<(String, String)> {
    let seconds = properties.read_timeout.div_ceil(1000).max(1);
    let mut settings = vec![("http.lowSpeedLimit".to_owned(), "1".to_owned()), ("http.lowSpeedTime".to_owned(), seconds.to_string())];
    if let Some(path) = properties.given(&properties.trusted_ca_pem_path) {
        settings.push(("http.sslCAInfo".to_owned(), path.to_owned()));
    }
    if properties.no_proxy == Some(true) {
        settings.push(("http.proxy".to_owned(), String::new()));
    }
    settings
}

fn ssh(properties: &Properties, folder: &Path, env: &mut Vec<(String, String)>) -> io::Result<String> {
    let seconds = properties.connect_timeout.div_ceil(1000).max(1);
    let mut options =
        vec![format!("ConnectTimeout={seconds}"), "PasswordAuthentication=no".to_owned(), "KbdInteractiveAuthentication=no".to_owned()];
    if !properties.strict_host_key_checking {
        options.extend(["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"].map(str::to_owned));
    } else {
        options.push("StrictHostKeyChecking=yes".to_owned());
        if let Some(known) = properties.given(&properties.known_hosts) {
            let file = private(folder, "known_hosts", &format!("{}\n", known.trim_end()), 0o600)?;
            options.push(format!("UserKnownHostsFile={}", file.display()));
            options.push("GlobalKnownHostsFile=/dev/null".to_owned());
        }
    }
    let mut command = "ssh".to_owned();
    if let Some(key) = properties.given(&properties.private_key) {
        // ssh takes no key with Windows' line ends or without the last one.
        let file = private(folder, "key", &format!("{}\n", key.replace("\r\n", "\n").trim_end()), 0o600)?;
        command.push_str(&format!(" -i {}", quoted(&file.display().to_string())));
        options.extend(["IdentitiesOnly=yes", "IdentityAgent=none"].map(str::to_owned));
    }
    if let Some(passphrase) = properties.given(&properties.passphrase) {
        let file = private(folder, "askpass", ASKPASS, 0o700)?;
        env.push(("SSH_ASKPASS".to_owned(), file.display().to_string()));
        env.push(("SSH_ASKPASS_REQUIRE".to_owned(), "force".to_owned()));
        env.push(("SWITCHYARD_GIT_PASSPHRASE".to_owned(), passphrase.to_owned()));
    } else {
        options.push("BatchMode=yes".to_owned());
    }
    for option in options {
        command.push_str(&format!(" -o {}", quoted(&option)));
    }
    Ok(command)
}

fn private(folder: &Path, name: &str, content: &str, mode: u32) -> io::Result<PathBuf> {
    let path = folder.join(name);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
    file.write_all(content.as_bytes())?;
    Ok(path)
}
