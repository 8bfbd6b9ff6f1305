//! What makes one language different from another.

use crate::extra::Extra;

/// One row of the table of languages.
#[derive(Debug, Clone, Copy)]
pub struct Language {
    /// The word in the type name, such as `python`.
    pub id: &'static str,
    /// The name people know.
    pub name: &'static str,
    /// Where the text of a script goes.
    pub text: Text,
    /// Image for runners that need one.
    pub image: &'static str,
    /// Program and leading arguments that get the commands.
    pub interpreter: &'static [&'static str],
    /// The line that stops the interpreter at the first failure.
    pub exit_on_error: &'static str,
    /// Whether `Commands` honour `failFast`.
    pub commands_fail_fast: bool,
    /// Environment of both tasks. It wins over the user's.
    pub env: &'static [(&'static str, &'static str)],
    /// Commands that a script needs before the user's own.
    pub before: &'static [&'static str],
    /// Two letters and a colour for the icon.
    pub letters: (&'static str, &'static str),
    /// A program that greets, for the documentation.
    pub hello: &'static str,
    /// A command that shows the version, for the documentation.
    pub version: &'static str,
    /// Whether the examples run on every host, without a container.
    pub everywhere: bool,
}

/// Where the text of a script goes.
#[derive(Debug, Clone, Copy)]
pub enum Text {
    /// It is the interpreter's argument.
    Argument,
    /// It is written to a file with this extension, which is appended to the words of the command.
    File { extension: &'static str, run: &'static [&'static str] },
}

impl Language {
    /// A language whose programs are files, run by `/bin/sh -c`.
    pub(crate) const fn new(id: &'static str, name: &'static str, text: Text, image: &'static str) -> Self {
        Self {
            id,
            name,
            text,
            image,
            interpreter: &["/bin/sh", "-c"],
            exit_on_error: "set -e",
            commands_fail_fast: true,
            env: &[],
            before: &[],
            letters: ("", "#555555"),
            hello: "",
            version: "",
            everywhere: false,
        }
    }
}

/// A language as a type, because the type name of a task is a constant of its type.
pub trait Spoken: Default + Send + Sync + 'static {
    /// Its row.
    const LANGUAGE: Language;
    /// Type name of its `Script`.
    const SCRIPT: &'static str;
    /// Type name of its `Commands`.
    const COMMANDS: &'static str;
    /// Properties that only its tasks have.
    type Extra: Extra;
}
