use std::io::{self, Write as _};

use crate::error::{Error, Result};

const DIGITS: usize = 10;
const TEXT: &[u8; 90] = b" worker finished an item of the queue without an error and goes on with the next of them.\n";
/// Lines per write: what fits into a pipe, so that the writer is not what is measured.
const BLOCK: usize = 64 * 1024 / (DIGITS + TEXT.len());

/// `print COUNT`: lines of 100 bytes, each with its number.
pub fn run(arguments: &[String]) -> Result<()> {
    let [count] = arguments else {
        return Err(Error::Usage("print COUNT".to_owned()));
    };
    let count: usize = count.parse().map_err(|_| Error::Usage(format!("`{count}` is not a number")))?;
    print(count).map_err(|error| Error::Run(format!("cannot print: {error}")))
}

fn print(count: usize) -> io::Result<()> {
    let mut output = io::stdout().lock();
    let mut number = [b'0'; DIGITS];
    let mut block = Vec::new();
    let mut rest = count;
    while rest > 0 {
        block.clear();
        for _ in 0..rest.min(BLOCK) {
            block.extend_from_slice(&number);
            block.extend_from_slice(TEXT);
            count_up(&mut number);
        }
        rest -= rest.min(BLOCK);
        output.write_all(&block)?;
    }
    output.flush()
}

fn count_up(number: &mut [u8; DIGITS]) {
    for digit in number.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
}
