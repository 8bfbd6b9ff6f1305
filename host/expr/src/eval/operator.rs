//! Operators on two values.

use std::cmp::Ordering;

use super::{Render, truth};
use crate::ast::{Binary, Expr};
use crate::error::{Code, Fault, Outcome};
use crate::print;
use crate::val::Val;

impl<'a> Render<'a> {
    pub(super) fn binary(&mut self, operator: Binary, left: &'a Expr, right: &'a Expr) -> Outcome<Val<'a>> {
        use Binary as B;
        match operator {
            B::Or => {
                let left = truth(&self.eval(left)?)?.unwrap_or(false);
                return Ok(Val::Bool(left || truth(&self.eval(right)?)?.unwrap_or(false)));
            }
            B::And => {
                let left = truth(&self.eval(left)?)?.unwrap_or(false);
                return Ok(Val::Bool(left && truth(&self.eval(right)?)?.unwrap_or(false)));
            }
            B::Coalesce => {
                return match self.eval(left) {
                    Ok(value) if !value.is_null() => Ok(value),
                    Err(fault) if !fault.code.is_missing() => Err(fault),
                    _ => self.eval(right),
                };
            }
            B::CoalesceUndefined => {
                return match self.eval(left) {
                    Err(fault) if fault.code.is_missing() => self.eval(right),
                    other => other,
                };
            }
            _ => {}
        }
        let left = self.eval(left)?;
        let right = self.eval(right)?;
        Ok(match operator {
            B::Contains => Val::Bool(self.contains(&left, &right)?),
            B::IsIn => Val::Bool(self.contains(&right, &left)?),
            B::Equal => Val::Bool(self.equal(&left, &right)?),
            B::Unequal => Val::Bool(!self.equal(&left, &right)?),
            B::Less => Val::Bool(compare(&left, &right)? == Ordering::Less),
            B::Greater => Val::Bool(compare(&left, &right)? == Ordering::Greater),
            B::LessOrEqual => Val::Bool(compare(&left, &right)? != Ordering::Greater),
            B::GreaterOrEqual => Val::Bool(compare(&left, &right)? != Ordering::Less),
            B::Add => return self.add(left, &right),
            B::Subtract if left.is_list() => return self.without(&left, &right),
            B::Range => return self.range(&left, &right),
            B::Join => return self.join(&left, &right),
            _ => return arithmetic(operator, &left, &right),
        })
    }

    fn join(&self, left: &Val<'a>, right: &Val<'a>) -> Outcome<Val<'a>> {
        let mut text = print::text(left);
        print::print(right, &mut text);
        self.text(text)
    }

    fn add(&self, left: Val<'a>, right: &Val<'a>) -> Outcome<Val<'a>> {
        if left.as_str().is_some() || right.as_str().is_some() {
            return self.join(&left, right);
        }
        let Some(items) = left.items() else { return arithmetic(Binary::Add, &left, right) };
        let mut items: Vec<_> = items.collect();
        match right.items() {
            Some(more) => items.extend(more),
            None => items.push(right.clone()),
        }
        self.charge(items.len() / 8 + 1)?;
        Val::list(items)
    }

    fn without(&self, left: &Val<'a>, right: &Val<'a>) -> Outcome<Val<'a>> {
        let removed: Vec<_> = right.items().map_or_else(|| vec![right.clone()], Iterator::collect);
        self.charge(left.len().unwrap_or(0).saturating_mul(removed.len()))?;
        let kept = left.items().into_iter().flatten().filter(|item| !removed.iter().any(|removed| same(item, removed)));
        Val::list(kept.collect())
    }

    fn equal(&self, left: &Val<'a>, right: &Val<'a>) -> Outcome<bool> {
        if left.is_list() || left.is_map() {
            self.charge(left.len().unwrap_or(0))?;
        }
        Ok(same(left, right))
    }

    pub(crate) fn contains(&self, container: &Val<'a>, wanted: &Val<'a>) -> Outcome<bool> {
        if container.is_null() {
            return Ok(false);
        }
        if let Some(text) = container.as_str() {
            return match wanted {
                Val::Null => Ok(false),
                wanted => Ok(text.contains(print::text(wanted).as_str())),
            };
        }
        if let Val::Lazy(_) | Val::Context(_) = container {
            return Ok(self.index(container, wanted).is_ok());
        }
        if container.is_map() {
            return Ok(container.entry(&print::text(wanted)).is_some());
        }
        if container.is_list() {
            self.charge(container.len().unwrap_or(0))?;
            let has = |wanted: &Val<'a>| container.items().into_iter().flatten().any(|item| same(&item, wanted));
            return match wanted.items() {
                Some(mut all) => {
                    self.charge(container.len().unwrap_or(0).saturating_mul(wanted.len().unwrap_or(0)))?;
                    Ok(has(wanted) || all.all(|wanted| has(&wanted)))
                }
                None => Ok(has(wanted)),
            };
        }
        Err(Fault::kind(format!("`contains` needs a list, a map or a string, not {}", container.kind())))
    }

    /// `from..to`, both included; numbers or single characters.
    pub(crate) fn range(&self, from: &Val<'a>, to: &Val<'a>) -> Outcome<Val<'a>> {
        match (from, to) {
            (Val::Int(from), Val::Int(to)) => self.sequence(*from, *to, 1),
            _ => {
                let single = |value: &Val<'_>| {
                    let mut chars = value.as_str()?.chars();
                    chars.next().filter(|_| chars.next().is_none())
                };
                let (Some(from), Some(to)) = (single(from), single(to)) else {
                    return Err(Fault::kind(format!(
                        "a range goes from one integer or single character to another, not from {} to {}",
                        from.kind(),
                        to.kind()
                    )));
                };
                let count = (to as usize).saturating_sub(from as usize);
                if count > self.limits().range {
                    return Err(self.range_limit());
                }
                self.charge(count)?;
                Val::list((from..=to).map(Val::text).collect())
            }
        }
    }

    pub(crate) fn sequence(&self, from: i128, to: i128, step: i128) -> Outcome<Val<'a>> {
        if step == 0 {
            return Err(Fault::argument("the increment of a range cannot be 0"));
        }
        let count = match to.checked_sub(from) {
            Some(distance) if (distance < 0) != (step < 0) && distance != 0 => 0,
            Some(distance) => {
                distance.checked_div(step).and_then(|count| usize::try_from(count).ok()).map_or(usize::MAX, |count| count.saturating_add(1))
            }
            None => usize::MAX,
        };
        if count > self.limits().range {
            return Err(self.range_limit());
        }
        self.charge(count)?;
        let numbers = std::iter::successors(Some(from), |number| number.checked_add(step));
        Val::list(numbers.take(count).map(Val::Int).collect())
    }

    fn range_limit(&self) -> Box<Fault> {
        Fault::limit(format!("a range has at most {} elements", self.limits().range))
    }
}

/// Equality: numbers by value, everything else by type and content.
pub(crate) fn same(left: &Val<'_>, right: &Val<'_>) -> bool {
    match (left, right) {
        (Val::Null, Val::Null) => true,
        (Val::Bool(left), Val::Bool(right)) => left == right,
        (Val::Int(left), Val::Int(right)) => left == right,
        (Val::Int(_) | Val::Float(_), Val::Int(_) | Val::Float(_)) => float(left) == float(right),
        _ => {
            if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
                return left == right;
            }
            if let (Some(left), Some(right)) = (left.items(), right.items()) {
                return left.size_hint() == right.size_hint() && left.zip(right).all(|(left, right)| same(&left, &right));
            }
            if let (Some(mut entries), Some(_)) = (left.entries(), right.entries()) {
                return left.len() == right.len()
                    && entries.all(|(key, value)| right.entry(&key).is_some_and(|other| same(&value, &other)));
            }
            false
        }
    }
}

fn float(value: &Val<'_>) -> Option<f64> {
    match value {
        Val::Int(i) => Some(*i as f64),
        Val::Float(f) => Some(*f),
        _ => None,
    }
}

/// Order of two numbers.
pub(crate) fn compare(left: &Val<'_>, right: &Val<'_>) -> Outcome<Ordering> {
    if let (Val::Int(left), Val::Int(right)) = (left, right) {
        return Ok(left.cmp(right));
    }
    match (float(left), float(right)) {
        (Some(left), Some(right)) => {
            left.partial_cmp(&right).ok_or_else(|| Fault::new(Code::Arithmetic, "a number that is not a number has no order"))
        }
        _ => Err(Fault::kind(format!("{} cannot be ordered against {}: only numbers have an order", left.kind(), right.kind()))
            .help("make a number of a string with `| number`")),
    }
}

fn arithmetic<'a>(operator: Binary, left: &Val<'a>, right: &Val<'a>) -> Outcome<Val<'a>> {
    use Binary as B;
    let symbol = match operator {
        B::Add => "+",
        B::Subtract => "-",
        B::Multiply => "*",
        B::Divide => "/",
        _ => "%",
    };
    let zero = || Fault::new(Code::Arithmetic, format!("`{symbol}` by zero"));
    if let (Val::Int(left), Val::Int(right)) = (left, right) {
        if matches!(operator, B::Divide | B::Modulo) && *right == 0 {
            return Err(zero());
        }
        let result = match operator {
            B::Add => left.checked_add(*right),
            B::Subtract => left.checked_sub(*right),
            B::Multiply => left.checked_mul(*right),
            B::Divide => left.checked_div(*right),
            _ => left.checked_rem(*right),
        };
        return result.map(Val::Int).ok_or_else(|| Fault::new(Code::Arithmetic, format!("the result of `{symbol}` is too large")));
    }
    let (Some(l), Some(r)) = (float(left), float(right)) else {
        return Err(Fault::kind(format!("`{symbol}` needs numbers, not {} and {}", left.kind(), right.kind()))
            .help("make a number of a string with `| number`"));
    };
    if matches!(operator, B::Divide | B::Modulo) && r == 0.0 {
        return Err(zero());
    }
    let result = match operator {
        B::Add => l + r,
        B::Subtract => l - r,
        B::Multiply => l * r,
        B::Divide => l / r,
        _ => l % r,
    };
    if result.is_finite() {
        Ok(Val::Float(result))
    } else {
        Err(Fault::new(Code::Arithmetic, format!("the result of `{symbol}` is too large")))
    }
}

pub(super) fn negate<'a>(value: &Val<'a>) -> Outcome<Val<'a>> {
    match value {
        Val::Int(i) => i.checked_neg().map(Val::Int).ok_or_else(|| Fault::new(Code::Arithmetic, "the result of `-` is too large")),
        Val::Float(f) => Ok(Val::Float(-f)),
        other => Err(Fault::kind(format!("`-` needs a number, not {}", other.kind()))),
    }
}

pub(super) fn plus(value: Val<'_>) -> Outcome<Val<'_>> {
    match value {
        Val::Int(_) | Val::Float(_) => Ok(value),
        other => Err(Fault::kind(format!("`+` needs a number, not {}", other.kind()))),
    }
}
