//! Tags: `if`, `for`, `set`, `macro`, `block`, `filter`.

use std::sync::Arc;

use super::lexer::TokenKind;
use super::{Parser, TAG_DEPTH};
use crate::ast::{FilterUse, Macro, Node, Span};
use crate::error::{Code, Fault, Outcome};
use crate::nearest::{did_you_mean, elsewhere};

const TAGS: [&str; 8] = ["if", "for", "set", "macro", "block", "filter", "raw", "verbatim"];
const INNER: [&str; 10] = ["elseif", "else", "endif", "endfor", "endmacro", "endblock", "endfilter", "endraw", "endverbatim", "endset"];
const REMOVED: [&str; 9] = ["autoescape", "cache", "embed", "extends", "flush", "from", "import", "include", "parallel"];

/// The name of the tag that ended a body; its closing `%}` is not read yet.
type Ending = Option<(String, Span)>;

impl Parser<'_> {
    /// Nodes up to a tag named in `ends`, which is consumed up to its name.
    pub(super) fn nodes(&mut self, ends: &[&str]) -> Outcome<(Vec<Node>, Ending)> {
        let mut nodes = Vec::new();
        loop {
            let span = self.span();
            match self.peek().clone() {
                TokenKind::Text => {
                    self.advance();
                    nodes.push(Node::Text(span));
                }
                TokenKind::Raw(inner) => {
                    self.advance();
                    nodes.push(Node::Raw { inner, whole: span });
                }
                TokenKind::PrintStart => {
                    self.advance();
                    let expr = self.expression()?;
                    if !matches!(self.peek(), TokenKind::PrintEnd) {
                        return Err(self.unexpected("an operator or `}}`"));
                    }
                    self.advance();
                    nodes.push(Node::Print(expr));
                }
                TokenKind::TagStart => {
                    self.advance();
                    let (name, span) = self.name("the name of a tag")?;
                    if ends.contains(&&*name) || INNER.contains(&&*name) {
                        return Ok((nodes, Some((name.to_string(), span))));
                    }
                    self.tags += 1;
                    if self.tags > TAG_DEPTH {
                        return Err(Fault::limit(format!("tags nest deeper than {TAG_DEPTH} levels")).at(&span));
                    }
                    let node = self.tag(&name, span)?;
                    self.tags -= 1;
                    nodes.extend(node);
                }
                _ => return Ok((nodes, None)),
            }
        }
    }

    fn tag(&mut self, name: &str, span: Span) -> Outcome<Option<Node>> {
        match name {
            "if" => self.if_tag(span).map(Some),
            "for" => self.for_tag(span).map(Some),
            "set" => {
                let (name, _) = self.name("the name of a variable")?;
                self.expect("=", "after the name")?;
                let value = self.expression()?;
                self.tag_end()?;
                Ok(Some(Node::Set { name, value }))
            }
            "macro" => self.macro_tag(span).map(|()| None),
            "block" => self.block_tag(span).map(Some),
            "filter" => self.filter_tag(span).map(Some),
            _ if REMOVED.contains(&name) => Err(Fault::new(Code::Syntax, format!("the tag `{name}` is not available in flows")).at(&span)),
            _ => Err(Fault::new(Code::Syntax, format!("there is no tag `{name}`"))
                .help_if(
                    elsewhere(name)
                        .map(str::to_owned)
                        .or_else(|| did_you_mean(name, TAGS))
                        .or_else(|| Some(format!("the tags are {}", TAGS.join(", ")))),
                )
                .at(&span)),
        }
    }

    fn tag_end(&mut self) -> Outcome<()> {
        if !matches!(self.peek(), TokenKind::TagEnd) {
            return Err(self.unexpected("an operator or `%}`"));
        }
        self.advance();
        Ok(())
    }

    pub(super) fn stray(&self, name: &str, span: Span) -> Box<Fault> {
        Fault::new(Code::Syntax, format!("`{{% {name} %}}` belongs to no open tag")).at(&span)
    }

    /// The body of `opener`, up to one of `ends`.
    fn body(&mut self, opener: &str, opened: &Span, ends: &[&str]) -> Outcome<(Vec<Node>, String)> {
        let (nodes, end) = self.nodes(ends)?;
        match end {
            Some((name, _)) if ends.contains(&name.as_str()) => Ok((nodes, name)),
            Some((name, span)) => {
                Err(self.stray(&name, span).help(format!("`{opener}` is still open: close it with `{{% end{opener} %}}`")))
            }
            None => Err(Fault::new(Code::Syntax, format!("`{{% {opener} %}}` is not closed"))
                .help(format!("write `{{% end{opener} %}}` where it ends"))
                .at(opened)),
        }
    }

    fn if_tag(&mut self, span: Span) -> Outcome<Node> {
        let mut branches = Vec::new();
        let mut otherwise = Vec::new();
        let mut condition = self.expression()?;
        loop {
            self.tag_end()?;
            let (body, end) = self.body("if", &span, &["elseif", "else", "endif"])?;
            branches.push((condition, body));
            match end.as_str() {
                "elseif" => condition = self.expression()?,
                "else" => {
                    self.tag_end()?;
                    (otherwise, _) = self.body("if", &span, &["endif"])?;
                    break;
                }
                _ => break,
            }
        }
        self.tag_end()?;
        Ok(Node::If { branches, otherwise })
    }

    fn for_tag(&mut self, span: Span) -> Outcome<Node> {
        let (name, _) = self.name("the name of the loop variable")?;
        if !self.eat_word("in") {
            return Err(self.unexpected("`in`"));
        }
        let items = self.expression()?;
        self.tag_end()?;
        let (body, end) = self.body("for", &span, &["else", "endfor"])?;
        let mut otherwise = Vec::new();
        if end == "else" {
            self.tag_end()?;
            (otherwise, _) = self.body("for", &span, &["endfor"])?;
        }
        self.tag_end()?;
        Ok(Node::For { name, items, body, otherwise })
    }

    fn macro_tag(&mut self, span: Span) -> Outcome<()> {
        let (name, name_span) = self.name("the name of the macro")?;
        self.expect("(", "after the name of the macro")?;
        let mut params = Vec::new();
        while !self.eat(")") {
            let (param, _) = self.name("the name of a parameter or `)`")?;
            let default = if self.eat("=") { Some(self.expression()?) } else { None };
            params.push((param, default));
            if !self.eat(",") {
                self.expect(")", "after the parameters")?;
                break;
            }
        }
        self.tag_end()?;
        let (body, _) = self.body("macro", &span, &["endmacro"])?;
        self.closing_name()?;
        if self.definitions.macros.contains_key(&name) {
            return Err(Fault::new(Code::Syntax, format!("the macro `{name}` is written twice")).at(&name_span));
        }
        self.definitions.macros.insert(name, Macro { params, body });
        Ok(())
    }

    fn block_tag(&mut self, span: Span) -> Outcome<Node> {
        let name_span = self.span();
        let name: Arc<str> = match self.peek() {
            TokenKind::Str(name) => Arc::from(name.as_str()),
            TokenKind::Name => Arc::from(self.slice(&name_span)),
            _ => return Err(self.unexpected("the name of the block")),
        };
        self.advance();
        self.tag_end()?;
        let (body, _) = self.body("block", &span, &["endblock"])?;
        self.closing_name()?;
        if self.definitions.blocks.contains_key(&name) {
            return Err(Fault::new(Code::Syntax, format!("the block `{name}` is written twice")).at(&name_span));
        }
        self.definitions.blocks.insert(Arc::clone(&name), body);
        Ok(Node::Block { name, span: name_span })
    }

    /// `endmacro name` and `endblock "name"` may repeat the name.
    fn closing_name(&mut self) -> Outcome<()> {
        if matches!(self.peek(), TokenKind::Name | TokenKind::Str(_)) {
            self.advance();
        }
        self.tag_end()
    }

    fn filter_tag(&mut self, span: Span) -> Outcome<Node> {
        let mut uses: Vec<FilterUse> = vec![self.filter_use()?];
        while self.eat("|") {
            uses.push(self.filter_use()?);
        }
        self.tag_end()?;
        let (body, _) = self.body("filter", &span, &["endfilter"])?;
        self.tag_end()?;
        Ok(Node::Filter { uses, body })
    }
}
