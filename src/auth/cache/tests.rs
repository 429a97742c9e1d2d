//! Two users, or one with two passwords, are never taken for one another.

use super::*;
use crate::sys::secret::Secret;
use proptest::prelude::*;

static KEY: [u8; 32] = [7; 32];

fn cache(entries: usize) -> Cache {
    let words: Vec<_> = (0..words(entries)).map(|_| AtomicU64::new(0)).collect();
    Cache::new(words.leak(), &KEY)
}

fn login<'a>(user: &'a [u8], password: &'a [u8]) -> Request<'a> {
    Request {
        ns: b"default",
        user,
        password,
        vserv: "main",
        sid: "p1.1",
        client: ("192.0.2.7", "4711"),
        server: ("192.0.2.1", "110"),
        ..Request::default()
    }
}

fn account(mailbox: &str) -> Account {
    Account {
        backend: "b1".into(),
        mailbox: (!mailbox.is_empty()).then(|| mailbox.into()),
        user: None,
        password: None,
        master: false,
        extras: Vec::new(),
    }
}

fn mailbox(cache: &Cache, request: &Request) -> Option<String> {
    cache.find(request).and_then(|hit| hit.account.mailbox)
}

#[test]
fn what_was_accepted_is_found_as_it_was() {
    let cache = cache(8);
    let joe = login(b"joe", b"secret");
    let mut told = account("3/joe");
    told.user = Some(b"j\xff".to_vec());
    told.master = true;
    told.extras = vec![("a".into(), "1".into()), ("b".into(), "x=y".into())];
    cache.put(&joe, 99, &told, 1000);
    let hit = cache.find(&joe).unwrap();
    assert_eq!((hit.mark, hit.at), (99, 1000));
    assert_eq!(format!("{:?}", hit.account), format!("{told:?}"));
    let mut later = joe;
    (later.sid, later.client.1) = ("p1.2", "4712");
    assert!(cache.find(&later).is_some(), "another session of the same");
}

#[test]
fn a_login_that_differs_in_anything_a_module_could_see_is_not_found() {
    let cache = cache(64);
    let joe = login(b"joe", b"secret");
    cache.put(&joe, 1, &account("joe"), 1000);
    let all: &[fn(&mut Request<'_>)] = &[
        |r| r.ns = b"other",
        |r| r.user = b"anna",
        |r| r.user = b"Joe",
        |r| r.password = b"Secret",
        |r| r.password = b"",
        |r| r.vserv = "second",
        |r| r.client.0 = "192.0.2.8",
        |r| r.server.0 = "192.0.2.2",
        |r| r.server.1 = "995",
        |r| r.tls = "TLSv1.3",
        |r| r.subject = b"CN=joe",
        |r| r.external = true,
    ];
    for (n, change) in all.iter().enumerate() {
        let mut other = joe;
        change(&mut other);
        assert!(cache.find(&other).is_none(), "{n}");
    }
    assert!(cache.find(&joe).is_some());
}

#[test]
fn a_new_password_makes_the_old_one_unknown_wherever_it_was_used() {
    let cache = cache(8);
    let (old, new) = (login(b"joe", b"old"), login(b"joe", b"new"));
    let mut elsewhere = old;
    elsewhere.client.0 = "192.0.2.99";
    cache.put(&old, 1, &account("joe"), 1000);
    cache.put(&elsewhere, 1, &account("joe"), 1000);
    assert!(cache.find(&old).is_some() && cache.find(&elsewhere).is_some());
    cache.put(&new, 1, &account("joe"), 1001);
    assert!(cache.find(&old).is_none() && cache.find(&elsewhere).is_none());
    assert!(cache.find(&new).is_some());
    // Somebody was asked before, and is slow to tell.
    cache.put(&old, 1, &account("joe"), 1000);
    assert!(cache.find(&old).is_none() && cache.find(&new).is_some());
}

#[test]
fn who_was_forgotten_is_not_remembered_by_somebody_who_was_asked_before() {
    let cache = cache(8);
    let (joe, anna) = (login(b"joe", b"x"), login(b"anna", b"x"));
    assert!(!cache.forget(b"default", b"joe", 10, false));
    cache.put(&joe, 1, &account("joe"), 1000);
    cache.put(&anna, 1, &account("anna"), 1000);
    assert!(!cache.forget(b"other", b"joe", 2000, false));
    assert!(cache.forget(b"default", b"joe", 2000, false));
    assert_eq!(mailbox(&cache, &joe), None);
    assert_eq!(mailbox(&cache, &anna).as_deref(), Some("anna"));
    cache.put(&joe, 1, &account("joe"), 1999);
    assert_eq!(mailbox(&cache, &joe), None);
    cache.put(&joe, 1, &account("joe"), 2001);
    assert_eq!(mailbox(&cache, &joe).as_deref(), Some("joe"));
    cache.flush(2001);
    assert_eq!(mailbox(&cache, &joe), None);
    cache.put(&joe, 1, &account("joe"), 2002);
    assert_eq!(mailbox(&cache, &joe).as_deref(), Some("joe"));
}

#[test]
fn strangers_push_nobody_out_by_being_refused() {
    let cache = cache(8);
    for n in 0..8 {
        let user = format!("user{n}");
        cache.put(&login(user.as_bytes(), b"x"), 1, &account("m"), 1000 + n);
    }
    for n in 0..100 {
        assert!(!cache.forget(b"default", format!("x{n}").as_bytes(), 3000, false));
    }
    let there = |n: u64| {
        cache
            .find(&login(format!("user{n}").as_bytes(), b"x"))
            .is_some()
    };
    assert!((0..8).all(there));
    cache.put(&login(b"new", b"x"), 1, &account("m"), 2000);
    assert!(!there(0) && (1..8).all(there), "the oldest gives way");
}

#[test]
fn half_written_entries_are_nobodys() {
    let cache = cache(8);
    let joe = login(b"joe", b"x");
    cache.put(&joe, 1, &account("joe"), 1000);
    let place = cache.place(cache.user(b"default", b"joe"));
    let entry = { place }.find(|e| number(e, USER) != 0).unwrap();
    for (n, word) in entry.iter().enumerate() {
        // The digest of the password is no part of what is looked up.
        if (DIGEST..LENGTHS).contains(&n) && n >= DIGEST {
            continue;
        }
        let before = word.load(Relaxed);
        word.store(before ^ 1 << 17, Relaxed);
        assert!(cache.find(&joe).is_none(), "word {n}");
        word.store(before, Relaxed);
    }
    assert!(cache.find(&joe).is_some());
}

#[test]
fn an_account_with_a_password_or_without_end_is_not_held() {
    let cache = cache(8);
    let joe = login(b"joe", b"x");
    let mut secret = account("joe");
    secret.password = Some(Secret::from(&b"geheim"[..]));
    cache.put(&joe, 1, &secret, 1000);
    assert!(cache.find(&joe).is_none());
    let mut long = account(&"x".repeat(255));
    long.extras = vec![("a".into(), "y".repeat(LONGEST - 255 - 2 - 3))];
    cache.put(&joe, 1, &long, 1000);
    assert!(cache.find(&joe).is_some());
    long.extras[0].1.push('y');
    cache.put(&joe, 1, &long, 1001);
    assert!(cache.find(&joe).is_none(), "nor is what was held before");
}

#[test]
fn a_cache_without_room_forgets_everything() {
    let cache = Cache::new(&[], &KEY);
    let joe = login(b"joe", b"x");
    cache.put(&joe, 1, &account("joe"), 1000);
    assert!(cache.find(&joe).is_none());
    cache.flush(7);
    assert!(!cache.forget(b"default", b"joe", 1, true));
}

#[test]
fn what_is_rarely_told_is_told_once() {
    let cache = cache(8);
    let told: Vec<_> = [100, 200, 10_100, 10_101]
        .map(|at| cache.first_since(at, 10_000))
        .into();
    assert_eq!(told, [true, false, false, true]);
}

proptest! {
    /// Names and passwords of all octets: whatever is found is the login
    /// that was put in last, never another's.
    #[test]
    fn nobody_is_ever_given_the_account_of_another(
        logins in proptest::collection::vec(("[ab\u{0}%/.@:]{1,3}", "[ab:]{1,2}"), 1..40),
    ) {
        let cache = cache(16);
        for (n, (user, password)) in logins.iter().enumerate() {
            let request = login(user.as_bytes(), password.as_bytes());
            cache.put(&request, n as u64, &account("m"), 1000 + n as u64);
            for (user, password) in &logins {
                let request = login(user.as_bytes(), password.as_bytes());
                if let Some(hit) = cache.find(&request) {
                    let put = &logins[hit.mark as usize];
                    prop_assert_eq!((user, password), (&put.0, &put.1));
                    let last = logins[..=n].iter().rposition(|(u, _)| u == user);
                    prop_assert_eq!(last.map(|at| &logins[at].1), Some(password));
                }
            }
        }
    }
}
