use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::error::{Error, Result};

/// `lines COUNT PROGRAM ARGS`: reads the program's output the way most Rust programs do, and wants `COUNT` lines.
pub fn run(arguments: &[String]) -> Result<()> {
    let [count, program, rest @ ..] = arguments else {
        return Err(Error::Usage("lines COUNT PROGRAM ARGS".to_owned()));
    };
    let count: usize = count.parse().map_err(|_| Error::Usage(format!("`{count}` is not a number")))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let read = runtime.map_err(|error| Error::Run(format!("no runtime: {error}")))?.block_on(read(program, rest));
    match read {
        Ok(read) if read == count => Ok(()),
        Ok(read) => Err(Error::Run(format!("{read} of {count} lines were read"))),
        Err(error) => Err(Error::Run(format!("{program}: {error}"))),
    }
}

async fn read(program: &str, arguments: &[String]) -> std::io::Result<usize> {
    let mut child = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut count = 0;
    if let Some(output) = child.stdout.take() {
        let mut lines = BufReader::new(output).lines();
        while let Some(line) = lines.next_line().await? {
            count += usize::from(!std::hint::black_box(line).is_empty());
        }
    }
    child.wait().await?;
    Ok(count)
}
