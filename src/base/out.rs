//! What the tools say to people: `println!` is denied everywhere else.

use std::io::Write;

/// Writes one line to standard output. A reader who went away is no error.
pub(crate) fn say(text: impl std::fmt::Display) {
    let _ = tell(text);
}

/// The same for who wants to know that it stands there.
///
/// # Errors
/// Why not: a full disk, for example.
pub(crate) fn tell(text: impl std::fmt::Display) -> std::io::Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(why) if why.kind() != std::io::ErrorKind::BrokenPipe => Err(why),
        _ => Ok(()),
    }
}

/// Writes one line to standard output; is anybody there to read it?
///
/// # Errors
/// Somebody is, but why can he not have it?
pub(crate) fn is_heard(text: impl std::fmt::Display) -> std::io::Result<bool> {
    let mut out = std::io::stdout();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(why) if why.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true),
    }
}

/// Writes one line to standard error.
pub(crate) fn complain(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Writes the prompt of a dialogue: no line end, seen at once.
pub(crate) fn prompt(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}
