//! A host that has no room for log bytes for a while.

use std::time::Duration;

use super::{Behaviour, Checked, host::Sink, nobody, subject::Subject};
use crate::CancelReason;

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "pressure.waits",
        title: "waits while the host has no room for output, and loses nothing",
        exempt: nobody,
        check: |subject| Box::pin(waits(subject)),
    },
    Behaviour {
        name: "pressure.cancel",
        title: "ends when it is asked to, also while the host has no room",
        exempt: nobody,
        check: |subject| Box::pin(cancel(subject)),
    },
];

/// Offers that a waiting runner may make: a few for each stream, not one per turn of a loop.
const OFFERS: u64 = 100;

async fn waits(subject: Subject) -> Checked {
    const LINE: &[u8] = b"a line of output\n";
    const BYTES: u64 = 60_000 * LINE.len() as u64;
    let text = String::from_utf8_lossy(&LINE[..LINE.len() - 1]);
    let script = format!("yes '{text}' | head -c {BYTES}");
    let run = subject.shell(&script)?.sink(Sink::Repeats(LINE.repeat(1024))).room(200_000).start();
    run.host.sees("offer that the host refuses", subject.patience(), |seen| seen.refused > 0).await?;
    // A runner that asks again and again burns a processor for as long as the host is busy.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let refused = run.host.seen().refused;
    if refused > OFFERS {
        return Err(format!("it offered its output {refused} times within 0.3 s; after a refusal, wait for `log_ready`"));
    }
    run.host.open();
    let ended = run.end().await?;
    let outcome = ended.result.map_err(|error| format!("the run failed: {error} [{}]", error.code))?;
    let seen = ended.host.seen();
    match (seen.taken[0], seen.wrong_at, outcome.exit_code) {
        (BYTES, None, 0) => Ok(()),
        (_, Some(at), _) => Err(format!("the output is wrong from byte {at} on")),
        (taken, None, code) => Err(format!("{taken} of {BYTES} bytes arrived, exit code {code}")),
    }
}

async fn cancel(subject: Subject) -> Checked {
    let run = subject.shell("yes 'a line of output'")?.room(100_000).start();
    run.host.sees("offer that the host refuses", subject.patience(), |seen| seen.refused > 0).await?;
    let grace = Duration::from_secs(1);
    run.host.cancel(CancelReason::Kill, grace);
    run.end_within(grace + subject.slack()).await.map(drop)
}
