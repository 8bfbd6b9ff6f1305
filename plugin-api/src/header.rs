//! The header: facts about a plugin as constant bytes in the link section `.switchyard`, readable without loading the library.

use serde::{Deserialize, Serialize};

use crate::{ComponentKind, PluginInfo};

/// Name of the link section.
pub const SECTION: &str = ".switchyard";
/// Version of the layout below.
pub const FORMAT: u32 = 1;

/// What the section holds, as JSON, followed by zero bytes at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Layout version.
    pub switchyard: u32,
    /// The library.
    #[serde(flatten)]
    pub plugin: PluginInfo,
    /// Kind and canonical type name of each component.
    pub components: Vec<(ComponentKind, String)>,
}

impl Header {
    /// Reads a section's bytes. The error is one line.
    pub fn parse(section: &[u8]) -> Result<Self, String> {
        let end = section.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
        let mut header: Self =
            serde_json::from_slice(&section[..end]).map_err(|e| format!("the header is not what plugin-api writes: {e}"))?;
        // The macro ends its list with an empty entry, since JSON allows no comma there.
        header.components.retain(|(_, type_name)| !type_name.is_empty());
        Ok(header)
    }
}

/// Length of all parts together. Used by [`crate::export_plugin!`].
#[doc(hidden)]
pub const fn length(parts: &[&str]) -> usize {
    let mut total = 0;
    let mut i = 0;
    while i < parts.len() {
        total += parts[i].len();
        i += 1;
    }
    total
}

/// All parts in one array. Used by [`crate::export_plugin!`].
#[doc(hidden)]
pub const fn concat<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut out = [0; N];
    let mut at = 0;
    let mut i = 0;
    while i < parts.len() {
        let bytes = parts[i].as_bytes();
        let mut j = 0;
        while j < bytes.len() {
            out[at] = bytes[j];
            at += 1;
            j += 1;
        }
        i += 1;
    }
    out
}

/// The compiler that built this crate, which is the one that builds the plugin.
#[doc(hidden)]
pub const RUSTC: &str = env!("SWITCHYARD_RUSTC");
#[doc(hidden)]
pub const TARGET: &str = env!("SWITCHYARD_TARGET");
