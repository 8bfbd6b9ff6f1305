//! Spec 11: the core's triggers.

use super::document::{STATES, TEXTS};
use super::{TypeSpec, spec};
use crate::property::Kind::{Any, Choice, Component, Count, Duration, Flag, Labels, List, Map, MapOf, Object, OneOf, Text};
use crate::property::{Property, property};

const TIMEZONE: Property = property("timezone", Text, "An IANA name such as `Europe/Paris`; the server's zone when absent.");
const RECOVER: Property =
    property("recoverMissedSchedules", Choice(&["ALL", "LAST", "NONE"]), "Which dates are caught up after a downtime.").default("\"ALL\"");

const WINDOW: &[Property] = &[
    property("type", Choice(&["DURATION_WINDOW", "SLIDING_WINDOW", "DAILY_TIME_DEADLINE", "DAILY_TIME_WINDOW"]), "How the window is set.")
        .default("\"DURATION_WINDOW\""),
    property("window", Duration, "How long the window is.").default("\"P1D\""),
    property("windowAdvance", Duration, "By how much the window is moved."),
    property("deadline", Text, "A time of day."),
    property("startTime", Text, "A time of day."),
    property("endTime", Text, "A time of day."),
    property("every", Duration, "How long the window is."),
];

const UPSTREAM: &[Property] = &[
    property("namespace", Text, "The flow's namespace."),
    property("flowId", Text, "The flow's id."),
    property("states", List(&Choice(STATES)), "How the execution must have ended."),
    property("labels", Labels, "Labels that the execution must have."),
    property("when", Text, "Must render to something truthy."),
];

const FILTER: &[Property] = &[
    property("field", Choice(&["FLOW_ID", "NAMESPACE", "STATE", "EXPRESSION"]), "What is compared.").required(),
    property(
        "type",
        Choice(&[
            "EQUAL_TO",
            "NOT_EQUAL_TO",
            "IN",
            "NOT_IN",
            "IS_TRUE",
            "IS_FALSE",
            "IS_NULL",
            "IS_NOT_NULL",
            "STARTS_WITH",
            "ENDS_WITH",
            "REGEX",
            "CONTAINS",
        ]),
        "How it is compared.",
    )
    .required(),
    property("value", Any, "With what."),
    property("values", List(&Any), "With what, for `IN` and `NOT_IN`."),
];

const PRECONDITIONS: &[Property] = &[
    property("id", Text, "Names the group."),
    property("timeWindow", Object(WINDOW), "When all must have happened."),
    property("resetOnSuccess", Flag, "Whether counting begins anew once it fired.").default("true"),
    property("flows", List(&Object(UPSTREAM)), "Flows that must have ended."),
    property(
        "where",
        List(&Object(&[
            property("id", Text, "Names the filter."),
            property("operand", Choice(&["AND", "OR"]), "Whether all or one must fit.").default("\"AND\""),
            property("filters", List(&Object(FILTER)), "What must fit."),
        ])),
        "Executions that count.",
    ),
];

pub const TRIGGERS: &[TypeSpec] = &[
    spec(
        "io.kestra.plugin.core.trigger.Schedule",
        "Schedule",
        "Starts the flow at the times of a cron expression.",
        &[
            property("cron", Text, "Five fields, or a nickname such as `@daily`.").required().literal(),
            property("withSeconds", Flag, "Whether a field for seconds comes first.").default("false"),
            TIMEZONE,
            property("lateMaximumDelay", Duration, "A date that is later than this is skipped."),
            RECOVER,
            property("backfill", Any, "Start a backfill through the API.").deprecated("start a backfill through the API"),
        ],
    )
    .outputs(&[("date", "The date of this run."), ("next", "The next one."), ("previous", "The one before.")]),
    spec(
        "io.kestra.plugin.core.trigger.ScheduleOnDates",
        "Schedule on dates",
        "Starts the flow at given dates.",
        &[property("dates", OneOf(&[TEXTS, Text]), "The dates.").required(), TIMEZONE, RECOVER],
    ),
    spec(
        "io.kestra.plugin.core.trigger.Webhook",
        "Webhook",
        "Starts the flow when somebody calls its address.",
        &[
            property("key", Text, "The secret part of the address; at most 256 characters.").required(),
            property("wait", Flag, "Whether the caller waits for the execution's end.").default("false"),
            property("returnOutputs", Flag, "Whether the caller gets the flow's outputs.").default("false"),
            property("responseContentType", Text, "The type of the answer."),
            property("responseCode", Count(100), "The code of the answer."),
            property("fetchType", Choice(&["FETCH", "STORE"]), "Where the body is kept."),
        ],
    )
    .outputs(&[
        ("body", "What was sent."),
        ("headers", "Its headers, each a list."),
        ("parameters", "The address's parameters, each a list."),
    ]),
    spec(
        "io.kestra.plugin.core.trigger.Flow",
        "Flow",
        "Starts the flow when an execution of another one has ended.",
        &[
            property("states", List(&Choice(STATES)), "How it must have ended; every way when absent."),
            property("preconditions", Object(PRECONDITIONS), "What must have happened, and in which time."),
            property("dependsOn", List(&Object(UPSTREAM)), "Flows that must have ended."),
            property("window", Object(WINDOW), "When all must have happened."),
            property("onMiss", Any, "What happens when they did not."),
        ],
    )
    .outputs(&[
        ("executionId", "The execution that ended."),
        ("flowId", "Its flow."),
        ("namespace", "Its namespace."),
        ("state", "Its state."),
        ("outputs", "What it answered."),
    ]),
    spec(
        "io.kestra.plugin.core.http.Trigger",
        "HTTP",
        "Asks an address again and again, and starts the flow when the answer fits.",
        &[
            property("uri", Text, "The address.").required(),
            property("method", Text, "The method.").default("\"GET\""),
            property("body", Text, "What to send."),
            property("formData", Map, "What to send as a form."),
            property("params", Map, "What to append to the address."),
            property("contentType", Text, "The type of the body."),
            property("headers", MapOf(&Any), "Headers to send."),
            property("options", Map, "Time limits, proxy, login and trust."),
            property("responseCondition", Text, "Must render to something truthy; it sees `response`.")
                .default("\"{{ response.statusCode < 400 }}\""),
            property("encryptBody", Flag, "Whether the answer's body is encrypted.").default("false"),
            property("stopOn", List(&Component), "Accepted without effect."),
        ],
    ),
];
