//! The manners of a neighbour: by what it proves itself, how it writes callers' numbers, and what its words about callers and
//! agents mean.

use std::sync::Arc;
use std::time::Duration;

use crate::sip::auth::{Algorithm, Credentials};
use crate::sip::package::Package;

/// `auth` of a peer. In place of `password` may stand `password_file = "path"`, relative to the configuration's directory,
/// or `password_env = "NAME"`, both read by the shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAuth {
    /// The user and the password.
    pub credentials: Credentials,
    /// `algorithms = ["SHA-256", "MD5"]`: what it is asked for, the first that it knows is taken. Default both.
    pub algorithms: Vec<Algorithm>,
}

/// What becomes of a caller who asks not to be known (Privacy with `id`, `user` or `header`: RFC 3323, RFC 3325).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CallerPrivacy {
    /// Neither phones nor the control plane are told number or name, and figures count no region.
    #[default]
    Keep,
    /// The asserted identity is used all the same: for whoever may know it, such as emergency services.
    Ignore,
}

/// What another party on an agent's leg means, as its PBX tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConnectedLine {
    /// The PBX has handed the caller on: the agent has no part in the call any more.
    #[default]
    Transfer,
    /// Nothing.
    Ignore,
}

/// `device_state = "dialog-info" | "presence" | "off"`: whether the neighbour, a PBX, is asked by SUBSCRIBE to tell what its
/// phones do, so that an agent in a call of his own is not rung. Default `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceWatch {
    /// `dialog-info`: by its dialogs (RFC 4235), which say most of calls. `presence`: by its presence (RFC 3856), which also says
    /// that a phone is not there; who began a call is inferred, and never known to be another agent.
    pub package: Package,
    /// `device_state_expires = "10m"`: for how long it is asked; asked again before. A NOTIFY that was lost is made good by then.
    pub expires: Duration,
    /// `device_state_stale = "routable" | "unroutable"`: an agent of whose device it says nothing (any more). Default `routable`:
    /// then 486 tells.
    pub stale: StaleDevice,
}

/// What becomes of an agent of whose device its PBX was to tell, and does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StaleDevice {
    /// It is rung.
    #[default]
    Routable,
    /// It is unreachable until the PBX tells again.
    Unroutable,
}

/// What becomes of a fax machine that calls a queue: one that waits with audio, in G.711, and whose tone (T.30) is heard within
/// its first 30 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FaxPolicy {
    /// It is a caller like others.
    #[default]
    Ignore,
    /// It is let go while it waits, untargeted, and no agent answers it.
    Detect,
}

/// How a trunk writes callers' numbers: what is done to have them in the international form (E.164), which regions are found
/// by. A number that begins with `+` is in that form on every trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberingConfig {
    /// `country_code = "86"`: what other numbers lack, but for those with the international prefix. Default none: the trunk
    /// writes numbers in the form that the table of regions has.
    pub country_code: Option<Arc<str>>,
    /// `national_prefix = "0"`: what stands before a number of the country instead. Default `0`; used with `country_code`.
    pub national_prefix: Arc<str>,
    /// `international_prefix = "00"`: what stands before a number of any country. Default `00`; used with `country_code`.
    pub international_prefix: Arc<str>,
}

impl Default for NumberingConfig {
    fn default() -> Self {
        Self { country_code: None, national_prefix: "0".into(), international_prefix: "00".into() }
    }
}
