//! What people read about a task.

use switchyard_plugin_api::prelude::Description;

use crate::language::{Language, Text};

pub(crate) fn script(language: &Language, type_name: &str) -> Description {
    let place = match language.text {
        Text::Argument => {
            "The text is one argument of the interpreter, so it may have about 128 KiB; a longer one belongs into a file brought by \
             `inputFiles`."
                .to_owned()
        }
        Text::File { extension, .. } => {
            format!(
                "The text is written to a file `kestra-script-*{extension}` in the task's working directory, which is also the current directory."
            )
        }
    };
    let docs = format!("Runs one {} script.\n\n{place}\n\n{}", language.name, shared(language));
    let example = flow(language, type_name, &format!("    script: |\n{}\n", indented(language.hello)));
    with_example(language, Description::new(format!("Run a {} script.", language.name)).docs(docs), "Print a greeting.", example)
}

pub(crate) fn commands(language: &Language, type_name: &str) -> Description {
    let guard = if language.commands_fail_fast {
        "The first command that fails ends the task, unless `failFast: false`."
    } else {
        "A command that fails does not end the task: the exit code is that of the last one."
    };
    let docs = format!(
        "Runs commands in a place where {} is at hand. All of them are given to one `{}`: what one sets, the next ones see. {guard}\n\n{}",
        language.name,
        language.interpreter.join(" "),
        shared(language)
    );
    let list = format!("    commands:\n      - {}\n", language.version);
    let example = flow(language, type_name, &list);
    with_example(language, Description::new(format!("Run commands with {}.", language.name)).docs(docs), "Show the version.", example)
}

fn shared(language: &Language) -> String {
    let mut text = format!(
        "* Without a `taskRunner` it runs in a container of the image `{}`; `containerImage` names another one.\n\
         * Printing `::{{\"outputs\":{{\"key\":\"value\"}}}}::` on a line of its own makes `outputs.<task>.vars.key` of it.\n",
        language.image
    );
    if !language.env.is_empty() {
        let names: Vec<String> = language.env.iter().map(|(name, value)| format!("`{name}={value}`")).collect();
        text.push_str(&format!("* The task sets {}.\n", names.join(", ")));
    }
    text
}

fn with_example(language: &Language, description: Description, title: &str, flow: String) -> Description {
    let (letters, colour) = language.letters;
    let letters = letters.replace('>', "&gt;");
    let description = description.icon(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 24 24\"><rect width=\"24\" height=\"24\" rx=\"5\" fill=\"{colour}\"/>\
         <text x=\"12\" y=\"16.5\" fill=\"#fff\" font-family=\"monospace\" font-size=\"12\" font-weight=\"bold\" text-anchor=\"middle\">{letters}</text></svg>"
    ));
    if language.everywhere { description.runnable_example(title, flow) } else { description.example(title, flow) }
}

fn flow(language: &Language, type_name: &str, properties: &str) -> String {
    let runner = if language.everywhere { "    taskRunner:\n      type: io.kestra.plugin.core.runner.Process\n" } else { "" };
    format!("id: {}_example\nnamespace: company.team\n\ntasks:\n  - id: hello\n    type: {type_name}\n{runner}{properties}", language.id)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { String::new() } else { format!("      {line}") }).collect::<Vec<_>>().join("\n")
}
