//! Random octets from the kernel. The generator of the TLS library would cost
//! every process that asks it some twenty kilobytes of memory of its own.

use std::io;

/// Octets that nobody can guess. Waits only where the system has just begun
/// and has none yet, and opens no file.
///
/// # Errors
/// The system has no such call, or forbids it.
pub(crate) fn octets() -> io::Result<[u8; 16]> {
    let mut room = [0_u8; 16];
    // SAFETY: the pointer is to as many live octets as are asked for.
    match unsafe { libc::getentropy(room.as_mut_ptr().cast(), room.len()) } {
        0 => Ok(room),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_octets_come_twice() {
        let some: Vec<_> = (0..100).map(|_| octets().unwrap()).collect();
        let different: std::collections::HashSet<_> = some.iter().collect();
        assert_eq!(different.len(), some.len());
    }
}
