//! The table of languages. A new language is a new row.

use crate::{
    dependencies::Python as PythonExtra,
    extra::{Jbang, NoExtra},
    language::{Language, Spoken, Text},
    legacy::{self, Bash, Legacy},
    task::{Commands, Script},
};

/// Makes a type of each row, and exports the plugin with the two tasks of each.
macro_rules! languages {
    ($($type:ident($id:literal, $name:literal $(, $extra:ty)?) = $text:expr, $image:literal, { $($field:ident: $value:expr),* $(,)? };)*) => {
        $(
            #[doc = $name]
            #[derive(Debug, Default)]
            pub struct $type;

            impl Spoken for $type {
                const LANGUAGE: Language = Language { $($field: $value,)* ..Language::new($id, $name, $text, $image) };
                const SCRIPT: &'static str = concat!("io.kestra.plugin.scripts.", $id, ".Script");
                const COMMANDS: &'static str = concat!("io.kestra.plugin.scripts.", $id, ".Commands");
                type Extra = languages!(@extra $($extra)?);
            }
        )*

        switchyard_plugin_api::export_plugin! {
            id: "scripts",
            tasks: [$(Script<$type>, Commands<$type>,)* Legacy<Bash>, Legacy<legacy::Python>, Legacy<legacy::Node>],
        }
    };
    (@extra) => { NoExtra };
    (@extra $extra:ty) => { $extra };
}

const fn file(extension: &'static str, run: &'static [&'static str]) -> Text {
    Text::File { extension, run }
}

languages! {
    Shell("shell", "Shell") = Text::Argument, "ubuntu", {
        letters: ("$_", "#3b4252"),
        hello: "echo \"Hello from $(uname)\"",
        version: "uname -a",
        everywhere: true,
    };
    Python("python", "Python", PythonExtra) = file(".py", &["python"]), "python:3.13-slim", {
        env: &[("PYTHONUNBUFFERED", "true"), ("PIP_ROOT_USER_ACTION", "ignore"), ("PIP_DISABLE_PIP_VERSION_CHECK", "1")],
        letters: ("Py", "#3776ab"),
        hello: "import platform\nprint(\"Hello from Python\", platform.python_version())",
        version: "python3 --version",
        everywhere: true,
    };
    Node("node", "Node.js") = file(".js", &["node"]), "node", {
        letters: ("Js", "#3c873a"),
        hello: "console.log(\"Hello from Node.js\", process.version)",
        version: "node --version",
    };
    PowerShell("powershell", "PowerShell") = file(".ps1", &[]), "ghcr.io/kestra-io/powershell:latest", {
        interpreter: &["pwsh", "-NoProfile", "-NonInteractive", "-Command"],
        exit_on_error: "$ErrorActionPreference = 'Stop'",
        letters: (">_", "#012456"),
        hello: "Write-Output \"Hello from PowerShell $($PSVersionTable.PSVersion)\"",
        version: "$PSVersionTable",
    };
    R("r", "R") = file(".R", &["Rscript"]), "r-base", {
        letters: ("R", "#276dc3"),
        hello: "cat(\"Hello from\", R.version.string, \"\\n\")",
        version: "Rscript --version",
    };
    Julia("julia", "Julia") = file(".jl", &["julia"]), "julia", {
        letters: ("Jl", "#9558b2"),
        hello: "println(\"Hello from Julia $VERSION\")",
        version: "julia --version",
    };
    Ruby("ruby", "Ruby") = file(".rb", &["ruby"]), "ruby", {
        letters: ("Rb", "#cc342d"),
        hello: "puts \"Hello from Ruby #{RUBY_VERSION}\"",
        version: "ruby --version",
    };
    JBang("jbang", "JBang", Jbang) = file(".java", &["jbang"]), "jbangdev/jbang-action", {
        letters: ("Jb", "#e76f00"),
        hello: "class hello {\n    public static void main(String[] args) {\n        System.out.println(\"Hello from Java \" + Runtime.version());\n    }\n}",
        version: "jbang --version",
    };
    Go("go", "Go") = file(".go", &["go", "run"]), "golang", {
        letters: ("Go", "#00add8"),
        hello: "package main\n\nimport \"fmt\"\n\nfunc main() {\n    fmt.Println(\"Hello from Go\")\n}",
        version: "go version",
    };
    Deno("deno", "Deno") = file(".ts", &["deno", "run"]), "denoland/deno", {
        letters: ("De", "#222222"),
        hello: "console.log(`Hello from Deno ${Deno.version.deno}`)",
        version: "deno --version",
    };
    Bun("bun", "Bun") = file(".ts", &["bun", "run"]), "oven/bun", {
        letters: ("Bu", "#a8885f"),
        hello: "console.log(`Hello from Bun ${Bun.version}`)",
        version: "bun --version",
    };
    Perl("perl", "Perl") = file(".pl", &["perl"]), "perl", {
        // So it has always been: flows rely on commands that go on after a failure.
        commands_fail_fast: false,
        letters: ("Pl", "#39457e"),
        hello: "print \"Hello from Perl $^V\\n\";",
        version: "perl --version",
    };
    Php("php", "PHP") = file(".php", &["php"]), "php", {
        letters: ("Ph", "#777bb4"),
        hello: "<?php\necho \"Hello from PHP \" . PHP_VERSION . PHP_EOL;",
        version: "php --version",
    };
    Lua("lua", "Lua") = file(".lua", &["lua"]), "nickblah/lua", {
        letters: ("Lu", "#000080"),
        hello: "print(\"Hello from \" .. _VERSION)",
        version: "lua -v",
    };
    Groovy("groovy", "Groovy") = file(".groovy", &["groovy"]), "groovy", {
        letters: ("Gr", "#4298b8"),
        hello: "println \"Hello from Groovy ${GroovySystem.version}\"",
        version: "groovy --version",
    };
    Dotnet("dotnet", ".NET") = file(".csx", &["dotnet-script"]), "mcr.microsoft.com/dotnet/sdk:10.0", {
        before: &["dotnet tool install -g dotnet-script --ignore-failed-sources || true", "export PATH=\"$PATH:$HOME/.dotnet/tools\""],
        letters: ("C#", "#512bd4"),
        hello: "Console.WriteLine($\"Hello from .NET {Environment.Version}\");",
        version: "dotnet --version",
    };
}
