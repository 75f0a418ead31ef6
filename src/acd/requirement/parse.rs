//! Text to [`Requirement`]: one pass by recursive descent, within bounds on length, depth and terms. Says at which column
//! it stopped and what was expected there.

use std::sync::Arc;

use super::expression::{Bound, Node, Operator, Requirement, all, any, not};
use super::skills::LEVEL_MAX;
use crate::base::limits::{REQUIREMENT_BYTES_MAX, REQUIREMENT_DEPTH_MAX, REQUIREMENT_TERMS_MAX};

/// Why a text is no requirement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {what}")]
pub struct RequirementError {
    /// The character at which it went wrong, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub what: Fault,
}

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// More than `REQUIREMENT_BYTES_MAX` bytes.
    #[error("it is longer than {REQUIREMENT_BYTES_MAX} bytes")]
    TooLong,
    /// Parentheses and `!` nest deeper than `REQUIREMENT_DEPTH_MAX`.
    #[error("parentheses and `!` nest deeper than {REQUIREMENT_DEPTH_MAX}")]
    TooDeep,
    /// More than `REQUIREMENT_TERMS_MAX` terms.
    #[error("it has more than {REQUIREMENT_TERMS_MAX} terms")]
    TooManyTerms,
    /// A character that begins nothing.
    #[error("{0:?} may not stand here")]
    Character(char),
    /// A quoted text without its end.
    #[error("the quoted text does not end")]
    UnclosedText,
    /// A parenthesis without its end.
    #[error("expected `)` or an operator, found {0}")]
    UnclosedParenthesis(String),
    /// A skill, an attribute, `!` or `(` should stand here.
    #[error("expected a skill, an attribute, `!` or `(`, found {0}")]
    TermExpected(String),
    /// The text goes on where it should end.
    #[error("expected `&&`, `||` or the end, found {0}")]
    OperatorExpected(String),
    /// A value should stand after a comparison.
    #[error("expected a number, a quoted text or $NAME, found {0}")]
    ValueExpected(String),
    /// A word without quotes is compared with.
    #[error("`{0}` is no value; write \"{0}\" for a text or ${0} for an attribute of the call")]
    BareWord(String),
    /// A level outside of 0 to 10.
    #[error("a skill's level is 0 to {LEVEL_MAX}, not {0}")]
    Level(i64),
    /// A number that cannot be held.
    #[error("`{0}` is out of range")]
    Number(String),
    /// An order between texts.
    #[error("texts are compared with == and != only")]
    TextOrder,
    /// An attribute compared with another.
    #[error("an attribute is compared with a number or a quoted text")]
    TwoAttributes,
    /// `$` or `call.` without a name.
    #[error("a name should follow `$` or `call.`")]
    NameExpected,
}

impl Requirement {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its column.
    pub fn parse(text: &str) -> Result<Self, RequirementError> {
        if text.len() > REQUIREMENT_BYTES_MAX {
            return Err(RequirementError { column: 1, what: Fault::TooLong });
        }
        let tokens = tokens(text)?;
        let end = text.chars().count() + 1;
        let mut reader = Reader { tokens: &tokens, end, depth: 0, terms: 0 };
        let root = reader.any()?;
        match reader.tokens.first() {
            Some(next) => Err(next.fault(Fault::OperatorExpected(next.token.describe()))),
            None => Ok(Self { root }),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A skill, an attribute's name, a number, `true` or `false`: its place says which.
    Word(String),
    /// `$NAME` or `call.NAME`.
    Attribute(Arc<str>),
    Text(Arc<str>),
    Compare(Operator),
    And,
    Or,
    Not,
    Open,
    Close,
}

impl Token {
    fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("`{word}`"),
            Self::Attribute(name) => format!("`${name}`"),
            Self::Text(text) => format!("\"{text}\""),
            Self::Compare(operator) => format!("`{}`", operator.as_str()),
            Self::And => "`&&`".to_string(),
            Self::Or => "`||`".to_string(),
            Self::Not => "`!`".to_string(),
            Self::Open => "`(`".to_string(),
            Self::Close => "`)`".to_string(),
        }
    }
}

/// A token with its column.
#[derive(Debug)]
struct Placed {
    token: Token,
    column: usize,
}

impl Placed {
    fn fault(&self, what: Fault) -> RequirementError {
        RequirementError { column: self.column, what }
    }
}

/// Cuts a text into tokens.
fn tokens(text: &str) -> Result<Vec<Placed>, RequirementError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut column = 1;
    while let Some(first) = rest.chars().next() {
        let (token, bytes) = match first {
            c if c.is_whitespace() => (None, c.len_utf8()),
            c => token(c, rest)
                .map(|(token, bytes)| (Some(token), bytes))
                .map_err(|what| RequirementError { column, what })?,
        };
        tokens.extend(token.map(|token| Placed { token, column }));
        let (read, after) = rest.split_at(bytes);
        column += read.chars().count();
        rest = after;
    }
    Ok(tokens)
}

/// The token that `rest` begins with, and its length in bytes.
fn token(first: char, rest: &str) -> Result<(Token, usize), Fault> {
    let doubled = rest[first.len_utf8()..].starts_with(first);
    let or_equal = rest[first.len_utf8()..].starts_with('=');
    Ok(match first {
        '(' => (Token::Open, 1),
        ')' => (Token::Close, 1),
        '&' => (Token::And, 1 + usize::from(doubled)),
        '|' => (Token::Or, 1 + usize::from(doubled)),
        '=' => (Token::Compare(Operator::Equal), 1 + usize::from(doubled)),
        '!' if or_equal => (Token::Compare(Operator::Unequal), 2),
        '!' => (Token::Not, 1),
        '>' if or_equal => (Token::Compare(Operator::AtLeast), 2),
        '>' => (Token::Compare(Operator::Above), 1),
        '<' if or_equal => (Token::Compare(Operator::AtMost), 2),
        '<' => (Token::Compare(Operator::Below), 1),
        '"' | '\'' => {
            let text = rest[1..].split_once(first).ok_or(Fault::UnclosedText)?.0;
            if let Some(control) = text.chars().find(|c| c.is_control()) {
                return Err(Fault::Character(control));
            }
            (Token::Text(text.into()), text.len() + 2)
        }
        '$' => {
            let name = word(&rest[1..]);
            (attribute(name)?, name.len() + 1)
        }
        c if is_name(c) => {
            let name = word(rest);
            let token = if name.starts_with(CALL) { attribute(name)? } else { Token::Word(name.to_string()) };
            (token, name.len())
        }
        c => return Err(Fault::Character(c)),
    })
}

/// The other spelling of `$`.
const CALL: &str = "call.";

fn attribute(name: &str) -> Result<Token, Fault> {
    let mut name = name;
    while let Some(inner) = name.strip_prefix(CALL) {
        name = inner;
    }
    let is_constant = constant(name).is_some();
    if name.is_empty() || is_constant { Err(Fault::NameExpected) } else { Ok(Token::Attribute(name.into())) }
}

fn constant(word: &str) -> Option<bool> {
    match word {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn word(text: &str) -> &str {
    &text[..text.find(|c| !is_name(c)).unwrap_or(text.len())]
}

/// The characters of names in a configuration.
fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+')
}

struct Reader<'t> {
    tokens: &'t [Placed],
    /// The column after the last.
    end: usize,
    depth: usize,
    terms: usize,
}

impl<'t> Reader<'t> {
    fn any(&mut self) -> Result<Node, RequirementError> {
        let mut parts = vec![self.all()?];
        while self.take(&Token::Or) {
            parts.push(self.all()?);
        }
        Ok(any(parts))
    }

    fn all(&mut self) -> Result<Node, RequirementError> {
        let mut parts = vec![self.term()?];
        while self.take(&Token::And) {
            parts.push(self.term()?);
        }
        Ok(all(parts))
    }

    fn term(&mut self) -> Result<Node, RequirementError> {
        let Some(next) = self.next() else { return Err(self.at_end(Fault::TermExpected(END.to_string()))) };
        match &next.token {
            Token::Not => {
                self.enter(next)?;
                let inner = self.term()?;
                self.depth -= 1;
                Ok(not(inner))
            }
            Token::Open => {
                self.enter(next)?;
                let inner = self.any()?;
                self.depth -= 1;
                match self.next() {
                    Some(Placed { token: Token::Close, .. }) => Ok(inner),
                    Some(other) => Err(other.fault(Fault::UnclosedParenthesis(other.token.describe()))),
                    None => Err(self.at_end(Fault::UnclosedParenthesis(END.to_string()))),
                }
            }
            Token::Word(word) => {
                self.count(next)?;
                self.word(word)
            }
            Token::Attribute(name) => {
                self.count(next)?;
                self.attribute(name)
            }
            Token::Text(_) | Token::Compare(_) | Token::And | Token::Or | Token::Close => {
                Err(next.fault(Fault::TermExpected(next.token.describe())))
            }
        }
    }

    /// After a bare word: a skill, or an attribute compared with a text.
    fn word(&mut self, word: &str) -> Result<Node, RequirementError> {
        let name: Arc<str> = word.into();
        let Some(operator) = self.operator() else {
            return Ok(constant(word).map_or_else(|| Node::has(name), Node::Constant));
        };
        let value = self.value()?;
        match &value.token {
            Token::Text(text) => compare_text(name, operator, text, value),
            Token::Attribute(from) => Ok(Node::Skill { name, operator, level: Bound::Attribute(Arc::clone(from)) }),
            Token::Word(_) | Token::Compare(_) | Token::And | Token::Or | Token::Not | Token::Open | Token::Close => {
                let level = number(value)?;
                let fixed = u8::try_from(level).ok().filter(|level| *level <= LEVEL_MAX);
                let fixed = fixed.ok_or_else(|| value.fault(Fault::Level(level)))?;
                Ok(Node::Skill { name, operator, level: Bound::Fixed(fixed) })
            }
        }
    }

    /// After `$NAME`.
    fn attribute(&mut self, name: &Arc<str>) -> Result<Node, RequirementError> {
        let name = Arc::clone(name);
        let Some(operator) = self.operator() else { return Ok(Node::Given { name }) };
        let value = self.value()?;
        match &value.token {
            Token::Text(text) => compare_text(name, operator, text, value),
            Token::Attribute(_) => Err(value.fault(Fault::TwoAttributes)),
            Token::Word(_) | Token::Compare(_) | Token::And | Token::Or | Token::Not | Token::Open | Token::Close => {
                Ok(Node::Number { name, operator, value: number(value)? })
            }
        }
    }

    fn operator(&mut self) -> Option<Operator> {
        let Some(Placed { token: Token::Compare(operator), .. }) = self.tokens.first() else { return None };
        self.tokens = &self.tokens[1..];
        Some(*operator)
    }

    fn value(&mut self) -> Result<&'t Placed, RequirementError> {
        self.next().ok_or_else(|| self.at_end(Fault::ValueExpected(END.to_string())))
    }

    fn next(&mut self) -> Option<&'t Placed> {
        let (next, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(next)
    }

    fn take(&mut self, token: &Token) -> bool {
        let is_next = self.tokens.first().is_some_and(|next| next.token == *token);
        if is_next {
            self.tokens = &self.tokens[1..];
        }
        is_next
    }

    fn enter(&mut self, at: &Placed) -> Result<(), RequirementError> {
        self.depth += 1;
        if self.depth > REQUIREMENT_DEPTH_MAX { Err(at.fault(Fault::TooDeep)) } else { Ok(()) }
    }

    fn count(&mut self, at: &Placed) -> Result<(), RequirementError> {
        self.terms += 1;
        if self.terms > REQUIREMENT_TERMS_MAX { Err(at.fault(Fault::TooManyTerms)) } else { Ok(()) }
    }

    fn at_end(&self, what: Fault) -> RequirementError {
        RequirementError { column: self.end, what }
    }
}

const END: &str = "the end";

fn compare_text(name: Arc<str>, operator: Operator, text: &Arc<str>, at: &Placed) -> Result<Node, RequirementError> {
    let equal = match operator {
        Operator::Equal => true,
        Operator::Unequal => false,
        Operator::AtLeast | Operator::Above | Operator::AtMost | Operator::Below => {
            return Err(at.fault(Fault::TextOrder));
        }
    };
    if constant(&name).is_some() {
        return Err(at.fault(Fault::OperatorExpected(at.token.describe())));
    }
    Ok(Node::Text { name, equal, value: Arc::clone(text) })
}

fn number(at: &Placed) -> Result<i64, RequirementError> {
    let Token::Word(word) = &at.token else { return Err(at.fault(Fault::ValueExpected(at.token.describe()))) };
    let digits = word.trim_start_matches(['+', '-']);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(at.fault(Fault::BareWord(word.clone())));
    }
    word.parse().map_err(|_| at.fault(Fault::Number(word.clone())))
}
