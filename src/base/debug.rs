//! Debug flags: which areas of a program tell their details, and about whom.

use std::cell::Cell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::kv::Row;
use super::nets::{self, Net};
use super::vars::{Kind, Var, When};
use super::words::quote;

/// What can be debugged: the flags of the control word `debug`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Area {
    /// Control connections and generations.
    Control,
    /// Births and deaths of workers.
    Pool,
    /// The commands of sessions, without their arguments where these are secret.
    Session,
    /// Modules and their answers.
    Auth,
    /// Mail checks.
    Check,
}

impl Area {
    /// All names, by bit.
    pub(crate) const NAMES: &'static [&'static str] =
        &["control", "pool", "session", "auth", "check"];

    /// The flag, as control words spell it.
    pub(crate) fn name(self) -> &'static str {
        Area::NAMES[self as usize]
    }
}

/// The options of the word, by which a flag holds for some only.
#[rustfmt::skip]
pub(crate) static OPTIONS: &[Var] = &[
    Var { name: "user", kind: Kind::Str, default: "", when: When::Live, help: "only what this user does, named as the client names him" },
    Var { name: "ip",   kind: Kind::Net, default: "", when: When::Live, help: "only what comes from this network" },
];

/// So many pairs of an area and somebody are looked at, at a time.
const WATCHES: usize = 16;
/// Longest name of one, in octets.
const LONGEST: usize = 255;

/// Somebody of whom an area tells.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Watch {
    area: usize,
    /// Empty: any.
    user: String,
    /// As text, and what that means; empty: any.
    ip: String,
    net: Option<Net>,
}

/// The debug flags of a configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    /// One bit an area: it tells of everybody.
    all: u64,
    watches: Vec<Watch>,
}

impl Flags {
    /// Switches a flag, for everybody or as the options say. To switch it off
    /// for everybody forgets all whom it was on for.
    ///
    /// # Errors
    /// What is wrong and what would be right.
    pub(crate) fn switch(
        &mut self,
        flag: &str,
        on: bool,
        options: &[(String, String)],
    ) -> Result<(), String> {
        let Some(area) = Area::NAMES.iter().position(|name| *name == flag) else {
            return Err(format!(
                "there is no flag {}; there are: {}",
                quote(flag),
                Area::NAMES.join(" ")
            ));
        };
        if options.is_empty() {
            self.all = self.all & !(1 << area) | u64::from(on) << area;
            if !on {
                self.watches.retain(|watch| watch.area != area);
            }
            return Ok(());
        }
        let watch = watch(area, options)?;
        let known = self.watches.iter().position(|other| *other == watch);
        match (on, known) {
            (true, None) if self.watches.len() == WATCHES => Err(format!(
                "{WATCHES} are looked at already; see debug list, and switch one off"
            )),
            (true, None) => {
                self.watches.push(watch);
                Ok(())
            }
            (false, Some(place)) => {
                self.watches.remove(place);
                Ok(())
            }
            (false, None) => Err(format!("{flag} is not on for that; see debug list")),
            (true, Some(_)) => Ok(()),
        }
    }

    /// One row a flag, and one for each of those it is on for.
    pub(crate) fn rows(&self) -> Vec<String> {
        let state = |area: usize| {
            if self.all >> area & 1 == 1 {
                "on"
            } else {
                "off"
            }
        };
        let mut rows = Vec::new();
        for (area, name) in Area::NAMES.iter().enumerate() {
            let mut row = Row::default();
            rows.push(row.kv("flag", name).kv("state", &state(area)).text());
            for watch in self.watches.iter().filter(|watch| watch.area == area) {
                let mut row = Row::default();
                row.kv("flag", name).kv("state", &"on");
                rows.push(row.kv("user", &watch.user).kv("ip", &watch.ip).text());
            }
        }
        rows
    }

    /// The control words that switch these flags on.
    pub(crate) fn print(&self) -> Vec<String> {
        let on = |(area, name): (usize, &&str)| {
            (self.all >> area & 1 == 1).then(|| format!("debug {name} on"))
        };
        let mut words: Vec<_> = Area::NAMES.iter().enumerate().filter_map(on).collect();
        for watch in &self.watches {
            let mut word = format!("debug {} on", Area::NAMES[watch.area]);
            for (key, value) in [("user", &watch.user), ("ip", &watch.ip)] {
                if !value.is_empty() {
                    word.push_str(&format!(" {}", quote(&format!("{key}={value}"))));
                }
            }
            words.push(word);
        }
        words
    }

    /// Makes them hold, in sessions that are going on too. Whoever looks
    /// meanwhile may see one of them half: that is a line more or less.
    pub(crate) fn publish(&self, page: &[AtomicU64]) {
        let some = self.watches.iter().fold(0, |some, w| some | 1 << w.area);
        let (head, cells) = page.split_at(1);
        for (n, cell) in cells.chunks_exact(CELL).enumerate() {
            let words = self.watches.get(n).map_or([0; CELL], Watch::words);
            cell.iter()
                .zip(words)
                .for_each(|(to, word)| to.store(word, Relaxed));
        }
        head[0].store(self.all | some << SOME, Relaxed);
    }
}

/// Reads the options.
fn watch(area: usize, options: &[(String, String)]) -> Result<Watch, String> {
    let (user, ip, net) = Default::default();
    let mut watch = Watch {
        area,
        user,
        ip,
        net,
    };
    for (name, value) in options {
        let Some(option) = OPTIONS.iter().find(|option| option.name == name) else {
            return Err(format!(
                "unknown option {}; there are: user ip",
                quote(name)
            ));
        };
        match name.as_str() {
            "user" if (1..=LONGEST).contains(&value.len()) => watch.user.clone_from(value),
            "user" => return Err(format!("user must have 1 to {LONGEST} octets")),
            _ => {
                watch.ip.clone_from(value);
                watch.net = nets::parse(value);
                if watch.net.is_none() {
                    return Err(format!("ip must be {}", option.kind.wanted()));
                }
            }
        }
    }
    Ok(watch)
}

/// Words of the page for one of them: area, user, and network with its mask.
const CELL: usize = 6;
/// Words of the page: in the first the areas that tell of everybody, and from
/// bit [`SOME`] on those that tell of some.
pub(crate) const PAGE: usize = 1 + WATCHES * CELL;
const SOME: u32 = 32;

impl Watch {
    fn words(&self) -> [u64; CELL] {
        let user = if self.user.is_empty() {
            0
        } else {
            mark(self.user.as_bytes())
        };
        let (bits, mask) = self.net.map_or((0, 0), Net::parts);
        let (high, low) = (|n: u128| (n >> 64) as u64, |n: u128| n as u64);
        [
            1 << self.area,
            user,
            high(bits),
            low(bits),
            high(mask),
            low(mask),
        ]
    }
}

/// Names are told apart by this, which is not 0.
fn mark(user: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    user.hash(&mut hasher);
    hasher.finish() | 1
}

thread_local! {
    /// The mark of the user this process serves, and the address of the client.
    static ABOUT: Cell<(u64, Option<u128>)> = const { Cell::new((0, None)) };
}

/// What follows has to do with this client, if its address is known, and not
/// yet with any user.
pub(crate) fn about(ip: Option<IpAddr>) {
    ABOUT.set((0, ip.map(nets::bits)));
}

/// And with this user.
pub(crate) fn about_user(user: &[u8]) {
    ABOUT.set((mark(user), ABOUT.get().1));
}

/// Does this area tell of what this process does?
pub(super) fn is_on(page: &[AtomicU64], area: Area) -> bool {
    let flags = page[0].load(Relaxed);
    let all = 1 << area as u64;
    let either = all | all << SOME;
    flags & either != 0 && (flags & all != 0 || is_watched(page, all))
}

fn is_watched(page: &[AtomicU64], area: u64) -> bool {
    let (user, ip) = ABOUT.get();
    page[1..].chunks_exact(CELL).any(|cell| {
        let word = |n: usize| cell[n].load(Relaxed);
        let wide = |n: usize| u128::from(word(n)) << 64 | u128::from(word(n + 1));
        let (bits, mask) = (wide(2), wide(4));
        word(0) == area
            && (word(1) == 0 || word(1) == user)
            && (mask == 0 || ip.is_some_and(|ip| (ip ^ bits) & mask == 0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect()
    }

    #[test]
    fn a_flag_tells_of_those_it_is_on_for_and_of_nobody_else() {
        let page: Vec<_> = (0..PAGE).map(|_| AtomicU64::new(0)).collect();
        let mut flags = Flags::default();
        let both = options(&[("user", "joe"), ("ip", "192.0.2.0/24")]);
        flags.switch("auth", true, &both).unwrap();
        flags
            .switch("auth", true, &options(&[("ip", "2001:db8::/32")]))
            .unwrap();
        flags.publish(&page);
        for (user, ip, told) in [
            ("joe", "192.0.2.7", true),
            ("Joe", "192.0.2.7", false),
            ("joe", "192.0.3.7", false),
            ("anna", "2001:db8::1", true),
        ] {
            about(ip.parse().ok());
            about_user(user.as_bytes());
            assert_eq!(is_on(&page, Area::Auth), told, "{user} {ip}");
            assert!(!is_on(&page, Area::Session));
        }
        about("192.0.2.7".parse().ok());
        assert!(!is_on(&page, Area::Auth), "nobody has a name yet");
        flags.switch("auth", true, &[]).unwrap();
        flags.publish(&page);
        assert!(is_on(&page, Area::Auth));
        flags.switch("auth", false, &[]).unwrap();
        flags.publish(&page);
        assert!(page.iter().all(|word| word.load(Relaxed) == 0));
    }

    #[test]
    fn they_are_bounded_and_what_is_wrong_is_said() {
        let mut flags = Flags::default();
        for n in 0..WATCHES {
            let one = options(&[("user", &format!("u {n}"))]);
            flags.switch("session", true, &one).unwrap();
            flags.switch("session", true, &one).unwrap();
        }
        let mut no = |on, list| flags.switch("session", on, &options(list)).unwrap_err();
        assert!(no(true, &[("user", "more")]).contains("already"));
        assert!(no(false, &[("user", "more")]).contains("not on"));
        assert!(no(true, &[("name", "x")]).contains("user ip"));
        assert!(no(true, &[("ip", "10.0.0.1/8")]).contains("network"));
        assert!(no(true, &[("user", "")]).starts_with("user must"));
        assert_eq!(flags.print()[3], "debug session on \"user=u 3\"");
    }
}
