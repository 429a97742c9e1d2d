//! What ps shows: a process writes its title over the words it was started with.

#[cfg(target_os = "linux")]
mod os {
    use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

    static AREA: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
    static LEN: AtomicUsize = AtomicUsize::new(0);

    /// Finds where the kernel keeps our arguments and, right behind them,
    /// our environment, which is moved away to make room. Fields 48 to 51 of
    /// proc_pid_stat(5), counted behind the parenthesis that ends field 2.
    pub(super) fn init() {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let Some((_, rest)) = stat.rsplit_once(") ") else {
            return;
        };
        let field = |n: usize| rest.split(' ').nth(n - 3)?.trim().parse::<usize>().ok();
        let (Some(start), Some(mut end)) = (field(48), field(49)) else {
            return;
        };
        if field(50) == Some(end) {
            move_environment();
            end = field(51).unwrap_or(end);
        }
        if start == 0 || end <= start {
            return;
        }
        LEN.store((end - start).min(256), Ordering::Relaxed);
        AREA.store(
            std::ptr::with_exposed_provenance_mut(start),
            Ordering::Relaxed,
        );
    }

    unsafe extern "C" {
        static mut environ: *mut *mut std::ffi::c_char;
    }

    /// Copies every string of the environment to the heap, for good.
    fn move_environment() {
        // SAFETY: one thread; the C library's own variable.
        let row = unsafe { environ };
        for i in 0.. {
            // SAFETY: the row ends with a null pointer, at which we stop.
            let entry = unsafe { row.add(i) };
            // SAFETY: as above, an element of the row.
            let text = unsafe { *entry };
            if text.is_null() {
                break;
            }
            // SAFETY: each element is a C string.
            let copy = unsafe { std::ffi::CStr::from_ptr(text) }.to_owned();
            // SAFETY: an element of the row; the new string is never freed.
            unsafe { *entry = copy.into_raw() };
        }
    }

    pub(super) fn set(title: &[u8]) {
        let area = AREA.load(Ordering::Relaxed);
        let len = LEN.load(Ordering::Relaxed);
        if area.is_null() || len == 0 {
            return;
        }
        let used = title.len().min(len - 1);
        // SAFETY: the kernel placed `len` writable bytes of arguments and moved environment at
        // `area`; no Rust reference to them exists, since std copies arguments when asked.
        unsafe { std::ptr::copy_nonoverlapping(title.as_ptr(), area, used) };
        // SAFETY: as above; `used` is less than `len`.
        unsafe { std::ptr::write_bytes(area.wrapping_add(used), 0, len - used) };
    }
}

#[cfg(any(
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
))]
mod os {
    pub(super) fn init() {}

    pub(super) fn set(title: &[u8]) {
        let Ok(text) = std::ffi::CString::new(title) else {
            return;
        };
        // SAFETY: both are C strings that live through the call, and "-%s" takes one.
        unsafe { libc::setproctitle(c"-%s".as_ptr(), text.as_ptr()) };
    }
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
)))]
mod os {
    pub(super) fn init() {}
    pub(super) fn set(_: &[u8]) {}
}

/// To be called once, early, after the arguments have been read.
pub(crate) fn init() {
    os::init();
}

/// Shows `title`, cut to the room there is; bytes that a terminal might
/// obey are shown as question marks.
pub(crate) fn set(title: &[u8]) {
    let mut clean = [0u8; 256];
    let used = title.len().min(clean.len());
    for (to, &from) in clean.iter_mut().zip(title) {
        *to = if (0x20..0x7f).contains(&from) {
            from
        } else {
            b'?'
        };
    }
    os::set(&clean[..used]);
}
