//! Numbers as jq shows them: it has one kind, so `4 / 2` is 2. jaq keeps 2.0.

use jaq_json::{Num, Val as Jq};

/// Beyond it, whole numbers do not fit.
const LARGEST: f64 = 9.2e18;

/// The value with whole numbers in place of numbers that only look broken. Literals keep how they were written.
pub(super) fn plain(value: Jq) -> Jq {
    match value {
        Jq::Num(Num::Float(number)) if is_whole(number) => Jq::Num(Num::Int(number as isize)),
        Jq::Arr(items) if items.iter().any(changes) => Jq::Arr(items.iter().cloned().map(plain).collect::<Vec<_>>().into()),
        Jq::Obj(entries) if entries.values().any(changes) => {
            Jq::Obj(entries.iter().map(|(key, inner)| (key.clone(), plain(inner.clone()))).collect::<jaq_json::Map>().into())
        }
        value => value,
    }
}

pub(super) fn is_whole(number: f64) -> bool {
    number.fract() == 0.0 && number.abs() < LARGEST
}

fn changes(value: &Jq) -> bool {
    match value {
        Jq::Num(Num::Float(number)) => is_whole(*number),
        Jq::Arr(items) => items.iter().any(changes),
        Jq::Obj(entries) => entries.values().any(changes),
        _ => false,
    }
}
