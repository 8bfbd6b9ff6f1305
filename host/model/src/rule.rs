//! The rules of spec 1.3.

use crate::flow::{Flow, Strictness};
use crate::label::check_system_labels;
use crate::node::Node;
use crate::path::Path;
use crate::retry::check_intervals;
use crate::violation::Violations;

pub(crate) fn check_flow(node: &Node, _flow: &Flow, _strictness: Strictness) -> Violations {
    let mut found = Violations::new();
    check_system_labels(node.get("labels"), &Path::Root.key("labels"), &mut found);
    check_intervals(node.get("retry"), &Path::Root.key("retry"), &mut found);
    found
}
