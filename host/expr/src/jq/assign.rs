//! Assignments as jq makes them: what is missing on the way to the place is made. jaq refuses `.a.b = 1` where there is no `a`.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Term};
use jaq_core::path::{Opt, Part, Path};
use jaq_core::{Cv, ValR};
use jaq_json::{Num, Val as Jq};

use super::Data;
use super::bound::{LARGEST, call, stop};

type Parts<'s> = Vec<(Part<Term<&'s str>>, Opt)>;

/// `path |= change`, one step of the path at a time.
pub(super) fn update<'s>(path: Term<&'s str>, change: Term<&'s str>) -> Term<&'s str> {
    match path {
        Term::Path(inner, Path(parts)) if matches!(*inner, Term::Id) && parts.iter().all(is_plain) => step(parts, change),
        path => Term::BinOp(Box::new(path), BinaryOp::Update, Box::new(change)),
    }
}

/// A key that means the same wherever it is evaluated.
fn is_plain((part, _): &(Part<Term<&str>>, Opt)) -> bool {
    match part {
        Part::Index(Term::Str(None, parts)) => parts.iter().all(|part| !matches!(part, StrPart::Term(_))),
        Part::Index(Term::Num(_) | Term::Var(_)) | Part::Range(None, None) => true,
        _ => false,
    }
}

fn step<'s>(mut parts: Parts<'s>, change: Term<&'s str>) -> Term<&'s str> {
    if parts.is_empty() {
        return change;
    }
    let (part, opt) = parts.remove(0);
    let filled = match (&part, opt) {
        (Part::Index(key), Opt::Essential) => Some(call("bound_fill", vec![key.clone()])),
        _ => None,
    };
    let place = Term::Path(Box::new(Term::Id), Path(vec![(part, opt)]));
    let update = Term::BinOp(Box::new(place), BinaryOp::Update, Box::new(step(parts, change)));
    match filled {
        Some(filled) => Term::BinOp(Box::new(filled), BinaryOp::Pipe(None), Box::new(update)),
        None => update,
    }
}

/// The value with room for the key.
pub(super) fn fill(mut cv: Cv<'_, Data>) -> ValR<Jq> {
    let key = cv.0.pop_var();
    let place = match &key {
        Jq::Num(Num::Int(place)) => usize::try_from(*place).ok(),
        _ => None,
    };
    match (cv.1, place) {
        (Jq::Null, Some(place)) => padded(Vec::new(), place),
        (Jq::Null, None) if matches!(key, Jq::TStr(_) | Jq::BStr(_)) => Ok(Jq::Obj(Default::default())),
        (Jq::Arr(items), Some(place)) if place >= items.len() => padded(items.iter().cloned().collect(), place),
        (value, _) => Ok(value),
    }
}

fn padded(mut items: Vec<Jq>, place: usize) -> ValR<Jq> {
    if place >= LARGEST / 16 {
        return Err(stop("makes a value that is too large"));
    }
    items.resize(place + 1, Jq::Null);
    Ok(Jq::Arr(items.into()))
}
