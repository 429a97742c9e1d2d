//! How busy this host is.

use std::io;

/// The load average of the last minute. It takes one call and opens no
/// file, so it can be had in a chroot too.
///
/// # Errors
/// The system does not tell.
#[cfg(target_os = "linux")]
pub(crate) fn one_minute() -> io::Result<f64> {
    Ok(nix::sys::sysinfo::sysinfo()?.load_average().0)
}

/// The load average of the last minute. Where there is no sysinfo(2), the C
/// library asks the kernel and not a file.
///
/// # Errors
/// The system does not tell.
#[cfg(not(target_os = "linux"))]
pub(crate) fn one_minute() -> io::Result<f64> {
    let mut load = 0.0;
    // SAFETY: the pointer is to one live double, and one is all that is asked for.
    match unsafe { libc::getloadavg(&mut load, 1) } {
        1 => Ok(load),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_load_is_the_one_that_proc_shows() {
        let shown = || -> f64 {
            let text = std::fs::read_to_string("/proc/loadavg").unwrap();
            text.split(' ').next().unwrap().parse().unwrap()
        };
        // It changes every five seconds, perhaps between two looks.
        let near = (0..3).any(|_| (shown() - one_minute().unwrap()).abs() < 0.011);
        assert!(near);
    }
}
