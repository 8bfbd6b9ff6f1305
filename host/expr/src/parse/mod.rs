//! Reads a template into its nodes.

mod expression;
mod lexer;
mod tag;

use std::sync::Arc;

use self::lexer::{Token, TokenKind};
use crate::ast::{Definitions, Node, Span};
use crate::error::{Code, Fault, Outcome};

/// Deepest nesting of expressions and of tags; evaluation recurses as deep.
pub(crate) const EXPRESSION_DEPTH: u16 = 150;
const TAG_DEPTH: u16 = 40;

pub(crate) struct Parsed {
    pub(crate) nodes: Vec<Node>,
    pub(crate) definitions: Definitions,
}

pub(crate) fn template(source: &str) -> Outcome<Parsed> {
    let tokens = lexer::template(source)?;
    let mut parser = Parser { source, tokens, at: 0, tags: 0, nesting: 0, definitions: Definitions::default() };
    let (nodes, end) = parser.nodes(&[])?;
    if let Some((name, span)) = end {
        return Err(parser.stray(&name, span));
    }
    Ok(Parsed { nodes, definitions: parser.definitions })
}

struct Parser<'s> {
    source: &'s str,
    tokens: Vec<Token>,
    at: usize,
    tags: u16,
    nesting: u16,
    definitions: Definitions,
}

impl<'s> Parser<'s> {
    fn peek(&self) -> &TokenKind {
        &self.tokens[self.at.min(self.tokens.len() - 1)].kind
    }

    fn peek_at(&self, ahead: usize) -> &TokenKind {
        &self.tokens[(self.at + ahead).min(self.tokens.len() - 1)].kind
    }

    fn span(&self) -> Span {
        self.tokens[self.at.min(self.tokens.len() - 1)].span.clone()
    }

    /// End of the token before the current one.
    fn before(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |at| self.tokens[at].span.end)
    }

    fn advance(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len() - 1);
    }

    fn slice(&self, span: &Span) -> &'s str {
        &self.source[span.clone()]
    }

    fn word(&self) -> Option<&'s str> {
        matches!(self.peek(), TokenKind::Name).then(|| self.slice(&self.span()))
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), TokenKind::Symbol(s) if *s == symbol);
        if found {
            self.advance();
        }
        found
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.word() == Some(word);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, symbol: &str, place: &str) -> Outcome<()> {
        if self.eat(symbol) { Ok(()) } else { Err(self.unexpected(&format!("`{symbol}` {place}"))) }
    }

    fn name(&mut self, what: &str) -> Outcome<(Arc<str>, Span)> {
        let span = self.span();
        match self.word() {
            Some(word) => {
                self.advance();
                Ok((Arc::from(word), span))
            }
            None => Err(self.unexpected(what)),
        }
    }

    fn unexpected(&self, wanted: &str) -> Box<Fault> {
        let span = self.span();
        let found = match self.peek() {
            TokenKind::End | TokenKind::Text | TokenKind::Raw(_) => "the end".to_owned(),
            _ => format!("`{}`", self.slice(&span)),
        };
        Fault::new(Code::Syntax, format!("expected {wanted}, found {found}")).at(&span)
    }
}
