//! Spec 4.2 and 4.3: tasks that have tasks.

use super::document::{OUTPUT, TASKS, TEXT_OR_TEXTS, TEXTS};
use super::{TypeSpec, spec};
use crate::property::Kind::{Any, Choice, Count, Duration, Flag, Input, Labels, List, Map, MapOf, Object, OneOf, Task, Text};
use crate::property::{Property, property};

const ERRORS: Property = property("errors", TASKS, "Steps that run when a child has failed.");
const FINALLY: Property = property("finally", TASKS, "Steps that always run at the end.");
const CHILDREN: Property = property("tasks", TASKS, "The child tasks.").required();
const CONCURRENT: Property = property("concurrent", Count(0), "How many children run at a time; 0 is without limit.").default("0");
const VALUE: Property = property("value", OneOf(&[List(&Any), Text]), "A list, or an expression that renders to a JSON array.").required();

const NAMESPACE: Property = property("namespace", Text, "The called flow's namespace.").required();
const FLOW_ID: Property = property("flowId", Text, "The called flow's id.").required();
const REVISION: Property = property("revision", Count(1), "The called flow's revision; the latest when absent.");
const CALL_INPUTS: Property = property("inputs", Map, "The called flow's inputs.");
const CALL_LABELS: Property = property("labels", Labels, "Labels of the new execution.");
const INHERIT: Property = property("inheritLabels", Flag, "Whether the new execution gets this one's labels.").default("false");
const WAIT: Property = property("wait", Flag, "Whether to wait for the new execution's end.").default("true");
const TRANSMIT: Property = property("transmitFailed", Flag, "Whether a failure there is a failure here.").default("true");
const SCHEDULE: Property = property("scheduleDate", Text, "When the new execution starts; at once when absent.");

const FOR_EACH_INSTEAD: &str = "use `io.kestra.plugin.core.flow.ForEach` with `values`";

pub(crate) const NAMESPACE_FILES: Property = property(
    "namespaceFiles",
    Object(&[
        property("enabled", Flag, "Whether the namespace's files are there.").default("true"),
        property("include", TEXT_OR_TEXTS, "Globs of files to take; all when absent."),
        property("exclude", TEXT_OR_TEXTS, "Globs of files to leave out."),
        property("namespaces", TEXT_OR_TEXTS, "Namespaces to take files from, the last one wins."),
        property("ifExists", Choice(&["OVERWRITE", "FAIL", "WARN", "IGNORE"]), "What happens when a file is there already.")
            .default("\"OVERWRITE\""),
        property("folderPerNamespace", Flag, "Whether each namespace gets its own folder.").default("false"),
    ]),
    "Puts files of the namespace into the working directory.",
);

pub const FLOWABLES: &[TypeSpec] = &[
    spec(
        "io.kestra.plugin.core.flow.Sequential",
        "Sequential",
        "Runs tasks one after the other and stops at the first failure.",
        &[CHILDREN, ERRORS, FINALLY],
    ),
    spec(
        "io.kestra.plugin.core.flow.Parallel",
        "Parallel",
        "Runs tasks side by side. After a failure no further child is started; running ones finish.",
        &[CHILDREN, CONCURRENT, ERRORS, FINALLY],
    ),
    spec(
        "io.kestra.plugin.core.flow.Dag",
        "Dag",
        "Starts each task when all tasks that it depends on have ended.",
        &[
            property(
                "tasks",
                List(&Object(&[
                    property("task", Task, "The task.").required(),
                    property("dependsOn", TEXTS, "Ids of the tasks that must have ended first."),
                ])),
                "The tasks, each with what it depends on.",
            )
            .required(),
            CONCURRENT,
            ERRORS,
            FINALLY,
        ],
    ),
    spec(
        "io.kestra.plugin.core.flow.If",
        "If",
        "Runs one of two branches. Falsy are the empty text, `false`, `0` and `-0`.",
        &[
            property("condition", Text, "Evaluated once.").required(),
            property("then", TASKS, "Runs when the condition is truthy.").required(),
            property("else", TASKS, "Runs otherwise."),
            ERRORS,
            FINALLY,
        ],
    )
    .outputs(&[("evaluationResult", "Whether the condition was truthy.")]),
    spec(
        "io.kestra.plugin.core.flow.Switch",
        "Switch",
        "Runs the case whose key equals the rendered value.",
        &[
            property("value", Text, "What to compare.").required(),
            property("cases", MapOf(&TASKS), "Tasks by value."),
            property("defaults", TASKS, "Runs when no case fits."),
            ERRORS,
            FINALLY,
        ],
    )
    .outputs(&[("value", "The rendered value."), ("defaults", "Whether no case fitted.")]),
    spec(
        "io.kestra.plugin.core.flow.AllowFailure",
        "AllowFailure",
        "Runs tasks one after the other; a failed child makes a warning and ends the sequence.",
        &[CHILDREN, ERRORS, FINALLY],
    ),
    spec(
        "io.kestra.plugin.core.flow.EachSequential",
        "EachSequential",
        "Runs tasks for each value, one value after the other.",
        &[VALUE, CHILDREN, ERRORS, FINALLY],
    )
    .deprecated(FOR_EACH_INSTEAD),
    spec(
        "io.kestra.plugin.core.flow.EachParallel",
        "EachParallel",
        "Runs tasks for each value, values side by side.",
        &[VALUE, CHILDREN, CONCURRENT, ERRORS, FINALLY],
    )
    .deprecated(FOR_EACH_INSTEAD),
    spec(
        "io.kestra.plugin.core.flow.ForEach",
        "ForEach",
        "Runs tasks for each value. Inside, `taskrun.value` is the value as text and `taskrun.iteration` its index.",
        &[
            property("values", OneOf(&[List(&Any), Text]), "A list, or an expression that renders to a JSON array.").required(),
            property("concurrencyLimit", Count(0), "How many values at a time; 0 is without limit.").default("1"),
            CHILDREN,
            ERRORS,
            FINALLY,
        ],
    ),
    spec(
        "io.kestra.plugin.core.flow.Loop",
        "Loop",
        "Runs tasks for each item as an execution of its own. Inside, `item.value`, `item.index` and `item.key`.",
        &[
            property("values", OneOf(&[List(&Any), Map, Text]), "A list, a map, a JSON text, or a storage URI with an item per line.")
                .required(),
            property("concurrencyLimit", Count(0), "How many items at a time; 0 is without limit.").default("0"),
            CHILDREN,
            property("outputs", List(&Object(OUTPUT)), "What an iteration gives."),
            property("fetchType", Choice(&["AUTO", "FETCH", "STORE"]), "Where the outputs are kept.").default("\"AUTO\""),
            TRANSMIT,
            property("breakWhen", Text, "Ends the loop when it renders to something truthy."),
            ERRORS,
            FINALLY,
        ],
    )
    .outputs(&[
        ("iterationCount", "How many items there are."),
        ("runningIterations", "How many are running."),
        ("terminatedIterations", "How many have ended."),
        ("outputs", "What the iterations gave."),
    ]),
    spec(
        "io.kestra.plugin.core.flow.ForEachItem",
        "ForEachItem",
        "Splits a stored file into batches and starts another flow for each; `taskrun.items` is the batch's URI.",
        &[
            property("items", Text, "The URI of the stored file.").required(),
            property(
                "batch",
                Object(&[
                    property("rows", Count(1), "Lines per batch.").default("1"),
                    property("partitions", Count(1), "Number of batches."),
                    property("bytes", Text, "Size of a batch, such as `10MB`."),
                    property("separator", Text, "What ends a line.").default("\"\\n\""),
                ]),
                "How the file is split; one of rows, partitions and bytes.",
            ),
            NAMESPACE,
            FLOW_ID,
            REVISION,
            CALL_INPUTS,
            CALL_LABELS,
            INHERIT,
            WAIT,
            TRANSMIT,
            SCHEDULE,
            ERRORS,
            FINALLY,
        ],
    ),
    spec(
        "io.kestra.plugin.core.flow.Subflow",
        "Subflow",
        "Starts another flow, and waits for its end unless told otherwise.",
        &[
            NAMESPACE,
            FLOW_ID,
            REVISION,
            CALL_INPUTS,
            CALL_LABELS,
            INHERIT,
            WAIT,
            TRANSMIT,
            SCHEDULE,
            property("outputs", Map, "Expressions in the called flow's context.").deprecated("declare `outputs` in the called flow"),
        ],
    )
    .outputs(&[("executionId", "The new execution."), ("state", "How it ended."), ("outputs", "What it answered.")]),
    spec(
        "io.kestra.plugin.core.flow.LoopUntil",
        "LoopUntil",
        "Runs tasks again and again until the condition is truthy.",
        &[
            property("condition", Text, "Looked at after each round.").required(),
            CHILDREN,
            property(
                "checkFrequency",
                Object(&[
                    property("maxIterations", Count(1), "The most rounds."),
                    property("maxDuration", Duration, "The longest time."),
                    property("interval", Duration, "The wait between rounds.").default("\"PT1M\""),
                ]),
                "How often and how long.",
            ),
            property("failOnMaxReached", Flag, "Whether reaching the most rounds or the longest time is a failure.").default("false"),
            ERRORS,
            FINALLY,
        ],
    )
    .outputs(&[("iterationCount", "How many rounds there were.")]),
    spec(
        "io.kestra.plugin.core.flow.Pause",
        "Pause",
        "Stops the execution until somebody resumes it or a time has passed.",
        &[
            property("pauseDuration", Duration, "After this time `behavior` happens.").formerly(&["delay"]),
            property("behavior", Choice(&["RESUME", "WARN", "FAIL", "CANCEL"]), "What happens after `pauseDuration`.")
                .default("\"RESUME\""),
            property("onResume", List(&Input), "Inputs to give when resuming; read with `outputs.<id>.onResume`."),
            property("onPause", Task, "A task that runs when the pause begins."),
            property("tasks", TASKS, "Runs after the resume.").deprecated("put the tasks after the pause"),
            ERRORS,
            FINALLY,
        ],
    )
    .outputs(&[("onResume", "What was given when resuming."), ("resumed", "Who resumed it, when and how.")]),
    spec(
        "io.kestra.plugin.core.flow.WorkingDirectory",
        "WorkingDirectory",
        "Runs tasks one after the other in one directory, so that they share files.",
        &[
            CHILDREN,
            property(
                "cache",
                Object(&[
                    property("patterns", TEXTS, "Globs of files to keep for the next execution.").required(),
                    property("ttl", Duration, "How long they are kept."),
                ]),
                "Keeps files from one execution to the next.",
            ),
            NAMESPACE_FILES,
            property("inputFiles", OneOf(&[Map, Text]), "Files to put there: names and contents or storage URIs."),
            property("outputFiles", TEXT_OR_TEXTS, "Globs of files to keep; read with `outputs.<id>.outputFiles['name']`."),
            ERRORS,
            FINALLY,
        ],
    )
    .outputs(&[("outputFiles", "Names and storage URIs.")]),
    spec(
        "io.kestra.plugin.core.flow.Template",
        "Template",
        "Ran a template's tasks.",
        &[
            property("namespace", Text, "The template's namespace."),
            property("templateId", Text, "The template's id."),
            property("args", Map, "Values for the template."),
        ],
    )
    .removed("move the template's tasks into a flow and call it with `io.kestra.plugin.core.flow.Subflow`"),
];
