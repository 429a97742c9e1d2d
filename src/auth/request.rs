//! The question put to the modules, and the verdict.

use crate::base::names;
use crate::base::vars::is_id;
use crate::sys::dl::Rooms;
use crate::sys::secret::Secret;
use pdm::Str;
use pdm::abi;

/// One login. All texts are lent; those that do not apply are empty.
#[derive(Clone, Copy, Default)]
pub(crate) struct Request<'a> {
    /// The namespace of the virtual server.
    pub(crate) ns: &'a [u8],
    /// The user as the client sent it.
    pub(crate) user: &'a [u8],
    /// The password as the client sent it; not looked at if `external`.
    pub(crate) password: &'a [u8],
    /// The id of the virtual server.
    pub(crate) vserv: &'a str,
    /// The session id.
    pub(crate) sid: &'a str,
    /// Address and port of the client, as text.
    pub(crate) client: (&'a str, &'a str),
    /// Address and port the client connected to, as text.
    pub(crate) server: (&'a str, &'a str),
    /// The version of TLS; empty without TLS.
    pub(crate) tls: &'a str,
    /// The subject of the client's certificate, if it was verified.
    pub(crate) subject: &'a [u8],
    /// The certificate takes the place of the password (SASL EXTERNAL).
    pub(crate) external: bool,
}

impl<'a> Request<'a> {
    /// Why this login must not reach a module, if so.
    ///
    /// An empty password is refused because many a directory takes it for an
    /// anonymous login and says yes.
    pub(crate) fn flaw(&self) -> Option<&'static str> {
        let lines = [self.ns, self.user, self.password, self.subject];
        if !lines.iter().all(|text| names::fits_line(text)) {
            return Some("CR, LF or NUL in user or password");
        }
        if self.user.is_empty() || self.user.len() > abi::PDM_USER_MAX {
            return Some("user is empty or longer than 255 octets");
        }
        if self.external {
            return self.subject.is_empty().then_some("no verified certificate");
        }
        match self.password.len() {
            0 => Some("password is empty"),
            1..=abi::PDM_PASSWORD_MAX => None,
            _ => Some("password is longer than 4096 octets"),
        }
    }

    /// The request as it crosses the interface.
    pub(super) fn lend(&self) -> pdm::Request<'a> {
        let mut request: pdm::Request<'a> = pdm::Request::empty();
        if !self.tls.is_empty() {
            request.flags |= abi::PDM_IS_TLS;
        }
        if self.external {
            request.flags |= abi::PDM_IS_EXTERNAL;
        }
        request.ns = Str::new(self.ns);
        request.user = Str::new(self.user);
        if !self.external {
            request.password = Str::new(self.password);
        }
        request.service = Str::new(b"pop3");
        request.vserv = Str::new(self.vserv.as_bytes());
        request.sid = Str::new(self.sid.as_bytes());
        request.client = Str::new(self.client.0.as_bytes());
        request.client_port = Str::new(self.client.1.as_bytes());
        request.server = Str::new(self.server.0.as_bytes());
        request.server_port = Str::new(self.server.1.as_bytes());
        request.tls = Str::new(self.tls.as_bytes());
        request.subject = Str::new(self.subject);
        request
    }
}

/// Where the mail of a user lies, as a module said and we checked.
#[derive(Debug)]
#[allow(dead_code)] // no protocol to a backend has items of its own yet
pub(crate) struct Account {
    /// The id of a backend; whether there is one of this id is not known here.
    pub(crate) backend: String,
    /// Relative to the spool; `None` if the backend is to find it (POP3).
    pub(crate) mailbox: Option<String>,
    /// The user at a POP3 backend, if not the one the client typed.
    pub(crate) user: Option<Vec<u8>>,
    /// The password at a POP3 backend, if not the one the client typed.
    pub(crate) password: Option<Secret>,
    /// Reading does not mark mail as read.
    pub(crate) master: bool,
    /// Further items, in the module's order. Keys are ids; values fit a line.
    pub(crate) extras: Vec<(String, String)>,
}

impl Account {
    /// The account in a module's answer; `None` if it names no backend and
    /// says nothing else either.
    ///
    /// # Errors
    /// Which field is nonsense, and why.
    #[inline(never)] // what it needs of the stack is not needed below the modules
    pub(super) fn read(rooms: &Rooms) -> Result<Option<Account>, String> {
        let fields = [
            fits(rooms.backend.get(), "backend")?,
            fits(rooms.mailbox.get(), "mailbox")?,
            fits(rooms.user.get(), "user")?,
            fits(rooms.password.get(), "password")?,
            fits(rooms.extra.get(), "extra")?,
        ];
        Account::of(fields, rooms.flags)
    }

    /// The account of the fields backend, mailbox, user, password and extra,
    /// and of the flags `PDM_*`; as [`Account::read`].
    pub(super) fn of(fields: [&[u8]; 5], flags: u32) -> Result<Option<Account>, String> {
        let [backend, mailbox, user, password, extra] = fields;
        one_line(user, "user")?;
        one_line(password, "password")?;
        let extras = extras(extra)?;
        if backend.is_empty() {
            let silent = mailbox.is_empty() && user.is_empty() && password.is_empty();
            return match silent && extras.is_empty() {
                true => Ok(None),
                false => Err("backend is missing".into()),
            };
        }
        let id = std::str::from_utf8(backend).ok().filter(|id| is_id(id));
        Ok(Some(Account {
            backend: id.ok_or("backend is no id")?.to_owned(),
            mailbox: (!mailbox.is_empty())
                .then(|| checked(mailbox))
                .transpose()?,
            user: (!user.is_empty()).then(|| user.to_vec()),
            password: (!password.is_empty()).then(|| Secret::from(password)),
            master: flags & abi::PDM_MASTER != 0,
            extras,
        }))
    }
}

fn fits<'a>(field: Option<&'a [u8]>, name: &str) -> Result<&'a [u8], String> {
    field.ok_or_else(|| format!("{name} is too long"))
}

fn one_line(octets: &[u8], name: &str) -> Result<(), String> {
    match names::fits_line(octets) {
        true => Ok(()),
        false => Err(format!("{name} has CR, LF or NUL in it")),
    }
}

fn checked(mailbox: &[u8]) -> Result<String, String> {
    let name = names::mailbox(mailbox).map_err(|why| format!("mailbox {why}"))?;
    Ok(name.to_owned())
}

/// `key=value` items, each ended by NUL.
fn extras(octets: &[u8]) -> Result<Vec<(String, String)>, String> {
    let Some((last, items)) = octets.split_last() else {
        return Ok(Vec::new());
    };
    if *last != 0 {
        return Err("extra does not end with NUL".into());
    }
    items.split(|octet| *octet == 0).map(extra).collect()
}

fn extra(item: &[u8]) -> Result<(String, String), String> {
    let text = std::str::from_utf8(item)
        .ok()
        .filter(|_| names::fits_line(item));
    let pair = text.and_then(|text| text.split_once('='));
    match pair.filter(|(key, _)| is_id(key)) {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err("extra has an item that is not key=value".into()),
    }
}

/// What the chain says of a login.
#[derive(Debug)]
pub(crate) enum Outcome<'c> {
    /// The user gets in.
    Accept {
        /// The id of the module that knows the user.
        pdm: &'c str,
        /// The id of the module that vouched, if it was not the same.
        vouched: Option<&'c str>,
        account: Account,
    },
    /// The user does not get in.
    Refuse {
        /// The id of the module that knows the user; `None`: nobody does.
        pdm: Option<&'c str>,
        /// For the log; may be empty.
        why: String,
    },
    /// It cannot be said at present: never to be told as a wrong password.
    Fail {
        /// The id of the module that failed.
        pdm: &'c str,
        /// For the log.
        why: String,
    },
}

impl Outcome<'_> {
    /// One word for it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Outcome::Accept { .. } => "accept",
            Outcome::Refuse { .. } => "refuse",
            Outcome::Fail { .. } => "fail",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request<'a>(user: &'a [u8], password: &'a [u8]) -> Request<'a> {
        Request {
            user,
            password,
            ..Request::default()
        }
    }

    #[test]
    fn a_line_end_in_a_credential_never_reaches_a_module() {
        for (user, password) in [
            ("a\rb", "x"),
            ("a\n", "x"),
            ("a\0", "x"),
            ("a", "x\r\nDELE 1"),
        ] {
            assert!(
                request(user.as_bytes(), password.as_bytes())
                    .flaw()
                    .is_some()
            );
        }
        assert_eq!(request(b"a b\xff", b" %n../;`").flaw(), None);
    }

    #[test]
    fn an_empty_or_boundless_credential_never_reaches_a_module() {
        assert!(request(b"", b"x").flaw().is_some());
        assert!(request(b"a", b"").flaw().is_some());
        assert!(request(&[b'a'; 255], &[b'x'; 4096]).flaw().is_none());
        assert!(request(&[b'a'; 256], b"x").flaw().is_some());
        assert!(request(b"a", &[b'x'; 4097]).flaw().is_some());
    }

    #[test]
    fn a_certificate_counts_only_if_it_was_verified() {
        let mut login = request(b"a", b"");
        login.external = true;
        assert!(login.flaw().is_some());
        login.subject = b"CN=a";
        assert_eq!(login.flaw(), None);
    }

    #[test]
    fn extras_are_read_whole_or_not_at_all() {
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        assert_eq!(extras(b""), Ok(vec![]));
        assert_eq!(
            extras(b"a=1\0b=x=y\0"),
            Ok(vec![pair("a", "1"), pair("b", "x=y")])
        );
        for bad in [
            &b"a=1"[..],
            b"\0",
            b"a\0",
            b"=1\0",
            b"a=1\n\0",
            b"a=\xff\0",
            b"a=1\0\0",
        ] {
            assert!(extras(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_of_a_module_make_extras_that_break_a_line(octets: Vec<u8>) {
            for (key, value) in extras(&octets).unwrap_or_default() {
                prop_assert!(is_id(&key) && names::fits_line(value.as_bytes()));
            }
        }
    }
}
