//! The name somebody probably meant.

/// The candidate that is closest to `name`, when one is close at all.
pub(crate) fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let wanted: Vec<char> = name.chars().take(64).flat_map(char::to_lowercase).collect();
    let allowed = match wanted.len() {
        0..=2 => 1,
        3..=5 => 2,
        _ => 3,
    };
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= 256)
        .map(|candidate| {
            let other: Vec<char> = candidate.chars().flat_map(char::to_lowercase).collect();
            (distance(&wanted, &other), candidate)
        })
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What people bring from other template languages and from jq, and how it is written here.
pub(crate) fn elsewhere(name: &str) -> Option<&'static str> {
    Some(match name {
        "int" => "write `| number('INT')`",
        "float" => "write `| number('DOUBLE')`",
        "round" | "floor" | "ceil" => "write `| numberFormat('0')`, which rounds",
        "len" | "count" | "size" => "write `| length`",
        "d" => "write `| default(…)` or `??`",
        "str" | "to_string" | "tostring" => "write `| string`",
        "to_json" | "tojson" | "dump" => "write `| toJson`",
        "from_json" | "fromjson" | "parse_json" => "write `fromJson(…)`",
        "b64encode" | "base64" => "write `| base64encode`",
        "b64decode" => "write `| base64decode`",
        "uppercase" | "upcase" => "write `| upper`",
        "lowercase" | "downcase" => "write `| lower`",
        "strip" => "write `| trim`",
        "unique" | "uniq" => "write `| distinct`",
        "contains" | "isIn" | "in" => "it is an operator: `list contains value`",
        "map" | "select" | "reject" | "selectattr" | "filter" | "groupby" | "sum" | "add" => "write it in jq: `| jq('map(…)') | first`",
        "strftime" | "format_date" => "write `| date('yyyy-MM-dd')`",
        "today" => "write `now(format='yyyy-MM-dd')`",
        "elif" | "elsif" => "write `{% elseif … %}`",
        _ => return None,
    })
}

/// `did you mean …?`, ready to be a help line.
pub(crate) fn did_you_mean<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    nearest(name, candidates).map(|found| format!("did you mean `{found}`?"))
}

fn distance(left: &[char], right: &[char]) -> usize {
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    let mut current = vec![0; right.len() + 1];
    for (i, l) in left.iter().enumerate() {
        current[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let change = previous[j] + usize::from(l != r);
            current[j + 1] = change.min(previous[j + 1] + 1).min(current[j] + 1);
        }
        std::mem::swap(&mut previous, &mut current);
    }
    previous[right.len()]
}
