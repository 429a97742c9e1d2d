//! How the C library hands out memory. A page that was forked is shared
//! until somebody writes to it, so what is written had better lie together.

/// Fills the holes that freed blocks have left: what is allocated from now
/// on lies side by side, from the beginning of a page. Blocks of `large`
/// octets and more get pages of their own: those that are never written to
/// take no memory, and all go back when the block is freed. Other C libraries
/// go on as they were.
pub(crate) fn settle(large: usize) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    gnu::settle(large);
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = large;
}

/// Gives all back to the kernel that is free now, however small: for a process
/// that will not do anything for a while.
pub(crate) fn rest() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: gives back what nobody uses; a process of one thread may call it at any time.
    unsafe {
        libc::malloc_trim(0)
    };
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod gnu {
    use libc::{M_MMAP_THRESHOLD, M_TOP_PAD, c_int};

    /// Freed blocks up to this size are kept at hand for the next of their size.
    const SMALL: usize = 1040;

    /// Octets of a block that fills no hole twice, but is not so large that it
    /// had pages of its own before we came.
    const HUGE: usize = 112 * 1024;

    /// The most blocks that are spent on holes.
    const MOST: usize = 16 * 1024;

    const PAGE: usize = 4096;

    fn block(size: usize) -> Vec<u8> {
        Vec::with_capacity(size)
    }

    /// Keeps a block for good, which the compiler must not take for useless.
    fn spend(block: Vec<u8>) {
        std::mem::forget(std::hint::black_box(block));
    }

    /// Where the block lies that is next, if there is no hole for it.
    fn next(size: usize) -> usize {
        let block = block(size);
        block.as_ptr().addr()
    }

    /// Where the block begins that reaches to the end of the heap: all free
    /// memory before it is holes, whatever their size.
    fn top() -> usize {
        // SAFETY: asks where the heap ends, and changes nothing.
        let end = unsafe { libc::sbrk(0) };
        // SAFETY: counts what is free; a process of one thread may call it at any time.
        let free = unsafe { libc::mallinfo2() };
        end.addr().saturating_sub(free.keepcost)
    }

    pub(super) fn settle(large: usize) {
        fill(top(), large.min(HUGE));
        spend(block(PAGE - next(SMALL) % PAGE));
        let octets = c_int::try_from(large).unwrap_or(c_int::MAX);
        // SAFETY: takes two numbers; a process of one thread may call it at any time.
        unsafe { libc::mallopt(M_MMAP_THRESHOLD, octets) };
        // Of what is free behind the last block all would be used up first.
        // SAFETY: as above.
        unsafe { libc::mallopt(M_TOP_PAD, 0) };
        // SAFETY: gives back to the kernel what nobody uses.
        unsafe { libc::malloc_trim(large / 2) };
    }

    /// Fills all holes before `end`, the large ones first, since what remains
    /// of them are small ones.
    fn fill(end: usize, large: usize) {
        let mut left = MOST;
        for size in (1..large / 16).rev().map(|n| n * 16) {
            while left > 0 {
                let filler = block(size);
                let settled = filler.as_ptr().addr() >= end;
                if !settled || size <= SMALL {
                    // Given back, a small one would be the next hole.
                    spend(filler);
                    left -= 1;
                }
                if settled {
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;
    use crate::sys::proc::{Death, Fork, fork, leave, wait};

    /// A daemon has one thread and one heap, unlike the process of all tests:
    /// so a test of the heap runs in a process of its own, and there in a
    /// child, as workers do.
    fn alone(test: &str, check: fn() -> bool) {
        if std::env::var_os("ALONE").is_some() {
            let end = match fork().unwrap() {
                Fork::Child => leave(if check() { 0 } else { 1 }),
                Fork::Parent(pid) => wait(pid).unwrap(),
            };
            return assert_eq!(end, Death::Exit(0));
        }
        let name = format!("sys::heap::tests::{test}");
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args([&name, "--exact", "--test-threads=1"])
            .env("ALONE", "1")
            // The heap of the daemon, and not one of the thread that runs the test.
            .env("MALLOC_ARENA_MAX", "1")
            .output();
        let output = output.unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{text}"
        );
    }

    #[test]
    fn small_things_lie_side_by_side_whatever_was_freed_before() {
        alone(
            "small_things_lie_side_by_side_whatever_was_freed_before",
            || {
                let kept: Vec<Vec<u8>> = (1..2000).map(|n| vec![1; n % 700 + 1]).collect();
                let mut holes = kept;
                holes.retain(|block| block.len() % 2 == 0);
                settle(16 * 1024);
                let small: Vec<Vec<u8>> = (0..20).map(|n| vec![1; 10 + n * 5]).collect();
                let at = |block: &Vec<u8>| block.as_ptr().addr();
                let first = small.iter().map(at).min().unwrap_or(0);
                let last = small.iter().map(at).max().unwrap_or(usize::MAX);
                last - first < 4096 && first % 4096 < 1024
            },
        );
    }

    #[test]
    fn a_hole_of_any_size_is_filled() {
        alone("a_hole_of_any_size_is_filled", || {
            // Once a block of this size was freed, such blocks lie among the small ones.
            drop(std::hint::black_box(vec![1_u8; 1 << 20]));
            let hole = std::hint::black_box(vec![1_u8; 512 * 1024]);
            let behind: Vec<Vec<u8>> = (1..2000).map(|n| vec![1; n % 700 + 1]).collect();
            let (from, to) = (hole.as_ptr().addr(), hole.as_ptr().addr() + hole.len());
            drop(hole);
            settle(16 * 1024);
            let small = std::hint::black_box(vec![1_u8; 100]);
            behind.iter().any(|block| block.as_ptr().addr() > to)
                && !(from..to).contains(&small.as_ptr().addr())
        });
    }

    /// Kilobytes that this process has written to; pages of files come and
    /// go as the kernel likes.
    fn written() -> usize {
        let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
        let row = text
            .lines()
            .find_map(|line| line.strip_prefix("Private_Dirty:"));
        let kb = row.and_then(|row| row.trim().strip_suffix(" kB")?.parse().ok());
        kb.unwrap_or(0)
    }

    #[test]
    fn a_large_block_takes_memory_when_it_is_filled_and_gives_it_back() {
        alone(
            "a_large_block_takes_memory_when_it_is_filled_and_gives_it_back",
            || {
                settle(16 * 1024);
                let before = written();
                let more = || written().saturating_sub(before);
                let mut blocks: Vec<Vec<u8>> = (0..100).map(|_| vec![0; 64 * 1024]).collect();
                let empty = more();
                blocks.iter_mut().for_each(|block| block.fill(1));
                std::hint::black_box(&blocks);
                let full = more();
                drop(blocks);
                before > 0 && empty < 1600 && full > 6000 && more() < 1600
            },
        );
    }
}
