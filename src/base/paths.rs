//! Where things lie; the Makefile sets these when it builds.

/// `option_env!` with a fallback, usable in constants.
const fn or(value: Option<&'static str>, fallback: &'static str) -> &'static str {
    match value {
        Some(path) => path,
        None => fallback,
    }
}

/// Control sockets and pid files.
pub(crate) const RUNDIR: &str = or(option_env!("POPULAR_RUNDIR"), "/run/popular");
/// The root of all mailboxes.
pub(crate) const SPOOL: &str = or(option_env!("POPULAR_SPOOL"), "/var/spool/popular");
/// Lists of capabilities.
pub(crate) const CAPADIR: &str = or(option_env!("POPULAR_CAPADIR"), "/etc/popular/capa");
/// Modules.
pub(crate) const MODULEDIR: &str = or(option_env!("POPULAR_MODULEDIR"), "/usr/local/lib/popular");
