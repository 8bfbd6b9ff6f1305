//! Spec 4.4: the core's runnable tasks.

use super::document::{STATES, TEXT_OR_TEXTS, TEXTS};
use super::{TypeSpec, spec};
use crate::level::Level;
use crate::property::Kind::{self, Any, Choice, Count, Duration, Flag, Labels, List, Map, MapOf, Object, OneOf, Text};
use crate::property::{Property, property};

const NAMESPACE: Property = property("namespace", Text, "The namespace; the flow's own when absent.");
const FLOW_ID: Property = property("flowId", Text, "The flow; every flow of the namespace when absent.");
const EXECUTION_ID: Property = property("executionId", Text, "The execution; the current one when absent.");
const START: Property = property("startDate", Text, "Nothing older than this.");
const END: Property = property("endDate", Text, "Nothing newer than this.");
const MISSING: Property = property("errorOnMissing", Flag, "Whether it is a failure when there is nothing.").default("false");
const FILES: Property = property("files", TEXT_OR_TEXTS, "Globs of files.");
const FROM: Property = property("from", Text, "The URI of the stored file.").required();
const URI: Property = property("uri", Text, "The URI of the stored file.").required();
const STATE_NAME: Property = property("name", Text, "The state's name.").default("\"default\"");
const STATE_NAMESPACE: Property = property("namespace", Flag, "Whether all flows of the namespace share the state.").default("false");
const STATE_VALUE: Property = property("taskrunValue", Flag, "Whether each value of a loop has its own state.").default("true");
const KEY: Property = property("key", Text, "The entry's key.").required();
const DESTINATION: Property = property("destination", Text, "The folder to put the files in.").default("\"/\"");

const MAP_OR_JSON: Kind = OneOf(&[Map, Text]);

/// Spec 4.4, the last paragraph: old and new names of the same options.
const HTTP_OPTIONS: &[Property] = &[
    property(
        "timeout",
        Object(&[
            property("connectTimeout", Duration, "How long a connection may take."),
            property("readIdleTimeout", Duration, "How long the other side may be silent."),
        ]),
        "How long to wait.",
    ),
    property("connectTimeout", Duration, "How long a connection may take.").deprecated("use `timeout.connectTimeout`"),
    property("readTimeout", Duration, "How long an answer may take.").deprecated("use `timeout.readIdleTimeout`"),
    property("readIdleTimeout", Duration, "How long the other side may be silent.").deprecated("use `timeout.readIdleTimeout`"),
    property("connectionPoolIdleTimeout", Duration, "How long an unused connection is kept.").deprecated("it has no effect"),
    property("followRedirects", Flag, "Whether redirects are followed.").default("true"),
    property("maxContentLength", Count(0), "The most bytes of an answer."),
    property("defaultCharset", Text, "The encoding of answers that name none.").default("\"UTF-8\""),
    property(
        "proxy",
        Object(&[
            property("address", Text, "The proxy's host."),
            property("port", Count(0), "The proxy's port."),
            property("username", Text, "The user there."),
            property("password", Text, "The user's password."),
            property("type", Choice(&["DIRECT", "HTTP", "SOCKS"]), "The proxy's protocol."),
        ]),
        "The proxy to go through.",
    ),
    property("proxyAddress", Text, "The proxy's host.").deprecated("use `proxy.address`"),
    property("proxyPort", Count(0), "The proxy's port.").deprecated("use `proxy.port`"),
    property("proxyUsername", Text, "The user there.").deprecated("use `proxy.username`"),
    property("proxyPassword", Text, "The user's password.").deprecated("use `proxy.password`"),
    property("proxyType", Choice(&["DIRECT", "HTTP", "SOCKS"]), "The proxy's protocol.").deprecated("use `proxy.type`"),
    property(
        "auth",
        Object(&[
            property("type", Choice(&["BASIC", "BEARER"]), "The way of logging in.").required(),
            property("username", Text, "For `BASIC`."),
            property("password", Text, "For `BASIC`."),
            property("token", Text, "For `BEARER`."),
        ]),
        "How to log in.",
    ),
    property("basicAuthUser", Text, "The user.").deprecated("use `auth` with `type: BASIC`"),
    property("basicAuthPassword", Text, "The user's password.").deprecated("use `auth` with `type: BASIC`"),
    property(
        "ssl",
        Object(&[property("insecureTrustAllCertificates", Flag, "Whether every certificate is accepted.").default("false")]),
        "How to trust.",
    ),
    property("allowFailed", Flag, "Whether an answer of 400 or more is no failure.").default("false"),
    property("allowedResponseCodes", List(&Count(100)), "Answers that are no failure."),
    property("logs", TEXTS, "What to write to the log."),
    property("logLevel", Choice(Level::NAMES), "Lines below this level are not kept."),
];

const HTTP_URI: Property = property("uri", Text, "The address.").required();
const METHOD: Property = property("method", Text, "The method.").default("\"GET\"");
const BODY: Property = property("body", Text, "What to send.");
const FORM: Property = property("formData", Map, "What to send as a form.");
const PARAMS: Property = property("params", Map, "What to append to the address.");
const CONTENT_TYPE: Property = property("contentType", Text, "The type of the body.");
const HEADERS: Property = property("headers", MapOf(&Any), "Headers to send.");
const OPTIONS: Property = property("options", Object(HTTP_OPTIONS), "Time limits, proxy, login and trust.");
const ALLOW_FAILED: Property = property("allowFailed", Flag, "Whether an answer of 400 or more is no failure.").default("false");

const SPLIT_SIZE: &[Property] = &[
    FROM,
    property("bytes", Text, "Size of a part, such as `10MB`."),
    property("partitions", Count(1), "Number of parts."),
    property("rows", Count(1), "Lines per part."),
    property("regexPattern", Text, "Lines go to parts by the first group of this regular expression."),
    property("separator", Text, "What ends a line.").default("\"\\n\""),
];

pub const TASKS: &[TypeSpec] = &[
    spec("io.kestra.plugin.core.flow.Sleep", "Sleep", "Waits.", &[property("duration", Duration, "How long.").required()]),
    spec(
        "io.kestra.plugin.core.log.Log",
        "Log",
        "Writes to the log.",
        &[
            property("message", TEXT_OR_TEXTS, "One line or several.").required(),
            property("level", Choice(Level::NAMES), "The lines' level.").default("\"INFO\""),
        ],
    ),
    spec(
        "io.kestra.plugin.core.log.Fetch",
        "Fetch logs",
        "Stores log lines of an execution in a file.",
        &[
            EXECUTION_ID,
            NAMESPACE,
            FLOW_ID,
            property("tasksId", TEXTS, "Only lines of these tasks."),
            property("level", Choice(Level::NAMES), "Lines below this level are left out.").default("\"INFO\""),
        ],
    )
    .outputs(&[("size", "How many lines."), ("uri", "The stored file.")]),
    spec(
        "io.kestra.plugin.core.log.PurgeLogs",
        "Purge logs",
        "Deletes old log lines.",
        &[NAMESPACE, FLOW_ID, property("logLevels", List(&Choice(Level::NAMES)), "Only lines of these levels."), START, END.required()],
    )
    .outputs(&[("count", "How many lines were deleted.")]),
    spec(
        "io.kestra.plugin.core.debug.Return",
        "Return",
        "Renders a text and gives it back.",
        &[property("format", Text, "The text to render.")],
    )
    .outputs(&[("value", "The rendered text.")]),
    spec(
        "io.kestra.plugin.core.debug.Echo",
        "Echo",
        "Writes to the log.",
        &[
            property("format", Text, "The text to render."),
            property("level", Choice(Level::NAMES), "The line's level.").default("\"INFO\""),
        ],
    )
    .deprecated("use `io.kestra.plugin.core.log.Log`"),
    spec(
        "io.kestra.plugin.core.output.OutputValues",
        "OutputValues",
        "Gives values back.",
        &[property("values", MAP_OR_JSON, "The values to render.")],
    )
    .outputs(&[("values", "The rendered values.")]),
    spec(
        "io.kestra.plugin.core.execution.Fail",
        "Fail",
        "Fails, always or on a condition.",
        &[
            property("condition", Text, "Fails only when this renders to something truthy."),
            property("errorMessage", Text, "Written to the log.").default("\"Task failure\""),
        ],
    ),
    spec(
        "io.kestra.plugin.core.execution.Assert",
        "Assert",
        "Fails when a condition is falsy.",
        &[
            property("conditions", TEXTS, "All must render to something truthy.").required(),
            property("errorMessage", Text, "Written to the log."),
        ],
    )
    .outputs(&[("failed", "How many were falsy.")]),
    spec(
        "io.kestra.plugin.core.execution.Exit",
        "Exit",
        "Ends the execution.",
        &[property("state", Choice(&["SUCCESS", "WARNING", "KILLED", "FAILED", "CANCELED"]), "How it ends.").default("\"SUCCESS\"")],
    ),
    spec(
        "io.kestra.plugin.core.execution.Labels",
        "Labels",
        "Adds labels to the execution.",
        &[property("labels", OneOf(&[Labels, Text]), "A map, a list of `{key, value}`, or JSON.").required()],
    ),
    spec(
        "io.kestra.plugin.core.execution.Resume",
        "Resume",
        "Resumes a paused execution.",
        &[EXECUTION_ID, NAMESPACE, FLOW_ID, property("inputs", Map, "Inputs of the pause.")],
    ),
    spec(
        "io.kestra.plugin.core.execution.Kill",
        "Kill an execution",
        "Ends a running execution.",
        &[property("executionId", Text, "The execution.").required()],
    ),
    spec(
        "io.kestra.plugin.core.execution.Count",
        "Count executions",
        "Counts executions.",
        &[
            property("flows", List(&Object(&[NAMESPACE.required(), FLOW_ID.required()])), "Only of these flows."),
            property("states", List(&Choice(STATES)), "Only in these states."),
            property("namespaces", TEXTS, "Only of these namespaces."),
            property("expression", Text, "Only flows whose count makes this truthy; it sees `count`.").default("\"{{ true }}\""),
            START,
            END,
        ],
    )
    .outputs(&[("results", "Counts by flow."), ("total", "The sum.")]),
    spec(
        "io.kestra.plugin.core.execution.SetVariables",
        "SetVariables",
        "Sets variables of the execution.",
        &[
            property("variables", Map, "Names and values; maps are merged.").required(),
            property("overwrite", Flag, "Whether existing ones are replaced.").default("true"),
        ],
    ),
    spec(
        "io.kestra.plugin.core.execution.UnsetVariables",
        "UnsetVariables",
        "Removes variables of the execution.",
        &[
            property("variables", TEXTS, "Names to remove.").required(),
            property("ignoreMissing", Flag, "Whether a name that is not there is no failure.").default("false"),
        ],
    ),
    spec(
        "io.kestra.plugin.core.execution.PurgeExecutions",
        "Purge executions",
        "Deletes old executions.",
        &[
            NAMESPACE,
            FLOW_ID,
            START,
            END.required(),
            property("states", List(&Choice(STATES)), "Only in these states."),
            property("purgeExecution", Flag, "Whether the executions are deleted.").default("true"),
            property("purgeLog", Flag, "Whether their logs are deleted.").default("true"),
            property("purgeMetric", Flag, "Whether their metrics are deleted.").default("true"),
            property("purgeStorage", Flag, "Whether their files are deleted.").default("true"),
        ],
    )
    .outputs(&[
        ("executionsCount", "Deleted executions."),
        ("logsCount", "Deleted log lines."),
        ("metricsCount", "Deleted metrics."),
        ("storagesCount", "Deleted files."),
    ]),
    spec(
        "io.kestra.plugin.core.kv.Set",
        "Set a key",
        "Stores a value under a key.",
        &[
            KEY,
            property("value", Any, "The value.").required(),
            NAMESPACE,
            property("overwrite", Flag, "Whether an existing value is replaced.").default("true"),
            property("ttl", Duration, "How long the value is kept."),
            property("kvType", Choice(&["STRING", "NUMBER", "BOOLEAN", "DATETIME", "DATE", "DURATION", "JSON"]), "What the value is."),
            property("kvDescription", Text, "What the value means."),
        ],
    ),
    spec("io.kestra.plugin.core.kv.Get", "Get a key", "Reads the value of a key.", &[KEY, NAMESPACE, MISSING])
        .outputs(&[("value", "The value.")]),
    spec("io.kestra.plugin.core.kv.Delete", "Delete a key", "Deletes a key.", &[KEY, NAMESPACE, MISSING])
        .outputs(&[("deleted", "Whether it was there.")]),
    spec(
        "io.kestra.plugin.core.kv.GetKeys",
        "List keys",
        "Lists keys.",
        &[property("prefix", Text, "Only keys that begin so."), NAMESPACE],
    )
    .outputs(&[("keys", "The keys.")]),
    spec(
        "io.kestra.plugin.core.kv.PurgeKV",
        "Purge keys",
        "Deletes expired keys, or keys by their names.",
        &[
            property("namespaces", TEXTS, "The namespaces; the flow's own when absent."),
            NAMESPACE,
            property("expiredOnly", Flag, "Whether only expired keys are deleted.").default("true"),
            property("keyPattern", Text, "Only keys that this glob matches."),
        ],
    )
    .outputs(&[("size", "How many were deleted.")]),
    spec(
        "io.kestra.plugin.core.state.Set",
        "Set state",
        "Merges values into a state.",
        &[STATE_NAME, STATE_NAMESPACE, STATE_VALUE, property("data", Map, "The values.")],
    )
    .outputs(&[("count", "How many values."), ("uri", "The stored file."), ("key", "The state's key.")])
    .deprecated("use `io.kestra.plugin.core.kv.Set`"),
    spec("io.kestra.plugin.core.state.Get", "Get state", "Reads a state.", &[STATE_NAME, STATE_NAMESPACE, STATE_VALUE, MISSING])
        .outputs(&[("count", "How many values."), ("data", "The values.")])
        .deprecated("use `io.kestra.plugin.core.kv.Get`"),
    spec("io.kestra.plugin.core.state.Delete", "Delete state", "Deletes a state.", &[STATE_NAME, STATE_NAMESPACE, STATE_VALUE, MISSING])
        .outputs(&[("deleted", "Whether it was there.")])
        .deprecated("use `io.kestra.plugin.core.kv.Delete`"),
    spec(
        "io.kestra.plugin.core.namespace.UploadFiles",
        "Upload namespace files",
        "Puts files into a namespace.",
        &[
            NAMESPACE.required(),
            FILES,
            property("filesMap", MAP_OR_JSON, "Names and storage URIs."),
            DESTINATION,
            property("conflict", Choice(&["OVERWRITE", "ERROR", "SKIP"]), "What happens when a file is there already.")
                .default("\"OVERWRITE\""),
        ],
    )
    .outputs(&[("files", "Names and URIs.")]),
    spec(
        "io.kestra.plugin.core.namespace.DownloadFiles",
        "Download namespace files",
        "Takes files out of a namespace.",
        &[NAMESPACE.required(), FILES.required(), DESTINATION],
    )
    .outputs(&[("files", "Names and URIs.")]),
    spec(
        "io.kestra.plugin.core.namespace.DeleteFiles",
        "Delete namespace files",
        "Deletes files of a namespace.",
        &[NAMESPACE.required(), FILES.required()],
    )
    .outputs(&[("count", "How many were deleted.")]),
    spec(
        "io.kestra.plugin.core.storage.Concat",
        "Concat",
        "Joins stored files.",
        &[
            property("files", OneOf(&[TEXTS, Text]), "URIs, or JSON.").required(),
            property("separator", Text, "Put between the files."),
            property("extension", Text, "The new file's extension.").default("\".tmp\""),
        ],
    )
    .outputs(&[("uri", "The new file.")]),
    spec(
        "io.kestra.plugin.core.storage.Write",
        "Write a file",
        "Stores a text as a file.",
        &[property("content", Text, "The text.").required(), property("extension", Text, "The new file's extension.").default("\".tmp\"")],
    )
    .outputs(&[("uri", "The new file.")]),
    spec("io.kestra.plugin.core.storage.Delete", "Delete a file", "Deletes a stored file.", &[URI, MISSING])
        .outputs(&[("uri", "The file."), ("deleted", "Whether it was there.")]),
    spec("io.kestra.plugin.core.storage.Size", "Size", "Tells a stored file's size.", &[URI]).outputs(&[("size", "In bytes.")]),
    spec("io.kestra.plugin.core.storage.Split", "Split", "Splits a stored file.", SPLIT_SIZE).outputs(&[("uris", "The parts.")]),
    spec(
        "io.kestra.plugin.core.storage.Reverse",
        "Reverse",
        "Reverses the lines of a stored file.",
        &[
            FROM,
            property("separator", Text, "What ends a line.").default("\"\\n\""),
            property("charset", Text, "The file's encoding.").default("\"UTF-8\""),
        ],
    )
    .outputs(&[("uri", "The new file.")]),
    spec(
        "io.kestra.plugin.core.storage.DeduplicateItems",
        "Deduplicate",
        "Keeps the last row of each key.",
        &[FROM, property("expr", Text, "Renders to a row's key.").required()],
    )
    .outputs(&[
        ("uri", "The new file."),
        ("numKeys", "How many keys."),
        ("processedItemsTotal", "How many rows there were."),
        ("droppedItemsTotal", "How many were dropped."),
    ]),
    spec(
        "io.kestra.plugin.core.storage.FilterItems",
        "Filter",
        "Keeps rows by a condition.",
        &[
            FROM,
            property("filterCondition", Text, "Rendered for each row.").required(),
            property("filterType", Choice(&["INCLUDE", "EXCLUDE"]), "Whether rows that fit are kept or dropped.").default("\"INCLUDE\""),
            property("errorOrNullBehavior", Choice(&["FAIL", "INCLUDE", "EXCLUDE"]), "What happens to a row that cannot be judged.")
                .default("\"FAIL\""),
        ],
    )
    .outputs(&[
        ("uri", "The new file."),
        ("processedItemsTotal", "How many rows there were."),
        ("droppedItemsTotal", "How many were dropped."),
    ]),
    spec(
        "io.kestra.plugin.core.storage.LocalFiles",
        "LocalFiles",
        "Puts files into the working directory and takes files from it.",
        &[property("inputs", MAP_OR_JSON, "Names and contents or URIs."), property("outputs", TEXTS, "Globs of files to keep.")],
    )
    .outputs(&[("uris", "Names and URIs.")])
    .deprecated("use `inputFiles` and `outputFiles`"),
    spec("io.kestra.plugin.core.storage.PurgeCurrentExecutionFiles", "Purge files", "Deletes the execution's files.", &[])
        .outputs(&[("uris", "The deleted files.")]),
    spec(
        "io.kestra.plugin.core.http.Request",
        "HTTP request",
        "Sends a request and gives the answer back.",
        &[
            HTTP_URI,
            METHOD,
            BODY,
            FORM,
            PARAMS,
            CONTENT_TYPE,
            HEADERS,
            OPTIONS,
            ALLOW_FAILED,
            property("encryptBody", Flag, "Whether the answer's body is encrypted.").default("false"),
        ],
    )
    .outputs(&[
        ("uri", "The address."),
        ("code", "The answer's code."),
        ("headers", "The answer's headers, each a list."),
        ("body", "The answer."),
        ("encryptedBody", "The answer, encrypted."),
    ]),
    spec(
        "io.kestra.plugin.core.http.Download",
        "HTTP download",
        "Stores the answer to a request as a file.",
        &[
            HTTP_URI,
            METHOD,
            BODY,
            FORM,
            PARAMS,
            CONTENT_TYPE,
            HEADERS,
            OPTIONS,
            ALLOW_FAILED,
            property("failOnEmptyResponse", Flag, "Whether an empty answer is a failure.").default("true"),
            property("saveAs", Text, "The stored file's name."),
        ],
    )
    .outputs(&[
        ("uri", "The stored file."),
        ("code", "The answer's code."),
        ("length", "In bytes."),
        ("headers", "The answer's headers, each a list."),
    ]),
    spec(
        "io.kestra.plugin.core.templating.TemplatedTask",
        "TemplatedTask",
        "Renders a text to a task and runs it.",
        &[property("spec", Text, "The task as YAML.").required()],
    ),
    spec(
        "io.kestra.plugin.core.trigger.Toggle",
        "Toggle a trigger",
        "Enables or disables a trigger.",
        &[
            NAMESPACE,
            FLOW_ID,
            property("trigger", Text, "The trigger's id.").required(),
            property("enabled", Flag, "Whether it is on.").default("false"),
        ],
    ),
];
