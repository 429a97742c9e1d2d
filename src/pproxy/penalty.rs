//! Wrong passwords cost time. The delay falls on the refusal, so that a right
//! password is not delayed; but who has been wrong often could tell from the
//! silence alone, and so waits before anybody looks at the password.

use super::session::Session;
use super::vars::{Count, MARK_SLEEPING, PENALTIES, PENALTYMAX};
use crate::base::clock::{Ms, now};
use crate::base::kv::Row;
use crate::base::verbs::Args;
use crate::daemon::board::{Board, Head, Text};
use crate::daemon::config::Config;
use crate::daemon::service::Said;
use crate::daemon::vars::MAXSESSION;
use crate::limit::penalty::{self, Penalties, State};
use crate::net::wait::{Broken, wait_for};
use crate::pop3::command::Next;
use crate::pop3::reply::{SYS_TEMP, err};

/// Failures from an address beyond which attempts wait before they are heard.
const MANY: u64 = 10;

/// One login that is being tried.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attempt {
    /// Whose failure it would be; 0: of nobody who is punished.
    who: u64,
    /// Stands for user and password.
    digest: u64,
    /// It has waited already.
    waited: bool,
}

/// What comes after a delay.
pub(super) enum Delayed {
    /// It is over.
    Over,
    /// There was no place to wait.
    Full,
    /// The session ends.
    Ended(Broken),
    /// The client has left.
    Left,
}

fn table(board: &Board) -> Penalties {
    let seed = board
        .head(Head::Seed)
        .load(std::sync::atomic::Ordering::Relaxed);
    Penalties::new(board.area(PENALTIES), seed)
}

impl Session<'_> {
    fn longest_penalty(&self) -> Ms {
        self.seat.var(PENALTYMAX) * 1000
    }

    /// An attempt begins. From an address that was wrong often it waits now.
    ///
    /// # Errors
    /// How the conversation goes on without it: the client was told why, or
    /// has left.
    pub(super) fn attempt(&mut self, user: &[u8], password: &[u8]) -> Result<Attempt, Next> {
        if self.longest_penalty() == 0 || self.is_trusted() {
            return Ok(Attempt::default());
        }
        let (board, namespace) = (self.seat.board(), self.vserv.namespace.as_bytes());
        let attempt = Attempt {
            who: penalty::key(self.peer.ip()),
            digest: board.key(&[b"wrong", namespace, user, password]),
            waited: false,
        };
        match table(&board).failures(attempt.who, now()) > MANY {
            true => self.wait_first(attempt, user),
            false => Ok(attempt),
        }
    }

    /// Waits as if the attempt had failed already, unless it is one of the
    /// last that have, and so tells nobody anything new.
    ///
    /// # Errors
    /// As [`Self::attempt`].
    pub(super) fn wait_first(&mut self, attempt: Attempt, user: &[u8]) -> Result<Attempt, Next> {
        let table = table(&self.seat.board());
        if attempt.who == 0 || attempt.waited || table.knows(attempt.who, attempt.digest) {
            return Ok(attempt);
        }
        let due = table.reserve(attempt.who, now(), self.longest_penalty());
        match due.map_or(Delayed::Full, |due| self.sit_out(due)) {
            Delayed::Over => Ok(Attempt {
                waited: true,
                ..attempt
            }),
            Delayed::Full => Err(self.refuse_unheard(user)),
            other => Err(self.end_waiting(other)),
        }
    }

    /// Counts a wrong password; says when the client may be told.
    pub(super) fn punish(&self, attempt: Attempt) -> Ms {
        let (Attempt { who, digest, .. }, now) = (attempt, now());
        let table = table(&self.seat.board());
        if who == 0 || table.knows(who, digest) {
            return now;
        }
        if attempt.waited {
            table.count(who, digest, now);
            return now;
        }
        table.fail(who, digest, now, self.longest_penalty())
    }

    /// Waits until `due`, if a tenth of the slots is not waiting already.
    pub(super) fn sit_out(&mut self, due: Ms) -> Delayed {
        if due <= now() {
            return Delayed::Over;
        }
        let (seat, beds) = (self.seat, self.seat.var(MAXSESSION) / 10);
        if !seat.mark(MARK_SLEEPING, 1, beds.max(1)) {
            return Delayed::Full;
        }
        self.count(Count::Penalties, 1);
        seat.show(Text::Doing, b"penalty");
        let limit = self.login_limit();
        let delayed = match self.doze(&|| limit().map_or(due, |limit| due.min(limit))) {
            Delayed::Over if now() < due => Delayed::Ended(Broken::Timeout),
            delayed => delayed,
        };
        seat.unmark(MARK_SLEEPING);
        seat.show(Text::Doing, b"login");
        delayed
    }

    /// Waits, and notices when the client leaves, unless it has sent ahead.
    fn doze(&mut self, until: &dyn Fn() -> Ms) -> Delayed {
        let seat = self.seat;
        let heard = match self.wire.lines.rest().is_empty() {
            true => self.wire.stream.peek(&mut [0], seat, until),
            false => Ok(1),
        };
        let waited = match heard {
            Ok(0) => return Delayed::Left,
            Ok(_) => wait_for::<0>([], seat, until).map(|_| ()),
            Err(why) => Err(why),
        };
        match waited {
            Ok(()) | Err(Broken::Timeout) => Delayed::Over,
            Err(why) => Delayed::Ended(why),
        }
    }

    /// What a delay that did not come to its end means for the conversation.
    pub(super) fn end_waiting(&mut self, delayed: Delayed) -> Next {
        match delayed {
            Delayed::Over | Delayed::Full => Next::Stay,
            Delayed::Left => self.leave("eof"),
            Delayed::Ended(why) => self.leave(why.reason()),
        }
    }

    /// So many wait from this address, or from everywhere, that an attempt
    /// cannot be heard. It was not looked at, so nothing is said of it.
    fn refuse_unheard(&mut self, user: &[u8]) -> Next {
        self.count(Count::Unheard, 1);
        let why = "too many wrong passwords before it";
        self.log_refused(user, None, why, 0);
        let text = "too many wrong passwords from your address, try again later";
        err(&mut self.wire.out, format_args!("{SYS_TEMP} {text}"));
        self.try_again()
    }
}

/// `penalty list`
///
/// # Errors
/// None.
pub(super) fn list(board: &Board, _: &Config, _: &Args) -> Result<Said, String> {
    let now = now();
    let mut known: Vec<_> = table(board).list(now).collect();
    known.sort_by_key(|(_, state)| std::cmp::Reverse((state.failures, state.until)));
    let show = |(who, state): (u64, State)| {
        let seconds = |ms: Ms| ms.div_ceil(1000);
        let mut row = Row::default();
        row.kv("address", &penalty::show(who))
            .kv("failures", &state.failures)
            .kv("delay", &seconds(state.until.saturating_sub(now)))
            .kv("forgotten", &seconds(state.memory(now)));
        row.text()
    };
    Ok(Said::Rows(known.into_iter().map(show).collect()))
}

/// `penalty clear ADDRESS|all`
///
/// # Errors
/// Nothing is known of the address.
pub(super) fn clear(board: &Board, _: &Config, args: &Args) -> Result<Said, String> {
    let word = args.words.first().map_or("", String::as_str);
    if word == "all" {
        let count = table(board).clear_all();
        return Ok(Said::Line(format!("{count} addresses are forgotten")));
    }
    let ip = word.parse().map_err(|_| "this is no address")?;
    match table(board).clear(penalty::key(ip)) {
        true => Ok(Said::Line("the address is forgotten".into())),
        false => Err(format!("no wrong password is remembered of {word}")),
    }
}
