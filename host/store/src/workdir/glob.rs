//! The glob dialect of Java's `FileSystem.getPathMatcher`, which existing flows are written in.

use super::{Error, Result};

/// `*` and `?` match within one directory (a leading dot too), `**` crosses directories, `[a-z]`, `[!x]`, `{a,b}`, `\` takes
/// the next character as it is. `**/*.csv` does not match `a.csv`: the slash must be there.
#[derive(Clone, Debug)]
pub struct Glob {
    program: Vec<Step>,
    literal: Option<String>,
    /// Slashes in a matching path at most; `None` when `**` is used.
    depth: Option<usize>,
}

#[derive(Clone, Debug)]
enum Step {
    Char(char),
    /// Anything but `/`.
    Any,
    /// One of these (or none of these), never `/`.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    /// Either go on or jump; for `*` with the loop below it.
    Fork(usize),
    Jump(usize),
    /// Anything at all, for `**`.
    Every,
}

impl Glob {
    pub fn parse(pattern: &str) -> Result<Self> {
        Parser::new(pattern).parse()
    }

    /// The path this glob stands for when it has no wildcard.
    pub fn literal(&self) -> Option<&str> {
        self.literal.as_deref()
    }

    /// How deep below the root a match can lie.
    pub(super) fn depth(&self) -> Option<usize> {
        self.depth
    }

    /// Whether the whole path matches. Works on all states at once: no pattern takes more than linear time.
    pub fn matches(&self, path: &str) -> bool {
        let mut states = States::new(self.program.len() + 1);
        let mut next = States::new(self.program.len() + 1);
        self.enter(0, &mut states);
        for character in path.chars() {
            next.clear();
            for &at in &states.list {
                let passes = match self.program.get(at) {
                    Some(Step::Char(expected)) => *expected == character,
                    Some(Step::Any) => character != '/',
                    Some(Step::Every) => true,
                    Some(Step::Class { negated, ranges }) => {
                        let inside = ranges.iter().any(|(from, to)| (*from..=*to).contains(&character));
                        character != '/' && inside != *negated
                    }
                    _ => false,
                };
                if passes {
                    self.enter(at + 1, &mut next);
                }
            }
            std::mem::swap(&mut states, &mut next);
            if states.list.is_empty() {
                return false;
            }
        }
        states.seen[self.program.len()]
    }

    fn enter(&self, start: usize, states: &mut States) {
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            if std::mem::replace(&mut states.seen[at], true) {
                continue;
            }
            match self.program.get(at) {
                Some(Step::Fork(other)) => open.extend([*other, at + 1]),
                Some(Step::Jump(to)) => open.push(*to),
                _ => states.list.push(at),
            }
        }
    }
}

struct States {
    list: Vec<usize>,
    seen: Vec<bool>,
}

impl States {
    fn new(size: usize) -> Self {
        Self { list: Vec::new(), seen: vec![false; size] }
    }

    fn clear(&mut self) {
        self.list.clear();
        self.seen.fill(false);
    }
}

struct Parser<'a> {
    pattern: &'a str,
    characters: Vec<char>,
    at: usize,
    program: Vec<Step>,
    literal: Option<String>,
    slashes: Option<usize>,
}

impl<'a> Parser<'a> {
    fn new(pattern: &'a str) -> Self {
        Self { pattern, characters: pattern.chars().collect(), at: 0, program: Vec::new(), literal: Some(String::new()), slashes: Some(0) }
    }

    fn parse(mut self) -> Result<Glob> {
        // The fork before the present alternative, and the jumps at the ends of the earlier ones.
        let mut group: Option<(usize, Vec<usize>)> = None;
        while let Some(character) = self.next() {
            match character {
                '\\' => match self.next() {
                    Some(escaped) => self.character(escaped),
                    None => return Err(self.error("nothing follows the `\\`")),
                },
                '*' if self.peek() == Some('*') => {
                    self.at += 1;
                    self.slashes = None;
                    self.repeat(Step::Every);
                }
                '*' => self.repeat(Step::Any),
                '?' => self.wild(Step::Any),
                '[' => {
                    let class = self.class()?;
                    self.wild(class);
                }
                '{' if group.is_some() => return Err(self.error("groups cannot be nested")),
                '{' => {
                    self.literal = None;
                    group = Some((self.program.len(), Vec::new()));
                    self.program.push(Step::Fork(0));
                }
                ',' if group.is_some() => self.alternative(&mut group),
                '}' if group.is_some() => {
                    if let Some((fork, ends)) = group.take() {
                        // The last alternative has no other to fork to.
                        self.program[fork] = Step::Jump(fork + 1);
                        for jump in ends {
                            self.program[jump] = Step::Jump(self.program.len());
                        }
                    }
                }
                other => self.character(other),
            }
        }
        if group.is_some() {
            return Err(self.error("a `}` is missing"));
        }
        Ok(Glob { program: self.program, literal: self.literal, depth: self.slashes })
    }

    /// Ends an alternative and starts the next: the fork of the one that ends leads there.
    fn alternative(&mut self, group: &mut Option<(usize, Vec<usize>)>) {
        let Some((fork, ends)) = group else { return };
        ends.push(self.program.len());
        self.program.push(Step::Jump(0));
        let next = self.program.len();
        self.program[*fork] = Step::Fork(next);
        *fork = next;
        self.program.push(Step::Fork(0));
    }

    fn class(&mut self) -> Result<Step> {
        let negated = self.peek() == Some('!');
        if negated {
            self.at += 1;
        }
        let mut ranges = Vec::new();
        loop {
            let Some(from) = self.next() else {
                return Err(self.error("a `]` is missing"));
            };
            match from {
                ']' => break,
                '/' => return Err(self.error("`/` cannot be in brackets")),
                _ => {}
            }
            let to = match (self.peek(), self.characters.get(self.at + 1).copied()) {
                (Some('-'), Some(to)) if to != ']' => {
                    self.at += 2;
                    to
                }
                _ => from,
            };
            if to < from || to == '/' {
                return Err(self.error(&format!("`{from}-{to}` is not a range")));
            }
            ranges.push((from, to));
        }
        if ranges.is_empty() {
            return Err(self.error("the brackets are empty"));
        }
        Ok(Step::Class { negated, ranges })
    }

    fn character(&mut self, character: char) {
        if character == '/'
            && let Some(slashes) = &mut self.slashes
        {
            *slashes += 1;
        }
        if let Some(literal) = &mut self.literal {
            literal.push(character);
        }
        self.program.push(Step::Char(character));
    }

    fn wild(&mut self, step: Step) {
        self.literal = None;
        self.program.push(step);
    }

    fn repeat(&mut self, step: Step) {
        let start = self.program.len();
        self.program.push(Step::Fork(start + 3));
        self.wild(step);
        self.program.push(Step::Jump(start));
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += 1;
        Some(character)
    }

    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn error(&self, reason: &str) -> Error {
        Error::Glob { pattern: self.pattern.to_owned(), at: self.at, reason: reason.to_owned() }
    }
}
