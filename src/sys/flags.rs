//! Flags of the system that nix does not know, as plain numbers, each with what
//! stands for it where there is no such flag.

/// For send(2): more will follow, so this need not go yet.
#[cfg(target_os = "linux")]
pub(crate) const MORE: i32 = libc::MSG_MORE;
#[cfg(not(target_os = "linux"))]
pub(crate) const MORE: i32 = 0;

/// For poll(2): the peer will send no more than what is there. Elsewhere that is
/// told only when nothing can be sent either.
#[cfg(target_os = "linux")]
pub(crate) const LEFT: i16 = libc::POLLRDHUP;
#[cfg(not(target_os = "linux"))]
pub(crate) const LEFT: i16 = libc::POLLHUP;
