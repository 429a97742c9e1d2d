//! The mail check before a backend is disturbed. What is not known for sure
//! is no reason to keep anybody from the mailbox: unknown connects.

use super::backend::Reach;
use super::counts::AtBackend;
use super::session::Session;
use super::site::{Backend, Proto};
use super::vars::backend::CHECKKEY;
use super::vars::{CHECKTIMEOUT, Count, DISABLED, MARK_PENDING};
use crate::base::clock::now;
use crate::check::ask::{Answer, Server, Why, ask};
use crate::check::keyed::CheckKey;
use crate::daemon::config::{Config, Object};
use crate::net::wait::{Broken, Stop};

impl Backend {
    /// What those who wait for its pcheckd are marked with.
    pub(super) fn check_mark(&self) -> u64 {
        self.key() | 1 << 63
    }
}

/// What must hold of the options of a backend.
///
/// # Errors
/// What does not fit, and what would be right.
pub(super) fn check(backend: &Object) -> Result<(), String> {
    match backend.keys.text(CHECKKEY).contains(',') {
        true => Err(format!(
            "backend {}: checkkey names more than one file",
            backend.id
        )),
        false => Ok(()),
    }
}

/// What a backend's pcheckd shares with us, if anything.
///
/// # Errors
/// The file holds no key.
pub(super) fn key(backend: &Object, config: &Config) -> Result<Option<CheckKey>, String> {
    let file = backend.keys.text(CHECKKEY);
    if file.is_empty() {
        return Ok(None);
    }
    config.keyfiles.tell_exposed(file);
    CheckKey::parse(config.keyfiles.octets(file))
        .map(Some)
        .map_err(|why| format!("backend {}: {file}: {why}", backend.id))
}

impl Session<'_> {
    /// Is the mail check good for somebody though the backend takes no new
    /// session? Not if an administrator has said so; else those who have no
    /// mail need not know of it, as long as pcheckd answers at once.
    pub(super) fn may_look(&self, backend: &Backend) -> bool {
        backend.proto == Proto::Cxpop
            && self.seat.object_state(backend.row) != DISABLED
            && backend.silence(self.seat).is_none()
    }

    /// What the mail check says, if that ends the way to the backend.
    pub(super) fn look(&self, backend: &Backend, mailbox: &str) -> Option<Reach> {
        if backend.proto != Proto::Cxpop || backend.check_addresses.is_empty() {
            return None;
        }
        let silence = backend.silence(self.seat);
        if silence.is_pause(now()) {
            return self.skip(backend);
        }
        // Who does without may have to wait for the backend, which has a
        // limit of its own: together they cannot take all slots.
        let (seat, most) = (self.seat, backend.maxpending(self.seat));
        if !seat.mark(MARK_PENDING, backend.check_mark(), most) {
            return self.skip(backend);
        }
        self.count(Count::Checks, 1);
        backend.count(seat, AtBackend::Checks, 1);
        let answer = self.ask(backend, mailbox);
        seat.unmark(MARK_PENDING);
        let answer = match answer {
            Ok(answer) => answer,
            Err(stop) => return Some(Reach::Stopped(Broken::Stop(stop))),
        };
        debug!(
            Check,
            self.sid,
            backend = backend.id,
            mbox = mailbox,
            answer = answer.name()
        );
        if let Answer::Unknown(why) = &answer {
            self.doubt(backend, why);
            return None;
        }
        silence.heard();
        if matches!(answer, Answer::Busy) {
            return Some(Reach::Soft("load_too_high"));
        }
        let empty = matches!(answer, Answer::Nothing);
        self.learn(empty);
        if empty {
            backend.count(seat, AtBackend::Empty, 1);
        }
        empty.then_some(Reach::Nothing)
    }

    /// Nobody is asked, so nothing is known.
    fn skip(&self, backend: &Backend) -> Option<Reach> {
        self.count(Count::CheckSkipped, 1);
        backend.count(self.seat, AtBackend::CheckSkipped, 1);
        None
    }

    /// Asks at the first address where somebody may be.
    fn ask(&self, backend: &Backend, mailbox: &str) -> Result<Answer, Stop> {
        let (last, first) = match backend.check_addresses.split_last() {
            Some(split) => split,
            None => return Ok(Answer::Unknown(Why::Silence)),
        };
        let timeout = self.seat.var(CHECKTIMEOUT);
        let (from, key) = (backend.source, backend.check_key.as_ref());
        let ask = |to| {
            let server = Server { from, to, key };
            ask(server, mailbox.as_bytes(), self.seat, timeout)
        };
        for &to in first {
            let answer = ask(to)?;
            if !matches!(answer, Answer::Unknown(Why::Unreachable(_))) {
                return Ok(answer);
            }
        }
        ask(*last)
    }

    /// Logs why the check told nothing, and takes note of silence: who keeps
    /// silent for long is not asked for a while.
    fn doubt(&self, backend: &Backend, why: &Why) {
        let silence = backend.silence(self.seat);
        let why_text = format_args!("{why}").to_string();
        if !why.is_silence() {
            silence.heard();
            self.count(Count::CheckFailed, 1);
            backend.count(self.seat, AtBackend::CheckFailed, 1);
            event!(CHECK_ERROR, self.sid, backend = backend.id, why = why_text);
            return;
        }
        self.count(Count::CheckSilent, 1);
        backend.count(self.seat, AtBackend::CheckSilent, 1);
        event!(CHECK_SILENT, self.sid, backend = backend.id, why = why_text);
        if silence.silent(now()) {
            event!(CHECK_SKIPPED, self.sid, backend = backend.id);
        }
    }
}
