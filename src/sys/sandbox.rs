//! What a pool and its workers may still ask of the kernel, once all is
//! loaded: whoever takes one of them over wins that and no more.
//!
//! Taken away for good, from this process and all that it will fork. What the
//! kernel cannot take away is told, and the rest is taken all the same.

use std::io;
use std::path::PathBuf;

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod files;

/// What is left to a pool, its workers and its helper, beyond the files and
/// sockets that they hold already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grants {
    /// Directories beneath which files may be read, and single files.
    pub(crate) read: Vec<PathBuf>,
    /// Directories beneath which files may be read, written, made, renamed and
    /// removed.
    pub(crate) write: Vec<PathBuf>,
    /// TCP ports that may be connected to.
    pub(crate) ports: Vec<u16>,
    /// Sockets of every family, connected to whatever there is.
    pub(crate) connect: bool,
    /// Programs, which do what programs do: then only the rights that nobody
    /// needs, and signals to those outside, are taken away.
    pub(crate) exec: bool,
}

/// What can be taken away, by the names under which it is logged.
pub(crate) const FILES: &str = "files";
pub(crate) const PORTS: &str = "ports";
pub(crate) const SIGNALS: &str = "signals";
pub(crate) const CALLS: &str = "calls";

/// How far a process is confined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Confined {
    /// What could not be taken away, and was not granted.
    pub(crate) off: Vec<&'static str>,
    /// Signals to others are for each worker to give up, see [`settle`].
    signals_left: bool,
}

/// Leaves to this process, and all that it forks, what is granted.
#[cfg(target_os = "linux")]
pub(crate) fn confine(grants: &Grants) -> Confined {
    let mut off = files::restrict(grants);
    let calls = calls::restrict(grants);
    if calls.is_err() {
        off.push(CALLS);
    }
    let signals_left = calls.is_ok() && !grants.exec && off.contains(&SIGNALS);
    if signals_left {
        off.retain(|&what| what != SIGNALS);
    }
    Confined { off, signals_left }
}

/// Leaves to this process, and all that it forks, what is granted.
#[cfg(target_os = "openbsd")]
pub(crate) fn confine(grants: &Grants) -> Confined {
    let off = match openbsd::restrict(grants) {
        Ok(()) => vec![PORTS, SIGNALS],
        Err(_) => vec![FILES, PORTS, SIGNALS, CALLS],
    };
    let signals_left = false;
    Confined { off, signals_left }
}

/// Leaves to this process, and all that it forks, what is granted.
#[cfg(not(any(target_os = "linux", target_os = "openbsd")))]
pub(crate) fn confine(_: &Grants) -> Confined {
    let off = vec![FILES, PORTS, SIGNALS, CALLS];
    let signals_left = false;
    Confined { off, signals_left }
}

/// In a worker of a pool that is confined: gives up what its pool needs and it
/// does not, the right to fork and, where the kernel has no better way, the
/// right to signal others.
///
/// # Errors
/// The kernel refused; this worker would have more rights than it should.
pub(crate) fn settle(confined: &Confined, grants: &Grants) -> io::Result<()> {
    if !grants.exec {
        use nix::sys::resource::{Resource, setrlimit};
        setrlimit(Resource::RLIMIT_NPROC, 0, 0)?;
    }
    #[cfg(target_os = "linux")]
    if confined.signals_left {
        calls::keep_signals_to_self()?;
    }
    let _ = confined;
    Ok(())
}

/// Lets this process, and all that it forks, open so many files more than
/// are open now. Other limits would hit the innocent: a table of accounts that
/// is mapped may have any size, and so may a log file.
///
/// # Errors
/// The kernel refused.
pub(crate) fn limit_files(more: u64) -> io::Result<()> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    // In a chroot there is no /proc to ask.
    let highest = (0..soft.min(MOST_FILES)).rev().find(|&file| is_open(file));
    let limit = soft.min(highest.unwrap_or(0) + more);
    Ok(setrlimit(Resource::RLIMIT_NOFILE, limit, limit)?)
}

/// No daemon of ours has a descriptor of a higher number when it is loaded.
const MOST_FILES: u64 = 65_536;

fn is_open(file: u64) -> bool {
    // SAFETY: takes numbers only, and changes nothing.
    unsafe { libc::fcntl(file as libc::c_int, libc::F_GETFD) != -1 }
}

/// No program that this process runs gets more rights than it has.
///
/// # Errors
/// The kernel refused.
pub(crate) fn no_new_rights() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_no_new_privs()?;
    Ok(())
}

/// Never run, for want of such a system.
#[cfg(target_os = "openbsd")]
mod openbsd {
    use super::Grants;
    use std::ffi::{CStr, CString};
    use std::io;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    /// Unveils and pledges what is granted.
    ///
    /// # Errors
    /// What the kernel says; programs cannot be granted here.
    pub(super) fn restrict(grants: &Grants) -> io::Result<()> {
        if grants.exec {
            return Err(io::ErrorKind::Unsupported.into());
        }
        grants.read.iter().try_for_each(|path| unveil(path, c"r"))?;
        grants
            .write
            .iter()
            .try_for_each(|path| unveil(path, c"rwc"))?;
        // Workers give up the right to fork by their limit of processes.
        pledge(c"stdio rpath wpath cpath fattr flock inet unix proc")
    }

    fn unveil(path: &Path, rights: &CStr) -> io::Result<()> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        // SAFETY: both are strings that live until the call returns.
        let code = unsafe { libc::unveil(path.as_ptr(), rights.as_ptr()) };
        let missing = || io::Error::last_os_error().kind() == io::ErrorKind::NotFound;
        match code {
            0 => Ok(()),
            _ if missing() => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn pledge(promises: &CStr) -> io::Result<()> {
        // SAFETY: the promises are a string; there are none for programs, since none is run.
        match unsafe { libc::pledge(promises.as_ptr(), std::ptr::null()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
