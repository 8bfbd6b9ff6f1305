//! A plugin's Markdown as HTML. Its own HTML is shown as text: nobody who reads a reference runs scripts of a plugin.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, html};

pub fn render(text: &str) -> String {
    let events = Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH).map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Link { link_type, dest_url: safe(dest_url), title, id })
        }
        // Pictures from elsewhere need a network.
        Event::Start(Tag::Image { link_type, title, id, .. }) => {
            Event::Start(Tag::Link { link_type, dest_url: CowStr::Borrowed("#"), title, id })
        }
        Event::End(pulldown_cmark::TagEnd::Image) => Event::End(pulldown_cmark::TagEnd::Link),
        // The page has its own headings of the first two levels.
        Event::Start(Tag::Heading { id, classes, attrs, .. }) => {
            Event::Start(Tag::Heading { level: pulldown_cmark::HeadingLevel::H3, id, classes, attrs })
        }
        Event::End(pulldown_cmark::TagEnd::Heading(_)) => Event::End(pulldown_cmark::TagEnd::Heading(pulldown_cmark::HeadingLevel::H3)),
        other => other,
    });
    let mut out = String::new();
    html::push_html(&mut out, events);
    out
}

fn safe(url: CowStr<'_>) -> CowStr<'_> {
    let harmless = ["https://", "http://", "mailto:", "#"].iter().any(|start| url.starts_with(start)) || !url.contains(':');
    if harmless { url } else { CowStr::Borrowed("#") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_plugin_runs() {
        for (text, expected) in [
            ("a `b` *c*", "<p>a <code>b</code> <em>c</em></p>\n"),
            ("# A\n## B", "<h3>A</h3>\n<h3>B</h3>\n"),
            ("x <script>alert(1)</script>", "<p>x &lt;script&gt;alert(1)&lt;/script&gt;</p>\n"),
            ("[a](javascript:alert(1))", "<p><a href=\"#\">a</a></p>\n"),
            ("[a](https://example.org)", "<p><a href=\"https://example.org\">a</a></p>\n"),
            ("![a](https://example.org/x.png)", "<p><a href=\"#\">a</a></p>\n"),
        ] {
            assert_eq!(render(text), expected, "{text}");
        }
    }
}
