//! The audit line: one log event with target `audit` for each action of a person or program, with who, what,
//! why and the outcome.

use std::sync::Arc;

use crate::acd::Actor;
use crate::api::problem::Problem;

/// Who did what to whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Action<'a> {
    /// The user.
    pub(super) who: &'a str,
    /// The action's name.
    pub(super) what: &'static str,
    /// The agent or call.
    pub(super) subject: &'a str,
    /// The action's argument.
    pub(super) detail: &'a str,
    /// The user's own words; may be empty.
    pub(super) why: &'a str,
}

impl Action<'_> {
    /// Who acts, as facts name it: whoever says why is a supervisor who takes it upon himself.
    pub(super) fn actor(&self) -> Actor {
        let name = Arc::from(self.who);
        if self.why.is_empty() { Actor::User(name) } else { Actor::Supervisor { name, why: self.why.into() } }
    }
}

/// Writes the line.
pub(super) fn write<T>(action: &Action<'_>, outcome: &Result<T, Problem>) {
    let Action { who, what, subject, detail, why } = *action;
    match outcome {
        Ok(_) => tracing::info!(target: "audit", who, what, subject, detail, why, outcome = "done"),
        Err(problem) => {
            let (outcome, refused) = (problem.status().as_u16(), problem.detail());
            tracing::info!(target: "audit", who, what, subject, detail, why, outcome, refused);
        }
    }
}
