//! Shows to who watches a session what goes by while it is only copied: the
//! commands, and the first lines of their answers.
//!
//! Who begins to watch in the middle cannot know whether what comes next from
//! the backend is an answer or a line of a message. So nothing is shown before
//! a command has been seen, and no more than the word `+OK` or `-ERR` before
//! one exchange has come to its end; whatever does not fit begins that anew.

use std::collections::VecDeque;

use super::show;
use super::wire::COMMAND;
use crate::net::pump::Tap;
use crate::net::wait::{Side, Watch};

/// Commands that may wait for their answers.
const MOST: usize = 256;
/// Octets of a line of the backend that are kept.
const KEPT: usize = 512;

/// One who listens in.
pub(crate) struct Spy<'w> {
    watch: &'w dyn Watch,
    /// Nothing has gone by yet that was not seen.
    fresh: bool,
    seen: Option<Box<Seen>>,
}

/// What has been seen.
#[derive(Default)]
struct Seen {
    /// It is known where the backend's answers begin.
    sure: bool,
    command: Vec<u8>,
    answer: Vec<u8>,
    /// For each command that waits for its answer, whether lines follow `+OK`.
    asked: VecDeque<bool>,
    /// Such lines follow now.
    follows: bool,
}

impl<'w> Spy<'w> {
    pub(crate) fn new(watch: &'w dyn Watch) -> Spy<'w> {
        Spy {
            watch,
            fresh: true,
            seen: None,
        }
    }

    fn seen(&mut self) -> &mut Seen {
        let sure = self.fresh;
        self.seen.get_or_insert_with(|| {
            Box::new(Seen {
                sure,
                ..Seen::default()
            })
        })
    }

    fn lose(&mut self) {
        (self.fresh, self.seen) = (false, None);
    }
}

/// Adds a piece to a line, of which at most `most` octets are kept; the line
/// without its end, if that was its last piece.
fn whole(kept: &mut Vec<u8>, piece: &[u8], most: usize) -> Option<Vec<u8>> {
    let room = most.saturating_sub(kept.len());
    kept.extend_from_slice(&piece[..piece.len().min(room)]);
    if !piece.ends_with(b"\n") {
        return None;
    }
    let mut line = std::mem::take(kept);
    line.truncate(line.trim_ascii_end().len());
    Some(line)
}

impl Tap for Spy<'_> {
    fn wanted(&self) -> bool {
        self.watch.is_watched()
    }

    fn missed(&mut self) {
        self.lose();
    }

    fn up(&mut self, octets: &[u8]) {
        let watch = self.watch;
        for piece in octets.split_inclusive(|&octet| octet == b'\n') {
            let seen = self.seen();
            let Some(line) = whole(&mut seen.command, piece, COMMAND + 1) else {
                continue;
            };
            watch.tell(Side::Client, &show::command(&line));
            seen.asked.push_back(lines_follow(&line));
            if seen.asked.len() > MOST {
                self.lose();
            }
        }
    }

    fn down(&mut self, octets: &[u8]) {
        let watch = self.watch;
        for piece in octets.split_inclusive(|&octet| octet == b'\n') {
            let seen = self.seen();
            if seen.asked.is_empty() && !seen.follows {
                return self.lose();
            }
            let Some(line) = whole(&mut seen.answer, piece, KEPT) else {
                continue;
            };
            if seen.follows {
                seen.follows = line != b".";
                continue;
            }
            let (ok, err) = (line.starts_with(b"+OK"), line.starts_with(b"-ERR"));
            if !ok && !err {
                return self.lose();
            }
            let shown = match (seen.sure, ok) {
                (true, _) => line.as_slice(),
                (false, true) => b"+OK",
                (false, false) => b"-ERR",
            };
            watch.tell(Side::Server, shown);
            seen.follows = seen.asked.pop_front().unwrap_or(false) && ok;
        }
        let seen = self.seen();
        seen.sure |= seen.asked.is_empty() && !seen.follows && seen.answer.is_empty();
    }
}

/// Do lines follow the `+OK` to this command, up to a lone dot?
fn lines_follow(line: &[u8]) -> bool {
    let mut words = line.split(|&octet| octet == b' ');
    let (first, argument) = (words.next().unwrap_or_default(), words.next());
    let is = |name: &[u8]| first.eq_ignore_ascii_case(name);
    match argument {
        None => is(b"CAPA") || is(b"LIST") || is(b"UIDL"),
        Some(_) => is(b"RETR") || is(b"TOP"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::wait::Stop;
    use std::cell::RefCell;
    use std::os::fd::BorrowedFd;

    #[derive(Default)]
    struct Notes(RefCell<Vec<String>>);

    impl Watch for Notes {
        fn wake_fd(&self) -> BorrowedFd<'_> {
            unreachable!("nobody waits")
        }

        fn woken(&self) -> Option<Stop> {
            None
        }

        fn waiting(&self, _: u64) {}

        fn is_watched(&self) -> bool {
            true
        }

        fn tell(&self, side: Side, line: &[u8]) {
            let text = String::from_utf8_lossy(line);
            let mark = match side {
                Side::Client => '>',
                Side::Server => '<',
            };
            self.0.borrow_mut().push(format!("{mark}{text}"));
        }
    }

    fn seen(play: impl Fn(&mut Spy<'_>)) -> String {
        let notes = Notes::default();
        play(&mut Spy::new(&notes));
        notes.0.into_inner().join(" ")
    }

    #[test]
    fn commands_and_first_lines_are_shown_and_contents_are_not() {
        let text = seen(|spy| {
            spy.up(b"STAT\r\nRETR 1\r\nLI");
            spy.down(b"+OK 1 7\r\n+OK 7 octets\r\nSubj");
            spy.down(b"ect: x\r\n+OK no answer\r\n..\r\n.");
            spy.up(b"ST\r\n");
            spy.down(b"\r\n+OK 1 message\r\n1 7\r\n.\r\n");
            spy.up(b"DELE 9\r\nLIST 1\r\n");
            spy.down(b"-ERR no such message\r\n+OK 1 7\r\n");
        });
        let wanted = ">STAT >RETR 1 <+OK 1 7 <+OK 7 octets >LIST <+OK 1 message \
                      >DELE 9 >LIST 1 <-ERR no such message <+OK 1 7";
        assert_eq!(text, wanted);
    }

    #[test]
    fn who_comes_in_the_middle_of_a_message_is_shown_none_of_it() {
        let text = seen(|spy| {
            spy.missed();
            spy.down(b"+OK a line of the message\r\n-ERR another\r\n");
            spy.up(b"NOOP\r\n");
            spy.down(b"and another\r\n+OK secret\r\n.\r\n");
            spy.up(b"STAT\r\n");
            spy.down(b"+OK 1 7\r\n");
            spy.up(b"STAT\r\n");
            spy.down(b"+OK 1 7\r\n");
        });
        assert_eq!(text, ">NOOP >STAT <+OK >STAT <+OK 1 7");
    }

    #[test]
    fn what_never_ends_takes_no_more_memory() {
        let text = seen(|spy| {
            for _ in 0..10_000 {
                spy.up(&[b'x'; 1000]);
            }
            let kept = spy.seen.as_ref().unwrap().command.capacity();
            assert!(kept < 4096, "{kept}");
            for _ in 0..10_000 {
                spy.up(b"\n");
            }
            assert!(spy.seen().asked.len() <= MOST);
        });
        assert!(!text.contains("xx"));
    }
}
