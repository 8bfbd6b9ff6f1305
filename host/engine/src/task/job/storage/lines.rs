//! Lines of a file: Split, Reverse.

use std::{
    collections::{HashMap, hash_map::Entry},
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::Path,
};

use regex::Regex;
use serde_json::json;
use switchyard_model::JsonMap;
use switchyard_plugin_api::Error;
use switchyard_store::workdir::{FileMode, WorkDir};

use super::super::{Given, given::blocking, outputs};
use super::files::{NEW, new_file, written};
use crate::task::property;

/// How a file is split.
enum Parts {
    Rows(u64),
    Partitions(usize),
    Bytes(u64),
    /// Lines go to the part of their first group; lines that do not match go nowhere.
    Groups(Regex),
}

/// Parts at most: each is an open file for a while.
const MOST: usize = 100_000;
/// What is read from the end at a time.
const BLOCK: u64 = 64 * 1024;

pub async fn split(given: &Given) -> Result<JsonMap, Error> {
    let parts = parts(given)?;
    let separator = separator(given);
    let from = given.site.local(&given.stored("from")?, "from").await.map_err(|error| error.at("/from"))?;
    let directory = given.site.scratch()?;
    let names = blocking(move || split_file(&from, &parts, &separator, &directory)).await?;
    let mut uris = Vec::with_capacity(names.len());
    for name in names {
        uris.push(given.site.keep(&name, &format!("{name}.split")).await?);
    }
    Ok(outputs(json!({ "uris": uris })))
}

fn parts(given: &Given) -> Result<Parts, Error> {
    let positive = |name: &str| {
        given
            .count(name)?
            .map(|count| {
                if count == 0 {
                    Err(Error::user("flow::invalid_property", format!("`{name}` is 0")).at(format!("/{name}")))
                } else {
                    Ok(count)
                }
            })
            .transpose()
    };
    if let Some(bytes) = given.text("bytes") {
        return Ok(Parts::Bytes(property::size(&bytes, "bytes")?));
    }
    if let Some(partitions) = positive("partitions")? {
        return Ok(Parts::Partitions(usize::try_from(partitions).unwrap_or(MOST).min(MOST)));
    }
    if let Some(rows) = positive("rows")? {
        return Ok(Parts::Rows(rows));
    }
    if let Some(pattern) = given.text("regexPattern") {
        let regex = Regex::new(&pattern).map_err(|error| {
            Error::user("flow::invalid_property", format!("`regexPattern` is no regular expression: {error}")).at("/regexPattern")
        })?;
        if regex.captures_len() < 2 {
            return Err(Error::user("flow::invalid_property", "`regexPattern` has no group")
                .with_help("put the part that names the file in parentheses, such as `^\\[(\\w+)\\]`")
                .at("/regexPattern"));
        }
        return Ok(Parts::Groups(regex));
    }
    Err(Error::user("flow::missing_property", "nothing says how to split")
        .with_help("give `bytes`, `partitions`, `rows` or `regexPattern`"))
}

fn separator(given: &Given) -> Vec<u8> {
    let written = given.text("separator").filter(|text| !text.is_empty()).unwrap_or_else(|| "\n".to_owned());
    // In single quotes YAML keeps the backslash.
    written.replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t").into_bytes()
}

/// Writes the parts into the directory; answers their names in order.
fn split_file(from: &Path, parts: &Parts, separator: &[u8], directory: &WorkDir) -> Result<Vec<String>, Error> {
    let mut lines = Lines { reader: BufReader::new(File::open(from).map_err(|error| written(&error))?), separator };
    let mut names: Vec<String> = Vec::new();
    let mut open: HashMap<usize, BufWriter<File>> = HashMap::new();
    let mut groups: HashMap<String, usize> = HashMap::new();
    let (mut line, mut rows, mut bytes) = (Vec::new(), 0, 0);
    while lines.next(&mut line).map_err(|error| written(&error))? {
        let size = (line.len() + separator.len()) as u64;
        let part = match parts {
            Parts::Rows(most) => usize::try_from(rows / most).unwrap_or(MOST),
            Parts::Partitions(count) => usize::try_from(rows).unwrap_or_default() % count,
            Parts::Bytes(most) => {
                let full = bytes > 0 && bytes + size > *most;
                bytes = if full { size } else { bytes + size };
                (names.len() + usize::from(full || names.is_empty())).saturating_sub(1)
            }
            Parts::Groups(regex) => {
                let text = String::from_utf8_lossy(&line);
                let Some(group) = regex.captures(&text).and_then(|found| found.get(1)) else { continue };
                let next = groups.len();
                match groups.entry(group.as_str().to_owned()) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(new) => *new.insert(next),
                }
            }
        };
        rows += 1;
        if part >= MOST {
            return Err(Error::user("flow::invalid_property", format!("the file would be split into more than {MOST} parts"))
                .with_help("choose larger parts"));
        }
        if part >= names.len() {
            // Parts in order need no more than one open file.
            if matches!(parts, Parts::Rows(_) | Parts::Bytes(_)) {
                close(&mut open)?;
            }
            let name = format!("part-{part:05}");
            let file = directory.new_file(&name, FileMode::Plain).map_err(|error| Error::environment(error.code(), error.to_string()))?;
            open.insert(part, BufWriter::new(file));
            names.push(name);
        }
        let Some(file) = open.get_mut(&part) else { continue };
        file.write_all(&line).and_then(|()| file.write_all(separator)).map_err(|error| written(&error))?;
    }
    close(&mut open)?;
    Ok(names)
}

fn close(open: &mut HashMap<usize, BufWriter<File>>) -> Result<(), Error> {
    open.drain().try_for_each(|(_, mut file)| file.flush()).map_err(|error| written(&error))
}

pub async fn reverse(given: &Given) -> Result<JsonMap, Error> {
    let charset = given.text("charset").unwrap_or_else(|| "UTF-8".to_owned());
    if charset.to_ascii_uppercase().starts_with("UTF-16") || charset.to_ascii_uppercase().starts_with("UTF-32") {
        return Err(Error::user("flow::invalid_property", format!("`charset` is `{charset}`"))
            .with_help("only encodings in which a line end is one byte can be reversed, such as UTF-8 or ISO-8859-1")
            .at("/charset"));
    }
    let separator = separator(given);
    let from = given.site.local(&given.stored("from")?, "from").await.map_err(|error| error.at("/from"))?;
    let target = new_file(given)?;
    blocking(move || reverse_file(&from, target, &separator).map_err(|error| written(&error))).await?;
    let uri = given.site.keep(NEW, "reversed").await?;
    Ok(outputs(json!({ "uri": uri })))
}

/// From the end in blocks: a file of any size takes the memory of its longest line.
fn reverse_file(from: &Path, target: File, separator: &[u8]) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target = BufWriter::new(target);
    let mut at = source.metadata()?.len();
    // Bytes from `at` on that are not written yet, without a separator at the end.
    let mut rest: Vec<u8> = Vec::new();
    let mut last = true;
    while at > 0 {
        let step = at.min(BLOCK);
        at -= step;
        source.seek(SeekFrom::Start(at))?;
        let mut block = vec![0; usize::try_from(step).unwrap_or_default()];
        source.read_exact(&mut block)?;
        block.append(&mut rest);
        if std::mem::take(&mut last) && block.ends_with(separator) {
            block.truncate(block.len() - separator.len());
        }
        let mut end = block.len();
        while let Some(found) = memchr::memmem::rfind(&block[..end], separator) {
            target.write_all(&block[found + separator.len()..end])?;
            target.write_all(separator)?;
            end = found;
        }
        block.truncate(end);
        rest = block;
    }
    if !last {
        target.write_all(&rest)?;
        target.write_all(separator)?;
    }
    target.flush()
}

/// Lines that end with any separator, not only a byte.
struct Lines<'s> {
    reader: BufReader<File>,
    separator: &'s [u8],
}

impl Lines<'_> {
    /// Without its end; `false` at the end of the file.
    fn next(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        line.clear();
        let last = *self.separator.last().unwrap_or(&b'\n');
        loop {
            if self.reader.read_until(last, line)? == 0 {
                return Ok(!line.is_empty());
            }
            if line.ends_with(self.separator) {
                line.truncate(line.len() - self.separator.len());
                return Ok(true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split_text(text: &str, parts: &Parts) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        std::fs::write(&from, text).unwrap();
        let directory = WorkDir::create(folder.path(), "parts").unwrap();
        let names = split_file(&from, parts, b"\n", &directory).unwrap();
        names.iter().map(|name| std::fs::read_to_string(directory.path().join(name)).unwrap()).collect()
    }

    #[test]
    fn files_are_split_at_lines_4_4() {
        for (text, parts, expected) in [
            ("", Parts::Rows(1), vec![]),
            ("a\nb\nc", Parts::Rows(2), vec!["a\nb\n", "c\n"]),
            ("a\nb\nc\n", Parts::Partitions(2), vec!["a\nc\n", "b\n"]),
            ("a\n", Parts::Partitions(3), vec!["a\n"]),
            ("aa\nbb\nc\ndddddddd\ne\n", Parts::Bytes(6), vec!["aa\nbb\n", "c\n", "dddddddd\n", "e\n"]),
            ("[x] 1\n[y] 2\nno\n[x] 3\n", Parts::Groups(Regex::new(r"^\[(\w)\]").unwrap()), vec!["[x] 1\n[x] 3\n", "[y] 2\n"]),
        ] {
            assert_eq!(split_text(text, &parts), expected, "{text:?}");
        }
    }

    #[test]
    fn lines_are_reversed_4_4() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let long = format!("{}\nend\n", "x".repeat(200_000));
        for (text, separator, expected) in [
            ("", "\n", String::new()),
            ("a", "\n", "a\n".to_owned()),
            ("a\nb\nc\n", "\n", "c\nb\na\n".to_owned()),
            ("a\n\nb", "\n", "b\n\na\n".to_owned()),
            ("a--b--c", "--", "c--b--a--".to_owned()),
            (long.as_str(), "\n", format!("end\n{}\n", "x".repeat(200_000))),
        ] {
            std::fs::write(&from, text).unwrap();
            reverse_file(&from, File::create(&to).unwrap(), separator.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&to).unwrap(), expected);
        }
    }
}
