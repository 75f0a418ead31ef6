//! How each type of a fact's fields is written and read. A value that is not what the schema says is a named error; nothing is
//! guessed.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use crate::acd::{Actor, AgentState, DeviceState, LostCause, Reason};
use crate::base::{AgentId, CallId, Instant, PeerId, Pii, QueueId};
use crate::records::unreadable::Unreadable;
use crate::records::words::{Own, Plain, Word};
use crate::records::writer::Writer;

/// What stands in a fact whose personal part was left out of the line: no key of any phone.
pub(super) const WITHHELD: char = char::REPLACEMENT_CHARACTER;

/// A type of a field.
pub(super) trait Value: Sized {
    /// What stands in the line, in words, with the unit.
    const FORM: &'static str;

    /// The keys under which a field of this name stands: the first tells the value, the others help people.
    fn keys(name: &str) -> Vec<String> {
        vec![name.to_string()]
    }

    /// Writes the field.
    fn write(&self, name: &str, to: &mut Writer<'_>);

    /// Reads the field.
    fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable>;
}

/// A field that must be there.
fn get<'m>(name: &str, from: &'m Map<String, Json>) -> Result<&'m Json, Unreadable> {
    from.get(name).filter(|value| !value.is_null()).ok_or_else(|| Unreadable::Missing(name.to_string()))
}

pub(super) fn wrong<T>(name: &str, form: &str) -> Result<T, Unreadable> {
    Err(Unreadable::Wrong { field: name.to_string(), expected: form.to_string() })
}

/// A word of `what` that this version does not have.
pub(super) fn unknown<T>(name: &str, word: &str) -> Result<T, Unreadable> {
    Err(Unreadable::UnknownWord { field: name.to_string(), word: word.to_string() })
}

fn number(name: &str, from: &Map<String, Json>) -> Result<u64, Unreadable> {
    get(name, from)?.as_u64().map_or_else(|| wrong(name, "a whole number"), Ok)
}

fn small(name: &str, from: &Map<String, Json>) -> Result<u32, Unreadable> {
    number(name, from)?.try_into().or_else(|_| wrong(name, "a whole number below 2^32"))
}

pub(super) fn text<'m>(name: &str, from: &'m Map<String, Json>) -> Result<&'m str, Unreadable> {
    get(name, from)?.as_str().map_or_else(|| wrong(name, "a text"), Ok)
}

/// The object of a field, and the word that tells what else is in it.
pub(super) fn object<'m>(
    name: &str,
    word: &str,
    from: &'m Map<String, Json>,
) -> Result<(&'m Map<String, Json>, &'m str), Unreadable> {
    let Some(object) = get(name, from)?.as_object() else { return wrong(name, "an object") };
    Ok((object, text(word, object)?))
}

fn word<W: Word>(name: &str, from: &Map<String, Json>) -> Result<W, Unreadable> {
    let found = text(name, from)?;
    W::of_word(found).ok_or_else(|| Unreadable::UnknownWord { field: name.to_string(), word: found.to_string() })
}

impl<W: Word> Value for W {
    const FORM: &'static str = W::SHOWN;

    fn write(&self, name: &str, to: &mut Writer<'_>) {
        to.text(name, self.word());
    }

    fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable> {
        word(name, from)
    }
}

impl Value for bool {
    const FORM: &'static str = "`true` or `false`";

    fn write(&self, name: &str, to: &mut Writer<'_>) {
        to.flag(name, *self);
    }

    fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable> {
        get(name, from)?.as_bool().map_or_else(|| wrong(name, Self::FORM), Ok)
    }
}

impl Value for u32 {
    const FORM: &'static str = "a whole number";

    fn write(&self, name: &str, to: &mut Writer<'_>) {
        to.number(name, u64::from(*self));
    }

    fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable> {
        small(name, from)
    }
}

impl Value for i32 {
    const FORM: &'static str = "a whole number, also below zero";

    fn write(&self, name: &str, to: &mut Writer<'_>) {
        to.signed(name, i64::from(*self));
    }

    fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable> {
        let number = get(name, from)?.as_i64().and_then(|number| Self::try_from(number).ok());
        number.map_or_else(|| wrong(name, "a whole number from -2^31 to 2^31 - 1"), Ok)
    }
}

impl Value for Duration {
    const FORM: &'static str = "microseconds";

    fn write(&self, name: &str, to: &mut Writer<'_>) {
        to.number(name, u64::try_from(self.as_micros()).unwrap_or(u64::MAX));
    }

    fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable> {
        number(name, from).map(Self::from_micros)
    }
}

impl Value for Instant {
    const FORM: &'static str = "microseconds of the engine's time";

    fn write(&self, name: &str, to: &mut Writer<'_>) {
        to.number(name, self.as_micros());
    }

    fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable> {
        number(name, from).map(Self::from_micros)
    }
}

impl Value for CallId {
    const FORM: &'static str = "the call's id, as the control plane writes it: `c17`";

    fn write(&self, name: &str, to: &mut Writer<'_>) {
        to.text(name, &self.to_string());
    }

    fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable> {
        let digits = text(name, from)?.strip_prefix('c');
        // What the engine would not write itself (`c+1`, `c01`) is no id.
        let id = digits.and_then(|digits| digits.parse().ok().filter(|id: &u64| id.to_string() == digits));
        id.map_or_else(|| wrong(name, Self::FORM), |id| Ok(Self(id)))
    }
}

macro_rules! named_id {
    ($type:ident, $names:ident, $form:literal) => {
        impl Value for $type {
            const FORM: &'static str = $form;

            fn keys(name: &str) -> Vec<String> {
                vec![format!("{name}_id"), name.to_string()]
            }

            fn write(&self, name: &str, to: &mut Writer<'_>) {
                to.number(&format!("{name}_id"), u64::from(self.0));
                if let Some(called) = to.names.$names(*self) {
                    to.text(name, called);
                }
            }

            fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable> {
                small(&format!("{name}_id"), from).map(Self)
            }
        }
    };
}

named_id!(
    QueueId,
    queue,
    "a number that stays with the name for one run of the engine, and the name where it is known"
);
named_id!(
    AgentId,
    agent,
    "a number that stays with the name for one run of the engine, and the name where it is known"
);
named_id!(PeerId, peer, "a number that stays with the name for one run of the engine, and the name where it is known");

/// What may be missing.
macro_rules! optional {
    ($type:ty, $form:literal) => {
        impl Value for Option<$type> {
            const FORM: &'static str = $form;

            fn keys(name: &str) -> Vec<String> {
                <$type>::keys(name)
            }

            fn write(&self, name: &str, to: &mut Writer<'_>) {
                match self {
                    Some(value) => value.write(name, to),
                    None => to.null(&Self::keys(name)[0]),
                }
            }

            fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable> {
                match from.get(&Self::keys(name)[0]) {
                    None | Some(Json::Null) => Ok(None),
                    Some(_) => <$type>::read(name, from).map(Some),
                }
            }
        }
    };
}

optional!(Instant, "microseconds of the engine's time, or `null`");
optional!(Duration, "microseconds, or `null`");
optional!(u32, "a whole number, or `null`");
optional!(CallId, "the call's id, or `null`");
optional!(QueueId, "number and name as elsewhere, or `null`");
optional!(AgentId, "number and name as elsewhere, or `null`");
optional!(Arc<str>, "a text, or `null`");
optional!(LostCause, "a word as elsewhere, or `null`");

impl Value for Arc<str> {
    const FORM: &'static str = "a text";

    fn write(&self, name: &str, to: &mut Writer<'_>) {
        to.text(name, self);
    }

    fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable> {
        text(name, from).map(Self::from)
    }
}

impl Value for Pii<char> {
    const FORM: &'static str = "a text of one character; left out unless personal data is asked for";

    fn write(&self, name: &str, to: &mut Writer<'_>) {
        if to.is_personal && *self.expose() != WITHHELD {
            to.text(name, self.expose().encode_utf8(&mut [0; 4]));
        }
    }

    fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable> {
        if from.get(name).is_none_or(Json::is_null) {
            return Ok(Self::new(WITHHELD));
        }
        let mut characters = text(name, from)?.chars();
        match (characters.next(), characters.next()) {
            (Some(one), None) => Ok(Self::new(one)),
            (Some(_) | None, _) => wrong(name, "a text of one character"),
        }
    }
}

impl Value for Actor {
    const FORM: &'static str = "an object: `who` is `engine`, `user` or `supervisor`; `name` of the latter two; `why` of a \
                                supervisor, in their words";

    fn write(&self, name: &str, to: &mut Writer<'_>) {
        to.object(name, |to| match self {
            Self::Engine => to.text("who", "engine"),
            Self::User(name) => {
                to.text("who", "user");
                to.text("name", name);
            }
            Self::Supervisor { name, why } => {
                to.text("who", "supervisor");
                to.text("name", name);
                to.text("why", why);
            }
        });
    }

    fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable> {
        let (object, who) = object(name, "who", from)?;
        let called = || text("name", object).map(Arc::from);
        match who {
            "engine" => Ok(Self::Engine),
            "user" => Ok(Self::User(called()?)),
            "supervisor" => Ok(Self::Supervisor { name: called()?, why: text("why", object)?.into() }),
            other => Err(Unreadable::UnknownWord { field: name.to_string(), word: other.to_string() }),
        }
    }
}

impl Value for AgentState {
    const FORM: &'static str = "an object: `state` is `logged_out` `ready` `unreachable` `reserved` `ringing` `talking` `hold` \
                                `consult` `wrap_up` `not_ready` or `other_call`; of `not_ready` the `reason`, with `custom` true when a \
                                person gave it; of `other_call` the `direction`";

    fn write(&self, name: &str, to: &mut Writer<'_>) {
        let plain = match self {
            Self::LoggedOut => Plain::LoggedOut,
            Self::Ready => Plain::Ready,
            Self::Unreachable => Plain::Unreachable,
            Self::Reserved => Plain::Reserved,
            Self::Ringing => Plain::Ringing,
            Self::Talking => Plain::Talking,
            Self::Hold => Plain::Hold,
            Self::Consult => Plain::Consult,
            Self::WrapUp => Plain::WrapUp,
            Self::NotReady(reason) => {
                return to.object(name, |to| {
                    to.text("state", "not_ready");
                    write_reason(reason, to);
                });
            }
            Self::OtherCall(direction) => {
                return to.object(name, |to| {
                    to.text("state", "other_call");
                    direction.write("direction", to);
                });
            }
        };
        to.object(name, |to| to.text("state", plain.word()));
    }

    fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable> {
        let (object, state) = object(name, "state", from)?;
        match state {
            "not_ready" => read_reason(object).map(Self::NotReady),
            "other_call" => word("direction", object).map(Self::OtherCall),
            plain => Plain::of_word(plain)
                .map(Plain::state)
                .ok_or_else(|| Unreadable::UnknownWord { field: name.to_string(), word: plain.to_string() }),
        }
    }
}

fn write_reason(reason: &Reason, to: &mut Writer<'_>) {
    let own = match reason {
        Reason::NoAnswer => Own::NoAnswer,
        Reason::Rejected => Own::Rejected,
        Reason::Busy => Own::Busy,
        Reason::Failed => Own::Failed,
        Reason::Initial => Own::Initial,
        Reason::Custom(given) => {
            to.text("reason", given);
            return to.flag("custom", true);
        }
    };
    own.write("reason", to);
}

/// A person may give a reason that sounds like one of the engine's: `custom` tells them apart.
fn read_reason(from: &Map<String, Json>) -> Result<Reason, Unreadable> {
    if from.get("custom").and_then(Json::as_bool) == Some(true) {
        return text("reason", from).map(|given| Reason::Custom(given.into()));
    }
    word("reason", from).map(Own::reason)
}

impl Value for DeviceState {
    const FORM: &'static str =
        "an object: `state` is `unknown` `idle` `ringing` `offline` `stale` or `busy`; of `busy` the `direction`";

    fn write(&self, name: &str, to: &mut Writer<'_>) {
        to.object(name, |to| match self {
            Self::Unknown => to.text("state", "unknown"),
            Self::Idle => to.text("state", "idle"),
            Self::Ringing => to.text("state", "ringing"),
            Self::Offline => to.text("state", "offline"),
            Self::Stale => to.text("state", "stale"),
            Self::Busy(direction) => {
                to.text("state", "busy");
                direction.write("direction", to);
            }
        });
    }

    fn read(name: &str, from: &Map<String, Json>) -> Result<Self, Unreadable> {
        let (object, state) = object(name, "state", from)?;
        match state {
            "unknown" => Ok(Self::Unknown),
            "idle" => Ok(Self::Idle),
            "ringing" => Ok(Self::Ringing),
            "offline" => Ok(Self::Offline),
            "stale" => Ok(Self::Stale),
            "busy" => word("direction", object).map(Self::Busy),
            other => Err(Unreadable::UnknownWord { field: name.to_string(), word: other.to_string() }),
        }
    }
}
