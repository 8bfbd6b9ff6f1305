//! The pages: contents, and one for each type.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    GROUPS,
    html::{breakable, escape, yaml},
    markdown,
};
use crate::command::plugins::{
    property::{self, Property},
    show::Subject,
};

/// Its file beside the contents.
pub fn file(type_name: &str) -> String {
    format!("{type_name}.html")
}

fn frame(title: &str, main: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<link rel=\"stylesheet\" href=\"style.css\">\n\
         <script src=\"search.js\" defer></script>\n<script src=\"script.js\" defer></script>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">Skip to the content</a>\n\
         <header><a class=\"home\" href=\"index.html\">Switchyard <span>reference</span></a>\n\
         <div class=\"search\" role=\"search\"><label class=\"hidden\" for=\"search\">Search types and properties</label>\n\
         <input id=\"search\" type=\"search\" placeholder=\"Search types and properties  ( / )\" autocomplete=\"off\" spellcheck=\"false\" \
         role=\"combobox\" aria-expanded=\"false\" aria-controls=\"results\" aria-autocomplete=\"list\">\n\
         <ul id=\"results\" role=\"listbox\" aria-label=\"Results\" hidden></ul></div></header>\n\
         <main id=\"main\">\n{main}</main>\n</body>\n</html>\n"
    )
}

fn icon(subject: &Subject) -> String {
    match &subject.icon {
        // As a picture, so that nothing in it runs.
        Some(svg) => format!("<img class=\"icon\" alt=\"\" src=\"data:image/svg+xml;base64,{}\">", STANDARD.encode(svg)),
        None => {
            let last = subject.type_name.rsplit('.').next().unwrap_or_default();
            format!("<span class=\"icon letter\" aria-hidden=\"true\">{}</span>", escape(last.get(..1).unwrap_or_default()))
        }
    }
}

/// Every type by its kind.
pub fn contents(subjects: &[Subject]) -> String {
    let mut main = format!(
        "<h1>Types that flows can use</h1>\n<p class=\"lead\">{} types are loaded. For completion and checking in an editor, begin a flow with \
         <code># yaml-language-server: $schema=flow.schema.json</code>; <a href=\"flow.schema.json\" download>the schema</a> lies beside \
         these pages.</p>\n",
        subjects.len()
    );
    for (kind, heading) in GROUPS {
        let of_kind: Vec<&Subject> = subjects.iter().filter(|subject| subject.kind == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        main.push_str(&format!("<section aria-labelledby=\"{kind}\">\n<h2 id=\"{kind}\">{heading}</h2>\n<ul class=\"cards\">\n"));
        for subject in of_kind {
            let last = subject.type_name.rsplit('.').next().unwrap_or_default();
            let mark = if subject.deprecated.is_some() { " <span class=\"badge old\">deprecated</span>" } else { "" };
            main.push_str(&format!(
                "<li><a href=\"{}\">{}<span><strong>{}</strong>{mark}<small>{}</small><span class=\"title\">{}</span></span></a></li>\n",
                escape(&file(&subject.type_name)),
                icon(subject),
                escape(last),
                breakable(&subject.type_name),
                escape(&said(subject))
            ));
        }
        main.push_str("</ul>\n</section>\n");
    }
    frame("Switchyard reference", &main)
}

/// What a card says: the title, or the first sentence of the documentation when the title is only the name again.
fn said(subject: &Subject) -> String {
    let last = subject.type_name.rsplit('.').next().unwrap_or_default();
    if subject.title != last {
        return subject.title.clone();
    }
    let first = subject.docs.split("\n\n").next().unwrap_or_default().replace('`', "");
    first.split_once(". ").map_or(first.clone(), |(sentence, _)| format!("{sentence}."))
}

/// One type.
pub fn of_type(subject: &Subject, all: &[Subject]) -> String {
    let name = &subject.type_name;
    let last = name.rsplit('.').next().unwrap_or_default();
    let mut main = format!(
        "<nav class=\"trail\" aria-label=\"Breadcrumb\"><a href=\"index.html\">All types</a> / <a href=\"index.html#{}\">{}</a></nav>\n\
         <div class=\"head\">{}<div><h1>{}</h1>\n<p class=\"name\"><code>{}</code> <button type=\"button\" data-copy=\"{}\">Copy</button></p></div></div>\n",
        subject.kind,
        GROUPS.iter().find(|(kind, _)| *kind == subject.kind).map_or("", |(_, heading)| heading),
        icon(subject),
        escape(last),
        breakable(name),
        escape(name)
    );
    if let Some(instead) = &subject.deprecated {
        main.push_str(&format!("<p class=\"note\"><strong>Deprecated.</strong> {}</p>\n", escape(instead)));
    }
    main.push_str(&format!("<p class=\"lead\">{}</p>\n", escape(&subject.title)));
    if !subject.docs.is_empty() && subject.docs != subject.title {
        main.push_str(&format!("<div class=\"docs\">\n{}</div>\n", markdown::render(&subject.docs)));
    }
    main.push_str(&facts(subject));
    main.push_str(&examples(subject));
    main.push_str(&properties(subject));
    if !subject.outputs.is_empty() {
        main.push_str("<h2 id=\"outputs\">Outputs</h2>\n<dl class=\"properties\">\n");
        for (name, kind, text) in &subject.outputs {
            let kind = if kind.is_empty() { String::new() } else { format!("<span class=\"kind\">{}</span>", escape(kind)) };
            main.push_str(&format!("<dt><code>{}</code>{kind}</dt><dd>{}</dd>\n", escape(name), markdown::render(text)));
        }
        main.push_str("</dl>\n");
    }
    let siblings: Vec<&Subject> = all
        .iter()
        .filter(|other| {
            other.type_name != *name && other.origin == subject.origin && other.kind == subject.kind && subject.kind == "task-runner"
        })
        .collect();
    if !siblings.is_empty() {
        let links: Vec<String> = siblings
            .iter()
            .map(|other| format!("<a href=\"{}\">{}</a>", escape(&file(&other.type_name)), breakable(&other.type_name)))
            .collect();
        main.push_str(&format!("<h2>From the same plugin</h2>\n<p>{}</p>\n", links.join(", ")));
    }
    frame(&format!("{last} · Switchyard reference"), &main)
}

fn facts(subject: &Subject) -> String {
    let mut rows = vec![("Plugin", escape(&subject.origin))];
    if !subject.aliases.is_empty() {
        let names: Vec<String> = subject.aliases.iter().map(|alias| format!("<code>{}</code>", breakable(alias))).collect();
        rows.push(("Other names", names.join("<br>")));
    }
    rows.extend(subject.abilities.iter().map(|(what, how)| (*what, escape(how))));
    let rows: String = rows.iter().map(|(what, how)| format!("<tr><th scope=\"row\">{what}</th><td>{how}</td></tr>\n")).collect();
    format!("<table class=\"facts\">\n<caption class=\"hidden\">Facts</caption>\n{rows}</table>\n")
}

fn examples(subject: &Subject) -> String {
    if subject.examples.is_empty() {
        return String::new();
    }
    let mut text = "<h2 id=\"examples\">Examples</h2>\n".to_owned();
    for example in &subject.examples {
        text.push_str(&format!(
            "<figure><figcaption>{} <button type=\"button\" data-copy=\"{}\">Copy</button></figcaption>\
             <pre tabindex=\"0\"><code>{}</code></pre></figure>\n",
            escape(&example.title),
            escape(&example.flow),
            yaml(&example.flow)
        ));
    }
    text
}

fn properties(subject: &Subject) -> String {
    let properties = property::of_schema(&subject.schema);
    if properties.is_empty() {
        return "<h2 id=\"properties\">Properties</h2>\n<p>It has no properties of its own.</p>\n".to_owned();
    }
    let mut text = "<h2 id=\"properties\">Properties</h2>\n<dl class=\"properties\">\n".to_owned();
    for property in &properties {
        text.push_str(&entry(property));
    }
    text + "</dl>\n"
}

fn entry(property: &Property) -> String {
    let name = escape(&property.name);
    let depth = property.name.matches('.').count().min(3);
    let mut marks = format!("<span class=\"kind\">{}</span>", escape(&property.kind));
    if property.required {
        marks.push_str("<span class=\"badge must\">required</span>");
    }
    if property.deprecated {
        marks.push_str("<span class=\"badge old\">deprecated</span>");
    }
    if property.secret {
        marks.push_str("<span class=\"badge\">secret</span>");
    }
    let mut about = markdown::render(&property.text);
    if let Some(default) = &property.default {
        about.push_str(&format!("<p class=\"more\">Default <code>{}</code></p>", escape(default)));
    }
    if !property.limits.is_empty() {
        about.push_str(&format!("<p class=\"more\">{}</p>", escape(&property.limits)));
    }
    // Choices without words are all in the kind.
    if property.choices.iter().any(|(_, text)| !text.is_empty()) {
        let items: String = property
            .choices
            .iter()
            .map(|(value, text)| {
                let text = if text.is_empty() { String::new() } else { format!(" – {}", escape(text)) };
                format!("<li><code>{}</code>{text}</li>", escape(value))
            })
            .collect();
        about.push_str(&format!("<ul class=\"choices\">{items}</ul>"));
    }
    if !property.samples.is_empty() {
        let samples: Vec<String> = property.samples.iter().map(|sample| format!("<code>{}</code>", escape(sample))).collect();
        about.push_str(&format!("<p class=\"more\">For example {}</p>", samples.join(", ")));
    }
    format!(
        "<dt id=\"{name}\" class=\"depth{depth}\"><a href=\"#{name}\"><code>{name}</code></a>{marks}</dt><dd class=\"depth{depth}\">{about}</dd>\n"
    )
}
