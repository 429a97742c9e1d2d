//! SASL (RFC 4422), the server's side: PLAIN (RFC 4616) and LOGIN. Pure: an
//! exchange is fed with what the client says and answers with what to say.

use crate::base::base64;
use crate::base::names::fits_line;
use crate::sys::secret::Secret;

/// What CAPA and AUTH without an argument name.
pub(crate) static MECHANISMS: [&str; 2] = ["PLAIN", "LOGIN"];

/// What they name besides to who has shown a certificate.
pub(crate) const EXTERNAL: &str = "EXTERNAL";

/// Longest line of an exchange, its end included.
pub(crate) const LONGEST: usize = 8192;

/// An exchange that has begun; what it waits for.
#[derive(Debug)]
pub(crate) enum Exchange {
    /// PLAIN: the one message.
    Plain,
    /// EXTERNAL (RFC 4422 appendix A): the one message.
    External,
    /// LOGIN: the user.
    LoginUser,
    /// LOGIN: the password of this user.
    LoginPassword(Vec<u8>),
}

/// What an exchange has come to.
#[derive(Debug)]
pub(crate) enum Step {
    /// The client is to hear this behind `+ `, and to answer.
    Ask(Exchange, String),
    /// It has said who it is.
    Login(Credentials),
    /// It is who its certificate says; the user it wants to be, or nothing.
    Certified(Vec<u8>),
    /// It has said something no module may see: the user, and why.
    Refuse(Vec<u8>, &'static str),
    /// It broke the rules, or gave up; why.
    End(&'static str),
}

/// A user and the password, without CR, LF and NUL.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) user: Vec<u8>,
    pub(crate) password: Secret,
}

/// Begins an exchange. `initial` is the initial response as it stands behind
/// the mechanism (RFC 5034 section 4): base64, or `=` for one that is empty.
pub(crate) fn begin(mechanism: &[u8], initial: Option<&[u8]>) -> Step {
    let named = |name: &str| mechanism.eq_ignore_ascii_case(name.as_bytes());
    let exchange = match () {
        () if named("PLAIN") => Exchange::Plain,
        () if named("LOGIN") => Exchange::LoginUser,
        () if named(EXTERNAL) => Exchange::External,
        () => return Step::End("no such mechanism, AUTH alone lists them"),
    };
    match (initial, &exchange) {
        (None, _) | (Some(b"="), Exchange::LoginUser) => exchange.ask(),
        (Some(b"="), _) => exchange.take(&[]),
        (Some(response), _) => exchange.decode(response),
    }
}

impl Exchange {
    /// The client has said `line`.
    pub(crate) fn hear(self, line: &[u8]) -> Step {
        match line {
            b"*" => Step::End("the exchange was given up"),
            response => self.decode(response),
        }
    }

    fn decode(self, response: &[u8]) -> Step {
        match base64::decode(response) {
            Some(octets) => self.take(octets.octets()),
            None => Step::End("that is no base64"),
        }
    }

    fn take(self, octets: &[u8]) -> Step {
        match self {
            Exchange::Plain => plain(octets),
            Exchange::External if fits_line(octets) => Step::Certified(octets.to_vec()),
            Exchange::External => Step::Refuse(octets.to_vec(), "CR, LF or NUL in user"),
            Exchange::LoginUser => Exchange::LoginPassword(octets.to_vec()).ask(),
            Exchange::LoginPassword(user) => login(user, octets),
        }
    }

    /// The prompts of LOGIN are those that clients know; some compare them.
    fn ask(self) -> Step {
        let prompt: &[u8] = match self {
            Exchange::Plain | Exchange::External => b"",
            Exchange::LoginUser => b"Username:",
            Exchange::LoginPassword(_) => b"Password:",
        };
        let mut text = Vec::new();
        base64::encode(prompt, &mut text);
        Step::Ask(self, String::from_utf8_lossy(&text).into_owned())
    }
}

/// `[authzid] NUL authcid NUL password`. A client may repeat its own name as
/// authzid; to act for somebody else is a matter of passwords that vouch.
fn plain(message: &[u8]) -> Step {
    let mut parts = message.splitn(3, |&octet| octet == 0);
    let (Some(authzid), Some(user), Some(password)) = (parts.next(), parts.next(), parts.next())
    else {
        return Step::End("that is no message of PLAIN");
    };
    if !authzid.is_empty() && authzid != user {
        return Step::Refuse(user.to_vec(), "nobody may log in on behalf of others");
    }
    login(user.to_vec(), password)
}

fn login(user: Vec<u8>, password: &[u8]) -> Step {
    if !fits_line(&user) || !fits_line(password) {
        return Step::Refuse(user, "CR, LF or NUL in user or password");
    }
    let password = Secret::from(password);
    Step::Login(Credentials { user, password })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn base64(octets: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        base64::encode(octets, &mut text);
        text
    }

    /// An exchange in one word; the message is what is sent before encoding.
    fn plain(message: &[u8]) -> String {
        show(begin(b"plain", Some(&base64(message))))
    }

    fn show(step: Step) -> String {
        let text = |octets: &[u8]| octets.escape_ascii().to_string();
        match step {
            Step::Ask(_, prompt) => format!("ask {prompt}"),
            Step::Login(c) => format!("login {} {}", text(&c.user), text(c.password.octets())),
            Step::Certified(user) => format!("certified {}", text(&user)),
            Step::Refuse(user, why) => format!("refuse {} {why}", text(&user)),
            Step::End(why) => format!("end {why}"),
        }
    }

    #[test]
    fn external_names_a_user_or_nobody() {
        let said = |initial: &[u8]| show(begin(b"external", Some(initial)));
        assert_eq!(said(b"="), "certified ");
        assert_eq!(said(&base64(b"joe")), "certified joe");
        assert!(said(&base64(b"joe\r\nDELE 1")).starts_with("refuse "));
        assert_eq!(show(begin(b"EXTERNAL", None)), "ask ");
    }

    #[test]
    fn plain_is_one_message_with_or_without_an_initial_response() {
        assert_eq!(plain(b"\0joe\0a b "), "login joe a b ");
        let Step::Ask(exchange, prompt) = begin(b"PLAIN", None) else {
            panic!("PLAIN asks for its message");
        };
        assert_eq!(prompt, "");
        assert_eq!(
            show(exchange.hear(&base64(b"joe\0joe\0\xff"))),
            r"login joe \xff"
        );
    }

    #[test]
    fn login_asks_for_what_it_was_not_told() {
        for initial in [None, Some(b"=".as_slice()), Some(b"am9l")] {
            let mut step = begin(b"Login", initial);
            if initial != Some(b"am9l") {
                let Step::Ask(exchange, prompt) = step else {
                    panic!("{initial:?}")
                };
                assert_eq!(prompt, "VXNlcm5hbWU6");
                step = exchange.hear(b"am9l");
            }
            let Step::Ask(exchange, prompt) = step else {
                panic!("{initial:?}")
            };
            assert_eq!(prompt, "UGFzc3dvcmQ6");
            assert_eq!(show(exchange.hear(b"c2VjcmV0")), "login joe secret");
        }
    }

    #[test]
    fn nobody_logs_in_on_behalf_of_others() {
        assert_eq!(plain(b"joe\0joe\0x"), "login joe x");
        for other in ["anna", "Joe", "joe ", "jo"] {
            let message = format!("{other}\0joe\0x");
            assert_eq!(
                plain(message.as_bytes()),
                "refuse joe nobody may log in on behalf of others"
            );
        }
    }

    #[test]
    fn a_line_end_or_nul_in_credentials_reaches_no_module() {
        let why = "CR, LF or NUL in user or password";
        assert_eq!(plain(b"\0joe\0a\r\nDELE 1"), format!("refuse joe {why}"));
        assert_eq!(plain(b"\0jo\ne\0a"), format!(r"refuse jo\ne {why}"));
        assert_eq!(plain(b"\0joe\0a\0"), format!("refuse joe {why}"));
        let user = Exchange::LoginPassword(b"a\0b".to_vec());
        assert_eq!(show(user.hear(b"eA==")), format!(r"refuse a\x00b {why}"));
        let user = Exchange::LoginPassword(b"joe".to_vec());
        assert_eq!(
            show(user.hear(&base64(b"x\r"))),
            format!("refuse joe {why}")
        );
    }

    #[test]
    fn whoever_breaks_the_rules_or_gives_up_ends_the_exchange() {
        for (mechanism, initial) in [
            ("PLAIN", "="),
            ("PLAIN", "am9l"),
            ("PLAIN", "AGpvZQ=="),
            ("PLAIN", "AGpvZQBz="),
            ("LOGIN", "*"),
            ("LOGIN", "a"),
            ("CRAM-MD5", "am9l"),
            ("", "am9l"),
        ] {
            let step = begin(mechanism.as_bytes(), Some(initial.as_bytes()));
            assert!(show(step).starts_with("end "), "{mechanism} {initial}");
        }
        for line in ["*", "=", "a", "* ", "am9l\r"] {
            for exchange in [
                Exchange::Plain,
                Exchange::LoginUser,
                Exchange::LoginPassword(b"joe".to_vec()),
            ] {
                assert!(show(exchange.hear(line.as_bytes())).starts_with("end "));
            }
        }
    }

    #[test]
    fn a_password_does_not_show_itself_in_a_log() {
        let step = begin(b"PLAIN", Some(&base64(b"\0joe\0geheim")));
        assert!(!format!("{step:?}").contains("geheim"));
    }

    proptest! {
        #[test]
        fn what_logs_in_is_what_was_sent_and_fits_a_line(message: Vec<u8>, nuls in 0usize..4) {
            let mut message = message;
            for place in 0..nuls {
                message.insert(message.len() * place / 4, 0);
            }
            if let Step::Login(c) = begin(b"PLAIN", Some(&base64(&message))) {
                prop_assert!(fits_line(&c.user) && fits_line(c.password.octets()));
                let tail = [b"\0", &c.user[..], b"\0", c.password.octets()].concat();
                prop_assert!(message.ends_with(&tail));
            }
        }
    }
}
