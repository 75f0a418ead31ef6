//! What a call asks of an agent (FEATURES E2): a boolean expression over skills and call attributes. Text is read once
//! ([`Requirement::parse`]), the attributes of a call are filled in once a call ([`Requirement::residual`]), and what is left,
//! over skills only, is compiled into tests that match an agent's [`SkillSet`] without an allocation ([`Residual::compile`]).
//!
//! ```text
//! expression = all { "||" all }              "|" is the same
//! all        = term { "&&" term }            "&" is the same; binds closer than "||"
//! term       = "!" term | "(" expression ")" | "true" | "false"
//!            | SKILL                         has it enabled, at any level
//!            | SKILL op LEVEL                LEVEL is 0 to 10, or $NAME: a number that the call brings
//!            | NAME op "TEXT"                an attribute of the call; "==" and "!=" only
//!            | $NAME op VALUE                the same, said plainly; VALUE is a number or "TEXT"
//!            | $NAME                         the call brings this attribute
//! op         = ">=" | ">" | "<=" | "<" | "==" | "!="      "=" is "=="
//! ```
//!
//! `call.NAME` is `$NAME`. So it is the form that tells skills from attributes, never a list of names: a bare word is a skill
//! unless it is compared with a quoted text. A skill that an agent lacks, or that is disabled, has level 0. A comparison with
//! an attribute that the call does not bring, or brings as text where a number is asked, is false, and `!=` is always the
//! opposite of `==`.

mod attributes;
mod compiled;
mod expression;
mod parse;
mod residual;
mod skills;

#[cfg(test)]
mod tests;

pub use attributes::{Attributes, Value};
pub use compiled::Compiled;
pub use expression::{Operator, Requirement};
pub use parse::{Fault, RequirementError};
pub use residual::{Levels, Residual, Unmet};
pub use skills::{LEVEL_MAX, Skill, SkillId, SkillIds, SkillSet};
