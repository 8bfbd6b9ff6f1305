//! Spec 3: what inputs have in common, and the validators of each type.

use super::document::{TEXT_OR_TEXTS, TEXTS};
use crate::input::InputType;
use crate::property::Kind::{Any, Choice, Flag, Id, List, Object, OneOf, Text};
use crate::property::{IdShape, Property, property};

pub const COMMON: &[Property] = &[
    property("id", Id(IdShape::Input), "Read with `inputs.<id>`; dots build nested maps.").required().formerly(&["name"]),
    property("type", Choice(InputType::NAMES), "What the value is.").required().literal(),
    property("description", Text, "What the input is for, in Markdown."),
    property("displayName", Text, "How people see it."),
    property("required", Flag, "Whether an execution needs a value.").default("true").literal(),
    property("defaults", Any, "The value when none is given."),
    property("prefill", Any, "A suggestion in the form that may be cleared; not together with `defaults`."),
    property(
        "dependsOn",
        Object(&[
            property("inputs", TEXTS, "Inputs that must have a value first."),
            property("condition", Text, "The input is asked for only when this renders to true."),
        ]),
        "Asks for the input only depending on others.",
    ),
];

const VALIDATOR: Property = property("validator", Text, "A regular expression for the whole value.").literal();
const MIN: Property = property("min", Any, "The smallest value allowed.");
const MAX: Property = property("max", Any, "The largest value allowed.");
const AFTER: Property = property("after", Text, "The value must be later than this.");
const BEFORE: Property = property("before", Text, "The value must be earlier than this.");
const CHOICE: crate::property::Kind =
    OneOf(&[Text, Object(&[property("label", Text, "How people see it."), property("value", Text, "What the flow sees.").required()])]);
const VALUES: Property = property("values", List(&CHOICE), "The allowed values.");
const EXPRESSION: Property = property("expression", Text, "Renders to the list of allowed values.");
const CUSTOM: Property = property("allowCustomValue", Flag, "Whether other values are allowed too.").default("false");
const RADIO: Property = property("isRadio", Flag, "Shown as radio buttons.").default("false");
const AUTO_SELECT: Property = property("autoSelectFirst", Flag, "The first value is the default.").default("false");
const ITEM_TYPE: Property = property("itemType", Choice(InputType::NAMES), "What the items are.").literal();

const TEXT_RULES: &[Property] = &[VALIDATOR];
const RANGE: &[Property] = &[MIN, MAX];
const TIMES: &[Property] = &[AFTER, BEFORE];
const FILE: &[Property] = &[
    property("extension", Text, "The extension of the stored file.").default("\".upl\""),
    property("allowedFileExtensions", TEXT_OR_TEXTS, "Extensions that are accepted, such as `.csv`.").alias(&["accept"]),
];
const ENUM: &[Property] = &[VALUES];
const SELECT: &[Property] = &[VALUES, EXPRESSION, CUSTOM, RADIO, AUTO_SELECT];
const MULTISELECT: &[Property] =
    &[property("values", List(&CHOICE), "The allowed values.").formerly(&["options"]), EXPRESSION, CUSTOM, AUTO_SELECT, ITEM_TYPE];
const ARRAY: &[Property] = &[ITEM_TYPE.required()];

/// The own properties of a type.
pub fn properties(kind: InputType) -> &'static [Property] {
    match kind {
        InputType::String | InputType::Secret => TEXT_RULES,
        InputType::Int | InputType::Float | InputType::Duration => RANGE,
        InputType::Datetime | InputType::Date | InputType::Time => TIMES,
        InputType::File => FILE,
        InputType::Enum => ENUM,
        InputType::Select => SELECT,
        InputType::Multiselect => MULTISELECT,
        InputType::Array => ARRAY,
        InputType::Boolean | InputType::Bool | InputType::Json | InputType::Yaml | InputType::Uri | InputType::Email => &[],
    }
}

/// The type that took a deprecated one's place.
pub fn replaced_by(kind: InputType) -> Option<&'static str> {
    match kind {
        InputType::Boolean => Some("BOOL"),
        InputType::Enum => Some("SELECT"),
        _ => None,
    }
}
