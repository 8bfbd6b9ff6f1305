//! "Did you mean": the known name that is nearest to an unknown one.

/// The nearest name, when it is near enough to be what was meant.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = written.to_lowercase();
    let known = known.into_iter().collect::<Vec<_>>();
    // `WARNING` for `WARN`, `INTEGER` for `INT`.
    let extends = |one: &str, other: &str| other.len() > 2 && one.starts_with(other);
    known
        .iter()
        .copied()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= tolerance(name.chars().count().max(written.chars().count())))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
        .or_else(|| known.into_iter().find(|name| extends(&lower, &name.to_lowercase())))
}

/// How many typing errors a name of that length may have.
fn tolerance(length: usize) -> usize {
    match length {
        0..=4 => 1,
        5..=8 => 2,
        _ => length / 3,
    }
}

/// `Did you mean `cpu`?` or, when nothing is near, the names that are allowed.
pub fn help<'a>(written: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(name) = nearest(written, known.clone()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_unstable();
    known.dedup();
    match known.as_slice() {
        [] => None,
        names => Some(format!("allowed are {}", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_names_are_suggested() {
        let known = ["cpu", "memory", "taskRunner", "containerImage"];
        for (written, expected) in [
            ("cpuss", Some("cpu")),
            ("cpus", Some("cpu")),
            ("CPU", Some("cpu")),
            ("memroy", Some("memory")),
            ("taskRuner", Some("taskRunner")),
            ("image", None),
            ("cpx", Some("cpu")),
            ("gpus", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), expected, "{written}");
        }
    }
}
