//! What the command gets: arguments, environment, standard input.

use super::{Behaviour, Checked, nobody, subject::Subject};

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "input.arguments",
        title: "passes arguments with any characters unchanged",
        exempt: nobody,
        check: |subject| Box::pin(arguments(subject)),
    },
    Behaviour {
        name: "input.environment",
        title: "passes environment variables with any characters unchanged",
        exempt: nobody,
        check: |subject| Box::pin(environment(subject)),
    },
    Behaviour {
        name: "input.much",
        title: "passes 300 variables and an argument of 60 kB",
        exempt: nobody,
        check: |subject| Box::pin(much(subject)),
    },
    Behaviour {
        name: "input.nothing",
        title: "gives the command an empty standard input",
        exempt: nobody,
        check: |subject| Box::pin(nothing(subject)),
    },
];

/// Values that quoting, templates and serialisation like to break.
const ODD: &[&str] = &[
    "",
    " ",
    "a b",
    "'",
    "\"",
    "it's \"quoted\"",
    "$HOME",
    "${HOME}",
    "$(HOME)",
    "$$(HOME)",
    "`id`",
    "\\",
    "\\n",
    "*",
    "-n",
    ";",
    "&&",
    "{{ x }}",
    "a\nb",
    "\ttab",
    "größe ☂ 日本",
    "=",
    "#",
    "%s",
    "!",
];

async fn arguments(subject: Subject) -> Checked {
    let (host, _) = subject.shell_with("for a in \"$@\"; do printf '<%s>' \"$a\"; done; echo", ODD)?.ends_with(0).await?;
    let expected: String = ODD.iter().map(|value| format!("<{value}>")).collect();
    compare(&expected, &host.seen().stdout)
}

async fn environment(subject: Subject) -> Checked {
    let names: Vec<String> = (0..ODD.len()).map(|number| format!("ODD_{number}")).collect();
    let script: String = names.iter().map(|name| format!("printf '<%s>' \"${name}\"; ")).collect();
    let mut run = subject.shell(&format!("{script}echo"))?;
    for (name, value) in names.iter().zip(ODD) {
        run = run.env(name, value);
    }
    let (host, _) = run.ends_with(0).await?;
    let expected: String = ODD.iter().map(|value| format!("<{value}>")).collect();
    compare(&expected, &host.seen().stdout)
}

fn compare(expected: &str, found: &[u8]) -> Checked {
    let found = String::from_utf8_lossy(found);
    let found = found.strip_suffix('\n').unwrap_or(&found);
    if found == expected {
        return Ok(());
    }
    let wrong = ODD.iter().filter(|value| !found.contains(&format!("<{value}>"))).map(|value| format!("{value:?}")).collect::<Vec<_>>();
    Err(format!("these did not arrive as they were sent: {}; the command saw {found}", wrong.join(", ")))
}

async fn much(subject: Subject) -> Checked {
    let long = "x".repeat(60_000);
    let mut run = subject.shell_with("echo ${#1} $VARIABLE_0 $VARIABLE_299", &[&long])?;
    for number in 0..300 {
        run = run.env(&format!("VARIABLE_{number}"), &number.to_string());
    }
    let (host, _) = run.ends_with(0).await?;
    let seen = host.seen();
    if seen.stdout == b"60000 0 299\n" { Ok(()) } else { Err(format!("the command saw {:?}", String::from_utf8_lossy(&seen.stdout))) }
}

async fn nothing(subject: Subject) -> Checked {
    let (host, _) = subject.shell("cat; echo end")?.ends_with(0).await?;
    let seen = host.seen();
    if seen.stdout == b"end\n" { Ok(()) } else { Err(format!("the command read {:?}", String::from_utf8_lossy(&seen.stdout))) }
}
