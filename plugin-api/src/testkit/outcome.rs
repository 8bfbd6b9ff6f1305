//! How runs end.

use super::{Behaviour, Checked, nobody, subject::Subject};

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "outcome.exit_codes",
        title: "reports the command's exit code, whatever it is",
        exempt: nobody,
        check: |subject| Box::pin(exit_codes(subject)),
    },
    Behaviour {
        name: "outcome.signals",
        title: "reports death by signal n as 128 + n",
        exempt: nobody,
        check: |subject| Box::pin(signals(subject)),
    },
    Behaviour {
        name: "outcome.no_program",
        title: "says so when the program does not exist, and does not hang",
        exempt: nobody,
        check: |subject| Box::pin(no_program(subject)),
    },
    Behaviour {
        name: "outcome.empty_command",
        title: "refuses an empty command, and an argument with a NUL character, as an error",
        exempt: nobody,
        check: |subject| Box::pin(empty_command(subject)),
    },
    Behaviour {
        name: "outcome.phases",
        title: "reports its phases in their order, with `running` among them",
        exempt: nobody,
        check: |subject| Box::pin(phases(subject)),
    },
    Behaviour {
        name: "outcome.side_by_side",
        title: "keeps runs apart that go on at the same time",
        exempt: nobody,
        check: |subject| Box::pin(side_by_side(subject)),
    },
];

async fn exit_codes(subject: Subject) -> Checked {
    for code in [0, 1, 3, 255] {
        subject.shell(&format!("exit {code}"))?.ends_with(code).await?;
    }
    Ok(())
}

async fn signals(subject: Subject) -> Checked {
    for (name, number) in [("KILL", 9), ("TERM", 15)] {
        // The first process of a container is deaf to some signals, so there a second one dies.
        let script = if subject.is_local() { format!("kill -{name} $$") } else { format!("/bin/sh -c 'kill -{name} $$'; exit $?") };
        let (outcome, host, _) = subject.shell(&script)?.end().await?;
        if outcome.exit_code != 128 + number {
            return Err(format!("death by SIG{name} is exit code {}, not {}; {}", outcome.exit_code, 128 + number, host.said()));
        }
        if outcome.signal.is_some_and(|signal| signal != number) || subject.is_local() && outcome.signal.is_none() {
            return Err(format!("death by SIG{name} has `signal: {:?}`, not {number}", outcome.signal));
        }
    }
    Ok(())
}

async fn no_program(subject: Subject) -> Checked {
    let mut run = subject.shell("")?;
    run.request.command.argv = vec!["/no/such/program-of-the-conformance-kit".into()];
    let ended = run.start().end().await?;
    match ended.result {
        Ok(outcome) if outcome.exit_code == 0 => Err("a program that does not exist succeeded".to_owned()),
        Ok(_) => Ok(()),
        Err(error) if error.message.is_empty() => Err(format!("the error {} has no message", error.code)),
        Err(_) => Ok(()),
    }
}

async fn empty_command(subject: Subject) -> Checked {
    for (what, argv) in [("an empty command", vec![]), ("a NUL character", vec!["/bin/echo".to_owned(), "a\0b".to_owned()])] {
        let mut run = subject.shell("")?;
        run.request.command.argv = argv;
        let ended = run.start().end().await?;
        match ended.result {
            Ok(outcome) if outcome.exit_code == 0 => return Err(format!("{what} succeeded")),
            Ok(_) => {}
            Err(error) if error.message.is_empty() => return Err(format!("the error {} for {what} has no message", error.code)),
            Err(_) => {}
        }
    }
    Ok(())
}

async fn phases(subject: Subject) -> Checked {
    let (host, _) = subject.shell("true")?.ends_with(0).await?;
    let phases = host.seen().phases.clone();
    let words: Vec<&str> = phases.iter().map(|phase| phase.as_str()).collect();
    if !phases.contains(&crate::Phase::Running) {
        return Err(format!("`running` was never reported, only: {}", words.join(", ")));
    }
    if phases.is_sorted() { Ok(()) } else { Err(format!("the phases come in the order: {}", words.join(", "))) }
}

async fn side_by_side(subject: Subject) -> Checked {
    let mut runs = Vec::new();
    for number in 0..6 {
        let script = "for i in 1 2 3; do echo \"$TOKEN\"; sleep 0.1; done; exit $CODE";
        let run = subject.shell(script)?.env("TOKEN", &format!("token {number}")).env("CODE", &(10 + number).to_string());
        runs.push((number, run.start()));
    }
    for (number, run) in runs {
        let ended = run.end().await?;
        let outcome = ended.result.map_err(|error| format!("run {number} of 6 failed: {error} [{}]", error.code))?;
        let (expected, said) = (format!("token {number}\n").repeat(3), ended.host.seen().stdout.clone());
        if outcome.exit_code != 10 + number || said != expected.as_bytes() {
            return Err(format!(
                "run {number} of 6 ended with {} and {}; expected {} and {expected:?}",
                outcome.exit_code,
                ended.host.said(),
                10 + number
            ));
        }
    }
    Ok(())
}
