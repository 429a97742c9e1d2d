//! `session list`: who is connected, as the scoreboard tells it, and the
//! choice among them.

use std::sync::atomic::Ordering::Relaxed;

use super::board::{Board, Field, State, Text};
use super::client::Flow;
use super::config::{Config, Object};
use crate::base::clock::{Ms, now, parse_interval};
use crate::base::kv::Row;
use crate::base::nets::{self, Net};
use crate::base::vars::Kind;
use crate::base::words::quote;

/// What `minage` and `maxage` may be.
const AGES: Kind = Kind::Time(0, 31_536_000);

/// Keys of every daemon; each kind of objects that sessions are marked with
/// is one more.
const KEYS: [&str; 8] = [
    "all", "sid", "user", "peer", "state", "doing", "minage", "maxage",
];

/// What a session must be like.
enum Test {
    Sid(String),
    User(String),
    Peer(Vec<Net>),
    State(State),
    Doing(String),
    /// It has lasted so many milliseconds, at least or at most.
    MinAge(Ms),
    MaxAge(Ms),
    /// A kind of marks, and which one it bears.
    Marked(usize, u64),
}

/// Which workers are wanted.
struct Choice {
    /// Those too who have no session.
    all: bool,
    tests: Vec<Test>,
}

impl Choice {
    /// # Errors
    /// The word that is wrong, and what would be right.
    fn new(config: &Config, keys: &[(String, String)]) -> Result<Choice, String> {
        let (mut all, mut tests) = (false, Vec::new());
        for (key, value) in keys {
            let wrong = |wanted: &str| format!("{key}={}: must be {wanted}", quote(value));
            let normal = |kind: Kind| {
                let normal = kind.normal(value);
                normal.map_err(|why| format!("{key}={}: {why}", quote(value)))
            };
            let age = || normal(AGES).map(|age| parse_interval(&age).unwrap_or(0) * 1000);
            match key.as_str() {
                "all" => all = normal(Kind::Bool)? == "yes",
                "sid" => tests.push(Test::Sid(value.clone())),
                "user" => tests.push(Test::User(value.clone())),
                "peer" if value.is_empty() => return Err(wrong(&Kind::Nets.wanted())),
                "peer" => tests.push(Test::Peer(nets::parse_list(&normal(Kind::Nets)?))),
                "state" => {
                    let state =
                        State::named(value).ok_or_else(|| wrong("starting, idle or busy"))?;
                    all |= state != State::Busy;
                    tests.push(Test::State(state));
                }
                "doing" => tests.push(Test::Doing(value.clone())),
                "minage" => tests.push(Test::MinAge(age()?)),
                "maxage" => tests.push(Test::MaxAge(age()?)),
                _ => tests.push(marked(config, key, value)?),
            }
        }
        Ok(Choice { all, tests })
    }

    fn wants(&self, board: &Board, slot: usize) -> bool {
        let state = board.state(slot);
        let known = state != State::Free && (self.all || state == State::Busy);
        known && self.tests.iter().all(|test| test.passes(board, slot))
    }
}

/// The test for a key that is the name of a kind.
fn marked(config: &Config, key: &str, id: &str) -> Result<Test, String> {
    let mut kinds = marked_kinds(config);
    let Some((kind, marks)) = kinds.find(|(kind, _)| config.tables.kinds[*kind].name == key) else {
        let own = marked_kinds(config).map(|(kind, _)| config.tables.kinds[kind].name);
        let known: Vec<_> = KEYS.into_iter().chain(own).collect();
        let (key, known) = (quote(key), known.join(" "));
        return Err(format!("unknown key {key}; there are: {known}"));
    };
    let object = config.get(kind, id)?;
    Ok(Test::Marked(marks, Object::mark(object.row)))
}

/// The kinds of objects that sessions are marked with, and the kinds of marks.
fn marked_kinds(config: &Config) -> impl Iterator<Item = (usize, usize)> {
    let kinds = config.tables.kinds.iter().enumerate();
    kinds.filter_map(|(kind, row)| Some((kind, row.mark?)))
}

impl Test {
    fn passes(&self, board: &Board, slot: usize) -> bool {
        let text = |which| board.text(slot, which);
        match self {
            Test::Sid(sid) => text(Text::Sid) == sid.as_bytes(),
            Test::User(user) => is_user(&text(Text::User), user.as_bytes()),
            Test::Peer(nets) => {
                let peer = text(Text::Peer);
                let peer = std::str::from_utf8(&peer).ok().and_then(|p| p.parse().ok());
                peer.is_some_and(|peer| nets::holds(nets, peer))
            }
            Test::State(state) => board.state(slot) == *state,
            Test::Doing(doing) => {
                let shown = text(Text::Doing);
                let rest = shown.strip_prefix(doing.as_bytes());
                rest.is_some_and(|rest| rest.is_empty() || rest[0] == b' ')
            }
            Test::MinAge(age) => age_of(board, slot) >= *age,
            Test::MaxAge(age) => age_of(board, slot) <= *age,
            Test::Marked(marks, key) => board.marked_with(*marks, slot) == *key,
        }
    }
}

/// Is the one who is shown as `USER@NAMESPACE` this one? The namespace may be
/// left out.
fn is_user(shown: &[u8], user: &[u8]) -> bool {
    let at = shown.iter().rposition(|&b| b == b'@');
    shown == user || at.is_some_and(|at| &shown[..at] == user)
}

/// How long a session has lasted; 0 where there is none.
fn age_of(board: &Board, slot: usize) -> Ms {
    match board.state(slot) {
        State::Busy => now().saturating_sub(board.field(slot, Field::Since).load(Relaxed)),
        _ => 0,
    }
}

/// Lines that are made, and slots that are looked at, in one go.
const LINES: usize = 128;
const SLOTS: usize = 4096;

/// `session list`: all sessions, or those of the workers that `keys` choose,
/// each as it is when its line is asked for.
///
/// # Errors
/// The word that is wrong, and what would be right.
pub(super) fn list(
    board: Board,
    config: &Config,
    keys: &[(String, String)],
) -> Result<Flow, String> {
    let choice = Choice::new(config, keys)?;
    let names = Names::new(config);
    let mut next = 0;
    Ok(Box::new(move || {
        let (begin, mut lines) = (next, Vec::new());
        while next < board.used() && next - begin < SLOTS && lines.len() < LINES {
            if choice.wants(&board, next) {
                lines.push(show(&board, next, &names));
            }
            next += 1;
        }
        (next > begin).then_some(lines)
    }))
}

/// The ids of objects of a kind by what sessions are marked with.
struct OfKind {
    name: &'static str,
    marks: usize,
    ids: Vec<(u64, String)>,
}

/// Those of all kinds.
struct Names(Vec<OfKind>);

impl Names {
    fn new(config: &Config) -> Names {
        let of_kind = |(kind, marks): (usize, usize)| {
            let objects = config.objects(kind).iter();
            let id = |o: &Object| (Object::mark(o.row), o.id.clone());
            let mut ids: Vec<_> = objects.map(id).collect();
            ids.sort_unstable();
            let name = config.tables.kinds[kind].name;
            OfKind { name, marks, ids }
        };
        Names(marked_kinds(config).map(of_kind).collect())
    }

    /// Says at which objects the session in this slot is.
    fn show(&self, board: &Board, slot: usize, row: &mut Row) {
        for OfKind { name, marks, ids } in &self.0 {
            let key = board.marked_with(*marks, slot);
            let place = ids.binary_search_by_key(&key, |(key, _)| *key);
            row.kv(name, &place.ok().map(|place| ids[place].1.as_str()));
        }
    }
}

fn show(board: &Board, slot: usize, names: &Names) -> String {
    let field = |f| board.field(slot, f).load(Relaxed);
    let text = |t| board.text(slot, t);
    let mut row = Row::default();
    row.kv("sid", &text(Text::Sid))
        .kv("state", &board.state(slot).name())
        .kv("peer", &text(Text::Peer))
        .kv("user", &text(Text::User))
        .kv("doing", &text(Text::Doing));
    names.show(board, slot, &mut row);
    row.kv("pid", &field(Field::Pid))
        .kv("generation", &field(Field::Generation))
        .kv("seconds", &(age_of(board, slot) / 1000))
        .kv("slot", &slot)
        .kv("serial", &field(Field::Serial));
    row.text()
}

/// The slot of a session. One that has no id yet cannot be called by it.
pub(super) fn find(board: &Board, sid: &str) -> Option<usize> {
    if sid.is_empty() {
        return None;
    }
    let mut slots = 0..board.len();
    slots.find(|&slot| {
        board.state(slot) == State::Busy && board.text(slot, Text::Sid) == sid.as_bytes()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::board::Head;
    use crate::daemon::service::Tables;

    #[test]
    fn of_a_hundred_thousand_sessions_few_are_looked_at_in_one_go() {
        static TABLES: Tables = Tables::bare("test");
        let (board, config) = (Board::map(100_000, &[]).unwrap(), Config::new(&TABLES));
        for slot in 0..board.len() {
            board.set_state(slot, State::Busy);
        }
        board.head(Head::High).store(board.len() as u64, Relaxed);
        let mut all = list(board, &config, &[]).unwrap();
        let mut count = 0;
        while let Some(lines) = all() {
            assert!(lines.len() <= LINES);
            count += lines.len();
        }
        assert_eq!(count, board.len());
        let keys = [("user".into(), "ann".into())];
        let mut none = list(board, &config, &keys).unwrap();
        let mut steps = 0;
        while let Some(lines) = none() {
            assert!(lines.is_empty());
            steps += 1;
        }
        assert_eq!(steps, board.len().div_ceil(SLOTS));
    }

    #[test]
    fn who_has_no_id_is_not_found_by_none() {
        let board = Board::map(2, &[]).unwrap();
        for sid in [b"".as_slice(), b"p1.7"] {
            let slot = board.claim().unwrap();
            board.set_state(slot, State::Busy);
            board.set_text(slot, Text::Sid, sid);
        }
        assert_eq!((find(&board, ""), find(&board, "p1.7")), (None, Some(1)));
    }

    #[test]
    fn the_namespace_of_a_user_may_be_left_out() {
        for (shown, user, is) in [
            ("joe@default", "joe", true),
            ("joe@default", "joe@default", true),
            ("joe@a.example@default", "joe@a.example", true),
            ("joe@a.example@default", "joe", false),
            ("joe@default", "jo", false),
            ("", "", true),
        ] {
            assert_eq!(
                is_user(shown.as_bytes(), user.as_bytes()),
                is,
                "{shown} {user}"
            );
        }
    }
}
