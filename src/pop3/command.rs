//! A command is a row. A program's table is its specification: `dispatch`
//! looks a line up, checks state and number of arguments, and runs the row.

/// In which states a command is allowed, one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct States(u8);

impl States {
    /// RFC 1939 section 4.
    pub(crate) const AUTH: States = States(1);
    /// RFC 1939 section 5.
    pub(crate) const TRANS: States = States(2);
    pub(crate) const ANY: States = States(3);
}

/// How many arguments a command takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Args {
    /// At least so many words, at most so many.
    Words(usize, usize),
    /// The rest of the line, blanks and all (PASS, RFC 1939 section 7).
    Rest,
}

/// What the loop does after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Read the next line.
    Stay,
    /// The handler has said its last word: the conversation is over.
    Leave,
}

/// Why a command was refused: the text behind `-ERR `.
pub(crate) type Refusal = std::borrow::Cow<'static, str>;

/// One row of a program's command table.
pub(crate) struct Command<S> {
    pub(crate) name: &'static str,
    pub(crate) states: States,
    pub(crate) args: Args,
    /// Runs the command with its words; writes its own `+OK`.
    pub(crate) run: fn(&mut S, &[&[u8]]) -> Result<Next, Refusal>,
}

/// The place of a row, the row, and the arguments of a line.
pub(crate) type Found<'t, 'l, S> = (usize, &'t Command<S>, Vec<&'l [u8]>);

/// Which row `line` is, and its arguments. Keywords do not depend on case
/// (RFC 1939 section 3); blanks around words do not count.
///
/// # Errors
/// Three distinct refusals: unknown, not now, wrong number of arguments.
pub(crate) fn parse<'t, 'l, S>(
    table: &'t [Command<S>],
    now: States,
    line: &'l [u8],
) -> Result<Found<'t, 'l, S>, Refusal> {
    let end = line.iter().position(|&b| b == b' ').unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let found = table
        .iter()
        .enumerate()
        .find(|(_, row)| row.name.as_bytes().eq_ignore_ascii_case(name));
    let Some((place, row)) = found else {
        return Err("unknown command".into());
    };
    if row.states.0 & now.0 == 0 {
        return Err(format!("{} is not allowed now", row.name).into());
    }
    match row.args {
        Args::Rest if rest.len() > 1 => Ok((place, row, vec![&rest[1..]])),
        Args::Rest => Err(format!("{} needs an argument", row.name).into()),
        Args::Words(least, most) => {
            let words: Vec<_> = rest
                .split(|&b| b == b' ')
                .filter(|w| !w.is_empty())
                .collect();
            if words.len() < least {
                return Err(format!("{} needs an argument", row.name).into());
            }
            if words.len() > most {
                return Err(format!("{} has too many arguments", row.name).into());
            }
            Ok((place, row, words))
        }
    }
}

/// A number as RFC 1939 means it: digits only, and it must fit.
pub(crate) fn number(word: &[u8]) -> Option<u64> {
    if word.is_empty() || word.len() > 20 || !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[rustfmt::skip]
    static TABLE: &[Command<()>] = &[
        Command { name: "USER", states: States::AUTH,  args: Args::Words(1, 1), run: |_, _| Ok(Next::Stay) },
        Command { name: "PASS", states: States::AUTH,  args: Args::Rest,        run: |_, _| Ok(Next::Stay) },
        Command { name: "LIST", states: States::TRANS, args: Args::Words(0, 1), run: |_, _| Ok(Next::Stay) },
        Command { name: "QUIT", states: States::ANY,   args: Args::Words(0, 0), run: |_, _| Ok(Next::Leave) },
    ];

    fn ask(now: States, line: &str) -> Result<(usize, Vec<&[u8]>), String> {
        parse(TABLE, now, line.as_bytes())
            .map(|(i, _, args)| (i, args))
            .map_err(Refusal::into_owned)
    }

    #[test]
    fn a_password_may_contain_spaces() {
        assert_eq!(
            ask(States::AUTH, "pass  a b "),
            Ok((1, vec![b" a b ".as_slice()]))
        );
    }

    #[test]
    fn the_three_refusals_differ() {
        assert_eq!(ask(States::AUTH, "XYZZY"), Err("unknown command".into()));
        assert_eq!(ask(States::AUTH, ""), Err("unknown command".into()));
        assert_eq!(
            ask(States::AUTH, "LIST"),
            Err("LIST is not allowed now".into())
        );
        assert_eq!(
            ask(States::AUTH, "USER"),
            Err("USER needs an argument".into())
        );
        assert_eq!(
            ask(States::AUTH, "PASS "),
            Err("PASS needs an argument".into())
        );
        assert_eq!(
            ask(States::TRANS, "LIST 1 2"),
            Err("LIST has too many arguments".into())
        );
        assert_eq!(
            ask(States::TRANS, "quit x"),
            Err("QUIT has too many arguments".into())
        );
        assert_eq!(ask(States::TRANS, "List"), Ok((2, vec![])));
    }

    #[test]
    fn numbers_are_digits_only_and_fit() {
        assert_eq!(number(b"007"), Some(7));
        for bad in [
            "",
            "+1",
            "-1",
            "1x",
            " 1",
            "18446744073709551616",
            "000000000000000000001",
        ] {
            assert_eq!(number(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_hostile(line in proptest::collection::vec(any::<u8>(), 0..260)) {
            let _ = parse(TABLE, States::ANY, &line);
        }
    }
}
