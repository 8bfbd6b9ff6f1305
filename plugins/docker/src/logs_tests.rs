use std::sync::{Arc, Mutex};

use bollard::container::LogOutput;
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;
use switchyard_plugin_api::{BoxFuture, Cancellation, Context, Error, Event, HostContext, LogStream};
use tokio::sync::watch;

use super::{Ended, Output, Position, Pump, Taken};

#[derive(Default)]
struct Written(Mutex<[Vec<u8>; 2]>);

impl HostContext for Written {
    fn try_write_log(&self, stream: LogStream, _: i64, bytes: &[u8]) -> bool {
        self.0.lock().unwrap()[usize::from(stream == LogStream::Stderr)].extend_from_slice(bytes);
        true
    }
    fn log_ready(&self) -> BoxFuture<()> {
        Box::pin(std::future::ready(()))
    }
    fn notify(&self, _: Event) {}
    fn call(&self, _: &str, payload: Value) -> BoxFuture<Result<Value, Error>> {
        Box::pin(std::future::ready(Ok(payload)))
    }
    fn cancelled(&self) -> BoxFuture<Cancellation> {
        Box::pin(std::future::pending())
    }
    fn cancellation(&self) -> Option<Cancellation> {
        None
    }
}

fn out(text: &str) -> LogOutput {
    LogOutput::StdOut { message: Bytes::copy_from_slice(text.as_bytes()) }
}

fn err(text: &str) -> LogOutput {
    LogOutput::StdErr { message: Bytes::copy_from_slice(text.as_bytes()) }
}

#[tokio::test]
async fn docker_d21_a_replay_repeats_no_byte() {
    let frames = || vec![out("ab"), err("1"), out("cd\n"), err("2\n"), out("last")];
    for (stdout, stderr, expected) in
        [(0, 0, ("abcd\nlast", "12\n")), (2, 0, ("cd\nlast", "12\n")), (3, 1, ("d\nlast", "2\n")), (9, 3, ("", "")), (100, 100, ("", ""))]
    {
        let host = Arc::new(Written::default());
        let context = Context::new(host.clone());
        let taken = Taken::from(Position { stdout, stderr });
        let output: Output = Box::pin(stream::iter(frames().into_iter().map(Ok)));
        let (_sender, exited) = watch::channel(false);
        let ended = Pump::replaying(&context, &taken).run(output, exited).await;
        assert!(matches!(ended, Ended::Complete));
        let written = host.0.lock().unwrap().clone();
        assert_eq!(written.map(|w| String::from_utf8(w).unwrap()), [expected.0, expected.1], "{stdout} {stderr}");
        assert_eq!(taken.position(), Position { stdout: stdout.max(9), stderr: stderr.max(3) });
    }
}

#[tokio::test(start_paused = true)]
async fn the_stream_of_an_exited_container_is_not_awaited_for_ever() {
    let host = Arc::new(Written::default());
    let context = Context::new(host.clone());
    let taken = Taken::default();
    let output: Output = Box::pin(futures_util::StreamExt::chain(stream::iter([Ok(out("a"))]), stream::pending()));
    let (sender, exited) = watch::channel(false);
    sender.send(true).unwrap();
    assert!(matches!(Pump::live(&context, &taken).run(output, exited).await, Ended::Silent));
    assert_eq!(taken.position(), Position { stdout: 1, stderr: 0 });
}
