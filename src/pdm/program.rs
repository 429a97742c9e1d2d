//! Programs that are run for one answer, not longer than they may.

use crate::crypt::wipe;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The descriptor on which a program finds its input.
const INPUT: RawFd = 3;
/// The longest sleep between two looks whether a program has ended.
const NAP: Duration = Duration::from_millis(20);

/// Where the system cannot close all at once, descriptors from here on are
/// left to the host; a worker has a few dozen.
const DESCRIPTORS: RawFd = 4096;

/// How a program ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// With this status.
    Exit(i32),
    /// By this signal.
    Signal(i32),
    /// It was still running at the deadline, or said too much, and was killed.
    Killed(&'static str),
}

/// Runs `command` with `input` on descriptor 3, which is wiped afterwards,
/// until `deadline`. Returns how it ended and what it wrote to standard
/// output, at most `max` octets. At the deadline the program is killed with
/// all that it has started in its process group.
///
/// # Errors
/// It cannot be started.
pub fn run(
    command: &mut Command,
    input: Vec<u8>,
    max: usize,
    deadline: Instant,
) -> io::Result<(End, Vec<u8>)> {
    let (mut child, mut output) = start(command, input)?;
    let mut text = Vec::new();
    let told = hear(&mut output, &mut text, max, deadline);
    let end = match told.and_then(|()| wait(&mut child, deadline)) {
        Ok(end) => end,
        Err(why) => {
            kill_group(&child);
            child.wait()?;
            End::Killed(why)
        }
    };
    Ok((end, text))
}

/// Starts the program; what it writes can be read from the socket.
fn start(command: &mut Command, input: Vec<u8>) -> io::Result<(Child, UnixStream)> {
    // This pair comes first and stays open: so descriptor 3 is in use by now, and what the
    // library opens for its own purposes cannot be laid over below.
    let sent = hand_over(&input);
    wipe(input);
    let theirs = sent?;
    let (output, heard) = UnixStream::pair()?;
    let fd = theirs.as_raw_fd();
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command.stdout(OwnedFd::from(output)).process_group(0);
    // SAFETY: between fork and exec the function makes plain system calls only.
    unsafe { command.pre_exec(move || prepare(fd)) };
    let child = command.spawn();
    // The command holds the write end of the socket; with that open nothing would ever end.
    command.stdout(Stdio::null());
    Ok((child?, heard))
}

/// The end of a pair behind which all of `input` stands to be read.
fn hand_over(input: &[u8]) -> io::Result<UnixStream> {
    let (theirs, mut ours) = UnixStream::pair()?;
    // A program that does not read must not hold us: its input fits the buffers of a socket.
    ours.set_nonblocking(true)?;
    ours.write_all(input)?;
    ours.shutdown(Shutdown::Write)?;
    Ok(theirs)
}

/// In the child: puts the input in its place.
fn prepare(fd: RawFd) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    // SAFETY: takes numbers only. The program ends with the worker that waits for it.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL)
    };
    let code = if fd == INPUT {
        // SAFETY: takes numbers only; `fd` is open. It shall stay open in the program.
        unsafe { libc::fcntl(fd, libc::F_SETFD, 0) }
    } else {
        // SAFETY: takes numbers only; `fd` is open.
        unsafe { libc::dup2(fd, INPUT) }
    };
    if code == -1 {
        return Err(io::Error::last_os_error());
    }
    close_others();
    Ok(())
}

/// Has everything behind [`INPUT`] closed when the program starts: the host
/// may have left open what a program must not see, a client's socket even.
fn close_others() {
    #[cfg(target_os = "linux")]
    {
        let (from, most, flags) = (INPUT + 1, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
        // SAFETY: takes numbers only, and closes nothing yet.
        if unsafe { libc::syscall(libc::SYS_close_range, from, most, flags) } == 0 {
            return;
        }
    }
    for fd in INPUT + 1..DESCRIPTORS {
        // SAFETY: takes numbers only; a descriptor that is not open is not touched.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

/// Reads until the program has closed its output.
fn hear(
    output: &mut UnixStream,
    text: &mut Vec<u8>,
    max: usize,
    deadline: Instant,
) -> Result<(), &'static str> {
    let mut room = [0; 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err("was not done in time");
        }
        let _ = output.set_read_timeout(Some(left));
        match output.read(&mut room) {
            Ok(0) => return Ok(()),
            Ok(count) if text.len() + count > max => return Err("wrote too much"),
            Ok(count) => text.extend_from_slice(&room[..count]),
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return Err("cannot be heard"),
        }
    }
}

fn wait(child: &mut Child, deadline: Instant) -> Result<End, &'static str> {
    let mut nap = Duration::from_micros(200);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => {
                let signal = || End::Signal(status.signal().unwrap_or(0));
                return Ok(status.code().map_or_else(signal, End::Exit));
            }
            Ok(None) if Instant::now() < deadline => sleep(nap),
            Ok(None) => return Err("was not done in time"),
            Err(_) => return Err("cannot be waited for"),
        }
        nap = (nap * 2).min(NAP);
    }
}

fn kill_group(child: &Child) {
    if let Ok(pid) = i32::try_from(child.id()) {
        // SAFETY: takes numbers only. The child was not waited for, so the number of its group
        // belongs to nobody else.
        unsafe { libc::kill(-pid, libc::SIGKILL) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, ms: u64) -> (End, String) {
        let deadline = Instant::now() + Duration::from_millis(ms);
        let mut command = Command::new("/bin/sh");
        let input = b"joe\0secret\0".to_vec();
        let ran = run(command.arg("-c").arg(script), input, 100, deadline);
        let (end, text) = ran.unwrap();
        (end, String::from_utf8_lossy(&text).into_owned())
    }

    #[test]
    fn a_program_reads_its_input_and_is_heard_to_the_end() {
        let (end, text) = sh("tr '\\0' ' ' <&3; exec >&-; sleep 0.1; exit 7", 20_000);
        assert_eq!((end, &*text), (End::Exit(7), "joe secret "));
        assert_eq!(sh("kill -9 $$", 20_000).0, End::Signal(9));
        assert_eq!(sh("exit 1", 20_000), (End::Exit(1), String::new()));
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_all_that_it_started() {
        let begin = Instant::now();
        for script in ["sleep 60; :", "exec >&-; sleep 60; :", "sleep 60 & exit 0"] {
            assert_eq!(
                sh(script, 300).0,
                End::Killed("was not done in time"),
                "{script}"
            );
        }
        assert!(begin.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_program_that_talks_too_much_is_killed() {
        let (end, text) = sh("while :; do echo 0123456789; done", 20_000);
        assert_eq!(end, End::Killed("wrote too much"));
        assert!(text.len() <= 100);
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let deadline = Instant::now() + Duration::from_secs(20);
        let ran = run(&mut Command::new("/none/such"), Vec::new(), 9, deadline);
        assert_eq!(ran.err().unwrap().kind(), io::ErrorKind::NotFound);
    }
}
