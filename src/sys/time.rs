//! The two clocks: one that never jumps, one that people read.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::time::{ClockId, clock_gettime};

/// Milliseconds of a clock that never jumps, the same in all processes of
/// this host. 0 only if the kernel has no such clock.
pub(crate) fn monotonic_ms() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map(|t| t.tv_sec() as u64 * 1000 + t.tv_nsec() as u64 / 1_000_000)
        .unwrap_or(0)
}

/// The same clock in microseconds.
pub(crate) fn monotonic_us() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map(|t| t.tv_sec() as u64 * 1_000_000 + t.tv_nsec() as u64 / 1000)
        .unwrap_or(0)
}

/// Microseconds of CPU time, user and system, that this process has used.
pub(crate) fn cpu_us() -> u64 {
    let us = |time: TimeVal| time.tv_sec() as u64 * 1_000_000 + time.tv_usec() as u64;
    getrusage(UsageWho::RUSAGE_SELF)
        .map(|used| us(used.user_time()) + us(used.system_time()))
        .unwrap_or(0)
}

/// A point in local time, as broken down by the C library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Local {
    pub(crate) year: i32,
    /// 1 to 12.
    pub(crate) month: u8,
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
    /// Minutes east of Greenwich.
    pub(crate) offset: i32,
}

/// Local time of `seconds` since the epoch, in the zone that was read when
/// this was first called: a process that will chroot calls it once before.
pub(crate) fn local(seconds: i64) -> Local {
    let clock = seconds as libc::time_t;
    // SAFETY: `tm` is plain data, for which zero bytes are a valid value.
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live locals; the call keeps neither.
    if unsafe { libc::localtime_r(&clock, &mut tm) }.is_null() {
        return Local::default();
    }
    Local {
        year: tm.tm_year + 1900,
        month: tm.tm_mon as u8 + 1,
        day: tm.tm_mday as u8,
        hour: tm.tm_hour as u8,
        minute: tm.tm_min as u8,
        second: tm.tm_sec as u8,
        offset: (tm.tm_gmtoff / 60) as i32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_does_not_go_back() {
        let first = monotonic_ms();
        assert!(first > 0 && monotonic_ms() >= first);
    }

    #[test]
    fn local_time_minus_its_offset_is_the_time_of_the_day_in_greenwich() {
        let t = local(1_000_000_000);
        let minutes = i32::from(t.hour) * 60 + i32::from(t.minute) - t.offset;
        assert_eq!(minutes.rem_euclid(1440), 60 + 46);
    }
}
