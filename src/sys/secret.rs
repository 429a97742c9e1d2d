//! Bytes that are wiped.

use std::sync::atomic::{Ordering, compiler_fence};

/// Overwrites `bytes` with zeros, even if nobody looks at them again.
pub(crate) fn wipe(bytes: &mut [u8]) {
    for byte in bytes.iter_mut() {
        // SAFETY: a valid, aligned, exclusive reference.
        unsafe { std::ptr::write_volatile(byte, 0) };
    }
    compiler_fence(Ordering::SeqCst);
}
