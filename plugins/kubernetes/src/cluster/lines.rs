//! Lines of an endless answer.

use bytes::{Buf as _, BytesMut};
use http_body_util::BodyExt as _;
use kube::client::Body;

/// Lines of an endless body.
#[derive(Default)]
pub struct Lines {
    buffer: BytesMut,
    /// Where no line end has been found yet.
    searched: usize,
}

impl Lines {
    /// The next one without its end; none at the end of the answer.
    pub async fn next(&mut self, body: &mut Body) -> Result<Option<BytesMut>, String> {
        loop {
            if let Some(end) = self.buffer[self.searched..].iter().position(|b| *b == b'\n') {
                let line = self.buffer.split_to(self.searched + end);
                self.buffer.advance(1);
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.buffer.len();
            match super::quiet(body.frame()).await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(super::chain(&error)),
                None => return Ok(None),
            }
        }
    }
}
