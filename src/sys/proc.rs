//! Processes: birth, death, signals.

use std::io;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::signal::{self, SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, getsid};

/// Which side of a fork we are on.
pub(crate) enum Fork {
    /// The new process. All signals are blocked until it calls
    /// [`unblock_signals`].
    Child,
    /// The old one, with the number of its child.
    Parent(i32),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    Exit(i32),
    Signal(i32),
}

impl Death {
    /// Did it end as it should?
    pub(crate) fn clean(self) -> bool {
        self == Death::Exit(0)
    }
}

impl std::fmt::Display for Death {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Death::Exit(code) => write!(f, "exit status {code}"),
            Death::Signal(number) => write!(f, "signal {number}"),
        }
    }
}

/// Forks with all signals blocked; in the parent they are as before when
/// this returns.
pub(crate) fn fork() -> io::Result<Fork> {
    let mut old = SigSet::empty();
    signal::sigprocmask(
        SigmaskHow::SIG_SETMASK,
        Some(&SigSet::all()),
        Some(&mut old),
    )?;
    // SAFETY: this process has one thread, so the child may do all that the parent might.
    let result = unsafe { nix::unistd::fork() };
    if matches!(result, Ok(ForkResult::Child)) {
        return Ok(Fork::Child);
    }
    signal::sigprocmask(SigmaskHow::SIG_SETMASK, Some(&old), None)?;
    match result? {
        ForkResult::Parent { child } => Ok(Fork::Parent(child.as_raw())),
        ForkResult::Child => Ok(Fork::Child),
    }
}

/// Lets signals in again, after a fork.
pub(crate) fn unblock_signals() -> io::Result<()> {
    Ok(signal::sigprocmask(
        SigmaskHow::SIG_SETMASK,
        Some(&SigSet::empty()),
        None,
    )?)
}

/// Ignores the listed signals, whatever was to happen at them before.
pub(crate) fn ignore_signals(which: &[Signal]) -> io::Result<()> {
    let action = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    for &which in which {
        // SAFETY: to ignore a signal runs no code of ours.
        unsafe { signal::sigaction(which, &action) }?;
    }
    Ok(())
}

/// Ends this process at once: no destructors, no exit handlers of libraries
/// that believe that they live in the parent.
pub(crate) fn leave(code: i32) -> ! {
    // SAFETY: never returns, touches nothing.
    unsafe { libc::_exit(code) }
}

/// Reaps one dead child, if there is one.
pub(crate) fn reap() -> io::Result<Option<(i32, Death)>> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => {
                return Ok(Some((pid.as_raw(), Death::Exit(code))));
            }
            Ok(WaitStatus::Signaled(pid, sig, _)) => {
                return Ok(Some((pid.as_raw(), Death::Signal(sig as i32))));
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(None),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// Waits for the end of one child.
#[cfg(test)]
pub(crate) fn wait(pid: i32) -> io::Result<Death> {
    loop {
        match waitpid(Pid::from_raw(pid), None) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(Death::Exit(code)),
            Ok(WaitStatus::Signaled(_, sig, _)) => return Ok(Death::Signal(sig as i32)),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// Sends a signal to one process.
pub(crate) fn kill(pid: i32, which: Signal) -> io::Result<()> {
    if pid <= 1 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(signal::kill(Pid::from_raw(pid), which)?)
}

/// Asks one process to come to an end.
pub(crate) fn ask_to_end(pid: i32) -> io::Result<()> {
    kill(pid, Signal::SIGTERM)
}

/// Sends a signal to a process group.
pub(crate) fn kill_group(group: i32, which: Signal) -> io::Result<()> {
    if group <= 1 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(signal::killpg(Pid::from_raw(group), which)?)
}

/// Is `pid` a living process of the session led by `leader`? Numbers out of
/// shared memory are asked this before anybody signals them. As long as a
/// session has members its number is not given away.
pub(crate) fn in_session(pid: i32, leader: i32) -> bool {
    pid > 1 && leader > 1 && getsid(Some(Pid::from_raw(pid))) == Ok(Pid::from_raw(leader))
}

/// Makes this process leader of a new session and group.
pub(crate) fn new_session() -> io::Result<()> {
    nix::unistd::setsid()?;
    Ok(())
}

/// Own process number.
pub(crate) fn pid() -> i32 {
    nix::unistd::getpid().as_raw()
}

/// Number of the process that we are a child of.
pub(crate) fn parent() -> i32 {
    nix::unistd::getppid().as_raw()
}

/// Makes orphaned grandchildren ours, where the system can do that.
/// Returns whether it can.
pub(crate) fn adopt_orphans() -> bool {
    #[cfg(target_os = "linux")]
    return nix::sys::prctl::set_child_subreaper(true).is_ok();
    #[cfg(not(target_os = "linux"))]
    return false;
}

/// A pipe whose ends do not survive an exec.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?)
}

/// Lays the file `new` under the number `old`, whose file is closed. Like all
/// descriptors here it does not survive an exec.
pub(crate) fn lay_over(new: &impl std::os::fd::AsRawFd, old: std::os::fd::RawFd) -> io::Result<()> {
    // SAFETY: both are numbers; whoever owns `old` goes on owning it, with another file behind.
    let result = unsafe { libc::dup3(new.as_raw_fd(), old, libc::O_CLOEXEC) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// The name of this host, as the kernel knows it.
pub(crate) fn host() -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    match nix::sys::utsname::uname() {
        Ok(names) => names.nodename().as_bytes().to_vec(),
        Err(_) => Vec::new(),
    }
}

/// Was this process started with standard input closed? The runtime of Rust
/// then has opened `/dev/null` in its place, for reading and writing, which
/// nobody does who has something to say.
pub(crate) fn stdin_is_lost() -> bool {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    use nix::sys::stat::{fstat, stat};
    let stdin = std::io::stdin();
    let flags = fcntl(&stdin, FcntlArg::F_GETFL).map(OFlag::from_bits_retain);
    let device = fstat(&stdin).map(|found| found.st_rdev);
    flags.is_ok_and(|flags| flags & OFlag::O_ACCMODE == OFlag::O_RDWR)
        && device == stat("/dev/null").map(|found| found.st_rdev)
}

/// Keeps core files from being written: they would hold passwords.
pub(crate) fn no_core() -> io::Result<()> {
    use nix::sys::resource::{Resource, setrlimit};
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_dumpable(false)?;
    Ok(())
}

/// Lets this process open as many files as it may; how many that is.
pub(crate) fn most_files() -> io::Result<u64> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(hard)
}

/// Points standard input, output and, unless it is to be kept, standard
/// error at `/dev/null`.
pub(crate) fn silence_stdio(keep_stderr: bool) -> io::Result<()> {
    let null = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    nix::unistd::dup2_stdout(&null)?;
    if !keep_stderr {
        nix::unistd::dup2_stderr(&null)?;
    }
    Ok(())
}

/// Opens a file to write at its end, or makes it, without waiting. A FIFO from
/// which nobody reads is opened for reading, too: who reads from it later finds
/// as many lines as it holds.
pub(crate) fn append(path: &std::path::Path) -> io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::File::options();
    options.append(true).create(true).mode(0o640);
    options.custom_flags(libc::O_NONBLOCK);
    match options.open(path) {
        Err(why) if why.raw_os_error() == Some(libc::ENXIO) => options.read(true).open(path),
        opened => opened,
    }
}

/// Is it a regular file, as far as can be told?
pub(crate) fn is_regular(file: &impl std::os::fd::AsFd) -> bool {
    use nix::sys::stat::{SFlag, fstat};
    let kind = fstat(file).map(|found| SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT);
    kind == Ok(SFlag::S_IFREG)
}

/// Would a write of up to `PIPE_BUF` octets to this file go on at once?
pub(crate) fn writable(file: &impl std::os::fd::AsFd) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
    poll(&mut fds, PollTimeout::ZERO) == Ok(1)
        && fds[0]
            .revents()
            .is_some_and(|r| r.contains(PollFlags::POLLOUT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_of_death_is_told_apart() {
        let spawn = |f: fn() -> ()| match fork().unwrap() {
            Fork::Child => {
                f();
                leave(3)
            }
            Fork::Parent(pid) => wait(pid).unwrap(),
        };
        assert_eq!(spawn(|| ()), Death::Exit(3));
        assert_eq!(
            spawn(|| drop(kill(pid(), Signal::SIGKILL))),
            Death::Signal(9)
        );
    }

    #[test]
    fn what_is_laid_over_another_file_does_not_survive_an_exec() {
        use std::os::fd::AsRawFd;
        let ((_a, old), (_b, new)) = (pipe().unwrap(), pipe().unwrap());
        lay_over(&new, old.as_raw_fd()).unwrap();
        let flags = nix::fcntl::fcntl(&old, nix::fcntl::F_GETFD).unwrap();
        assert_eq!(flags, libc::FD_CLOEXEC);
    }

    #[test]
    fn dangerous_numbers_are_never_signalled() {
        for n in [1, 0, -1] {
            assert!(kill(n, Signal::SIGTERM).is_err());
            assert!(kill_group(n, Signal::SIGTERM).is_err());
            assert!(!in_session(n, n));
        }
    }
}
