//! Logins that were accepted a short while ago, in memory that all processes
//! share, without locks.
//!
//! An entry carries a MAC over itself and over all of the login that a module
//! could have looked at, the password among it; ports and session id, which
//! are new each time, are left out. So whoever asks with another password,
//! from another address or under another name finds nothing, an entry that
//! two have written at once is nobody's, and no password stands in memory.

use super::request::{Account, Request};
use crate::base::clock::Ms;
use crate::base::digest::{mac, same};
use crate::base::table::key;
use pdm::abi::PDM_MASTER;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Relaxed};

/// Entries that share a place; all of a user are in one place.
const WAYS: usize = 8;
/// Words of an entry: eight entries fill a page.
const ENTRY: usize = 64;
/// Where entries begin; before them stand numbers that concern all of them.
const FIRST: usize = WAYS * ENTRY;

/// Words of the head.
const FLUSHED: usize = 0;
const USED: usize = 1;
const TOLD: usize = 2;

/// Words of an entry.
const USER: usize = 0;
/// What else the login is made of; 0 for a user who was forgotten.
const REST: usize = 1;
/// When the module was asked.
const AT: usize = 2;
/// The mark of the module.
const MARK: usize = 3;
/// Two words of a digest of the password.
const DIGEST: usize = 4;
/// The lengths of the four fields of the account, 16 bits each.
const LENGTHS: usize = 6;
const FLAGS: usize = 7;
const MAC: usize = 8;
const TEXT: usize = 12;
/// Octets of the longest account.
const LONGEST: usize = (ENTRY - TEXT) * 8;

/// How many words hold so many entries.
pub(crate) const fn words(entries: usize) -> usize {
    FIRST + entries.div_ceil(WAYS) * WAYS * ENTRY
}

/// A view of the shared words.
#[derive(Clone, Copy)]
pub(crate) struct Cache {
    words: &'static [AtomicU64],
    key: &'static [u8; 32],
}

/// A login that was accepted before.
pub(crate) struct Hit {
    /// The mark of the module that accepted it.
    pub(crate) mark: u64,
    /// When that was.
    pub(crate) at: Ms,
    pub(crate) account: Account,
}

impl Cache {
    /// The cache in these words, which were zero once, under a key that
    /// nobody outside knows.
    pub(crate) fn new(words: &'static [AtomicU64], key: &'static [u8; 32]) -> Cache {
        Cache { words, key }
    }

    /// Was this very login accepted before? It is left to the caller how old
    /// the answer may be, and whether the module is still the same.
    #[inline(never)] // what it needs of the stack is not needed below
    pub(crate) fn find(&self, request: &Request) -> Option<Hit> {
        if request.external || self.words.len() < FIRST {
            return None;
        }
        let (user, rest) = (self.user(request.ns, request.user), self.rest(request));
        let its = |e: &&[AtomicU64]| number(e, USER) == user && number(e, REST) == rest;
        let entry = self.place(user).find(its)?;
        let mut copy = [0; ENTRY];
        (copy.iter_mut().zip(entry)).for_each(|(to, word)| *to = word.load(Relaxed));
        if copy[AT] <= self.words[FLUSHED].load(Relaxed) {
            return None;
        }
        let mut text = [0; LONGEST];
        let octets = copy[TEXT..].iter().flat_map(|word| word.to_le_bytes());
        text.iter_mut()
            .zip(octets)
            .for_each(|(to, octet)| *to = octet);
        let expected = self.mac(request, &copy, &text)?;
        let mut written = [0; 32];
        let octets = copy[MAC..TEXT].iter().flat_map(|word| word.to_le_bytes());
        written.iter_mut().zip(octets).for_each(|(to, o)| *to = o);
        if !same(&expected, &written) {
            return None;
        }
        Some(Hit {
            mark: copy[MARK],
            at: copy[AT],
            account: unpack(&copy, &text)?,
        })
    }

    /// Remembers that the module with this mark, asked at `at`, has accepted
    /// the login. What the same user was let in with before and is no longer
    /// the password is forgotten. An account that has a password or does not
    /// fit is not remembered, nor is one whose user was forgotten since.
    #[inline(never)] // what it needs of the stack is not needed below
    pub(crate) fn put(&self, request: &Request, mark: u64, account: &Account, at: Ms) {
        if request.external || self.words.len() < FIRST {
            return;
        }
        let (user, rest) = (self.user(request.ns, request.user), self.rest(request));
        let Some(digest) = self.password(request) else {
            return;
        };
        let own = self.place(user).filter(|e| number(e, USER) == user);
        for entry in own {
            let other = digest != [number(entry, DIGEST), number(entry, DIGEST + 1)];
            // Who was asked later knows better.
            if (number(entry, REST) == 0 || other) && number(entry, AT) >= at {
                return;
            }
            if number(entry, REST) != 0 && (other || number(entry, REST) == rest) {
                entry[USER].store(0, Relaxed);
            }
        }
        let Some((mut copy, text)) = pack(account) else {
            return;
        };
        [copy[USER], copy[REST], copy[AT], copy[MARK]] = [user, rest, at, mark];
        copy[DIGEST..LENGTHS].copy_from_slice(&digest);
        let Some(mac) = self.mac(request, &copy, &text) else {
            return;
        };
        fill(&mut copy[MAC..TEXT], &mac);
        fill(&mut copy[TEXT..], &text);
        self.words[USED].store(1, Relaxed);
        if let Some(entry) = self.oldest(user) {
            (entry.iter().zip(copy)).for_each(|(word, value)| word.store(value, Relaxed));
        }
    }

    /// Forgets a user in a namespace, and what is being asked about this user
    /// at `now`. With `always` also if nothing is remembered: that takes a
    /// place, so it is not for what strangers can bring about.
    pub(crate) fn forget(&self, ns: &[u8], user: &[u8], now: Ms, always: bool) -> bool {
        if self.words.len() < FIRST || !always && self.words[USED].load(Relaxed) == 0 {
            return false;
        }
        let user = self.user(ns, user);
        let own = || self.place(user).filter(|e| number(e, USER) == user);
        let known = own().any(|entry| number(entry, REST) != 0);
        if !known && !always {
            return false;
        }
        own().for_each(|entry| entry[USER].store(0, Relaxed));
        self.words[USED].store(1, Relaxed);
        if let Some(entry) = self.oldest(user) {
            entry[REST].store(0, Relaxed);
            entry[AT].store(now, Relaxed);
            entry[USER].store(user, Relaxed);
        }
        known
    }

    /// Forgets everybody, and what is being asked at `now`.
    pub(crate) fn flush(&self, now: Ms) {
        if let Some(word) = self.words.get(FLUSHED) {
            word.fetch_max(now, Relaxed);
        }
    }

    /// Whether nobody has come by here for longer than `pause`: for what is
    /// to be logged once, and not for every client.
    pub(crate) fn first_since(&self, now: Ms, pause: Ms) -> bool {
        let Some(word) = self.words.get(TOLD) else {
            return false;
        };
        let last = word.load(Relaxed);
        let due = last == 0 || now.saturating_sub(last) > pause;
        due && word.compare_exchange(last, now, AcqRel, Relaxed).is_ok()
    }

    fn seed(&self) -> u64 {
        let (first, _) = self.key.split_at(8);
        first
            .iter()
            .fold(0, |sum, octet| sum << 8 | u64::from(*octet))
    }

    /// Not 0, which is nobody.
    fn user(&self, ns: &[u8], user: &[u8]) -> u64 {
        key(self.seed(), &[ns, user]).max(1)
    }

    /// Not 0, which is a user who was forgotten.
    fn rest(&self, request: &Request) -> u64 {
        let (client, server) = (request.client.0.as_bytes(), request.server);
        let (vserv, tls) = (request.vserv.as_bytes(), request.tls.as_bytes());
        let server = (server.0.as_bytes(), server.1.as_bytes());
        let subject = request.subject;
        key(
            self.seed(),
            &[vserv, client, server.0, server.1, tls, subject],
        )
        .max(1)
    }

    fn password(&self, request: &Request) -> Option<[u64; 2]> {
        let parts = [b"password", request.ns, request.user, request.password];
        let digest = mac(self.key, &parts).ok()?;
        let mut words = [0; 2];
        fill(&mut words, &digest[..16]);
        Some(words)
    }

    fn mac(
        &self,
        request: &Request,
        copy: &[u64; ENTRY],
        text: &[u8; LONGEST],
    ) -> Option<[u8; 32]> {
        let mut numbers = [0; 48];
        let octets = copy[AT..MAC].iter().flat_map(|word| word.to_le_bytes());
        numbers.iter_mut().zip(octets).for_each(|(to, o)| *to = o);
        let (client, server) = (request.client.0.as_bytes(), request.server);
        let parts = [
            &b"entry"[..],
            request.ns,
            request.user,
            request.password,
            request.vserv.as_bytes(),
            client,
            server.0.as_bytes(),
            server.1.as_bytes(),
            request.tls.as_bytes(),
            request.subject,
            &numbers,
            text,
        ];
        mac(self.key, &parts).ok()
    }

    fn place(&self, user: u64) -> impl Iterator<Item = &'static [AtomicU64]> + use<> {
        let entries = &self.words[FIRST..];
        let places = (entries.len() / (WAYS * ENTRY)) as u64;
        let first = match places {
            0 => 0,
            _ => (user % places) as usize * WAYS * ENTRY,
        };
        let all = if places == 0 { 0 } else { WAYS * ENTRY };
        entries[first..][..all].chunks_exact(ENTRY)
    }

    /// Who gives way in the place of this user: nobody, else the oldest.
    fn oldest(&self, user: u64) -> Option<&'static [AtomicU64]> {
        let rank = |entry: &&[AtomicU64]| match number(entry, USER) {
            0 => 0,
            _ => number(entry, AT).max(1),
        };
        self.place(user).min_by_key(rank)
    }
}

fn number(entry: &[AtomicU64], word: usize) -> u64 {
    entry[word].load(Relaxed)
}

fn fill(words: &mut [u64], octets: &[u8]) {
    for (word, eight) in words.iter_mut().zip(octets.chunks_exact(8)) {
        let eight = eight.iter().rev();
        *word = eight.fold(0, |sum, octet| sum << 8 | u64::from(*octet));
    }
}

/// The account as an entry holds it; `None` if it is not to be held.
fn pack(account: &Account) -> Option<([u64; ENTRY], [u8; LONGEST])> {
    if account.password.is_some() {
        return None;
    }
    let (mut copy, mut text) = ([0; ENTRY], [0; LONGEST]);
    let mut extra = Vec::new();
    for (key, value) in &account.extras {
        let parts = [key.as_bytes(), b"=", value.as_bytes(), b"\0"];
        parts.iter().for_each(|part| extra.extend_from_slice(part));
    }
    let fields = [
        account.backend.as_bytes(),
        account.mailbox.as_deref().unwrap_or_default().as_bytes(),
        account.user.as_deref().unwrap_or_default(),
        &extra,
    ];
    let mut end = 0;
    for (n, field) in fields.iter().enumerate() {
        text.get_mut(end..end + field.len())?.copy_from_slice(field);
        end += field.len();
        copy[LENGTHS] |= (field.len() as u64) << (16 * n);
    }
    copy[FLAGS] = if account.master { PDM_MASTER.into() } else { 0 };
    Some((copy, text))
}

/// The account of an entry; its MAC was right, but who made that may have
/// been taken over.
fn unpack(copy: &[u64; ENTRY], text: &[u8; LONGEST]) -> Option<Account> {
    let mut fields = [&[][..]; 4];
    let mut rest = &text[..];
    for (n, field) in fields.iter_mut().enumerate() {
        let len = usize::from((copy[LENGTHS] >> (16 * n)) as u16);
        *field = rest.get(..len)?;
        rest = &rest[len..];
    }
    let [backend, mailbox, user, extra] = fields;
    let fields = [backend, mailbox, user, b"", extra];
    Account::of(fields, copy[FLAGS] as u32).ok()?
}

#[cfg(test)]
mod tests;
