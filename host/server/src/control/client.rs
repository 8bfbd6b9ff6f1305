//! The client's side of the control socket.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    os::{fd::AsRawFd, unix::net::UnixStream},
    path::{Path, PathBuf},
};

use super::{Answer, Request, SOCKET};

/// Talks to the server of a data directory.
#[derive(Debug, Clone)]
pub struct Client {
    data_dir: PathBuf,
}

impl Client {
    /// The server of this directory, if one answers.
    pub fn find(data_dir: &Path) -> Option<Self> {
        let client = Self { data_dir: data_dir.to_owned() };
        client.connect().is_ok().then_some(client)
    }

    fn connect(&self) -> io::Result<UnixStream> {
        // The whole path may be longer than an address of a socket.
        let place = File::open(&self.data_dir)?;
        UnixStream::connect(format!("/proc/self/fd/{}/{SOCKET}", place.as_raw_fd()))
    }

    /// One question, one answer.
    pub fn ask(&self, request: &Request) -> io::Result<Answer> {
        self.ask_noted(request, |_| {})
    }

    /// With what the server wants people to know.
    pub fn ask_noted(&self, request: &Request, mut note: impl FnMut(&str)) -> io::Result<Answer> {
        let mut first = None;
        self.listen(request, |answer| match answer {
            Answer::Note { text } => {
                note(&text);
                true
            }
            answer => {
                first = Some(answer);
                false
            }
        })?;
        first.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the server ended before it answered"))
    }

    /// Takes answers until `take` has enough or there are no more.
    pub fn listen(&self, request: &Request, mut take: impl FnMut(Answer) -> bool) -> io::Result<()> {
        let mut stream = self.connect()?;
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        stream.write_all(&line)?;
        for line in BufReader::new(stream).lines() {
            if !take(serde_json::from_str(&line?)?) {
                break;
            }
        }
        Ok(())
    }
}
