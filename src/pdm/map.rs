//! A file in memory, which all workers share with the cache of the system.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::ptr::{self, NonNull};

/// A file that is mapped for reading. It must not be made shorter while it
/// is mapped: who changes it renames a new one into place.
pub struct Map {
    start: NonNull<u8>,
    len: usize,
    file: File,
}

impl Map {
    /// Maps the whole of `file`, which is not empty.
    ///
    /// # Errors
    /// What the kernel says; `InvalidInput` for an empty file.
    pub fn new(file: File) -> io::Result<Map> {
        let len = usize::try_from(file.metadata()?.size());
        let len = len.map_err(|_| io::ErrorKind::FileTooLarge)?;
        let (prot, fd) = (libc::PROT_READ, file.as_raw_fd());
        // SAFETY: a new mapping, placed by the kernel, overlaps no Rust object; it is only read.
        let start = unsafe { libc::mmap(ptr::null_mut(), len, prot, libc::MAP_SHARED, fd, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let map = Map { start, len, file };
        // SAFETY: these are the bounds of our own mapping; advice changes nothing of its contents.
        unsafe { libc::madvise(map.start.as_ptr().cast(), len, libc::MADV_RANDOM) };
        Ok(map)
    }

    /// Octets of the file when it was mapped.
    pub fn size(&self) -> u64 {
        self.len as u64
    }

    /// Whether the file is at least as long as it was. Touching what was cut
    /// off would end the process, so this is asked before each use.
    pub fn is_whole(&self) -> bool {
        self.file
            .metadata()
            .is_ok_and(|now| now.size() >= self.size())
    }

    /// Copies the octets from `at` on into `room`; `false` if not all of them
    /// are in the file.
    ///
    /// There is no borrowing of them, since other processes could write them.
    pub fn copy(&self, at: u64, room: &mut [u8]) -> bool {
        let begin = usize::try_from(at).unwrap_or(usize::MAX);
        if begin > self.len || room.len() > self.len - begin {
            return false;
        }
        // SAFETY: `begin` is not above `len`, the octets that are mapped.
        let from = unsafe { self.start.add(begin) };
        // SAFETY: `room.len()` octets are mapped from there on, until `drop`; the room is our
        // caller's own and cannot lie in the mapping.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), room.as_mut_ptr(), room.len()) };
        true
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: these are the bounds of our own mapping, into which nothing points.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_copied_from_within_the_file_only() {
        let name = std::env::temp_dir().join(format!("popular-map.{}", std::process::id()));
        std::fs::write(&name, "0123456789").unwrap();
        let map = Map::new(File::open(&name).unwrap()).unwrap();
        let mut room = [0; 4];
        assert!(map.copy(6, &mut room));
        assert_eq!(&room, b"6789");
        assert!(map.copy(10, &mut []) && map.is_whole());
        for at in [7, 10, 11, u64::MAX] {
            assert!(!map.copy(at, &mut room), "{at}");
        }
        std::fs::write(&name, "012345678").unwrap();
        assert!(!map.is_whole());
        std::fs::write(&name, "").unwrap();
        assert!(Map::new(File::open(&name).unwrap()).is_err());
        std::fs::remove_file(&name).unwrap();
    }
}
