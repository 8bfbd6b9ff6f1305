//! Whether a version number says enough about what changed.

use super::Step;

pub struct Verdict {
    pub enough: bool,
    /// The least version that does.
    pub least: String,
}

/// `major.minor.patch` without what may follow.
fn parse(version: &str) -> Option<[u64; 3]> {
    let core = version.split(['-', '+']).next()?;
    let mut parts = core.split('.').map(|part| part.parse().ok());
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(Some(major)), Some(Some(minor)), Some(Some(patch)), None) => Some([major, minor, patch]),
        _ => None,
    }
}

pub fn judge(old: &str, new: &str, step: Step) -> Verdict {
    let (Some(before), Some(after)) = (parse(old), parse(new)) else {
        return Verdict { enough: old != new || step == Step::None, least: old.to_owned() };
    };
    let [major, minor, patch] = before;
    let least = match (step, major) {
        (Step::None, _) => before,
        (Step::Patch, _) => [major, minor, patch + 1],
        // Before 1.0 the second number is what breaks, and the third what adds.
        (Step::Minor, 0) => [0, minor, patch + 1],
        (Step::Minor, _) => [major, minor + 1, 0],
        (Step::Major, 0) => [0, minor + 1, 0],
        (Step::Major, _) => [major + 1, 0, 0],
    };
    Verdict { enough: after >= least, least: least.map(|part| part.to_string()).join(".") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps() {
        for (old, new, step, enough, least) in [
            ("1.2.3", "1.2.3", Step::None, true, "1.2.3"),
            ("1.2.3", "1.2.3", Step::Patch, false, "1.2.4"),
            ("1.2.3", "1.2.4", Step::Patch, true, "1.2.4"),
            ("1.2.3", "1.2.4", Step::Minor, false, "1.3.0"),
            ("1.2.3", "1.3.0", Step::Minor, true, "1.3.0"),
            ("1.2.3", "1.9.0", Step::Major, false, "2.0.0"),
            ("1.2.3", "2.0.0", Step::Major, true, "2.0.0"),
            ("0.2.3", "0.2.4", Step::Minor, true, "0.2.4"),
            ("0.2.3", "0.2.9", Step::Major, false, "0.3.0"),
            ("0.2.3", "0.3.0", Step::Major, true, "0.3.0"),
            ("1.2.3", "1.2.0", Step::Patch, false, "1.2.4"),
        ] {
            let verdict = judge(old, new, step);
            assert_eq!((verdict.enough, verdict.least.as_str()), (enough, least), "{old} -> {new}, {step:?}");
        }
    }
}
