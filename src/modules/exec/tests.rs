//! The module as the host sees it, with programs of the shell.

use super::*;
use pdm::Str;
use proptest::prelude::*;

fn open(options: &[&str], script: &str) -> Exec {
    let args = [options, &["/bin/sh", "-c", script]].concat();
    let args: Vec<Str> = args.iter().map(|arg| Str::new(arg.as_bytes())).collect();
    Exec::open(&Config::new(b"prog", &args)).unwrap()
}

/// Verdict; backend, mailbox, user, extra and reason.
fn ask(exec: &mut Exec, user: impl AsRef<[u8]>) -> (Verdict, String) {
    let mut request = Request::empty();
    (request.ns, request.user) = (Str::new(b"n"), Str::new(user.as_ref()));
    request.password = Str::new(b"pa ss");
    request.client = Str::new(b"192.0.2.7");
    let mut rooms = [[0; 256]; 6];
    let [a, b, c, d, e, f] = &mut rooms;
    let mut answer = Answer::new([a, b, c, d, e, f]);
    let verdict = exec.check(&request, &mut answer);
    let Answer {
        backend,
        mailbox,
        user,
        extra,
        reason,
        ..
    } = &answer;
    let used = [backend, mailbox, user, extra, reason].map(|buf| buf.used());
    let rooms = [0, 1, 2, 4, 5].map(|place| &rooms[place]);
    let told = used.iter().zip(rooms);
    let told: Vec<_> = told
        .map(|(n, room)| String::from_utf8_lossy(&room[..*n]))
        .collect();
    (verdict, told.join(" "))
}

#[test]
fn the_program_sees_the_login_and_tells_the_account() {
    let script = "tr '\\0' '|' <&3 | { IFS='|' read -r user password time rest
        test \"$time\" -gt 1700000000 -a \"$TCPREMOTEIP$NAMESPACE\" = 192.0.2.7n || exit 2
        test \"$password\" = 'pa ss' || exit 1
        echo \"b1:x/$user:user=j%2C,quota=$HOME\"; }";
    let (verdict, told) = ask(&mut open(&[], script), "joe");
    assert_eq!(
        (verdict, &*told),
        (Verdict::Accept, "b1 x/joe j, quota=\0 ")
    );
}

#[test]
fn the_exit_status_is_the_verdict() {
    for (script, verdict, told) in [
        ("exit 1", Verdict::Refuse, "    "),
        ("echo; exit 1", Verdict::Refuse, "    "),
        ("echo b1:m; exit 1", Verdict::Refuse, "b1 m   "),
        ("exit 3", Verdict::Unknown, "    "),
        (
            "echo b1:m; exit 111",
            Verdict::Fail,
            "    /bin/sh: exit status 111",
        ),
        ("exit 2", Verdict::Fail, "    /bin/sh: exit status 2"),
        (
            "kill -TERM $$",
            Verdict::Fail,
            "    /bin/sh: ended by signal 15",
        ),
    ] {
        let (said, text) = ask(&mut open(&[], script), "joe");
        assert_eq!((said, &*text), (verdict, told), "{script}");
    }
}

#[test]
fn nonsense_is_never_an_acceptance() {
    for (script, why) in [
        ("exit 0", "wrote no account"),
        ("echo b1", "wrote no account"),
        ("echo b1:../m", "wrote mailbox: "),
        ("echo 'b 1:m'", "wrote backend: "),
        ("printf 'b1:m\\nb2:m\\n'", "wrote CR, LF or NUL"),
        ("echo b1:m; yes", "wrote too much"),
        ("echo b1:m:x", "wrote items: "),
    ] {
        let (verdict, told) = ask(&mut open(&[], script), "joe");
        assert_eq!(verdict, Verdict::Fail, "{script}");
        assert!(told.contains(why), "{script}: {told}");
    }
}

#[test]
fn nobody_waits_longer_than_the_timeout() {
    let begin = Instant::now();
    let (verdict, told) = ask(&mut open(&["timeout=1"], "sleep 60"), "joe");
    assert_eq!(
        (verdict, &*told),
        (Verdict::Fail, "    /bin/sh: was not done in time")
    );
    assert!(begin.elapsed() < Duration::from_secs(20));
}

/// What the shell would do something about, among all other octets.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let words: &[&[u8]] = &[
        b"$(touch canary)",
        b"`touch canary`",
        b"; touch canary;",
        b"%s%n",
        b"../",
        b"${HOME}",
        b"|touch canary",
        b"\xc3\xa4",
        b"-n ",
    ];
    // What cannot stand in a line has been refused before.
    let octet = any::<u8>().prop_filter("a line", |o| !b"\r\n\0".contains(o));
    let piece = prop_oneof![
        proptest::sample::select(words).prop_map(<[u8]>::to_vec),
        proptest::collection::vec(octet, 1..4),
    ];
    proptest::collection::vec(piece, 1..4).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_program_is_given_a_name_as_it_is_and_nothing_comes_of_it(user in name()) {
        let dir = std::env::temp_dir().join(format!("popular-exec.{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let script = format!(
            "cd {} && test -z \"$1$2\" && echo \"b1:x/$(od -An -v -tx1 <&3 | tr -d ' \\n')\"",
            dir.display()
        );
        let (verdict, told) = ask(&mut open(&[], &script), &user);
        let canary = dir.join("canary").exists();
        std::fs::remove_dir_all(&dir).unwrap();
        prop_assert_eq!(verdict, Verdict::Accept, "{}", told);
        let hex: String = user.iter().map(|octet| format!("{octet:02x}")).collect();
        prop_assert!(told.starts_with(&format!("b1 x/{hex}00")), "{}", told);
        prop_assert!(!canary);
    }
}
