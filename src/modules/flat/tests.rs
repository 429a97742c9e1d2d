//! The module as the host sees it, with real files.

use super::*;
use pdm::Str;
use pdm::crypt::computed;
use proptest::prelude::*;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The password `password`.
const HASH: &str = "$1$salt$qJH7.N4xYta3aEG/dfqo/0";

struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("popular-flat.{}.{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        Dir(dir)
    }

    fn file(&self, text: &str) -> PathBuf {
        let file = self.0.join("users");
        fs::write(&file, text).unwrap();
        file
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(file: &Path) -> Result<Flat, String> {
    let args = [Str::new(file.as_os_str().as_bytes())];
    Flat::open(&Config::new(b"users", &args))
}

/// Verdict, backend, mailbox, user, password and extra.
fn ask(flat: &mut Flat, user: impl AsRef<[u8]>, password: &str) -> (Verdict, Vec<String>) {
    let mut request = Request::empty();
    request.ns = Str::new(b"default");
    request.user = Str::new(user.as_ref());
    request.password = Str::new(password.as_bytes());
    let mut rooms = [[0; 256]; 6];
    let [a, b, c, d, e, f] = &mut rooms;
    let mut answer = Answer::new([a, b, c, d, e, f]);
    let verdict = flat.check(&request, &mut answer);
    let used = [
        answer.backend.used(),
        answer.mailbox.used(),
        answer.user.used(),
        answer.password.used(),
        answer.extra.used(),
    ];
    let told = used.iter().zip(&rooms);
    let text = |(used, room): (&usize, &[u8; 256])| String::from_utf8_lossy(&room[..*used]).into();
    (verdict, told.map(text).collect())
}

#[test]
fn an_account_is_told_whether_or_not_the_password_is_right() {
    let dir = Dir::new();
    let file = dir.file("*:joe:{PLAIN}pw:b1:3/joe:user=j%2Cx,password=a:b,quota=5,x=\n");
    let mut flat = open(&file).unwrap();
    let told = ["b1", "3/joe", "j,x", "a:b", "quota=5\0x=\0"].map(str::to_owned);
    let (verdict, text) = ask(&mut flat, "joe", "pw");
    assert_eq!((verdict, &text[..]), (Verdict::Accept, &told[..]));
    let (verdict, text) = ask(&mut flat, "joe", "pW");
    assert_eq!((verdict, &text[..]), (Verdict::Refuse, &told[..]));
    let (verdict, text) = ask(&mut flat, "jo", "pw");
    assert_eq!((verdict, text.concat().as_str()), (Verdict::Unknown, ""));
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let dir = Dir::new();
    let why = |file: &Path| open(file).err().unwrap();
    let missing = dir.0.join("none");
    assert!(why(&missing).starts_with(&format!("{}: No such file", missing.display())));
    assert!(why(&dir.0).contains("is not a regular file"));
    assert!(why(Path::new("users")).contains("begins with /"));
    assert!(why(Path::new("/dev/zero")).contains("is not a regular file"));
    let file = dir.file("*:joe:{PLAIN}pw:b1:m\n*:anna:pw:b1:m\n");
    assert!(why(&file).starts_with(&format!("{}:2: hash: ", file.display())));
    assert!(Flat::open(&Config::new(b"u", &[])).is_err());
}

#[test]
fn a_replaced_file_is_noticed_and_a_missing_one_is_not_a_replacement() {
    let dir = Dir::new();
    let file = dir.file("*:joe:{PLAIN}pw:b1:m\n");
    let mut flat = open(&file).unwrap();
    assert_eq!(flat.stale(), 0);
    fs::rename(&file, dir.0.join("old")).unwrap();
    assert_eq!(flat.stale(), 0);
    symlink(dir.0.join("old"), &file).unwrap();
    assert_eq!(open(&file).unwrap().stale(), 0);
    fs::remove_file(&file).unwrap();
    fs::copy(dir.0.join("old"), &file).unwrap();
    assert_ne!(flat.stale(), 0);
    assert_eq!(ask(&mut flat, "joe", "pw").0, Verdict::Accept);
}

#[test]
fn an_unknown_user_costs_what_a_wrong_password_costs() {
    let dir = Dir::new();
    let mut flat = open(&dir.file(&format!("*:joe:{HASH}:b1:m\n*:eve:!:b1:m\n"))).unwrap();
    for user in ["joe", "nobody", "eve", ""] {
        let before = computed();
        ask(&mut flat, user, "wrong");
        assert_eq!(computed() - before, 1, "{user:?}");
    }
}

/// Octets that mean something to somebody, among all the others.
fn octet() -> impl Strategy<Value = u8> {
    prop_oneof![
        proptest::sample::select(&b"%$(){};:,/.\\~'\"`|&*? joe"[..]),
        any::<u8>(),
    ]
}

proptest! {
    #[test]
    fn nobody_is_taken_for_another_whatever_the_name(
        user in proptest::collection::vec(octet(), 0..12),
        known in 0usize..4,
        at in 0usize..12,
    ) {
        let names = ["joe", "%u", "../joe", "$(id)"];
        let line = |name: &&str| format!("*:{name}:{{PLAIN}}pw:b1:m/{}\n", name.len());
        let dir = Dir::new();
        let mut flat = open(&dir.file(&names.iter().map(line).collect::<String>())).unwrap();
        // A name that is near to one that is there, and one that is not.
        let mut near = names[known].as_bytes().to_vec();
        near.splice(at.min(near.len())..at.min(near.len()), user.iter().take(1).copied());
        for user in [&user, &near] {
            let (verdict, told) = ask(&mut flat, user, "pw");
            match names.iter().find(|name| name.as_bytes() == &user[..]) {
                Some(name) => {
                    prop_assert_eq!(verdict, Verdict::Accept);
                    prop_assert_eq!(&told[1], &format!("m/{}", name.len()));
                }
                None => {
                    prop_assert_eq!(verdict, Verdict::Unknown);
                    prop_assert_eq!(told.concat(), "");
                }
            }
        }
    }
}
