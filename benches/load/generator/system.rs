//! What the operating system tells: clocks, CPU time, resident memory, and when a socket has something. The only file of the
//! generator that reads a clock.

use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// Nanoseconds since 1970, the clock of the kernel's packet timestamps.
pub(crate) fn now() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a load generator measures time, nothing is decided by it")]
    let now = SystemTime::now();
    now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, nanos)
}

/// A span in nanoseconds.
pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// The engine's process, seen from outside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process {
    pid: i32,
    clock: ClockId,
}

impl Process {
    /// The process with this id, if there is one.
    pub(crate) fn new(pid: i32) -> Option<Self> {
        Some(Self { pid, clock: clock_getcpuclockid(Pid::from_raw(pid)).ok()? })
    }

    /// Its user and system time so far, in nanoseconds; 0 once it is gone.
    pub(crate) fn cpu(&self) -> u64 {
        clock_gettime(self.clock).map_or(0, |time| nanos(time.into()))
    }

    /// Its resident memory in bytes; 0 once it is gone.
    pub(crate) fn resident(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/statm", self.pid)).unwrap_or_default();
        let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
        pages * 4096
    }
}

/// The generator's own user and system time so far, in nanoseconds.
pub(crate) fn own_cpu() -> u64 {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(0, |time| nanos(time.into()))
}

/// Waits until one of the sockets can be read, at most for so many nanoseconds.
pub(crate) fn wait(sockets: [&UdpSocket; 2], limit: u64) {
    let mut polled = sockets.map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN));
    // An interrupted wait is a short one.
    let _ = ppoll(&mut polled, Some(TimeSpec::from_duration(Duration::from_nanos(limit))), None);
}

/// Lets the process hold as many sockets as the system allows.
pub(crate) fn raise_descriptors() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
