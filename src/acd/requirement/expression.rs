//! [`Requirement`]: the expression as it was written, with attributes still open, and its printed form.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// What a call asks of an agent. Printed, it is the text that [`Requirement::parse`] reads into an equal one: one spelling of
/// each operator, one space, and no parenthesis that is not needed. (A text just below the bound on length may print longer
/// than that bound.)
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Requirement {
    pub(super) root: Node,
}

/// A part of an expression.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Node {
    /// `true` or `false`.
    Constant(bool),
    /// `SKILL op LEVEL`.
    Skill { name: Arc<str>, operator: Operator, level: Bound },
    /// `$NAME op NUMBER`.
    Number { name: Arc<str>, operator: Operator, value: i64 },
    /// `NAME == "TEXT"`, or `!=` when not `equal`.
    Text { name: Arc<str>, equal: bool, value: Arc<str> },
    /// `$NAME`.
    Given { name: Arc<str> },
    /// `!x`; never of another `!`.
    Not(Box<Self>),
    /// `x && y ...`: two or more, none of which is an `All`.
    All(Vec<Self>),
    /// `x || y ...`: two or more, none of which is an `Any`.
    Any(Vec<Self>),
}

/// The level a skill is compared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Bound {
    /// 0 to 10.
    Fixed(u8),
    /// The number in this attribute.
    Attribute(Arc<str>),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// `>=`
    AtLeast,
    /// `>`
    Above,
    /// `<=`
    AtMost,
    /// `<`
    Below,
    /// `==` or `=`
    Equal,
    /// `!=`
    Unequal,
}

impl Operator {
    /// As it is printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtLeast => ">=",
            Self::Above => ">",
            Self::AtMost => "<=",
            Self::Below => "<",
            Self::Equal => "==",
            Self::Unequal => "!=",
        }
    }

    /// Compares two numbers.
    pub const fn holds(self, left: i64, right: i64) -> bool {
        match self {
            Self::AtLeast => left >= right,
            Self::Above => left > right,
            Self::AtMost => left <= right,
            Self::Below => left < right,
            Self::Equal => left == right,
            Self::Unequal => left != right,
        }
    }
}

impl Requirement {
    /// Asks for each of these skills at any level: what a list of skills means. An empty list fits everybody.
    pub fn all_of<'n>(skills: impl IntoIterator<Item = &'n Arc<str>>) -> Self {
        Self { root: all(skills.into_iter().map(|name| Node::has(Arc::clone(name))).collect()) }
    }

    /// The names of the skills it asks about, each once.
    pub fn skills(&self) -> BTreeSet<Arc<str>> {
        let mut names = BTreeSet::new();
        self.root.visit(&mut |node| {
            if let Node::Skill { name, .. } = node {
                names.insert(Arc::clone(name));
            }
        });
        names
    }

    /// The names of the attributes it asks about, each once. With none, its residual is the same for every call.
    pub fn attributes(&self) -> BTreeSet<Arc<str>> {
        let mut names = BTreeSet::new();
        self.root.visit(&mut |node| match node {
            Node::Skill { level: Bound::Attribute(name), .. }
            | Node::Number { name, .. }
            | Node::Text { name, .. }
            | Node::Given { name } => drop(names.insert(Arc::clone(name))),
            Node::Skill { level: Bound::Fixed(_), .. }
            | Node::Constant(_)
            | Node::Not(_)
            | Node::All(_)
            | Node::Any(_) => {}
        });
        names
    }
}

impl Node {
    /// `SKILL`: any level.
    pub(super) fn has(name: Arc<str>) -> Self {
        Self::Skill { name, operator: Operator::AtLeast, level: Bound::Fixed(1) }
    }

    fn visit(&self, on_node: &mut impl FnMut(&Self)) {
        on_node(self);
        match self {
            Self::Not(inner) => inner.visit(on_node),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.visit(on_node)),
            Self::Constant(_) | Self::Skill { .. } | Self::Number { .. } | Self::Text { .. } | Self::Given { .. } => {}
        }
    }
}

/// All of the parts, flat.
pub(super) fn all(parts: Vec<Node>) -> Node {
    let mut flat = Vec::new();
    for part in parts {
        if let Node::All(inner) = part { flat.extend(inner) } else { flat.push(part) }
    }
    if flat.is_empty() { Node::Constant(true) } else { one_or(flat, Node::All) }
}

/// Any of the parts, flat; there is one at least.
pub(super) fn any(parts: Vec<Node>) -> Node {
    let mut flat = Vec::new();
    for part in parts {
        if let Node::Any(inner) = part { flat.extend(inner) } else { flat.push(part) }
    }
    one_or(flat, Node::Any)
}

/// The opposite, without a double `!`.
pub(super) fn not(node: Node) -> Node {
    if let Node::Not(inner) = node { *inner } else { Node::Not(Box::new(node)) }
}

fn one_or(mut parts: Vec<Node>, many: fn(Vec<Node>) -> Node) -> Node {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            parts.push(last);
            many(parts)
        }
        (None, _) => Node::Constant(false),
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(value) => write!(f, "{value}"),
            Self::Skill { name, operator: Operator::AtLeast, level: Bound::Fixed(1) } => f.write_str(name),
            Self::Skill { name, operator, level } => write!(f, "{name} {} {level}", operator.as_str()),
            Self::Number { name, operator, value } => write!(f, "${name} {} {value}", operator.as_str()),
            Self::Text { name, equal, value } => {
                let quote = if value.contains('"') { '\'' } else { '"' };
                write!(f, "{name} {} {quote}{value}{quote}", if *equal { "==" } else { "!=" })
            }
            Self::Given { name } => write!(f, "${name}"),
            Self::Not(inner) => match **inner {
                Self::Constant(_) | Self::Given { .. } => write!(f, "!{inner}"),
                Self::Skill { operator: Operator::AtLeast, level: Bound::Fixed(1), .. } => write!(f, "!{inner}"),
                Self::Skill { .. }
                | Self::Number { .. }
                | Self::Text { .. }
                | Self::Not(_)
                | Self::All(_)
                | Self::Any(_) => write!(f, "!({inner})"),
            },
            Self::All(parts) => join(f, parts, " && "),
            Self::Any(parts) => join(f, parts, " || "),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(level) => write!(f, "{level}"),
            Self::Attribute(name) => write!(f, "${name}"),
        }
    }
}

/// Prints the parts; one that joins others stands in parentheses, so that nobody has to know what binds closer.
fn join(f: &mut fmt::Formatter<'_>, parts: &[Node], between: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        match part {
            Node::All(_) | Node::Any(_) => write!(f, "({part})")?,
            Node::Constant(_)
            | Node::Skill { .. }
            | Node::Number { .. }
            | Node::Text { .. }
            | Node::Given { .. }
            | Node::Not(_) => write!(f, "{part}")?,
        }
    }
    Ok(())
}
