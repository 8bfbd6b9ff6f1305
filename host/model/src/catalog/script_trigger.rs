//! Spec 1.6 of the script tasks: triggers that run a script again and again, one pair for each language that has them.

use super::document::TEXTS;
use super::{TypeSpec, spec};
use crate::property::Kind::{Choice, Flag, OneOf, Text};
use crate::property::{Property, property};

const SCRIPT: Property = property("script", Text, "What to run.").required();
const COMMANDS: Property = property("commands", OneOf(&[TEXTS, Text]), "What to run, one after the other.").required();
const EXIT_CONDITION: Property = property(
    "exitCondition",
    Text,
    "When to start the flow: `exit N` compares the exit code; anything else is a regular expression that is searched in the text of `vars`.",
)
.required();
const EDGE: Property = property("edge", Flag, "Start the flow only when the run before did not fit.").default("true");

const OUTPUTS: &[(&str, &str)] = &[
    ("timestamp", "When it ran."),
    ("condition", "The `exitCondition`."),
    ("exitCode", "What the script ended with."),
    ("vars", "What it answered by `::{\"outputs\": {}}::`."),
];

macro_rules! language {
    ($package:literal, $title:literal, $image:literal $(, $extra:expr)*) => {
        [
            spec(
                concat!("io.kestra.plugin.scripts.", $package, ".ScriptTrigger"),
                concat!($title, " script"),
                concat!("Runs a ", $title, " script again and again, and starts the flow when it ends as awaited."),
                &[SCRIPT, property("containerImage", Text, "Where it runs.").default(concat!("\"", $image, "\"")), EXIT_CONDITION, EDGE $(, $extra)*],
            )
            .outputs(OUTPUTS),
            spec(
                concat!("io.kestra.plugin.scripts.", $package, ".CommandsTrigger"),
                concat!($title, " commands"),
                concat!("Runs ", $title, " commands again and again, and starts the flow when they end as awaited."),
                &[COMMANDS, property("containerImage", Text, "Where they run.").default(concat!("\"", $image, "\"")), EXIT_CONDITION, EDGE $(, $extra)*],
            )
            .outputs(OUTPUTS),
        ]
    };
}

pub const TRIGGERS: [[TypeSpec; 2]; 5] = [
    language!("shell", "Shell", "ubuntu"),
    language!("node", "Node.js", "node"),
    language!(
        "python",
        "Python",
        "python:3.13-slim",
        property("dependencies", TEXTS, "Packages that it needs."),
        property("pythonVersion", Text, "The version of Python that packages are chosen for."),
        property("dependencyCacheEnabled", Flag, "Whether the packages are kept for later runs.").default("true"),
        property("packageManager", Choice(&["UV", "PIP"]), "What installs the packages.").default("\"UV\"")
    ),
    language!("go", "Go", "golang"),
    language!("ruby", "Ruby", "ruby"),
];
