//! What was measured; the numbers of several processes add up.

use std::fmt::Write as _;

use super::hist::Hist;

/// So many kinds of failures are told apart.
const KINDS: usize = 16;

/// What became of the sessions of one load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Ended as they should.
    pub(super) sessions: u64,
    pub(super) failed: u64,
    /// Messages retrieved.
    pub(super) messages: u64,
    /// Octets received, those of TLS itself not counted.
    pub(super) octets: u64,
    /// From the begin to the answer to the password, in microseconds.
    pub(super) login: Hist,
    /// From the begin to the end.
    pub(super) session: Hist,
}

/// All that one process, or all of them, measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// In the order of the loads.
    pub(super) loads: Vec<Counts>,
    /// TLS handshakes, and how many of them went on with an older session.
    pub(super) handshakes: u64,
    pub(super) resumed: u64,
    /// CPU time of ourselves.
    pub(super) cpu_us: u64,
    /// From the first begin to the last end.
    pub(super) elapsed_us: u64,
    /// With a rate: sessions whose time had come, but nobody was free for them.
    pub(super) unstarted: u64,
    /// What failed, and how often.
    pub(super) failures: Vec<(String, u64)>,
}

/// The numbers that merely add up.
const SUMS: usize = 4;

impl Tally {
    pub(super) fn new(loads: usize) -> Tally {
        Tally {
            loads: vec![Counts::default(); loads],
            ..Tally::default()
        }
    }

    /// Counts `count` failures of one kind.
    pub(super) fn fail(&mut self, why: &str, count: u64) {
        let why = match self.failures.iter().any(|(other, _)| other == why) {
            false if self.failures.len() >= KINDS => "other failures",
            _ => why,
        };
        match self.failures.iter_mut().find(|(other, _)| other == why) {
            Some((_, so_far)) => *so_far += count,
            None => self.failures.push((why.into(), count)),
        }
    }

    /// Sessions of all loads, and how many failed.
    pub(super) fn both(&self) -> (u64, u64) {
        let loads = self.loads.iter();
        loads.fold((0, 0), |(fine, failed), load| {
            (fine + load.sessions, failed + load.failed)
        })
    }

    fn sums(&mut self) -> [&mut u64; SUMS] {
        [
            &mut self.handshakes,
            &mut self.resumed,
            &mut self.cpu_us,
            &mut self.unstarted,
        ]
    }

    /// Adds what another process measured in the same time.
    pub(super) fn merge(&mut self, mut other: Tally) {
        self.elapsed_us = self.elapsed_us.max(other.elapsed_us);
        for (sum, more) in self.sums().into_iter().zip(other.sums()) {
            *sum += *more;
        }
        for (load, more) in self.loads.iter_mut().zip(&other.loads) {
            load.sessions += more.sessions;
            load.failed += more.failed;
            load.messages += more.messages;
            load.octets += more.octets;
            load.login.merge(&more.login);
            load.session.merge(&more.session);
        }
        for (why, count) in &other.failures {
            self.fail(why, *count);
        }
    }

    /// Lines for [`Self::read`].
    pub(super) fn write(&mut self) -> String {
        let mut out = format!("elapsed {}\n", self.elapsed_us);
        let mut put = |line: std::fmt::Arguments<'_>| {
            // To write into memory cannot fail.
            let _ = writeln!(out, "{line}");
        };
        for (place, sum) in self.sums().into_iter().enumerate() {
            put(format_args!("sum {place} {sum}"));
        }
        for (place, load) in self.loads.iter().enumerate() {
            let (fine, failed) = (load.sessions, load.failed);
            let (messages, octets) = (load.messages, load.octets);
            put(format_args!(
                "load {place} {fine} {failed} {messages} {octets}"
            ));
            for (word, hist) in [("login", &load.login), ("session", &load.session)] {
                for (bucket, count) in hist.iter() {
                    put(format_args!(
                        "{word} {place} {bucket} {count} {}",
                        hist.max()
                    ));
                }
            }
        }
        for (why, count) in &self.failures {
            put(format_args!("failure {count} {why}"));
        }
        put(format_args!("end"));
        out
    }

    /// What another process of ours has written; `None` if it did not come to
    /// the end.
    pub(super) fn read(loads: usize, text: &str) -> Option<Tally> {
        let mut tally = Tally::new(loads);
        for line in text.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            if word == "failure" {
                let (count, why) = rest.split_once(' ')?;
                tally.fail(why, count.parse().ok()?);
                continue;
            }
            let numbers: Result<Vec<u64>, _> = rest.split_whitespace().map(str::parse).collect();
            match (word, &numbers.ok()?[..]) {
                ("end", []) => return Some(tally),
                ("elapsed", [us]) => tally.elapsed_us = *us,
                ("sum", [place, sum]) => **tally.sums().get_mut(*place as usize)? = *sum,
                ("load", [place, fine, failed, messages, octets]) => {
                    let load = tally.loads.get_mut(*place as usize)?;
                    (load.sessions, load.failed) = (*fine, *failed);
                    (load.messages, load.octets) = (*messages, *octets);
                }
                ("login" | "session", [place, bucket, count, max]) => {
                    let load = tally.loads.get_mut(*place as usize)?;
                    let hist = match word {
                        "login" => &mut load.login,
                        _ => &mut load.session,
                    };
                    hist.put(*bucket as usize, *count, *max);
                }
                _ => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Tally {
        let mut tally = Tally::new(2);
        tally.elapsed_us = 7;
        tally
            .sums()
            .into_iter()
            .zip(1..)
            .for_each(|(sum, n)| *sum = n);
        tally.loads[1].sessions = 5;
        tally.loads[1].login.add(1000);
        tally.loads[0].session.add(3);
        tally.fail("PASS: -ERR no", 2);
        tally
    }

    #[test]
    fn what_one_process_writes_another_reads() {
        let text = some().write();
        assert_eq!(Tally::read(2, &text), Some(some()));
        assert_eq!(Tally::read(2, text.strip_suffix("end\n").unwrap()), None);
        assert_eq!(Tally::read(1, &text), None);
    }

    #[test]
    fn numbers_add_up_and_kinds_of_failures_are_few() {
        let mut all = some();
        all.merge(some());
        assert_eq!((all.elapsed_us, all.cpu_us, all.both()), (7, 6, (10, 0)));
        assert_eq!(all.failures, [("PASS: -ERR no".to_string(), 4)]);
        (0..100).for_each(|n| all.fail(&n.to_string(), 1));
        assert_eq!(all.failures.len(), KINDS + 1);
        assert_eq!(all.failures[KINDS], ("other failures".to_string(), 85));
    }
}
