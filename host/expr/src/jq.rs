//! jq programs, run by jaq under a bound: every call of a definition costs a step, so a program without an end ends.

mod assign;
mod base32;
mod bound;
mod number;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use indexmap::IndexMap;
use jaq_core::compile::Filter;
use jaq_core::load::parse::Def;
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Native, Vars, data, load, unwrap_valr};
use jaq_json::{Num, Val as Jq};

use crate::error::{Fault, Outcome};
use crate::eval::Render;
use crate::limits::Limits;
use crate::print;
use crate::val::Val;

type Data = data::JustLut<Jq>;
type Compiled = Filter<Native<Data>>;

/// The name under which the user's program is one more definition.
const MAIN: &str = "main_program";
/// What jq 1.6 has and jaq has not.
const DEFINITIONS: &str = include_str!("jq/definitions.jq");
/// Most programs that are kept compiled.
const REMEMBERED: usize = 200;
/// Longest program, deepest brackets in it: jaq reads programs recursively.
const LONGEST: usize = 64 << 10;
const NESTING: usize = 60;
/// Most words that open something without a bracket.
const WORDS: usize = 500;
/// One program may take this part of the steps of a rendering: a step of jq is a larger one.
const SHARE: u64 = 10;
const RESULT_NESTING: usize = 150;
/// The stack that a program recurses on; only what is used of it is ever backed by memory.
const STACK: usize = 128 << 20;

/// All results of `program` for `input`, as a list. Text that is JSON is read first.
pub(crate) fn run<'a>(render: &Render<'a>, input: &Val<'a>, program: &str) -> Outcome<Val<'a>> {
    check(program)?;
    let text = match input.as_str() {
        Some(text) => text.to_owned(),
        None => print::json(input),
    };
    render.charge_bytes(text.len())?;
    let limits = render.limits();
    // Its own thread, for its own stack: recursion in a program must not take the host down.
    let results = std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().name("jq".to_owned()).stack_size(STACK);
        let handle = worker.spawn_scoped(scope, || execute(&text, program, limits));
        match handle.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(results)) => results,
            Ok(Err(_)) => Err(Fault::value(format!("the jq program `{program}` failed in the interpreter"))),
            Err(error) => Err(Fault::limit(format!("no thread for the jq program: {error}"))),
        }
    })?;
    render.charge(results.len())?;
    Val::list(results)
}

fn check(program: &str) -> Outcome<()> {
    let mut depth = 0usize;
    let mut words = 0usize;
    for token in program.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let word = token.trim_end_matches(|c: char| !c.is_alphanumeric());
        if matches!(word, "if" | "try" | "reduce" | "foreach" | "label" | "def" | "as") {
            words += 1;
        }
        match token.chars().next_back() {
            Some('(' | '[' | '{') => depth += 1,
            Some(')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > NESTING {
            return Err(Fault::limit(format!("the jq program nests deeper than {NESTING} brackets")));
        }
    }
    if program.len() > LONGEST || words > WORDS {
        return Err(Fault::limit("the jq program is too long").help("run long programs with jq in a task"));
    }
    Ok(())
}

fn execute(input: &str, program: &str, limits: &Limits) -> Outcome<Vec<Val<'static>>> {
    bound::start(limits.steps / SHARE);
    let input = jaq_json::read::parse_single(input.as_bytes()).map_err(|error| {
        Fault::value(format!("the input of jq is not JSON: {error}"))
            .help("text is read as JSON first; quote it by `| toJson` when it is meant as text")
    })?;
    let filter = compiled(program)?;
    let context = Ctx::<Data>::new(&filter.lut, Vars::new([]));
    let mut results = Vec::new();
    let mut size = 0;
    for result in filter.id.run((context, input)).map(unwrap_valr) {
        let value = result.map_err(|error| match bound::spent() {
            Some(reason) => Fault::limit(format!("the jq program `{program}` {reason}")),
            None => Fault::value(format!("the jq program `{program}` failed: {error}")),
        })?;
        results.push(read(&value, 0, &mut size, limits.output)?);
    }
    Ok(results)
}

/// A program that was read before, or is read now: a loop asks the same one again and again.
fn compiled(program: &str) -> Outcome<Arc<Compiled>> {
    static KNOWN: Mutex<BTreeMap<Box<str>, Arc<Compiled>>> = Mutex::new(BTreeMap::new());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(filter) = known().get(program) {
        return Ok(Arc::clone(filter));
    }
    let filter = Arc::new(compile(program)?);
    let mut known = known();
    // Programs that are made by expressions must not pile up.
    if known.len() >= REMEMBERED {
        known.clear();
    }
    known.insert(program.into(), Arc::clone(&filter));
    Ok(filter)
}

fn compile(program: &str) -> Outcome<Compiled> {
    let main = load::parse(program, |parser| parser.term())
        .ok_or_else(|| Fault::value(format!("the jq program `{program}` cannot be read")).help("see the jq manual, version 1.6"))?;
    let own = load::parse(DEFINITIONS, |parser| parser.defs()).unwrap_or_default();
    let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()).chain(own);
    let defs = defs.map(|def| bounded(def));
    let main = Def { name: MAIN, args: Vec::new(), body: bound::term(main) };
    let arena = Arena::default();
    let modules = Loader::new(defs.chain([main]))
        .load(&arena, File { code: MAIN, path: () })
        .map_err(|_| Fault::value(format!("the jq program `{program}` cannot be loaded")))?;
    Compiler::default().with_funs(bound::functions()).compile(modules).map_err(|errors| {
        let unknown = errors.iter().flat_map(|(_, errors)| errors).map(|(name, kind)| format!("{} `{name}`", kind.as_str()));
        let unknown = unknown.collect::<Vec<_>>().join(", ");
        Fault::value(format!("the jq program `{program}` uses an undefined {unknown}"))
    })
}

fn bounded(def: Def<&str>) -> Def<&str> {
    Def { body: bound::term(def.body), ..def }
}

/// A result of jq as a value.
fn read(value: &Jq, depth: usize, size: &mut usize, largest: usize) -> Outcome<Val<'static>> {
    *size += 16;
    if *size > largest {
        return Err(Fault::limit(format!("the result of jq is larger than {largest} bytes")));
    }
    if depth > RESULT_NESTING {
        return Err(Fault::limit(format!("the result of jq nests deeper than {RESULT_NESTING} levels")));
    }
    Ok(match value {
        Jq::Null => Val::Null,
        Jq::Bool(b) => Val::Bool(*b),
        Jq::Num(number) => match number {
            Num::Int(i) => Val::Int(*i as i128),
            // jq has one kind of number: 4 / 2 is 2.
            Num::Float(f) if number::is_whole(*f) => Val::Int(*f as i128),
            Num::Float(f) => float(*f),
            other => {
                let text = other.to_string();
                text.parse().map_or_else(|_| text.parse().map_or(Val::Null, float), Val::Int)
            }
        },
        Jq::TStr(bytes) | Jq::BStr(bytes) => {
            *size += bytes.len();
            Val::text(String::from_utf8_lossy(bytes))
        }
        Jq::Arr(items) => Val::list(items.iter().map(|item| read(item, depth + 1, size, largest)).collect::<Outcome<_>>()?)?,
        Jq::Obj(entries) => {
            let mut map = IndexMap::with_capacity(entries.len());
            for (key, item) in entries.iter() {
                let key = match key {
                    Jq::TStr(bytes) | Jq::BStr(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    other => other.to_string(),
                };
                map.insert(Cow::Owned(key), read(item, depth + 1, size, largest)?);
            }
            Val::map(map)?
        }
    })
}

/// jq has infinities and no-numbers; JSON does not.
fn float(f: f64) -> Val<'static> {
    match f {
        f if f.is_nan() => Val::Null,
        f => Val::Float(f.clamp(f64::MIN, f64::MAX)),
    }
}
