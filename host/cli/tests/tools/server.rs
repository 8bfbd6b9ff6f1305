//! Servers on the loopback, ended with their test.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A process that ends with this value.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// git over HTTP, with a password for `me`: git's own program behind Python's server.
const HTTP: &str = r#"
import base64, http.server, os, subprocess, sys

ROOT, BACKEND = sys.argv[1:]
WANTED = "Basic " + base64.b64encode(b"me:s3cret-w0rd").decode()

class Handler(http.server.BaseHTTPRequestHandler):
    def serve(self):
        if self.headers.get("Authorization") != WANTED:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        env = dict(os.environ, GIT_PROJECT_ROOT=ROOT, GIT_HTTP_EXPORT_ALL="1", PATH_INFO=path, QUERY_STRING=query,
                   REQUEST_METHOD=self.command, CONTENT_TYPE=self.headers.get("Content-Type", ""), CONTENT_LENGTH=str(len(body)),
                   HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""), REMOTE_USER="me",
                   GIT_PROTOCOL=self.headers.get("Git-Protocol", ""))
        answer = subprocess.run([BACKEND], input=body, env=env, stdout=subprocess.PIPE).stdout
        head, _, content = answer.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
    do_GET = do_POST = serve
    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"#;

/// Serves the repositories of a folder.
pub fn git_http(root: &Path) -> Server {
    let folder = String::from_utf8(Command::new("git").arg("--exec-path").output().unwrap().stdout).unwrap();
    let backend =
        [PathBuf::from(folder.trim()), PathBuf::from("/usr/lib/git-core")].into_iter().map(|folder| folder.join("git-http-backend"));
    let backend = backend.into_iter().find(|path| path.is_file()).expect("git-http-backend");
    let mut command = Command::new("python3");
    command.args(["-c", HTTP]).arg(root).arg(backend);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let port = first_line(&mut child).parse().unwrap();
    Server { child, port }
}

fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line.trim().to_owned()
}

/// sshd with the keys of a folder.
pub struct Ssh {
    pub server: Server,
    /// What the server shows, as a line of `known_hosts`.
    pub known: String,
    /// A line with a key that is not the server's.
    pub other: String,
    /// A key that may log in.
    pub key: String,
    /// The same with the passphrase `open sesame`.
    pub locked: String,
    pub user: String,
}

pub fn ssh(folder: &Path) -> Ssh {
    let keygen = |name: &str, passphrase: &str| {
        let path = folder.join(name);
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f"]).arg(&path).status().unwrap();
        assert!(made.success());
        let public = fs::read_to_string(path.with_extension("pub")).unwrap();
        (fs::read_to_string(&path).unwrap(), public.split(' ').take(2).collect::<Vec<_>>().join(" "))
    };
    let (_, host) = keygen("host", "");
    let (_, other) = keygen("other", "");
    let (key, public) = keygen("user", "");
    let (locked, locked_public) = keygen("locked", "open sesame");
    fs::write(folder.join("authorized"), format!("{public}\n{locked_public}\n")).unwrap();
    let port = free_port();
    let settings = format!(
        "HostKey {0}/host\nAuthorizedKeysFile {0}/authorized\nPidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nListenAddress 127.0.0.1\nPort {port}\n",
        folder.display()
    );
    fs::write(folder.join("sshd_config"), settings).unwrap();
    // sshd, when root starts it, wants this folder to be there.
    let _ = fs::create_dir("/run/sshd");
    let mut child =
        Command::new("/usr/sbin/sshd").args(["-D", "-e", "-f"]).arg(folder.join("sshd_config")).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening") {
        line.clear();
        assert!(errors.read_line(&mut line).unwrap() > 0, "sshd ended");
    }
    // It would end when nobody takes what it says.
    std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
    let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap().trim().to_owned();
    let line = |key: &str| format!("[127.0.0.1]:{port} {key}");
    Ssh { server: Server { child, port }, known: line(&host), other: line(&other), key, locked, user }
}

/// moto, which stands in for AWS.
pub fn moto() -> Server {
    let port = free_port();
    let mut command = Command::new(crate::installed::python("aws").join("moto_server"));
    let child = command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut server = Server { child, port };
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(server.child.try_wait().unwrap().is_none(), "moto ended");
        std::thread::yield_now();
    }
    server
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
