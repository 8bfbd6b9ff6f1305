//! Files in and out.

use std::{os::unix::fs::PermissionsExt, path::Path};

use super::{Behaviour, Checked, subject::Subject};

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "files.working_dir",
        title: "runs the command in the directory that `paths` names",
        exempt: no_files,
        check: |subject| Box::pin(working_dir(subject)),
    },
    Behaviour {
        name: "files.input",
        title: "brings input files: nested, empty, binary, executable, with blanks in their names",
        exempt: no_files,
        check: |subject| Box::pin(input(subject)),
    },
    Behaviour {
        name: "files.output",
        title: "brings back the files that the task asked for",
        exempt: no_files,
        check: |subject| Box::pin(output(subject)),
    },
    Behaviour {
        name: "files.output_dir",
        title: "brings back the output directory with everything below it",
        exempt: no_files,
        check: |subject| Box::pin(output_dir(subject)),
    },
];

fn no_files(subject: &Subject) -> Option<&'static str> {
    subject.capabilities().file_strategies.is_empty().then_some("declares no `file_strategies`")
}

async fn working_dir(subject: Subject) -> Checked {
    let run = subject.shell("pwd -P")?.outputs(&["*.txt"]);
    run.directory.write("input.txt", b"x")?;
    let paths = subject.runner().paths(&run.request.properties, &run.request.files).map_err(|error| error.to_string())?;
    let (host, _) = run.ends_with(0).await?;
    let said = String::from_utf8_lossy(&host.seen().stdout).trim_end().to_owned();
    let named = Path::new(&paths.working_dir);
    if Path::new(&said) == named || subject.is_local() && named.canonicalize().is_ok_and(|named| named == Path::new(&said)) {
        return Ok(());
    }
    Err(format!("the command ran in {said:?}, but `paths` names {:?}", paths.working_dir))
}

async fn input(subject: Subject) -> Checked {
    let script = "cat 'a file.txt'; cat nested/deep/er/file; wc -c < empty; wc -c < binary; ./program; cat größe.txt";
    let run = subject.shell(script)?;
    let binary: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    for (name, content) in [
        ("a file.txt", &b"blank\n"[..]),
        ("nested/deep/er/file", b"nested\n"),
        ("empty", b""),
        ("binary", &binary),
        ("program", b"#!/bin/sh\necho executed\n"),
        ("gr\u{f6}\u{df}e.txt", b"named\n"),
    ] {
        run.directory.write(name, content)?;
    }
    let program = run.directory.path().join("program");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).map_err(|error| error.to_string())?;
    let (host, _) = run.ends_with(0).await?;
    let said = String::from_utf8_lossy(&host.seen().stdout).into_owned();
    let words: Vec<&str> = said.split_whitespace().collect();
    if words == ["blank", "nested", "0", "70000", "executed", "named"] {
        return Ok(());
    }
    Err(format!("the command found {words:?}"))
}

async fn output(subject: Subject) -> Checked {
    let script = "mkdir -p out/deep; echo text > out/deep/a.txt; printf '\\000\\377\\n' > data.bin; : > empty.txt; echo x > 'a b.txt'";
    let run = subject.shell(script)?.outputs(&["out/**", "*.bin", "empty.txt", "a b.txt"]);
    let (_, directory) = run.ends_with(0).await?;
    for (name, content) in [("out/deep/a.txt", &b"text\n"[..]), ("data.bin", b"\x00\xff\n"), ("empty.txt", b""), ("a b.txt", b"x\n")] {
        let found = directory.read(name)?;
        if found != content {
            return Err(format!("the file {name:?} came back with {} bytes instead of {}", found.len(), content.len()));
        }
    }
    Ok(())
}

async fn output_dir(subject: Subject) -> Checked {
    let mut run = subject.shell("")?;
    run.request.files.output_dir = Some("outputs-of-kit".to_owned());
    // The host makes the directory before the run.
    std::fs::create_dir(run.directory.path().join("outputs-of-kit")).map_err(|error| error.to_string())?;
    let paths = subject.runner().paths(&run.request.properties, &run.request.files).map_err(|error| error.to_string())?;
    let Some(place) = paths.output_dir else {
        return Err("`paths` names no output directory, though the task asked for one".to_owned());
    };
    let script = format!("mkdir -p '{place}/deep' && echo one > '{place}/a.txt' && echo two > '{place}/deep/b.txt'");
    if let Some(last) = run.request.command.argv.last_mut() {
        *last = script;
    }
    let (_, directory) = run.ends_with(0).await?;
    for (name, content) in [("outputs-of-kit/a.txt", b"one\n"), ("outputs-of-kit/deep/b.txt", b"two\n")] {
        if directory.read(name)? != content {
            return Err(format!("the file {name:?} came back with another content"));
        }
    }
    Ok(())
}
