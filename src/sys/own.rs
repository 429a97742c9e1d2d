//! Memory of one process that its children do not get.

use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};

/// A row of numbers, 0 at first. Where the system can do that, no child has
/// it: so what is noted here after each fork makes no page of a child its
/// own. A child that looks into it dies of that.
pub(crate) struct Own {
    first: NonNull<u64>,
    count: usize,
}

impl Own {
    /// A row of `count` numbers; stays until the process ends.
    ///
    /// # Errors
    /// What the kernel says; `InvalidInput` for no numbers at all.
    pub(crate) fn map(count: usize) -> io::Result<Own> {
        let len = count
            .checked_mul(size_of::<u64>())
            .and_then(NonZeroUsize::new)
            .ok_or(io::ErrorKind::InvalidInput)?;
        let prot = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a fresh anonymous mapping, placed by the kernel, overlaps no Rust object.
        let first = unsafe { mmap_anonymous(None, len, prot, MapFlags::MAP_PRIVATE) }?;
        #[cfg(target_os = "linux")]
        {
            use nix::sys::mman::{MmapAdvise, madvise};
            // SAFETY: the pages just mapped; what it changes is what children inherit.
            unsafe { madvise(first, len.get(), MmapAdvise::MADV_DONTFORK) }?;
        }
        Ok(Own {
            first: first.cast(),
            count,
        })
    }

    /// How many numbers there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The number at `place`, 0 beyond the end.
    pub(crate) fn get(&self, place: usize) -> u64 {
        if place >= self.count {
            return 0;
        }
        // SAFETY: within the mapping, by the test above.
        let number = unsafe { self.first.add(place) };
        // SAFETY: mapped, aligned, and initialized by the kernel with zeros.
        unsafe { number.read() }
    }

    /// Puts a number at `place`, nothing beyond the end.
    pub(crate) fn set(&mut self, place: usize, value: u64) {
        if place < self.count {
            // SAFETY: within the mapping, by the test above.
            let number = unsafe { self.first.add(place) };
            // SAFETY: mapped, aligned, and nobody else has it.
            unsafe { number.write(value) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_os = "linux")]
    use crate::sys::proc::{Death, Fork, fork, leave, wait};

    #[test]
    fn numbers_stay_where_they_were_put_and_none_lies_beyond_the_end() {
        let mut row = Own::map(3).unwrap();
        row.set(2, 7);
        row.set(3, 8);
        assert_eq!((0..5).map(|n| row.get(n)).sum::<u64>(), 7);
        assert_eq!(row.len(), 3);
        assert!(Own::map(0).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_child_has_none_of_it() {
        let row = Own::map(1).unwrap();
        let death = match fork().unwrap() {
            Fork::Child => leave(row.get(0) as i32),
            Fork::Parent(pid) => wait(pid).unwrap(),
        };
        assert_eq!(death, Death::Signal(libc::SIGSEGV));
    }
}
