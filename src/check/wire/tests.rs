use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn a_question_may_end_in_cr_in_lf_in_both_or_in_neither() {
    for end in ["", "\r", "\n", "\r\n"] {
        let asked = format!("*M3/2d/joe.doe{end}");
        let question = Question::parse(asked.as_bytes());
        assert_eq!(question, Ok(Question::Mail(b"3/2d/joe.doe")), "{end:?}");
        let asked = format!("*L{end}");
        assert_eq!(Question::parse(asked.as_bytes()), Ok(Question::Load));
    }
}

#[test]
fn what_is_no_question_is_refused() {
    for (text, bad) in [
        ("joe.doe", Bad::NoStar),
        ("*", Bad::UnknownLetter),
        ("*l", Bad::UnknownLetter),
        ("*X", Bad::UnknownLetter),
        ("*M", Bad::NoMailbox),
        ("*M\r\n", Bad::NoMailbox),
        ("*L3", Bad::Surplus),
        ("*Mjoe\n*L\n", Bad::Control),
        ("*Mjoe\n\n", Bad::Control),
        ("*Mjoe\0", Bad::Control),
    ] {
        assert_eq!(Question::parse(text.as_bytes()), Err(bad), "{text:?}");
        assert!(bad.reply().is_some(), "{text:?}");
    }
}

#[test]
fn what_looks_like_an_answer_is_met_with_silence() {
    for text in ["", "\n", "-ERR unknown question\n", "+OK 0 no mails\n"] {
        let bad = Question::parse(text.as_bytes()).unwrap_err();
        assert_eq!((bad, bad.reply()), (Bad::NoQuestion, None), "{text:?}");
    }
}

#[test]
fn a_datagram_has_at_most_512_octets() {
    let mut name = vec![b'a'; LONGEST - 3];
    assert_eq!(
        Question::Mail(&name).encode().map(|d| d.len()),
        Some(LONGEST)
    );
    name.push(b'a');
    assert!(Question::Mail(&name).encode().is_none());
    let long = [b"*M".as_slice(), &name, b"aa"].concat();
    assert_eq!(Question::parse(&long), Err(Bad::TooLong));
}

#[test]
fn answers_read_as_the_protocol_has_them() {
    for (answer, text) in [
        (Answer::Mail(Mail::Nothing), "+OK 0 no mails\n"),
        (Answer::Mail(Mail::Old), "+OK 1 old mails\n"),
        (Answer::Mail(Mail::New), "+OK 2 new mails\n"),
        (Answer::Mail(Mail::Busy), "+OK 3 load too high\n"),
        (Answer::Load(3.234), "+OK 3.23\n"),
        (Answer::Load(1e300), "+OK 1000000.00\n"),
        (Answer::Error("no"), "-ERR no\n"),
    ] {
        assert_eq!(String::from_utf8_lossy(&answer.encode()), text);
    }
    let long = "a text that is much longer than any that pcheckd would ever want to give";
    assert_eq!(Answer::Error(long).encode().len(), LONGEST_ANSWER);
}

#[test]
fn every_refusal_fits_into_an_answer() {
    for bad in [
        Bad::TooLong,
        Bad::NoStar,
        Bad::UnknownLetter,
        Bad::NoMailbox,
        Bad::Surplus,
        Bad::Control,
    ] {
        let answer = bad.reply().unwrap().encode();
        assert!(answer.len() < LONGEST_ANSWER && answer.starts_with(b"-ERR "));
    }
}

#[test]
fn only_the_number_of_an_answer_counts() {
    for (text, state) in [
        ("+OK 0 no mail", Mail::Nothing),
        ("+OK 1\r\n", Mail::Old),
        ("+OK 2 \u{e9}", Mail::New),
        ("+OK 3 go away\n", Mail::Busy),
    ] {
        assert_eq!(mail(text.as_bytes()), Ok(state), "{text:?}");
    }
    for text in [
        "", "+OK", "+OK ", "+OK 4 x", "+OK 00", "+OK 0.5", "+OK  0", "+OKAY 0", "0", "+OK 10",
        "-ERRx", "+ok 0", "*Mjoe",
    ] {
        assert_eq!(mail(text.as_bytes()), Err(Refusal::Garbage), "{text:?}");
    }
    assert_eq!(mail(b"-ERR no spool\n"), Err(Refusal::Error(b"no spool")));
    let long = [b"+OK 0 ".as_slice(), &[b'x'; LONGEST]].concat();
    assert_eq!(mail(&long), Err(Refusal::Garbage));
}

proptest! {
    #[test]
    fn a_mailbox_that_can_be_asked_for_arrives_as_it_was(
        name in vec(any::<u8>(), 0..LONGEST + 8),
    ) {
        let asked = Question::Mail(&name);
        if let Some(datagram) = asked.encode() {
            prop_assert!(datagram.len() <= LONGEST);
            prop_assert_eq!(Question::parse(&datagram), Ok(asked));
        } else {
            let odd = name.iter().any(|b| matches!(b, 0 | b'\r' | b'\n'));
            prop_assert!(odd || name.is_empty() || name.len() > LONGEST - 3);
        }
    }

    #[test]
    fn no_datagram_is_too_hostile(datagram in vec(any::<u8>(), 0..600)) {
        let _ = mail(&datagram);
        if let Err(bad) = Question::parse(&datagram) {
            if let Some(answer) = bad.reply() {
                prop_assert!(answer.encode().len() <= LONGEST_ANSWER);
            }
        }
    }

    #[test]
    fn an_answer_of_ours_is_understood(which in 0usize..4, load in 0.0f64..1e9) {
        let state = MAIL[which].0;
        let datagram = Answer::Mail(state).encode();
        prop_assert_eq!(mail(&datagram), Ok(state));
        let datagram = Answer::Load(load).encode();
        let text = String::from_utf8_lossy(fine(&datagram).unwrap()).into_owned();
        prop_assert!((text.parse::<f64>().unwrap() - load.min(1e6)).abs() < 0.006);
        prop_assert_eq!(
            Question::parse(&datagram), Err(Bad::NoQuestion), "and never taken for a question"
        );
    }
}
