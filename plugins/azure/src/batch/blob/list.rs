//! A page of a list of blobs, in Azure's XML.

use percent_encoding::percent_decode_str;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub names: Vec<String>,
    /// Where the next page begins.
    pub next: Option<String>,
}

impl Page {
    pub fn of(text: &str) -> Self {
        let mut names = Vec::new();
        for blob in text.split("<Blob>").skip(1) {
            if let Some(name) = between(blob, "<Name>", "</Name>") {
                names.push(plain(name));
            } else if let Some(name) = between(blob, "<Name Encoded=\"true\">", "</Name>") {
                // Names that no XML can hold.
                names.push(percent_decode_str(&plain(name)).decode_utf8_lossy().into_owned());
            }
        }
        let next = between(text, "<NextMarker>", "</NextMarker>").map(plain).filter(|marker| !marker.is_empty());
        Self { names, next }
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?.1.split_once(end).map(|(inner, _)| inner)
}

/// Without the escapes of XML.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let Some((name, behind)) = after.split_once(';') else {
            plain.push('&');
            rest = after;
            continue;
        };
        let code = name.strip_prefix("#x").map(|hex| u32::from_str_radix(hex, 16)).or_else(|| name.strip_prefix('#').map(str::parse));
        match (name, code) {
            ("amp", _) => plain.push('&'),
            ("lt", _) => plain.push('<'),
            ("gt", _) => plain.push('>'),
            ("quot", _) => plain.push('"'),
            ("apos", _) => plain.push('\''),
            (_, Some(Ok(code))) => plain.extend(char::from_u32(code)),
            _ => plain.push_str(&format!("&{name};")),
        }
        rest = behind;
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_markers_are_read_whatever_is_in_them() {
        let text = "<?xml version=\"1.0\"?><EnumerationResults ServiceEndpoint=\"x\"><Prefix>f/</Prefix><Blobs>\
            <Blob><Name>f/a &amp; b.txt</Name><Properties/></Blob><Blob><Name>f/&#252;&#x2602;</Name></Blob>\
            <Blob><Name Encoded=\"true\">f/%EF%BF%BE</Name></Blob></Blobs><NextMarker>2!8</NextMarker></EnumerationResults>";
        let page = Page::of(text);
        assert_eq!(page.names, ["f/a & b.txt", "f/ü☂", "f/\u{fffe}"]);
        assert_eq!(page.next.as_deref(), Some("2!8"));
        for empty in ["<Blobs /><NextMarker />", "<Blobs></Blobs><NextMarker></NextMarker>", ""] {
            assert_eq!(Page::of(empty), Page::default(), "{empty}");
        }
    }
}
