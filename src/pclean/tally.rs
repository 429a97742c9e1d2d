//! What was done, or would be, and how fast.

use std::time::Duration;

use super::plan::Plan;
use crate::base::clock::{Ms, now};
use crate::base::out::say;

/// Counts for the last line.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Mailboxes that were met.
    pub(super) mailboxes: u64,
    /// Files of mail and of `tmp`, and what was put aside.
    pub(super) removed: u64,
    /// Mailboxes without an account.
    pub(super) orphans: u64,
    /// Those of them that are removed.
    pub(super) gone: u64,
    /// Left for another time.
    pub(super) passed: u64,
    pub(super) failed: u64,
}

/// Counts, tells, and takes its time.
pub(super) struct Tally<'p> {
    plan: &'p Plan,
    /// Whether nothing is told: only counted.
    silent: bool,
    began: Ms,
    paced: u64,
    pub(super) counts: Counts,
}

impl<'p> Tally<'p> {
    pub(super) fn new(plan: &'p Plan, silent: bool) -> Tally<'p> {
        Tally {
            plan,
            silent,
            began: now(),
            paced: 0,
            counts: Counts::default(),
        }
    }

    /// A file that is removed.
    pub(super) fn removed(&mut self, path: &[&[u8]], why: &str) {
        self.counts.removed += 1;
        if !self.plan.quiet {
            self.tell(path, why);
        }
    }

    /// A mailbox that is removed.
    pub(super) fn gone(&mut self, mailbox: &[u8]) {
        self.counts.gone += 1;
        self.tell(&[mailbox], "no account");
        if self.plan.act {
            event!(ORPHAN_REMOVED, "-", mbox = mailbox);
        }
    }

    fn tell(&self, path: &[&[u8]], why: &str) {
        let verb = if self.plan.act {
            "removed"
        } else {
            "would remove"
        };
        self.line(format_args!(
            "{verb} {}: {why}",
            path.join(&b'/').escape_ascii()
        ));
    }

    /// A mailbox that is left as it is this time.
    pub(super) fn passed(&mut self, mailbox: &[u8], why: &str) {
        self.counts.passed += 1;
        self.line(format_args!("left {}: {why}", mailbox.escape_ascii()));
        if !self.silent {
            event!(MAILBOX_PASSED, "-", mbox = mailbox, why = why);
        }
    }

    /// Tells of a failure, and counts it.
    pub(super) fn failed(&mut self, path: &[u8], why: &str) {
        self.counts.failed += 1;
        self.line(format_args!("failed {}: {why}", path.escape_ascii()));
        if !self.silent {
            event!(CLEAN_FAILED, "-", path = path, why = why);
        }
    }

    fn line(&self, text: impl std::fmt::Display) {
        if !self.silent {
            say(text);
        }
    }

    /// Waits until so many more removals are due. To be called where nothing
    /// is locked.
    pub(super) fn pace(&mut self, removals: u64) {
        self.paced += removals;
        if let Some(due) = (self.paced * 1000).checked_div(self.plan.rate) {
            let ahead = (self.began + due).saturating_sub(now());
            std::thread::sleep(Duration::from_millis(ahead));
        }
    }

    /// The last line.
    pub(super) fn sum_up(&self) {
        let counts = &self.counts;
        let would = if self.plan.act { "" } else { "would be " };
        say(format_args!(
            "{} mailboxes; {would}removed: {} files, {} mailboxes; left: {}; failed: {}",
            counts.mailboxes, counts.removed, counts.gone, counts.passed, counts.failed
        ));
        event!(
            CLEANED,
            "-",
            acted = self.plan.act,
            mailboxes = counts.mailboxes,
            files = counts.removed,
            orphans = counts.gone,
            passed = counts.passed,
            failed = counts.failed,
        );
    }
}
