//! What judges properties: a task runner or a task, alike for the checks of manifests.

use serde_json::{Map, Value};

use super::{example, subject::Subject};
use crate::{Component, Error, Problem};

pub(super) trait Judge {
    fn component(&self) -> &Component;
    fn validate(&self, properties: &Value) -> Result<Vec<Problem>, Error>;
    /// Good ones.
    fn properties(&self) -> Value;
    /// What belongs to the component of a map in a flow.
    fn own(&self, used: &Map<String, Value>) -> Value;
    /// Whether it has to find by itself what its schema forbids. Tasks share properties by `#[serde(flatten)]`, which cannot refuse
    /// others; the host checks them against their schema.
    fn is_strict(&self) -> bool;
}

impl Judge for Subject {
    fn component(&self) -> &Component {
        Subject::component(self)
    }

    fn validate(&self, properties: &Value) -> Result<Vec<Problem>, Error> {
        self.runner().validate(properties)
    }

    fn properties(&self) -> Value {
        Subject::properties(self)
    }

    fn own(&self, used: &Map<String, Value>) -> Value {
        let mut properties = used.clone();
        properties.shift_remove("type");
        Value::Object(properties)
    }

    fn is_strict(&self) -> bool {
        true
    }
}

/// Without an expression, of which only a run can tell whether it is right.
pub(super) fn literal(properties: &Value) -> bool {
    !example::has_template(properties)
}
