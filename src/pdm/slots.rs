//! A number of places that all workers of a generation share.
//!
//! A place is a locked octet of a file without a name. Such a lock belongs
//! to its process and ends with it, however that ends, so that no place is
//! ever lost.

use std::fs::{File, OpenOptions, remove_file};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicU32, Ordering};

/// The places; made before workers are forked.
pub struct Slots {
    file: File,
    count: u32,
}

/// A place that is taken until this is dropped.
pub struct Slot<'a> {
    file: &'a File,
    at: u32,
}

impl Slots {
    /// `count` places.
    ///
    /// # Errors
    /// No file can be made in the directory for temporary files.
    pub fn new(count: u32) -> io::Result<Slots> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("popular-slots.{}.{number}", std::process::id());
        let name = std::env::temp_dir().join(name);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600);
        let file = file.open(&name)?;
        remove_file(&name)?;
        Ok(Slots { file, count })
    }

    /// A place that no other process has; `None` if there is none. A process
    /// takes one at a time.
    pub fn take(&self) -> Option<Slot<'_>> {
        let file = &self.file;
        let at = (0..self.count).find(|at| lock(file, *at, libc::F_WRLCK))?;
        Some(Slot { file, at })
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        lock(self.file, self.at, libc::F_UNLCK);
    }
}

/// Locks or unlocks one octet, which need not be there.
fn lock(file: &File, at: u32, kind: i32) -> bool {
    // SAFETY: this structure has numbers only, for all of which zero is a value.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as _;
    lock.l_whence = libc::SEEK_SET as _;
    lock.l_start = at as _;
    lock.l_len = 1;
    // SAFETY: the descriptor is open, and the structure lives until the call returns.
    let code = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &lock) };
    code == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether another process gets a place.
    fn another_gets(slots: &Slots) -> bool {
        // SAFETY: the child makes plain system calls only, and leaves at once.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let got = i32::from(slots.take().is_some());
            // SAFETY: ends the child without running what belongs to its parent.
            unsafe { libc::_exit(got) };
        }
        let mut status = 0;
        // SAFETY: `status` is ours, and `pid` is our child.
        assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
        libc::WEXITSTATUS(status) == 1
    }

    #[test]
    fn a_place_is_taken_by_one_process_and_comes_back_when_that_ends() {
        let slots = Slots::new(1).unwrap();
        assert!(another_gets(&slots));
        let mine = slots.take();
        assert!(mine.is_some() && !another_gets(&slots));
        drop(mine);
        assert!(another_gets(&slots) && another_gets(&slots));
        assert!(Slots::new(0).unwrap().take().is_none());
    }
}
