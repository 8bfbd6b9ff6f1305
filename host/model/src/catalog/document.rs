//! The flow document itself and the parts that appear in several places.

use crate::level::Level;
use crate::property::Kind::{
    self, Any, Choice, Component, Count, Duration, Flag, Id, Input, Labels, List, Map, Number, Object, OneOf, Retry, Task, Text, Trigger,
};
use crate::property::{IdShape, Property, property};

pub const STATES: &[&str] = &[
    "CREATED",
    "SUBMITTED",
    "RUNNING",
    "PAUSED",
    "RESTARTED",
    "KILLING",
    "SUCCESS",
    "WARNING",
    "FAILED",
    "KILLED",
    "CANCELLED",
    "QUEUED",
    "RETRYING",
    "RETRIED",
    "SKIPPED",
    "BREAKPOINT",
    "RESUBMITTED",
];

pub const TASKS: Kind = List(&Task);
pub const TEXTS: Kind = List(&Text);
/// A list of texts, or one text that renders to it.
pub const TEXT_OR_TEXTS: Kind = OneOf(&[TEXTS, Text]);

pub const LABEL: &[Property] =
    &[property("key", Text, "The label's name.").required(), property("value", Text, "The label's value, kept as text.").required()];

const WORKER_GROUP: Kind = Object(&[
    property("key", Text, "The group of workers that may take the work."),
    property("fallback", Choice(&["FAIL", "WAIT", "CANCEL"]), "What happens when no such worker is there."),
    property("tags", TEXTS, "Tags that a worker must have."),
]);

/// Spec 1.1.
pub const FLOW: &[Property] = &[
    property("id", Id(IdShape::Flow), "The flow's name within its namespace; it never changes.").required(),
    property("namespace", Id(IdShape::Namespace), "Where the flow belongs, such as `company.team`; it never changes.").required(),
    property("revision", Count(1), "Given by the server; a written one is ignored.").literal(),
    property("tenantId", Text, "Given by the server; a written one is ignored."),
    property("description", Text, "What the flow is for, in Markdown."),
    property("labels", Labels, "Names and values for finding executions again."),
    property("inputs", List(&Input), "What an execution asks for before it starts; read with `inputs.<id>`."),
    property("variables", Map, "Values for the whole flow; read with `vars.<name>`, rendered only by `render()`."),
    property("tasks", TASKS, "The steps, run one after the other.").required(),
    property("errors", TASKS, "Steps that run when a task has failed."),
    property("finally", TASKS, "Steps that always run at the end, while the execution still counts as running."),
    property("afterExecution", TASKS, "Steps that run when the execution has ended; they see `execution.state`."),
    property(
        "listeners",
        List(&Object(&[
            property("conditions", List(&Component), "All must hold."),
            property("tasks", TASKS, "What to run then.").required(),
            property("description", Text, "What the listener is for."),
        ])),
        "Steps that run when the execution has ended and the conditions hold.",
    )
    .deprecated("use `afterExecution`, or a flow trigger in another flow"),
    property("triggers", List(&Trigger), "What starts the flow by itself."),
    property("pluginDefaults", List(&Object(DEFAULT_ENTRY)), "Values for every plugin of a type, so that tasks need not repeat them.")
        .formerly(&["taskDefaults"])
        .literal(),
    property(
        "concurrency",
        Object(&[
            property("limit", Count(1), "How many executions of this flow may run at a time.").required().literal(),
            property("behavior", Choice(&["QUEUE", "CANCEL", "FAIL"]), "What happens to an execution above the limit.")
                .default("\"QUEUE\""),
        ]),
        "How many executions of this flow may run at a time.",
    ),
    property("outputs", List(&Object(OUTPUT)), "What the flow answers when it ends."),
    property("retry", Retry, "For every task without a retry of its own."),
    property("sla", List(&Object(SLA)), "Promises that an execution has to keep."),
    property("checks", List(&Object(CHECK)), "Conditions that are looked at before an execution is created."),
    property("disabled", Flag, "A disabled flow refuses executions, and its triggers rest.").default("false").literal(),
    property("deleted", Flag, "Set by the server on a deleted flow's last revision.").default("false").literal(),
    property("workerGroup", WORKER_GROUP, "Which workers may take the flow's tasks.").alias(&["workerSelector"]),
    property("draft", Any, "Accepted without effect."),
    property("quotas", Any, "Accepted without effect."),
    property("policyRefs", Any, "Accepted without effect."),
];

/// Spec 6.1.
pub const DEFAULT_ENTRY: &[Property] = &[
    property("type", Text, "A type, or the beginning of one: `io.kestra.plugin.scripts` is every script task.").required(),
    property("forced", Flag, "Wins over what the task itself says.").default("false").literal(),
    property("values", Map, "The properties to set.").required(),
    property("ref", Text, "A name under which plugins ask for these values with `pluginDefaultsRef`.").literal(),
];

pub const OUTPUT: &[Property] = &[
    property("id", Id(IdShape::Input), "Read by callers with `outputs.<id>`.").required(),
    property("type", Choice(crate::input::InputType::NAMES), "What the value is converted to."),
    property("itemType", Choice(crate::input::InputType::NAMES), "What the items of an `ARRAY` are."),
    property("value", Any, "An expression, rendered when the execution ends.").required(),
    property("description", Text, "What the value means."),
    property("displayName", Text, "How people see it."),
    property("required", Flag, "Whether a missing value is an error.").default("true"),
];

/// Spec 1.4.
const SLA: &[Property] = &[
    property("id", Text, "The promise's name.").required(),
    property("type", Choice(&["MAX_DURATION", "EXECUTION_ASSERTION"]), "What is promised.").required(),
    property("duration", Duration, "How long an execution may take; for `MAX_DURATION`.").literal(),
    property("assert", Text, "Broken when it renders to something falsy; for `EXECUTION_ASSERTION`."),
    property("behavior", Choice(&["FAIL", "CANCEL", "NONE"]), "What happens to the execution then.").required(),
    property("labels", Labels, "Added to the execution then."),
];

/// Spec 1.5.
const CHECK: &[Property] = &[
    property("when", Text, "The check fails when it renders to something falsy.").required().formerly(&["condition"]),
    property("message", Text, "Shown when the check fails.").required(),
    property("style", Choice(&["ERROR", "SUCCESS", "WARNING", "INFO"]), "The colour of the message.").default("\"INFO\""),
    property("behavior", Choice(&["BLOCK_EXECUTION", "FAIL_EXECUTION", "CREATE_EXECUTION"]), "What happens when the check fails.")
        .default("\"BLOCK_EXECUTION\""),
];

/// Spec 2: what every task has.
pub const TASK: &[Property] = &[
    property("id", Id(IdShape::Task), "The task's name, once in a flow; read its results with `outputs.<id>`.").required(),
    property("type", Text, "What the task does.").required().literal(),
    property("description", Text, "What the task is for, in Markdown."),
    property("version", Text, "The plugin's version."),
    property("disabled", Flag, "A disabled task is skipped silently.").default("false").literal(),
    property("timeout", Duration, "After this time the task is killed and has failed; retries apply."),
    property("retry", Retry, "How a failed task is tried again."),
    property("runIf", Text, "The task is skipped when this renders to something falsy.").default("true").alias(&["when"]),
    property("allowFailure", Flag, "A failure counts as a warning, and the flow goes on.").default("false").literal(),
    property("allowWarning", Flag, "A warning counts as a success.").default("false").literal(),
    property("logLevel", Choice(Level::NAMES), "Lines below this level are not kept.").default("\"TRACE\""),
    property("logToFile", Flag, "The task's log goes into one file of the internal storage.").default("false").literal(),
    property("workerGroup", WORKER_GROUP, "Which workers may take the task.").alias(&["workerSelector"]),
    property(
        "taskCache",
        Object(&[
            property("enabled", Flag, "Whether outputs of an equal earlier run are taken.").default("false"),
            property("ttl", Duration, "How old they may be."),
        ]),
        "Takes the outputs of an earlier successful run with the same properties.",
    ),
    property("pluginDefaultsRef", Text, "A named default to apply."),
    property("assets", Any, "Accepted without effect."),
];

/// Spec 2.3.
pub const RETRY: &[Property] = &[
    property("type", Choice(&["constant", "exponential", "random"]), "How the waits grow.").required().literal(),
    property("maxAttempts", Count(1), "How often to try, the first time included.").formerly(&["maxAttempt"]).literal(),
    property("maxDuration", Duration, "No new attempt is planned later than this after the first one's start.").literal(),
    property("warningOnRetry", Flag, "A success that needed a retry counts as a warning.").default("false").literal(),
    property("behavior", Choice(&["RETRY_FAILED_TASK", "CREATE_NEW_EXECUTION"]), "What is started again.").default("\"RETRY_FAILED_TASK\""),
];
pub const RETRY_CONSTANT: &[Property] = &[property("interval", Duration, "The wait between attempts.").required().literal()];
pub const RETRY_EXPONENTIAL: &[Property] = &[
    property("interval", Duration, "The first wait.").required().literal(),
    property("maxInterval", Duration, "The longest wait.").required().literal(),
    property("delayFactor", Number, "How much longer each wait is than the one before.").default("2").literal(),
];
pub const RETRY_RANDOM: &[Property] = &[
    property("minInterval", Duration, "The shortest wait.").required().literal(),
    property("maxInterval", Duration, "The longest wait.").required().literal(),
];

/// Spec 11.1: what every trigger has.
pub const TRIGGER: &[Property] = &[
    property("id", Id(IdShape::Task), "The trigger's name, once in a flow.").required(),
    property("type", Text, "What the trigger waits for.").required().literal(),
    property("description", Text, "What the trigger is for."),
    property("version", Text, "The plugin's version."),
    property("disabled", Flag, "A disabled trigger rests.").default("false").literal(),
    property("conditions", List(&Component), "All must hold.").formerly(&["scheduleConditions"]),
    property("when", Text, "The trigger fires only when this renders to something truthy."),
    property("inputs", Map, "Inputs of the execution; expressions see `trigger`."),
    property("labels", Labels, "Labels of the execution."),
    property("stopAfter", List(&Choice(STATES)), "An execution that ends in one of these states disables the trigger."),
    property("interval", Duration, "How often a polling trigger looks.").default("\"PT1M\""),
    property("logLevel", Choice(Level::NAMES), "Lines below this level are not kept.").formerly(&["minLogLevel"]),
    property("logToFile", Flag, "The trigger's log goes into one file of the internal storage.").default("false").literal(),
    property("workerGroup", WORKER_GROUP, "Which workers may evaluate the trigger.").alias(&["workerSelector"]),
    property("allowConcurrent", Flag, "Whether it may fire while an execution of it runs.").default("false"),
    property("failOnTriggerError", Flag, "Whether an error of the trigger makes a failed execution.").default("false"),
];
