//! How many executions of one flow may run at a time; spec 8.6.

use crate::fields::Fields;
use crate::node::Node;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    pub limit: u64,
    pub behavior: ConcurrencyBehavior,
}

/// What happens to an execution above the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConcurrencyBehavior {
    #[default]
    Queue,
    Cancel,
    Fail,
}

impl Concurrency {
    pub(crate) fn read(node: Option<&Node>) -> Option<Self> {
        let fields = Fields::new(node?);
        Some(Self {
            limit: fields.count(&["limit"])?,
            behavior: match fields.text(&["behavior"]).as_deref() {
                Some("CANCEL") => ConcurrencyBehavior::Cancel,
                Some("FAIL") => ConcurrencyBehavior::Fail,
                _ => ConcurrencyBehavior::Queue,
            },
        })
    }
}
