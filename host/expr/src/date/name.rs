//! English names of months and days.

pub(super) const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
pub(super) const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The name whose long or short form starts `text` (longest first), as a number from 1, and its length.
pub(super) fn find(names: &[&str], text: &str) -> Option<(i8, usize)> {
    let starts = |name: &str| text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    let number = |index: usize| i8::try_from(index + 1).ok();
    if let Some(index) = names.iter().position(|name| starts(name)) {
        return Some((number(index)?, names[index].len()));
    }
    let index = names.iter().position(|name| starts(&name[..3]))?;
    Some((number(index)?, 3))
}
