//! What keeps a jq program inside its bounds: every call of a local definition and every number of a range costs a step,
//! the stack is watched, and no operation makes a value that is too large or nests too deep.

use std::cell::Cell;

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::native::{Filter, Fun, bome, run, v};
use jaq_core::ops::Math;
use jaq_core::path::{Part, Path};
use jaq_core::{Cv, Error, Exn, RunPtr, ValR};
use jaq_json::Val as Jq;

use super::{Data, STACK, assign, base32, number};

/// Largest text or array that one operation may make.
pub(super) const LARGEST: usize = 64 << 20;
/// Deepest value: dropping one recurses.
const NESTING: usize = 5_000;
/// The part of the stack that definitions may use; the rest is for what they call last.
const USABLE: usize = STACK / 4 * 3;

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(0) };
    static BOTTOM: Cell<usize> = const { Cell::new(0) };
    static SPENT: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// A place on the stack, as a number.
fn here() -> usize {
    let place = 0u8;
    std::ptr::from_ref(&place) as usize
}

/// Begins the bounds of one program; it must run on this thread.
pub(super) fn start(steps: u64) {
    LEFT.set(steps);
    BOTTOM.set(here());
    SPENT.set(None);
}

/// Which bound the program has hit.
pub(super) fn spent() -> Option<&'static str> {
    SPENT.get()
}

pub(super) fn stop(reason: &'static str) -> Error<Jq> {
    SPENT.set(Some(reason));
    Error::str(reason)
}

fn step() -> Result<(), Error<Jq>> {
    // A program that catches the error must not go on.
    if let Some(reason) = SPENT.get() {
        return Err(Error::str(reason));
    }
    if BOTTOM.get().abs_diff(here()) > USABLE {
        return Err(stop("recurses too deep"));
    }
    match LEFT.get().checked_sub(1) {
        Some(left) => {
            LEFT.set(left);
            Ok(())
        }
        None => Err(stop("takes too many steps")),
    }
}

/// The functions of jaq without those that reach outside, and with those that bound a program.
pub(super) fn functions() -> impl Iterator<Item = Fun<Data>> {
    const OUTSIDE: [&str; 8] = ["env", "halt", "input", "inputs", "input_line_number", "input_filename", "debug_empty", "stderr_empty"];
    const OWN: [&str; 1] = ["tojson"];
    let known = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let kept = known.filter(|(name, ..)| !OWN.contains(name)).map(|(name, args, native)| {
        if OUTSIDE.contains(&name) {
            return run::<Data>((name, args, |_| bome(Err(Error::str("this function is not available in an expression")))));
        }
        if name == "range" { run::<Data>((name, args, range)) } else { (name, args, native) }
    });
    let bounds: [Filter<RunPtr<Data>>; 9] = [
        ("bound_step", v(0), |_| bome(step().map(|()| Jq::Bool(true)))),
        ("bound_nest", v(0), |cv| bome(nest(cv.1))),
        ("bound_fill", v(1), |cv| bome(assign::fill(cv))),
        ("bound_add", v(2), |cv| math(cv, add)),
        ("bound_multiply", v(2), |cv| math(cv, multiply)),
        ("bound_plain", v(0), |cv| bome(Ok(number::plain(cv.1)))),
        ("bound_base32", v(0), |cv| bome(base32::encode(&cv.1))),
        ("bound_base32d", v(0), |cv| bome(base32::decode(&cv.1))),
        ("tojson", v(0), |cv| bome(Ok(Jq::utf8_str(number::plain(cv.1).to_string().into_bytes())))),
    ];
    kept.chain(bounds.into_iter().map(|bound| run::<Data>(bound)))
}

type Values<'a> = jaq_core::ValXs<'a, Jq>;

fn math<'a>(mut cv: Cv<'a, Data>, operation: fn(Jq, Jq) -> ValR<Jq>) -> Values<'a> {
    let right = cv.0.pop_var();
    let left = cv.0.pop_var();
    bome(operation(left, right))
}

fn size(value: &Jq) -> usize {
    match value {
        Jq::TStr(bytes) | Jq::BStr(bytes) => bytes.len(),
        Jq::Arr(items) => items.len().saturating_mul(16),
        _ => 0,
    }
}

fn add(left: Jq, right: Jq) -> ValR<Jq> {
    if size(&left).saturating_add(size(&right)) > LARGEST {
        return Err(stop("makes a value that is too large"));
    }
    left + right
}

fn multiply(left: Jq, right: Jq) -> ValR<Jq> {
    let times = |text: &Jq, number: &Jq| match (text, number) {
        (Jq::TStr(bytes) | Jq::BStr(bytes), Jq::Num(number)) => {
            let times = number.to_string().parse::<f64>().unwrap_or(f64::MAX);
            bytes.len() as f64 * times > LARGEST as f64
        }
        _ => false,
    };
    if times(&left, &right) || times(&right, &left) {
        return Err(stop("makes a value that is too large"));
    }
    left * right
}

/// Follows the first and the last items down, which is where programs nest by accident.
fn nest(value: Jq) -> ValR<Jq> {
    let deep = |last: bool| {
        let mut at = &value;
        for _ in 0..NESTING {
            let inner = match at {
                Jq::Arr(items) if last => items.last(),
                Jq::Arr(items) => items.first(),
                Jq::Obj(entries) if last => entries.last().map(|(_, inner)| inner),
                Jq::Obj(entries) => entries.first().map(|(_, inner)| inner),
                _ => None,
            };
            match inner {
                Some(inner) => at = inner,
                None => return false,
            }
        }
        true
    };
    if deep(false) || deep(true) {
        return Err(stop("makes a value that nests too deep"));
    }
    Ok(value)
}

fn range(mut cv: Cv<'_, Data>) -> Values<'_> {
    let by = cv.0.pop_var();
    let to = cv.0.pop_var();
    let mut next = Some(cv.0.pop_var());
    let zero = Jq::from(0isize);
    Box::new(std::iter::from_fn(move || {
        let current = next.take()?;
        let inside = if by > zero {
            current < to
        } else if by < zero {
            current > to
        } else {
            current != to
        };
        if !inside {
            return None;
        }
        if let Err(error) = step() {
            return Some(Err(Exn::from(error)));
        }
        match current.clone() + by.clone() {
            Ok(following) => {
                next = Some(following);
                Some(Ok(current))
            }
            Err(error) => Some(Err(Exn::from(error))),
        }
    }))
}

pub(super) fn call<'s>(name: &'s str, args: Vec<Term<&'s str>>) -> Term<&'s str> {
    Term::Call(name, args)
}

/// Takes the box that the parser made: the pieces of a program come in boxes and go back into boxes.
#[allow(clippy::boxed_local)]
fn boxed(inner: Box<Term<&str>>) -> Box<Term<&str>> {
    Box::new(term(*inner))
}

/// Puts the bounds into a program.
pub(super) fn term(program: Term<&str>) -> Term<&str> {
    match program {
        Term::Str(format, parts) => {
            let part = |part| match part {
                StrPart::Term(inner) => {
                    StrPart::Term(Term::BinOp(Box::new(term(inner)), BinaryOp::Pipe(None), Box::new(call("bound_plain", Vec::new()))))
                }
                other => other,
            };
            Term::Str(format, parts.into_iter().map(part).collect())
        }
        Term::Arr(Some(inner)) => nested(Term::Arr(Some(boxed(inner)))),
        Term::Obj(entries) if !entries.is_empty() => {
            nested(Term::Obj(entries.into_iter().map(|(key, value)| (term(key), value.map(term))).collect()))
        }
        Term::Neg(inner) => Term::Neg(boxed(inner)),
        Term::BinOp(left, BinaryOp::Math(Math::Add), right) => call("bound_add", vec![term(*left), term(*right)]),
        Term::BinOp(left, BinaryOp::Math(Math::Mul), right) => call("bound_multiply", vec![term(*left), term(*right)]),
        Term::BinOp(left, operator @ (BinaryOp::Update | BinaryOp::Assign | BinaryOp::UpdateMath(_) | BinaryOp::UpdateAlt), right) => {
            let operand = || Term::Var("$bound_operand");
            let changed = match operator {
                BinaryOp::Update => return assign::update(term(*left), term(*right)),
                BinaryOp::UpdateMath(Math::Add) => call("bound_add", vec![Term::Id, operand()]),
                BinaryOp::UpdateMath(Math::Mul) => call("bound_multiply", vec![Term::Id, operand()]),
                BinaryOp::UpdateMath(operator) => Term::BinOp(Box::new(Term::Id), BinaryOp::Math(operator), Box::new(operand())),
                BinaryOp::UpdateAlt => Term::BinOp(Box::new(Term::Id), BinaryOp::Alt, Box::new(operand())),
                _ => operand(),
            };
            let update = assign::update(term(*left), changed);
            Term::BinOp(boxed(right), BinaryOp::Pipe(Some(Pattern::Var("$bound_operand"))), Box::new(update))
        }
        Term::BinOp(left, operator, right) => Term::BinOp(boxed(left), operator, boxed(right)),
        Term::Label(name, inner) => Term::Label(name, boxed(inner)),
        Term::Fold(name, items, pattern, arms) => Term::Fold(name, boxed(items), pattern, arms.into_iter().map(term).collect()),
        Term::TryCatch(inner, handler) => Term::TryCatch(boxed(inner), handler.map(boxed)),
        Term::IfThenElse(branches, otherwise) => {
            let branches = branches.into_iter().map(|(condition, then)| (term(condition), term(then))).collect();
            Term::IfThenElse(branches, otherwise.map(boxed))
        }
        Term::Def(defs, inner) => {
            let defs = defs.into_iter().map(|def| Def { body: counted(term(def.body)), ..def }).collect();
            Term::Def(defs, boxed(inner))
        }
        Term::Call(name, args) => Term::Call(name, args.into_iter().map(term).collect()),
        Term::Path(inner, Path(parts)) => {
            let part = |part| match part {
                Part::Index(index) => Part::Index(term(index)),
                Part::Range(from, to) => Part::Range(from.map(term), to.map(term)),
            };
            Term::Path(boxed(inner), Path(parts.into_iter().map(|(inner, opt)| (part(inner), opt)).collect()))
        }
        other => other,
    }
}

/// `if bound_step then body end`: a condition leaves paths and tail calls of the body alone.
fn counted(body: Term<&str>) -> Term<&str> {
    Term::IfThenElse(vec![(call("bound_step", Vec::new()), body)], None)
}

fn nested(made: Term<&str>) -> Term<&str> {
    Term::BinOp(Box::new(made), BinaryOp::Pipe(None), Box::new(call("bound_nest", Vec::new())))
}
