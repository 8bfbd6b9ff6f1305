use std::{fs, hint::black_box, time::Instant};

use crate::error::{Error, Result};

/// `proc COUNT`: reads what the kernel knows about a process, `COUNT` times. Prints the seconds.
pub fn run(arguments: &[String]) -> Result<()> {
    let [count] = arguments else {
        return Err(Error::Usage("proc COUNT".to_owned()));
    };
    let count: u32 = count.parse().map_err(|_| Error::Usage(format!("`{count}` is not a number")))?;
    let begin = Instant::now();
    for _ in 0..count {
        black_box(fs::read("/proc/self/stat").map_err(|error| Error::Run(error.to_string()))?);
    }
    println!("{}", begin.elapsed().as_secs_f64());
    Ok(())
}
