//! What a refusal for want of quota says: whether waiting can help.

/// Whether more is asked for than the whole quota: `exceeded quota: q, requested: memory=2Gi, used: memory=0, limited: memory=1Gi`.
pub fn can_never_fit(message: &str) -> bool {
    let amounts = |what: &str| -> Vec<(String, f64)> {
        let Some((_, rest)) = message.split_once(&format!("{what}: ")) else { return Vec::new() };
        // The list ends with the message, or where the next one begins.
        let list = [", used:", ", limited:"].iter().filter_map(|next| rest.find(next)).min().map_or(rest, |end| &rest[..end]);
        let pairs = list.split(',').filter_map(|pair| pair.trim().split_once('='));
        pairs.filter_map(|(name, amount)| Some((name.to_owned(), quantity(amount.split_whitespace().next()?)?))).collect()
    };
    let limited = amounts("limited");
    amounts("requested").iter().any(|(name, asked)| limited.iter().any(|(limit, most)| limit == name && asked > most))
}

/// A quantity as Kubernetes writes it, such as `500m`, `2` or `256Mi`.
pub fn quantity(text: &str) -> Option<f64> {
    let text = text.trim().trim_start_matches('+');
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().ok()?;
    if let Some(exponent) = unit.strip_prefix(['e', 'E']).filter(|e| !e.is_empty()) {
        return Some(number * 10_f64.powi(exponent.parse().ok()?));
    }
    let (base, power) = match unit {
        "" => (10_f64, 0),
        "n" => (10_f64, -9),
        "u" => (10_f64, -6),
        "m" => (10_f64, -3),
        "k" => (10_f64, 3),
        "M" => (10_f64, 6),
        "G" => (10_f64, 9),
        "T" => (10_f64, 12),
        "P" => (10_f64, 15),
        "E" => (10_f64, 18),
        "Ki" => (1024_f64, 1),
        "Mi" => (1024_f64, 2),
        "Gi" => (1024_f64, 3),
        "Ti" => (1024_f64, 4),
        "Pi" => (1024_f64, 5),
        "Ei" => (1024_f64, 6),
        _ => return None,
    };
    Some(number * base.powi(power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kube_k13_more_than_the_whole_quota_never_fits() {
        let refused = |rest: &str| format!(r#"pods "x" is forbidden: exceeded quota: q, {rest} (status 403)"#);
        for (rest, never) in [
            ("requested: pods=1, used: pods=1, limited: pods=1", false),
            ("requested: limits.memory=1Gi,pods=1, used: limits.memory=64Mi,pods=1, limited: limits.memory=128Mi,pods=1", true),
            ("requested: requests.cpu=500m, used: requests.cpu=900m, limited: requests.cpu=1", false),
            ("requested: requests.cpu=1500m, used: requests.cpu=0, limited: requests.cpu=1", true),
            ("requested: count/pods=1, used: count/pods=0, limited: count/pods=0", true),
            ("something else", false),
        ] {
            assert_eq!(can_never_fit(&refused(rest)), never, "{rest}");
        }
    }

    #[test]
    fn quantities_table() {
        for (text, value) in [
            ("2", Some(2.0)),
            ("+1.5", Some(1.5)),
            ("500m", Some(0.5)),
            ("1Ki", Some(1024.0)),
            ("1e3", Some(1000.0)),
            ("1E", Some(1e18)),
            ("lots", None),
            ("1X", None),
            ("", None),
        ] {
            assert_eq!(quantity(text), value, "{text}");
        }
    }
}
