//! Messages between the host and a plugin's process: length, kind, the number of the call they belong to, a body.

use std::io::{self, Read};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use switchyard_plugin_api::{Cancellation, ComponentKind, Error, LogStream};

/// More than any message that is meant.
const LIMIT: usize = 1 << 30;
const HEADER: usize = 4 + 1 + 8;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// What a message is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $name = $number,)*
        }

        impl Kind {
            fn of(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// Host: a method of a component is called.
    Start = 1,
    /// Host: the call is asked to end.
    Cancel = 2,
    /// Host: a service answers.
    Answer = 3,
    /// Host: log bytes were taken, there is room for more.
    Credit = 4,
    /// Host: do the plugin's threads work?
    Ping = 5,
    /// Plugin: the answer of a call.
    Reply = 16,
    /// Plugin: log bytes.
    Log = 17,
    /// Plugin: an event of a run.
    Notify = 18,
    /// Plugin: a service of the host is asked.
    Call = 19,
    /// Plugin: they do.
    Pong = 20,
    /// Plugin: an event outside of any run.
    Trace = 21,
    /// Plugin: a panic.
    Panic = 22,
    /// Plugin: it could not be loaded.
    Failed = 23,
}

#[derive(Debug)]
pub struct Frame {
    pub kind: Kind,
    pub id: u64,
    pub body: Vec<u8>,
}

/// What a call begins with.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    pub component: ComponentKind,
    #[serde(rename = "type")]
    pub type_name: String,
    pub method: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Cancellation>,
}

/// A message as bytes.
pub fn encode(kind: Kind, id: u64, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut bytes = Vec::with_capacity(HEADER + length);
    bytes.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    bytes.push(kind as u8);
    bytes.extend(id.to_le_bytes());
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// The next message; none when the other side is gone.
pub fn read(reader: &mut impl Read) -> io::Result<Option<Frame>> {
    let mut header = [0; HEADER];
    let mut filled = 0;
    while filled < HEADER {
        match reader.read(&mut header[filled..]) {
            Ok(0) => return Ok(None),
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let mut bytes = Bytes(&header);
    let (Some(length), Some(kind), Some(id)) = (bytes.u32(), bytes.u8(), bytes.u64()) else { return Err(broken("a short header")) };
    let kind = Kind::of(kind).ok_or_else(|| broken("a message of an unknown kind"))?;
    let length = length as usize;
    if length > LIMIT {
        return Err(broken("a message that is too long"));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Frame { kind, id, body }))
}

pub fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Takes a body apart; `None` is a body that is too short.
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    /// Bytes behind their length.
    pub fn sized(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()? as usize;
        let (first, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(first)
    }
}

pub fn size(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}

pub fn start(id: u64, head: &Head, payload: &[u8]) -> Vec<u8> {
    let head = serde_json::to_vec(head).unwrap_or_default();
    encode(Kind::Start, id, &[&size(&head), &head, payload])
}

pub fn call(id: u64, number: u64, service: &str, payload: &[u8]) -> Vec<u8> {
    encode(Kind::Call, id, &[&number.to_le_bytes(), &size(service.as_bytes()), service.as_bytes(), payload])
}

pub fn log(id: u64, stream: LogStream, time: i64, bytes: &[u8]) -> Vec<u8> {
    let stream = [u8::from(stream == LogStream::Stderr)];
    encode(Kind::Log, id, &[&stream, &time.to_le_bytes(), bytes])
}

/// An answer or an error, behind a byte that says which.
pub fn result(kind: Kind, id: u64, result: &Result<Vec<u8>, Error>) -> Vec<u8> {
    match result {
        Ok(json) => encode(kind, id, &[&[0], json]),
        Err(error) => encode(kind, id, &[&[1], &serde_json::to_vec(error).unwrap_or_default()]),
    }
}

pub fn read_result(body: &[u8]) -> Result<&[u8], Error> {
    match body.split_first() {
        Some((0, json)) => Ok(json),
        Some((_, json)) => Err(json_error(json)),
        None => Err(Error::plugin("plugin::protocol", "an answer without content came from the plugin's process")),
    }
}

pub fn json_error(json: &[u8]) -> Error {
    serde_json::from_slice(json).unwrap_or_else(|_| Error::plugin("plugin::protocol", "an unreadable error came from the plugin's process"))
}

pub fn to_json(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|e| Error::plugin("plugin::not_json", format!("a value cannot be written as JSON: {e}")))
}

pub fn from_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(json)
        .map_err(|e| Error::plugin("plugin::protocol", format!("a message of the plugin's process has another shape: {e}")))
}

/// A field of a JSON object, or null.
pub fn field(value: &Value, name: &str) -> Value {
    value.get(name).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(id: u64, time: i64, bytes: Vec<u8>, more: Vec<u8>) {
            let mut line = log(id, LogStream::Stderr, time, &bytes);
            line.extend(call(7, id, "checkpoint", &more));
            let mut reader = &line[..];
            let first = read(&mut reader).unwrap().unwrap();
            prop_assert_eq!((first.kind, first.id), (Kind::Log, id));
            let mut body = Bytes(&first.body);
            prop_assert_eq!((body.u8(), body.u64()), (Some(1), Some(time as u64)));
            prop_assert_eq!(body.0, &bytes[..]);
            let second = read(&mut reader).unwrap().unwrap();
            let mut body = Bytes(&second.body);
            prop_assert_eq!((second.kind, body.u64()), (Kind::Call, Some(id)));
            prop_assert_eq!(body.sized(), Some(&b"checkpoint"[..]));
            prop_assert_eq!(body.0, &more[..]);
            prop_assert!(read(&mut reader).unwrap().is_none());
        }

        #[test]
        fn garbage_is_an_error_or_an_end(bytes: Vec<u8>) {
            let mut reader = &bytes[..];
            while let Ok(Some(_)) = read(&mut reader) {}
        }
    }
}
