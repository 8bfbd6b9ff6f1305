//! Output of commands.

use super::{
    Behaviour, Checked,
    host::{Sink, shorten},
    nobody,
    subject::Subject,
};
use crate::{LogStreams, Placement};

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "logs.complete",
        title: "hands over every line, once and in order",
        exempt: nobody,
        check: |subject| Box::pin(complete(subject)),
    },
    Behaviour {
        name: "logs.streams",
        title: "tells standard output and standard error apart",
        exempt: |subject| (subject.capabilities().log_streams == LogStreams::Merged).then_some("declares `log_streams: Merged`"),
        check: |subject| Box::pin(streams(subject)),
    },
    Behaviour {
        name: "logs.merged",
        title: "hands over everything as standard output",
        exempt: |subject| (subject.capabilities().log_streams == LogStreams::Separate).then_some("declares `log_streams: Separate`"),
        check: |subject| Box::pin(merged(subject)),
    },
    Behaviour {
        name: "logs.last_line",
        title: "hands over a last line without its end, and nothing where nothing was written",
        exempt: nobody,
        check: |subject| Box::pin(last_line(subject)),
    },
    Behaviour { name: "logs.long_line", title: "hands over a line of 1 MB", exempt: nobody, check: |subject| Box::pin(long_line(subject)) },
    Behaviour {
        name: "logs.not_utf8",
        title: "hands over bytes that are no text",
        exempt: nobody,
        check: |subject| Box::pin(not_utf8(subject)),
    },
    Behaviour {
        name: "logs.while_running",
        title: "hands over output while the command still runs",
        exempt: nobody,
        check: |subject| Box::pin(while_running(subject)),
    },
    Behaviour {
        name: "logs.flood",
        title: "hands over 100 MB without losing a byte",
        exempt: nobody,
        check: |subject| Box::pin(flood(subject)),
    },
];

fn same(what: &str, expected: &[u8], found: &[u8]) -> Checked {
    if expected == found {
        return Ok(());
    }
    let at = expected.iter().zip(found).position(|(one, other)| one != other).unwrap_or(expected.len().min(found.len()));
    let around =
        |bytes: &[u8]| shorten(&String::from_utf8_lossy(&bytes[at.saturating_sub(20).min(bytes.len())..(at + 60).min(bytes.len())]));
    Err(format!(
        "{what} has {} bytes instead of {} and differs at byte {at}: {:?} instead of {:?}",
        found.len(),
        expected.len(),
        around(found),
        around(expected)
    ))
}

async fn complete(subject: Subject) -> Checked {
    let (host, _) = subject.shell("seq 1 20000")?.ends_with(0).await?;
    let expected: String = (1..=20_000).map(|number| format!("{number}\n")).collect();
    same("standard output", expected.as_bytes(), &host.seen().stdout)
}

async fn streams(subject: Subject) -> Checked {
    let script = "i=1; while [ $i -le 200 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done";
    let (host, _) = subject.shell(script)?.ends_with(0).await?;
    let expected = |word: &str| (1..=200).map(|number| format!("{word} {number}\n")).collect::<String>();
    same("standard output", expected("out").as_bytes(), &host.seen().stdout)?;
    same("standard error", expected("err").as_bytes(), &host.seen().stderr)
}

async fn merged(subject: Subject) -> Checked {
    let (host, _) = subject.shell("echo out; sleep 0.2; echo err >&2")?.ends_with(0).await?;
    same("standard output", b"out\nerr\n", &host.seen().stdout)
}

async fn last_line(subject: Subject) -> Checked {
    let (host, _) = subject.shell("printf 'first\\nlast'")?.ends_with(0).await?;
    // Systems that store lines give the last one its end.
    let mut found = host.seen().stdout.clone();
    if subject.capabilities().placement == Placement::Remote && found.ends_with(b"\n") {
        found.pop();
    }
    same("standard output", b"first\nlast", &found)?;
    let (host, _) = subject.shell("exec true")?.ends_with(0).await?;
    same("standard output of a silent command", b"", &host.seen().stdout)
}

async fn long_line(subject: Subject) -> Checked {
    let (host, _) = subject.shell("head -c 1000000 /dev/zero | tr '\\0' x; echo; echo end")?.ends_with(0).await?;
    let mut expected = vec![b'x'; 1_000_000];
    expected.extend(b"\nend\n");
    same("standard output", &expected, &host.seen().stdout)
}

async fn not_utf8(subject: Subject) -> Checked {
    let script = "echo before; printf 'a\\377\\376\\000\\300\\257z\\n'; echo after";
    let (host, _) = subject.shell(script)?.ends_with(0).await?;
    let seen = host.seen();
    if subject.capabilities().placement == Placement::Remote {
        // Log services store text; what cannot be text may be replaced, what can must arrive.
        let text = String::from_utf8_lossy(&seen.stdout);
        let lines: Vec<&str> = text.lines().collect();
        return match lines.as_slice() {
            ["before", middle, "after"] if middle.starts_with('a') && middle.ends_with('z') => Ok(()),
            _ => Err(format!("standard output is {:?}", shorten(&text))),
        };
    }
    same("standard output", b"before\na\xff\xfe\x00\xc0\xafz\nafter\n", &seen.stdout)
}

async fn while_running(subject: Subject) -> Checked {
    let run = subject.shell("echo early; sleep 300")?.start();
    run.says("early").await?;
    run.host.cancel(crate::CancelReason::Kill, std::time::Duration::ZERO);
    let limit = subject.slack();
    run.end_within(limit).await.map(drop)
}

async fn flood(subject: Subject) -> Checked {
    const LINE: &[u8] = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n";
    // Whole lines: systems that store lines give the last one its end.
    let bytes = (subject.options().flood / LINE.len() as u64).max(1) * LINE.len() as u64;
    let text = String::from_utf8_lossy(&LINE[..LINE.len() - 1]);
    // What `head` leaves unread makes `yes` end by a signal; only the last command of a pipe counts.
    let script = format!("yes {text} | head -c {bytes}");
    let (host, _) = subject.shell(&script)?.sink(Sink::Repeats(LINE.repeat(2048))).ends_with(0).await?;
    let seen = host.seen();
    match (seen.taken[0], seen.wrong_at) {
        (_, Some(at)) => Err(format!("the output is wrong from byte {at} of {bytes} on")),
        (taken, None) if taken != bytes => Err(format!("{taken} bytes arrived instead of {bytes}")),
        _ => Ok(()),
    }
}
