//! The module as the host sees it, with real files.

use super::*;
use pdm::Str;
use pdm::crypt::computed;
use proptest::prelude::*;
use reader::tests::database;
use std::fs;
use std::path::{Path, PathBuf};

struct Dir(PathBuf);

impl Dir {
    fn new(test: &str) -> Dir {
        let name = format!("popular-cdb.{}.{test}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        Dir(dir)
    }

    /// A database, renamed into place.
    fn file(&self, records: &[(&str, &str)]) -> PathBuf {
        let records = records.iter().map(|(k, v)| (k.as_bytes(), v.as_bytes()));
        let (new, file) = (self.0.join("new"), self.0.join("users.cdb"));
        fs::write(&new, database(&records.collect::<Vec<_>>())).unwrap();
        fs::rename(&new, &file).unwrap();
        file
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(file: &Path) -> Result<Cdb, String> {
    let args = [Str::new(file.to_str().unwrap().as_bytes())];
    Cdb::open(&Config::new(b"users", &args))
}

/// Verdict, backend, mailbox and reason.
fn ask(cdb: &mut Cdb, user: &[u8], password: &str) -> (Verdict, String) {
    let mut request = Request::empty();
    (request.ns, request.user) = (Str::new(b"n"), Str::new(user));
    request.password = Str::new(password.as_bytes());
    let mut rooms = [[0; 256]; 6];
    let [a, b, c, d, e, f] = &mut rooms;
    let mut answer = Answer::new([a, b, c, d, e, f]);
    let verdict = cdb.check(&request, &mut answer);
    let used = [&answer.backend, &answer.mailbox, &answer.reason].map(|buf| buf.used());
    let text = |i: usize, used| String::from_utf8_lossy(&rooms[i][..used]).into_owned();
    let told = [text(0, used[0]), text(1, used[1]), text(5, used[2])];
    (verdict, told.join(" "))
}

#[test]
fn the_namespace_of_an_account_wins_over_every_namespace() {
    let dir = Dir::new("find");
    let all = ("*:joe", "{PLAIN}a:b1:all/joe");
    let own = ("n:joe", "{PLAIN}b:b2:n/joe:quota=5");
    let mut cdb =
        open(&dir.file(&[all, own, ("*:eve", "!:b1:eve"), ("*:x:y", "{PLAIN}c:b:m")])).unwrap();
    let answer = |verdict, text: &str| (verdict, text.to_owned());
    assert_eq!(
        ask(&mut cdb, b"joe", "b"),
        answer(Verdict::Accept, "b2 n/joe ")
    );
    assert_eq!(
        ask(&mut cdb, b"joe", "a"),
        answer(Verdict::Refuse, "b2 n/joe ")
    );
    assert_eq!(
        ask(&mut cdb, b"eve", "!"),
        answer(Verdict::Refuse, "b1 eve ")
    );
    assert_eq!(ask(&mut cdb, b"x:y", "c"), answer(Verdict::Accept, "b m "));
    for stranger in [&b"jo"[..], b"joey", b"n:joe", b"", b"\xff", &[b'j'; 9999]] {
        assert_eq!(ask(&mut cdb, stranger, "a"), answer(Verdict::Unknown, "  "));
    }
}

#[test]
fn a_record_that_cannot_be_used_is_never_a_wrong_password() {
    let dir = Dir::new("bad");
    let mut records = vec![("*:joe", "{PLAIN}a:b1:m"); SAMPLE];
    records.extend([
        ("*:a", "{PLAIN}a:b1:../m"),
        ("*:b", "$99$a$b:b1:m"),
        ("*:c", "x"),
    ]);
    let file = dir.file(&records);
    let mut cdb = open(&file).unwrap();
    for (user, why) in [
        (&b"a"[..], "*:a: mailbox: must not have"),
        (b"b", "*:b: hash: crypt(3) of this system"),
        (b"c", "*:c: too few fields"),
    ] {
        let (verdict, text) = ask(&mut cdb, user, "b");
        assert_eq!(verdict, Verdict::Fail);
        assert!(
            text.starts_with(&format!("  {}: {why}", file.display())),
            "{text}"
        );
    }
    assert_eq!(ask(&mut cdb, b"joe", "a").0, Verdict::Accept);
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let dir = Dir::new("file");
    let why = |file: &Path| open(file).err().unwrap();
    assert!(why(&dir.0.join("none")).contains("none: No such file"));
    for (record, expected) in [
        (("joe", "{PLAIN}a:b1:m"), "users.cdb: joe: namespace:user"),
        (("*:joe", "a:b1:m"), "users.cdb: *:joe: hash: a crypt(3)"),
        (
            ("*:joe", "$99$x$y:b1:m"),
            "users.cdb: *:joe: hash: crypt(3)",
        ),
        (("*:", "{PLAIN}a:b1:m"), "users.cdb: *:: user: "),
    ] {
        let said = why(&dir.file(&[record]));
        assert!(said.contains(expected), "{said}");
    }
    let file = dir.0.join("text");
    fs::write(&file, "*:joe:{PLAIN}a:b1:m\n".repeat(200)).unwrap();
    assert!(why(&file).contains("is no constant database"));
    fs::write(&file, "").unwrap();
    assert!(why(&file).contains("text: "));
    assert!(Cdb::open(&Config::new(b"u", &[])).is_err());
}

#[test]
fn a_replaced_file_is_noticed_and_a_shortened_one_is_survived() {
    let dir = Dir::new("stale");
    let file = dir.file(&[("*:joe", "{PLAIN}a:b1:m")]);
    let mut cdb = open(&file).unwrap();
    assert_eq!(cdb.stale(), 0);
    dir.file(&[("*:joe", "{PLAIN}b:b1:m")]);
    assert_ne!(cdb.stale(), 0);
    assert_eq!(
        ask(&mut cdb, b"joe", "a").0,
        Verdict::Accept,
        "of the old file"
    );
    let mut cdb = open(&file).unwrap();
    assert_eq!(ask(&mut cdb, b"joe", "b").0, Verdict::Accept);
    fs::File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_len(100)
        .unwrap();
    let (verdict, text) = ask(&mut cdb, b"joe", "b");
    assert_eq!(verdict, Verdict::Fail);
    assert!(text.contains("was cut short"), "{text}");
}

#[test]
fn an_unknown_user_costs_what_a_wrong_password_costs() {
    let dir = Dir::new("cost");
    let hash = "$1$salt$qJH7.N4xYta3aEG/dfqo/0:b1:m";
    let records = [("*:joe", hash), ("*:anna", hash), ("*:eve", "!:b1:m")];
    let mut cdb = open(&dir.file(&records)).unwrap();
    for user in ["joe", "nobody", "eve", ""] {
        let before = computed();
        ask(&mut cdb, user.as_bytes(), "wrong");
        assert_eq!(computed() - before, 1, "{user:?}");
    }
}

/// Octets that mean something to somebody, among all the others.
fn octet() -> impl Strategy<Value = u8> {
    prop_oneof![
        proptest::sample::select(&b"%$(){};:,/.\\~'\"`|&*? joen"[..]),
        any::<u8>(),
    ]
}

proptest! {
    #[test]
    fn nobody_is_taken_for_another_whatever_the_name(
        user in proptest::collection::vec(octet(), 0..12),
        known in 0usize..5,
        at in 0usize..12,
    ) {
        let names = ["joe", "%u", "../joe", "$(id)", "n:joe"];
        let record = |name: &&str| {
            (format!("*:{name}"), format!("{{PLAIN}}pw:b1:m/{}", name.len()))
        };
        let records: Vec<_> = names.iter().map(record).collect();
        let mut records: Vec<_> =
            records.iter().map(|(key, value)| (&**key, &**value)).collect();
        records.push(("o:joe", "{PLAIN}pw:b2:other"));
        let dir = Dir::new("names");
        let mut cdb = open(&dir.file(&records)).unwrap();
        // A name that is near to one that is there, and one that is not.
        let mut near = names[known].as_bytes().to_vec();
        near.splice(at.min(near.len())..at.min(near.len()), user.iter().take(1).copied());
        for user in [&user, &near] {
            let told = match names.iter().find(|name| name.as_bytes() == &user[..]) {
                Some(name) => (Verdict::Accept, format!("b1 m/{} ", name.len())),
                None => (Verdict::Unknown, "  ".into()),
            };
            prop_assert_eq!(ask(&mut cdb, user, "pw"), told);
        }
    }
}
