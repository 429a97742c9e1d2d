use super::*;
use crate::check::wire::{self, Mail};
use proptest::collection::vec;
use proptest::prelude::*;

fn key(text: &[u8]) -> CheckKey {
    CheckKey::parse(text).unwrap()
}

fn ours() -> CheckKey {
    key(b"0123456789abcdef")
}

fn plain(mailbox: &[u8]) -> Datagram {
    Question::Mail(mailbox).encode().unwrap()
}

fn new() -> Answer {
    Answer::Mail(Mail::New)
}

/// As in mailcheck(7); made with
/// `printf 'Q%s*M3/joe' NONCE | openssl dgst -sha256 -hmac 0123456789abcdef`.
const NONCE: &str = "000102030405060708090a0b0c0d0e0f";
const QUESTION_MAC: &str = "1bfbce4463671f01f1970905d10cbbf5";
const ANSWER_MAC: &str = "4cbae5b4c34ab669937f22e85ec16d28";

#[test]
fn what_stands_in_the_datagrams_is_what_the_manual_says() {
    let question = format!("*K{NONCE} {QUESTION_MAC} *M3/joe\n");
    let asked = ours().open(question.as_bytes()).unwrap();
    assert_eq!(asked.question(), b"*M3/joe");
    let answer = ours().answer(&asked, &new()).unwrap();
    let text = String::from_utf8_lossy(&answer).into_owned();
    assert_eq!(text, format!("+OK 2 new mails {ANSWER_MAC}\n"));
}

#[test]
fn a_key_has_16_to_256_octets_and_its_line_end_does_not_count() {
    for (len, right) in [
        (0, false),
        (15, false),
        (16, true),
        (256, true),
        (257, false),
    ] {
        for end in ["", "\n", "\r\n"] {
            let file = [&vec![b'k'; len], end.as_bytes()].concat();
            assert_eq!(CheckKey::parse(&file).is_ok(), right, "{len} {end:?}");
        }
    }
    let plain = plain(b"joe");
    let (question, _) = key(b"0123456789abcdef\n").ask(&plain).unwrap();
    assert!(ours().open(&question).is_ok());
}

#[test]
fn a_question_may_end_in_cr_in_lf_in_both_or_in_neither() {
    let plain = plain(b"joe");
    let (question, _) = ours().ask(&plain).unwrap();
    for end in ["", "\r", "\n", "\r\n"] {
        let question = [without_end(&question), end.as_bytes()].concat();
        let asked = ours().open(&question).unwrap();
        assert_eq!(asked.question(), b"*Mjoe", "{end:?}");
    }
}

#[test]
fn who_has_no_key_and_who_has_another_is_told_apart() {
    let plain = plain(b"3/2d/joe");
    assert_eq!(ours().open(&plain).unwrap_err(), Foreign::Unkeyed);
    let (question, _) = key(b"another key, long").ask(&plain).unwrap();
    assert_eq!(ours().open(&question).unwrap_err(), Foreign::WrongKey);
    for cut in 0..question.len() - 1 {
        assert!(ours().open(&question[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn no_answer_to_a_stranger_is_longer_than_his_question() {
    assert_eq!(Foreign::reply(b"*L\n").map(|d| d.len()), None);
    assert_eq!(
        Foreign::reply(b"*M3/2d/joe\n").as_deref(),
        Some(&b"-ERR key\n"[..])
    );
    assert!(Foreign::reply(b"-ERR a long text\n").is_none());
    assert!(Foreign::reply(b"+OK 2 new mails\n").is_none());
}

#[test]
fn an_answer_has_at_most_64_octets_and_is_shorter_than_its_question() {
    let plain = plain(b"j");
    let (question, asked) = ours().ask(&plain).unwrap();
    let long = Answer::Error("a text that is longer than any of those that pcheckd gives");
    for answer in [Answer::Mail(Mail::Busy), Answer::Load(1e300), long] {
        let sealed = ours().answer(&asked, &answer).unwrap();
        assert!(sealed.len() <= LONGEST_ANSWER && sealed.len() < question.len());
        assert!(ours().verified(&asked, &sealed).is_some());
    }
}

#[test]
fn an_answer_is_good_for_its_own_question_alone() {
    let (joe, ann) = (plain(b"joe"), plain(b"ann"));
    let (_, first) = ours().ask(&joe).unwrap();
    let (_, again) = ours().ask(&joe).unwrap();
    let answer = ours().answer(&first, &new()).unwrap();
    assert_eq!(
        ours().verified(&first, &answer),
        Some(&b"+OK 2 new mails"[..])
    );
    assert_eq!(ours().verified(&again, &answer), None, "another nonce");
    let other = Asked {
        nonce: first.nonce,
        question: without_end(&ann),
    };
    assert_eq!(ours().verified(&other, &answer), None, "another mailbox");
    assert_eq!(key(b"another key, long").verified(&first, &answer), None);
    assert_eq!(
        ours().verified(&first, &new().encode()),
        None,
        "without a MAC"
    );
}

#[test]
fn a_question_is_no_answer_and_an_answer_no_question() {
    let plain = plain(b"joe");
    let (question, asked) = ours().ask(&plain).unwrap();
    assert_eq!(ours().verified(&asked, &question), None);
    let answer = ours().answer(&asked, &new()).unwrap();
    assert!(ours().open(&answer).is_err());
    let mac = ours().mac(b'Q', &asked, b"");
    let reflected = Datagram::of(&[b"+OK 2 ", &mac, b"\n"], LONGEST).unwrap();
    assert_eq!(ours().verified(&asked, &reflected), None);
}

#[test]
fn a_program_that_knows_of_no_keys_says_so() {
    let plain = plain(b"joe");
    let (question, _) = ours().ask(&plain).unwrap();
    assert_eq!(Question::parse(&question), Err(Bad::UnknownLetter));
}

proptest! {
    #[test]
    fn what_was_asked_arrives_as_it_was_and_so_does_the_answer(
        mailbox in vec(1u8.., 1..300), secret in vec(any::<u8>(), 16..=256), which in 0u8..4,
    ) {
        prop_assume!(!mailbox.iter().any(|b| matches!(b, b'\r' | b'\n')));
        prop_assume!(!matches!(secret.last(), Some(b'\r' | b'\n')));
        let (key, plain) = (key(&secret), plain(&mailbox));
        let (question, asked) = key.ask(&plain).unwrap();
        prop_assert!(CheckKey::has_room(&plain) && question.len() <= LONGEST);
        let opened = key.open(&question).unwrap();
        prop_assert_eq!(Question::parse(opened.question()), Ok(Question::Mail(&mailbox)));
        let said = [Mail::Nothing, Mail::Old, Mail::New, Mail::Busy][usize::from(which)];
        let answer = key.answer(&opened, &Answer::Mail(said)).unwrap();
        prop_assert_eq!(wire::mail(key.verified(&asked, &answer).unwrap()), Ok(said));
    }

    #[test]
    fn a_bit_that_is_flipped_is_found_out(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let plain = plain(b"3/2d/joe.doe");
        let (question, asked) = ours().ask(&plain).unwrap();
        let flipped = |datagram: &[u8]| {
            let mut copy = without_end(datagram).to_vec();
            let place = at.index(copy.len());
            copy[place] ^= 1 << bit;
            copy
        };
        prop_assert!(ours().open(&flipped(&question)).is_err());
        let answer = ours().answer(&asked, &new()).unwrap();
        prop_assert!(ours().verified(&asked, &flipped(&answer)).is_none());
    }

    #[test]
    fn no_datagram_is_too_hostile(datagram in vec(any::<u8>(), 0..600), head in any::<bool>()) {
        let datagram = if head { [b"*K".as_slice(), &datagram].concat() } else { datagram };
        let plain = plain(b"joe");
        let (_, asked) = ours().ask(&plain).unwrap();
        prop_assert!(ours().open(&datagram).is_err());
        prop_assert_eq!(ours().verified(&asked, &datagram), None);
        let told = Foreign::reply(&datagram).map_or(0, |told| told.len());
        prop_assert!(told <= datagram.len());
    }
}
