//! An engine on another machine, by SSH: a private socket here, and for each connection to it one `docker system dial-stdio` there. Keys, known
//! hosts and jump hosts are those of the user's own `ssh`.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, copy_bidirectional, join},
    net::{UnixListener, UnixStream},
    process::Command,
    task::JoinHandle,
    time::sleep,
};

const PREFIX: &str = "switchyard-ssh-";

/// `[user@]host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// User there; none: what `ssh` says.
    pub user: Option<String>,
    /// The machine, or its name in the configuration of `ssh`.
    pub host: String,
    /// Port; none: what `ssh` says.
    pub port: Option<u16>,
}

impl Target {
    /// Parses what follows `ssh://`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.strip_suffix('/').unwrap_or(text);
        if text.contains('/') {
            return Err("a path of a socket is not supported: the engine is the one that `docker` finds there");
        }
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, text),
        };
        let (host, port) = match rest.rsplit_once(':') {
            // An address of version 6 without a port has colons too.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, Some(port.parse().map_err(|_| "the port is not a number up to 65535")?))
            }
            _ => (rest, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err("the host is missing");
        }
        if user.as_ref().is_some_and(|user| user.is_empty() || user.contains(':')) {
            return Err("write ssh://user@host, without a password: `ssh` has to come in by a key");
        }
        Ok(Self { user, host, port })
    }

    /// What makes one connection to the engine there. `controls`: where connections share one login.
    fn command(&self, controls: &Path) -> Vec<String> {
        let mut command: Vec<String> =
            ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-o", "ControlMaster=auto"].map(str::to_owned).into();
        command.extend([
            "-o".to_owned(),
            format!("ControlPath={}/%C", controls.display()),
            "-o".to_owned(),
            "ControlPersist=60".to_owned(),
        ]);
        command.extend(self.user.iter().flat_map(|user| ["-l".to_owned(), user.clone()]));
        command.extend(self.port.iter().flat_map(|port| ["-p".to_owned(), port.to_string()]));
        // The host is never taken for an option.
        command.extend(["--", &self.host, "docker", "system", "dial-stdio"].map(str::to_owned));
        command
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        match self.host.contains(':') {
            true => write!(f, "ssh://{user}[{}]{port}", self.host),
            false => write!(f, "ssh://{user}{}{port}", self.host),
        }
    }
}

/// The socket on this machine; it goes with this value.
#[derive(Debug)]
pub struct Tunnel {
    folder: PathBuf,
    accepting: JoinHandle<()>,
    said: Arc<Mutex<String>>,
}

impl Tunnel {
    /// Listens for whoever wants to talk to the engine at `target`.
    pub fn open(target: &Target) -> io::Result<Self> {
        Self::through(|folder| target.command(folder))
    }

    fn through(command: impl FnOnce(&Path) -> Vec<String>) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let place = std::env::temp_dir();
        sweep(&place);
        let folder = place.join(format!("{PREFIX}{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        // What a process with the same id left; whatever else stands there is an error below.
        let _ = fs::remove_dir_all(&folder);
        fs::DirBuilder::new().mode(0o700).create(&folder)?;
        let command = command(&folder);
        let said = Arc::new(Mutex::new(String::new()));
        let listener = UnixListener::bind(folder.join("sock"))?;
        let accepting = tokio::spawn(accept(listener, command, said.clone()));
        Ok(Self { folder, accepting, said })
    }

    /// Where the engine answers on this machine.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("sock")
    }

    /// The same, for whoever has just seen one fail: `ssh` may not have said it yet.
    pub async fn will_have_said(&self) -> Option<String> {
        for _ in 0..20 {
            if let Some(said) = self.said() {
                return Some(said);
            }
            sleep(Duration::from_millis(100)).await;
        }
        None
    }

    /// The last words of a connection that came to nothing.
    pub fn said(&self) -> Option<String> {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.accepting.abort();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Removes what ended processes left: an engine is remembered to the end of its process, which tells nobody.
fn sweep(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split_once('-')).map(|(pid, _)| pid) else { continue };
        if pid.bytes().all(|b| b.is_ascii_digit()) && !Path::new("/proc").join(pid).exists() {
            // That of another user stays.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

async fn accept(listener: UnixListener, command: Vec<String>, said: Arc<Mutex<String>>) {
    while let Ok((connection, _)) = listener.accept().await {
        let (command, said) = (command.clone(), said.clone());
        tokio::spawn(async move {
            if let Some(words) = carry(connection, &command).await {
                *said.lock().unwrap_or_else(PoisonError::into_inner) = words;
            }
        });
    }
}

/// Carries one connection to its end; answers what was complained about.
async fn carry(mut connection: UnixStream, command: &[String]) -> Option<String> {
    let (program, arguments) = command.split_first()?;
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => return Some(format!("{program}: {error}")),
    };
    let (input, output, mut errors) = (child.stdin.take()?, child.stdout.take()?, child.stderr.take()?);
    let words = tokio::spawn(async move {
        let mut words = Vec::new();
        // What a shared login leaves behind holds this pipe for a while.
        let _ = (&mut errors).take(64 << 10).read_to_end(&mut words).await;
        String::from_utf8_lossy(&words).into_owned()
    });
    let carried = copy_bidirectional(&mut connection, &mut join(output, input)).await;
    let failed = match child.wait().await {
        Ok(status) => !status.success(),
        Err(_) => true,
    };
    if carried.is_ok() && !failed {
        words.abort();
        return None;
    }
    words.await.ok().filter(|words| !words.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use bollard::{API_DEFAULT_VERSION, Docker};

    use super::*;

    #[test]
    fn docker_d28_ssh_targets() {
        for (text, expected) in [
            ("engine", Some("-- engine")),
            ("me@engine:2222/", Some("-l me -p 2222 -- engine")),
            ("[::1]:22", Some("-p 22 -- ::1")),
            ("-oProxyCommand=x", Some("-- -oProxyCommand=x")),
            ("", None),
            ("me:secret@engine", None),
            ("engine:x", None),
            ("engine/run/docker.sock", None),
        ] {
            let command = Target::parse(text).ok().map(|target| target.command(Path::new("/f")).join(" "));
            let shared = "ssh -o BatchMode=yes -o ConnectTimeout=20 -o ControlMaster=auto -o ControlPath=/f/%C -o ControlPersist=60";
            assert_eq!(command, expected.map(|expected| format!("{shared} {expected} docker system dial-stdio")), "{text}");
        }
        for text in ["engine", "me@engine:2222", "[::1]:22"] {
            assert_eq!(Target::parse(text).unwrap().to_string(), format!("ssh://{text}"));
        }
    }

    #[tokio::test]
    async fn docker_d28_an_engine_answers_through_a_tunnel() {
        let tunnel = Tunnel::through(|_| ["docker", "system", "dial-stdio"].map(str::to_owned).into()).unwrap();
        let docker = Docker::connect_with_unix(&tunnel.socket().display().to_string(), 60, API_DEFAULT_VERSION).unwrap();
        assert!(docker.version().await.unwrap().version.is_some());
        assert!(docker.info().await.unwrap().images.is_some());
        let folder = tunnel.folder.clone();
        drop(tunnel);
        assert!(!folder.exists());
        // What a process left that is no more.
        let left = folder.with_file_name(format!("{PREFIX}4194305-0"));
        fs::create_dir_all(&left).unwrap();
        sweep(left.parent().unwrap());
        assert!(!left.exists());
    }

    #[tokio::test]
    async fn docker_d28_what_ssh_complains_about_is_known() {
        let tunnel =
            Tunnel::through(|_| ["sh", "-c", "echo welcome >&2; echo Permission denied. >&2; exit 255"].map(str::to_owned).into()).unwrap();
        let docker = Docker::connect_with_unix(&tunnel.socket().display().to_string(), 60, API_DEFAULT_VERSION).unwrap();
        docker.ping().await.unwrap_err();
        assert_eq!(tunnel.will_have_said().await.as_deref(), Some("Permission denied."));
    }
}
