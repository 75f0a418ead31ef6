//! Numbers that agents dial on their own phones, and how those phones and agents are known.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::base::secret::same;

/// What an agent is not ready for who says no more, where no reasons are configured.
const NO_REASON: &str = "phone";
/// Shortest and longest PIN.
pub(in crate::config) const PIN_DIGITS: std::ops::RangeInclusive<usize> = 4..=12;

/// `[feature_codes]`: what agents dial on their phones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeatureCodesConfig {
    /// `peers = ["pbx"]`: the neighbours whose calls may be codes. Required; each must be inbound.
    pub peers: Vec<Arc<str>>,
    /// `login = "*45"`: logged in and ready. Default none, as of all codes.
    pub login: Option<Arc<str>>,
    /// `logout = "*46"`
    pub logout: Option<Arc<str>>,
    /// `ready = "*47"`: for who is logged in.
    pub ready: Option<Arc<str>>,
    /// `not_ready = "*48"`: alone for the first reason, or with a digit after it for the reason of that place, from 1 on.
    pub not_ready: Option<Arc<str>>,
    /// `end_wrap_up = "*49"`
    pub end_wrap_up: Option<Arc<str>>,
    /// `reasons = ["lunch", "meeting"]`: what the digits mean. Default: the first nine of `[not_ready] reasons`.
    pub reasons: Vec<Arc<str>>,
    /// `identity = "asserted" | "from"`: whose word says which phone it is. Default `asserted`.
    pub identity: PhoneIdentity,
    /// `pins = { 1001 = "4711" }`: who may say on a phone that is not known who it is. Default none: such a call is refused.
    pub pins: BTreeMap<Arc<str>, Pin>,
}

/// How the phone that dials a code is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PhoneIdentity {
    /// By P-Asserted-Identity alone: the PBX has authenticated the phone.
    #[default]
    Asserted,
    /// By P-Asserted-Identity, else by From: only for a PBX that does not let phones write their From themselves.
    From,
}

/// The digits by which an agent is known.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(pub(in crate::config) Box<str>);

/// What a code asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feature {
    /// Logged in and ready.
    Login,
    /// Logged out.
    Logout,
    /// Ready.
    Ready,
    /// Not ready, for this.
    NotReady(Arc<str>),
    /// The wrap-up ends.
    EndWrapUp,
}

impl FeatureCodesConfig {
    /// What a dialled number asks for.
    pub fn meaning(&self, number: &str) -> Option<Feature> {
        let is = |code: &Option<Arc<str>>| code.as_deref() == Some(number);
        if is(&self.login) {
            return Some(Feature::Login);
        }
        if is(&self.logout) {
            return Some(Feature::Logout);
        }
        if is(&self.ready) {
            return Some(Feature::Ready);
        }
        if is(&self.end_wrap_up) {
            return Some(Feature::EndWrapUp);
        }
        let which = match number.strip_prefix(self.not_ready.as_deref()?)? {
            "" => return Some(Feature::NotReady(self.reasons.first().map_or_else(|| NO_REASON.into(), Arc::clone))),
            digit => digit.parse::<usize>().ok().filter(|_| digit.len() == 1)?,
        };
        self.reasons.get(which.checked_sub(1)?).map(|reason| Feature::NotReady(Arc::clone(reason)))
    }

    /// The codes by their keys.
    pub fn codes(&self) -> impl Iterator<Item = (&'static str, &Arc<str>)> {
        let all = [
            ("login", &self.login),
            ("logout", &self.logout),
            ("ready", &self.ready),
            ("not_ready", &self.not_ready),
            ("end_wrap_up", &self.end_wrap_up),
        ];
        all.into_iter().filter_map(|(key, code)| Some((key, code.as_ref()?)))
    }
}

impl Pin {
    /// Whether these are its digits; takes as long for a wrong one as for the right one.
    pub fn fits(&self, typed: &str) -> bool {
        // Of one length, so that nothing tells how many digits there are; no text has that byte.
        let filled = |digits: &str| {
            let mut places = [u8::MAX; *PIN_DIGITS.end() + 1];
            places.iter_mut().zip(digits.bytes()).for_each(|(place, digit)| *place = digit);
            places
        };
        same(&filled(&self.0), &filled(typed))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin")
    }
}
