//! The module as the host sees it, with programs of the shell.

use super::*;
use pdm::Str;

fn open(options: &[&str], script: &str) -> Exec {
    let args = [options, &["/bin/sh", "-c", script]].concat();
    let args: Vec<Str> = args.iter().map(|arg| Str::new(arg.as_bytes())).collect();
    Exec::open(&Config::new(b"prog", &args)).unwrap()
}

/// Verdict; backend, mailbox, user, extra and reason.
fn ask(exec: &mut Exec, user: &str) -> (Verdict, String) {
    let mut request = Request::empty();
    (request.ns, request.user) = (Str::new(b"n"), Str::new(user.as_bytes()));
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
