//! The mail check before a backend is disturbed. What is not known for sure
//! is no reason to keep anybody from the mailbox: unknown connects.

use super::backend::Reach;
use super::session::Session;
use super::site::{Backend, Proto};
use super::vars::{CHECKTIMEOUT, Count};
use crate::base::clock::now;
use crate::check::ask::{Answer, Why, ask};
use crate::net::wait::{Broken, Stop};

impl Session<'_> {
    /// What the mail check says, if that ends the way to the backend.
    pub(super) fn look(&self, backend: &Backend, mailbox: &str) -> Option<Reach> {
        if backend.proto != Proto::Cxpop || backend.check_addresses.is_empty() {
            return None;
        }
        let silence = backend.silence(self.seat);
        if silence.is_pause(now()) {
            self.count(Count::CheckSkipped, 1);
            return None;
        }
        self.count(Count::Checks, 1);
        let answer = match self.ask(backend, mailbox) {
            Ok(answer) => answer,
            Err(stop) => return Some(Reach::Stopped(Broken::Stop(stop))),
        };
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
        empty.then_some(Reach::Nothing)
    }

    /// Asks at the first address where somebody may be.
    fn ask(&self, backend: &Backend, mailbox: &str) -> Result<Answer, Stop> {
        let (last, first) = match backend.check_addresses.split_last() {
            Some(split) => split,
            None => return Ok(Answer::Unknown(Why::Silence)),
        };
        let timeout = self.seat.var(CHECKTIMEOUT);
        for &to in first {
            let answer = ask(to, mailbox.as_bytes(), self.seat, timeout)?;
            if !matches!(answer, Answer::Unknown(Why::Unreachable(_))) {
                return Ok(answer);
            }
        }
        ask(*last, mailbox.as_bytes(), self.seat, timeout)
    }

    /// Logs why the check told nothing, and takes note of silence: who keeps
    /// silent for long is not asked for a while.
    fn doubt(&self, backend: &Backend, why: &Why) {
        let silence = backend.silence(self.seat);
        let why_text = format_args!("{why}").to_string();
        if !why.is_silence() {
            silence.heard();
            self.count(Count::CheckFailed, 1);
            event!(CHECK_ERROR, self.sid, backend = backend.id, why = why_text);
            return;
        }
        self.count(Count::CheckSilent, 1);
        event!(CHECK_SILENT, self.sid, backend = backend.id, why = why_text);
        if silence.silent(now()) {
            event!(CHECK_SKIPPED, self.sid, backend = backend.id);
        }
    }
}
