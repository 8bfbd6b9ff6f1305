//! Reads just enough of a 64-bit ELF file to refuse what `dlopen` would crash on. Every access is bounded by the file's length.

use std::{fs, os::unix::fs::FileExt, path::Path};

use crate::refusal::Refusal;

/// What is worth knowing about a shared library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Elf {
    /// Needs room in the static TLS block, of which a process has little.
    pub static_tls: bool,
    /// Defined dynamic symbols among the wanted ones.
    pub symbols: Vec<String>,
    /// Content of the wanted section.
    pub section: Option<Vec<u8>>,
}

const CLASS: u8 = 2;
const DATA: u8 = if cfg!(target_endian = "little") { 1 } else { 2 };
const SHARED_OBJECT: u16 = 3;
const HEADER: usize = 64;
const SEGMENT_DYNAMIC: u32 = 2;
const SEGMENT_TLS: u32 = 7;
const SECTION_NOBITS: u32 = 8;
const SECTION_DYNSYM: u32 = 11;
const TAG_FLAGS: u64 = 30;
const FLAG_STATIC_TLS: u64 = 0x10;
const SYMBOL_SIZE: usize = 24;

const MACHINES: &[(u16, &str)] =
    &[(3, "x86"), (40, "arm"), (62, "x86_64"), (183, "aarch64"), (243, "riscv64"), (22, "s390x"), (21, "powerpc64")];

/// Bytes of thread-local data of each thread, and whether they are in the static TLS block; of a library that has passed every check.
pub(crate) fn thread_local(path: &Path) -> Option<(u64, bool)> {
    let file = fs::File::open(path).ok()?;
    let read = |offset: u64, size: usize| {
        let mut bytes = vec![0; size];
        file.read_exact_at(&mut bytes, offset).ok().map(|()| bytes)
    };
    let start = read(0, HEADER)?;
    let header = File(&start);
    let (table, size, count) = (header.u64(32).ok()?, header.u16(54).ok()?, header.u16(56).ok()?);
    let segments = read(table, usize::from(size) * usize::from(count))?;
    let (mut bytes, mut fixed) = (0, false);
    for segment in segments.chunks_exact(usize::from(size).max(1)).map(File) {
        match segment.u32(0).ok()? {
            SEGMENT_TLS => bytes += segment.u64(40).ok()?,
            SEGMENT_DYNAMIC => fixed |= flags(&read(segment.u64(8).ok()?, usize::try_from(segment.u64(32).ok()?).ok()?)?),
            _ => {}
        }
    }
    Some((bytes, fixed))
}

/// Whether a dynamic segment asks for the static TLS block.
fn flags(dynamic: &[u8]) -> bool {
    let (entries, _) = dynamic.as_chunks::<16>();
    let value = |entry: &[u8; 16], from: usize| entry[from..from + 8].try_into().map_or(0, u64::from_ne_bytes);
    entries.iter().any(|entry| value(entry, 0) == TAG_FLAGS && value(entry, 8) & FLAG_STATIC_TLS != 0)
}

/// Reads a library; looks for these symbols and this section.
pub(crate) fn read(bytes: &[u8], symbols: &[&str], section: &str) -> Result<Elf, Refusal> {
    identify(bytes)?;
    let file = File(bytes);
    let machine = file.u16(18)?;
    let here = std::env::consts::ARCH;
    if MACHINES.iter().find(|(number, _)| *number == machine).is_none_or(|(_, name)| *name != here) {
        let name = MACHINES
            .iter()
            .find(|(number, _)| *number == machine)
            .map_or_else(|| format!("machine {machine}"), |(_, name)| (*name).to_owned());
        return Err(Refusal::new("plugin::other_architecture", format!("it is built for {name}, the host runs on {here}"))
            .with_help(format!("get or build the plugin for {here}")));
    }
    if file.u16(16)? != SHARED_OBJECT {
        return Err(
            Refusal::new("plugin::not_a_library", "it is an ELF file but no shared library").with_help("build it with crate-type `cdylib`")
        );
    }
    let sections = file.sections()?;
    Ok(Elf { static_tls: file.static_tls()?, symbols: file.defined(&sections, symbols)?, section: file.named(&sections, section)? })
}

fn identify(bytes: &[u8]) -> Result<(), Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::new("plugin::empty", "the file is empty").with_help("copy the library again"));
    }
    if !bytes.starts_with(b"\x7fELF") {
        let what =
            if bytes.iter().take(64).all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) { "a text file" } else { "no ELF file" };
        return Err(Refusal::new("plugin::not_elf", format!("it is {what}, not a shared library")));
    }
    match (bytes.get(4), bytes.get(5)) {
        (Some(&CLASS), Some(&DATA)) => Ok(()),
        (Some(class), Some(_)) => {
            let bits = if *class == 1 { "32" } else { "64" };
            let reason = format!("it is built for another kind of {bits}-bit machine, the host runs on {}", std::env::consts::ARCH);
            Err(Refusal::new("plugin::other_architecture", reason))
        }
        _ => Err(truncated(bytes.len(), 64)),
    }
}

fn truncated(length: usize, needed: u64) -> Refusal {
    Refusal::new("plugin::truncated", format!("the library is cut off: it has {length} bytes and describes {needed}"))
        .with_help("the copy was broken off or is still going on; copy it again")
}

struct Section {
    name: u32,
    kind: u32,
    offset: u64,
    size: u64,
    link: u32,
}

struct File<'a>(&'a [u8]);

impl<'a> File<'a> {
    fn slice(&self, offset: u64, size: u64) -> Result<&'a [u8], Refusal> {
        let end = offset.saturating_add(size);
        let range = usize::try_from(offset).unwrap_or(usize::MAX)..usize::try_from(end).unwrap_or(usize::MAX);
        self.0.get(range).ok_or_else(|| truncated(self.0.len(), end))
    }

    fn array<const N: usize>(&self, offset: u64) -> Result<[u8; N], Refusal> {
        let slice = self.slice(offset, N as u64)?;
        slice.try_into().map_err(|_| truncated(self.0.len(), offset))
    }

    fn u16(&self, offset: u64) -> Result<u16, Refusal> {
        self.array(offset).map(u16::from_ne_bytes)
    }

    fn u32(&self, offset: u64) -> Result<u32, Refusal> {
        self.array(offset).map(u32::from_ne_bytes)
    }

    fn u64(&self, offset: u64) -> Result<u64, Refusal> {
        self.array(offset).map(u64::from_ne_bytes)
    }

    /// Every section, each within the file: the table stands at the end, so a cut at any place is found.
    fn sections(&self) -> Result<Vec<Section>, Refusal> {
        let (table, size, count) = (self.u64(40)?, u64::from(self.u16(58)?), u64::from(self.u16(60)?));
        self.slice(table, size.saturating_mul(count))?;
        let mut sections = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
        for index in 0..count {
            let at = table.saturating_add(index.saturating_mul(size));
            let section = Section {
                name: self.u32(at)?,
                kind: self.u32(at.saturating_add(4))?,
                offset: self.u64(at.saturating_add(24))?,
                size: self.u64(at.saturating_add(32))?,
                link: self.u32(at.saturating_add(40))?,
            };
            if section.kind != SECTION_NOBITS {
                self.slice(section.offset, section.size)?;
            }
            sections.push(section);
        }
        Ok(sections)
    }

    /// Checks the segments and reads the flags of the dynamic one.
    fn static_tls(&self) -> Result<bool, Refusal> {
        let (table, size, count) = (self.u64(32)?, u64::from(self.u16(54)?), u64::from(self.u16(56)?));
        let mut found = false;
        for index in 0..count {
            let at = table.saturating_add(index.saturating_mul(size));
            let (kind, offset, length) = (self.u32(at)?, self.u64(at.saturating_add(8))?, self.u64(at.saturating_add(32))?);
            let content = self.slice(offset, length)?;
            if kind == SEGMENT_DYNAMIC {
                found |= flags(content);
            }
        }
        Ok(found)
    }

    fn defined(&self, sections: &[Section], wanted: &[&str]) -> Result<Vec<String>, Refusal> {
        let mut found = Vec::new();
        for table in sections.iter().filter(|section| section.kind == SECTION_DYNSYM) {
            let Some(names) = sections.get(table.link as usize) else { continue };
            let names = self.slice(names.offset, names.size)?;
            let (symbols, _) = self.slice(table.offset, table.size)?.as_chunks::<SYMBOL_SIZE>();
            for symbol in symbols.iter().filter(|symbol| symbol[6..8] != [0, 0]) {
                let name = symbol[0..4].try_into().map_or(0, u32::from_ne_bytes);
                let name = text(names, name);
                if wanted.iter().any(|wanted| wanted.as_bytes() == name) {
                    found.push(String::from_utf8_lossy(name).into_owned());
                }
            }
        }
        Ok(found)
    }

    fn named(&self, sections: &[Section], wanted: &str) -> Result<Option<Vec<u8>>, Refusal> {
        let Some(names) = sections.get(usize::from(self.u16(62)?)) else { return Ok(None) };
        let names = self.slice(names.offset, names.size)?;
        match sections.iter().find(|section| text(names, section.name) == wanted.as_bytes()) {
            Some(section) if section.kind != SECTION_NOBITS => self.slice(section.offset, section.size).map(|bytes| Some(bytes.to_vec())),
            _ => Ok(None),
        }
    }
}

fn text(names: &[u8], at: u32) -> &[u8] {
    let rest = names.get(at as usize..).unwrap_or_default();
    &rest[..rest.iter().position(|b| *b == 0).unwrap_or(rest.len())]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// This very program: position-independent, hence of the same type as a library, and not small.
    fn library() -> Vec<u8> {
        let mut bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        bytes[16] = 3;
        bytes
    }

    fn entries(file: &File<'_>) -> Vec<u64> {
        let (table, size, count) = (file.u64(32).unwrap(), u64::from(file.u16(54).unwrap()), u64::from(file.u16(56).unwrap()));
        let dynamic = (0..count).map(|index| table + index * size).find(|at| file.u32(*at).unwrap() == SEGMENT_DYNAMIC).unwrap();
        let (offset, length) = (file.u64(dynamic + 8).unwrap(), file.u64(dynamic + 32).unwrap());
        (offset..offset + length).step_by(16).collect()
    }

    #[test]
    fn static_tls_is_noticed() {
        let mut bytes = library();
        assert!(!read(&bytes, &[], ".text").unwrap().static_tls);
        let last = *entries(&File(&bytes)).last().unwrap() as usize;
        bytes[last..last + 8].copy_from_slice(&TAG_FLAGS.to_ne_bytes());
        bytes[last + 8..last + 16].copy_from_slice(&FLAG_STATIC_TLS.to_ne_bytes());
        assert!(read(&bytes, &[], ".text").unwrap().static_tls);
    }

    #[test]
    fn sections_are_found_by_name() {
        let bytes = library();
        assert!(read(&bytes, &[], ".text").unwrap().section.is_some_and(|text| !text.is_empty()));
        assert_eq!(
            read(&bytes, &["no such symbol"], ".no-such-section").unwrap(),
            Elf { static_tls: false, symbols: vec![], section: None }
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Whatever stands in a header, nothing is read outside the file and nothing panics.
        #[test]
        fn any_header_is_read_or_refused(changes in proptest::collection::vec((0_usize..4096, any::<u8>()), 1..12)) {
            let mut bytes = library();
            for (at, value) in changes {
                bytes[at] = value;
            }
            // Either answer is right, as long as there is one.
            if let Err(refusal) = read(&bytes, &["main"], ".switchyard") {
                prop_assert!(refusal.code.starts_with("plugin::"));
            }
        }

        /// A copy that goes on is never taken for a library.
        #[test]
        fn a_cut_file_is_refused(cut in any::<prop::sample::Index>()) {
            let mut bytes = library();
            bytes.truncate(cut.index(bytes.len()));
            prop_assert!(read(&bytes, &["main"], ".switchyard").is_err(), "a cut file of {} bytes passed", bytes.len());
        }
    }
}
