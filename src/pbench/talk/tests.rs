use super::*;

/// Plays a session against `replies`, octet by octet or each as a whole;
/// what was said, or what was wrong.
fn play(words: &str, replies: &[&str], cut: bool) -> Result<String, String> {
    let words: Vec<_> = words.split(' ').map(String::from).collect();
    let loads = crate::pbench::load::loads(&words)?;
    let part = Part {
        load: &loads[0],
        account: 7,
        starttls: false,
    };
    let (mut talk, mut out) = (Talk::default(), Vec::new());
    for reply in replies {
        let size = if cut { 1 } else { reply.len() };
        for piece in reply.as_bytes().chunks(size) {
            talk.hear(piece, part, &mut out)?;
        }
    }
    Ok(String::from_utf8(out).unwrap().replace("\r\n", "|") + talk.step.name())
}

const IN: [&str; 3] = ["+OK hello\r\n", "+OK\r\n", "+OK in\r\n"];

fn both(words: &str, more: &[&str]) -> Result<String, String> {
    let replies = [&IN[..], more].concat();
    let whole = play(words, &replies, false);
    assert_eq!(play(words, &replies, true), whole);
    whole
}

#[test]
fn every_load_says_what_its_name_promises() {
    let head = "USER u07|PASS p|STAT|";
    for (what, more, said) in [
        ("login", &["+OK 0 0\r\n", "+OK\r\n"][..], "QUIT|end"),
        ("hold", &["+OK 0 0\r\n"], "held"),
        ("fetch", &["+OK 0 0\r\n"], "QUIT|QUIT"),
        (
            "fetch",
            &["+OK 2 6\r\n", "+OK\r\na\r\n.\r\n", "+OK\r\n..\r\n.\r\n"],
            "RETR 1|RETR 2|QUIT|QUIT",
        ),
        (
            "drain",
            &["+OK 1 3\r\n", "+OK\r\na\r\n.\r\n", "+OK\r\n"],
            "RETR 1|DELE 1|QUIT|QUIT",
        ),
        (
            "list",
            &[
                "+OK 2 6\r\n",
                "+OK\r\n1 2\r\n2 4\r\n.\r\n",
                "+OK\r\n1 a\r\n2 b\r\n.\r\n",
            ],
            "LIST|UIDL|QUIT|QUIT",
        ),
    ] {
        let words = format!("{what} user=u%02d pass=p range=7-7");
        assert_eq!(both(&words, more), Ok(format!("{head}{said}")), "{what}");
    }
}

#[test]
fn wrong_replies_are_told() {
    for (what, more, why) in [
        ("login", &["-ERR no\r\n"][..], "STAT: -ERR no"),
        ("login", &["+OK x\r\n"], "STAT: +OK x"),
        ("login", &["+OKAY 1 1\r\n"], "STAT: +OKAY 1 1"),
        (
            "login",
            &["+OK 0 0\n"],
            "STAT: a line does not end in CR LF",
        ),
        (
            "login",
            &["+OK 0 0\r\n", "+OK\r\n", "x"],
            "end: nobody asked for x",
        ),
        ("hold", &["+OK 0 0\r\n", "x"], "held: nobody asked for x"),
        (
            "login messages=2",
            &["+OK 1 1\r\n"],
            "STAT: 1 messages, not 2",
        ),
        (
            "fetch",
            &["+OK 1 4\r\n", "+OK\r\na\r\n.\r\n"],
            "RETR: 1 messages, 3 octets; STAT said 1, 4",
        ),
        (
            "list",
            &["+OK 2 6\r\n", "+OK\r\n1 6\r\n.\r\n"],
            "LIST: 1 messages, 6 octets; STAT said 2, 6",
        ),
        ("list", &["+OK 2 6\r\n", "+OK\r\n2 6\r\n"], "LIST: 2 6"),
        (
            "list",
            &["+OK 1 6\r\n", "+OK\r\n1 6\r\n.\r\n", "+OK\r\n1 a b\r\n"],
            "UIDL: 1 a b",
        ),
    ] {
        let words = format!("{what} user=u pass=p");
        assert_eq!(both(&words, more), Err(why.into()), "{why}");
    }
    let unasked = play("login user=u pass=p", &["+OK hello\r\n+OK\r\n"], false);
    assert_eq!(unasked, Err("USER: nobody asked for +OK".into()));
    let long = "x".repeat(LONGEST + 1);
    assert!(
        both("login user=u pass=p", &[&long])
            .unwrap_err()
            .ends_with("too long")
    );
}
