//! Bytes in a line of JSON: as text where they are text.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};

/// Written as `"text": "…"` when they are UTF-8, else as `"hex": "…"`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match std::str::from_utf8(&self.0) {
            Ok(text) => map.serialize_entry("text", text)?,
            Err(_) => {
                let hex: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
                map.serialize_entry("hex", &hex)?;
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Written {
            text: Option<String>,
            hex: Option<String>,
        }
        match Written::deserialize(deserializer)? {
            Written { text: Some(text), .. } => Ok(Self(text.into_bytes())),
            Written { hex: Some(hex), .. } => {
                read_hex(&hex).map(Self).ok_or_else(|| de::Error::custom("`hex` holds pairs of hexadecimal digits"))
            }
            _ => Err(de::Error::custom("bytes are either `text` or `hex`")),
        }
    }
}

fn read_hex(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes();
    let (pairs, rest) = (digits.chunks_exact(2), digits.len() % 2);
    let byte = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    if rest == 0 { pairs.map(byte).collect() } else { None }
}
