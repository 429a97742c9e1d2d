//! Pages that this process and all its children see as one.

use std::io;
use std::num::NonZeroUsize;
use std::ops::Deref;

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};

/// A type that may live in a shared page.
///
/// # Safety
/// All-zero bytes must be a valid value, every field must be an atomic, and
/// the alignment must not exceed that of a page.
pub(crate) unsafe trait Shareable: Sync + 'static {}

// SAFETY: zero is a valid value of an atomic.
unsafe impl Shareable for std::sync::atomic::AtomicU8 {}
// SAFETY: as above.
unsafe impl Shareable for std::sync::atomic::AtomicU64 {}

/// A row of `T` that this process and all its children see as one. It is
/// never unmapped: whoever holds a reference may hold it for ever.
pub(crate) struct Shared<T: Shareable>(&'static [T]);

impl<T: Shareable> Shared<T> {
    /// Maps `count` zeroed elements.
    ///
    /// # Errors
    /// What the kernel says; `InvalidInput` for no bytes at all.
    pub(crate) fn map(count: usize) -> io::Result<Shared<T>> {
        let len = count
            .checked_mul(size_of::<T>())
            .and_then(NonZeroUsize::new)
            .ok_or(io::ErrorKind::InvalidInput)?;
        let prot = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a fresh anonymous mapping, placed by the kernel, overlaps no Rust object.
        let page = unsafe { mmap_anonymous(None, len, prot, MapFlags::MAP_SHARED) }?;
        // SAFETY: the pages are zeroed, aligned, `count` elements long and never unmapped;
        // `Shareable` makes zero bytes a valid `T` and every later write atomic.
        let row = unsafe { std::slice::from_raw_parts(page.cast::<T>().as_ptr(), count) };
        Ok(Shared(row))
    }

    /// The row itself, which outlives everything.
    pub(crate) fn get(&self) -> &'static [T] {
        self.0
    }
}

impl<T: Shareable> Deref for Shared<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::proc::{Fork, fork, leave, wait};
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn a_child_writes_what_its_parent_reads() {
        let row = Shared::<AtomicU64>::map(3).unwrap();
        match fork().unwrap() {
            Fork::Child => {
                row[2].store(7, Ordering::SeqCst);
                leave(0)
            }
            Fork::Parent(pid) => wait(pid).unwrap(),
        };
        assert_eq!(row[2].load(Ordering::SeqCst), 7);
        assert_eq!(row[0].load(Ordering::SeqCst), 0);
    }
}
