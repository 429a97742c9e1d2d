//! One line: `namespace:user:hash:backend:mailbox[:key=value,...]`.

use pdm::{Answer, abi, names};

/// The fields of a line, as they stand in the file.
#[derive(Clone, Copy, Default)]
pub(crate) struct Account<'t> {
    pub(crate) ns: &'t [u8],
    pub(crate) user: &'t [u8],
    pub(crate) hash: &'t [u8],
    backend: &'t [u8],
    mailbox: &'t [u8],
    items: &'t [u8],
}

/// What stands before a password that is not hashed.
const PLAIN: &[u8] = b"{PLAIN}";

impl<'t> Account<'t> {
    /// Splits `line`; `None` if it has not at least five fields.
    pub(crate) fn split(line: &'t [u8]) -> Option<Account<'t>> {
        let mut fields = line.splitn(6, |octet| *octet == b':');
        Some(Account {
            ns: fields.next()?,
            user: fields.next()?,
            hash: fields.next()?,
            backend: fields.next()?,
            mailbox: fields.next()?,
            items: fields.next().unwrap_or_default(),
        })
    }

    /// The account of `line`, with every field looked at.
    ///
    /// # Errors
    /// The field, what is wrong, and what would be right.
    pub(crate) fn parse(line: &'t [u8]) -> Result<Account<'t>, String> {
        let account = Account::split(line).ok_or(
            "too few fields: namespace:user:hash:backend:mailbox[:key=value,...] would be right",
        )?;
        if !names::fits_line(line) {
            return Err("CR or NUL in the line".into());
        }
        for (name, field) in [("namespace", account.ns), ("user", account.user)] {
            if field.is_empty() || field.len() > abi::PDM_USER_MAX {
                return Err(format!("{name}: 1 to 255 octets would be right"));
            }
        }
        hash(account.hash)?;
        if !names::is_id(account.backend) {
            return Err("backend: 1 to 64 letters, digits, _ . - would be right".into());
        }
        if !account.mailbox.is_empty() {
            names::mailbox(account.mailbox).map_err(|why| format!("mailbox: {why}"))?;
        }
        account.check_items()?;
        Ok(account)
    }

    /// The password that is not hashed, if it is none.
    pub(crate) fn plain(&self) -> Option<&'t [u8]> {
        self.hash.strip_prefix(PLAIN)
    }

    /// A hash that matches nothing by intention.
    pub(crate) fn is_locked(&self) -> bool {
        matches!(self.hash.first(), Some(b'*' | b'!'))
    }

    /// The kind of hash, with parameters that decide what it costs:
    /// `$6$`, `$2b$10`, `$y$j9T`, `{PLAIN}`; empty for the oldest kind.
    pub(crate) fn method(&self) -> &'t [u8] {
        if self.plain().is_some() {
            return PLAIN;
        }
        let dollars: Vec<usize> = (0..self.hash.len())
            .filter(|i| self.hash[*i] == b'$')
            .collect();
        match (&dollars[..], self.hash) {
            ([0, _, cost, _, ..], _) | ([0, _, cost], [b'$', b'2', ..]) => &self.hash[..*cost],
            ([0, end, ..], _) => &self.hash[..*end],
            _ => &self.hash[..usize::from(self.hash.starts_with(b"_"))],
        }
    }

    /// Writes the account into `answer`.
    pub(crate) fn tell(&self, answer: &mut Answer) {
        answer.backend.put(self.backend);
        answer.mailbox.put(self.mailbox);
        for (key, value) in self.items().filter_map(Result::ok) {
            match key {
                b"user" => answer.user.put(&value),
                b"password" => answer.password.put(&value),
                _ => answer.put_extra(key, &value),
            };
        }
    }

    /// The items with their values decoded.
    fn items(&self) -> impl Iterator<Item = Result<(&'t [u8], Vec<u8>), String>> + use<'t> {
        let items = self.items;
        let none = items.is_empty();
        let parts = items.split(|octet| *octet == b',');
        parts.filter(move |_| !none).map(item)
    }

    fn check_items(&self) -> Result<(), String> {
        let mut seen: Vec<&[u8]> = Vec::new();
        let mut extra = 0;
        for pair in self.items() {
            let (key, value) = pair?;
            let name = String::from_utf8_lossy(key);
            if seen.contains(&key) {
                return Err(format!("{name}: is there twice"));
            }
            seen.push(key);
            match key {
                b"user" | b"password" if (1..=abi::PDM_SECRET_MAX).contains(&value.len()) => {}
                b"user" | b"password" => {
                    return Err(format!("{name}: 1 to 255 octets would be right"));
                }
                _ if std::str::from_utf8(&value).is_err() => {
                    return Err(format!("{name}: UTF-8 would be right"));
                }
                // The equals sign and the NUL of the interface count too.
                _ => extra += key.len() + value.len() + 2,
            }
        }
        match extra > abi::PDM_EXTRA_MAX {
            true => Err("the items are longer than 1024 octets together".into()),
            false => Ok(()),
        }
    }
}

/// Whether `hash` can be meant; a password in the clear without its mark is
/// the mistake to find.
fn hash(hash: &[u8]) -> Result<(), String> {
    let des = |octet: &u8| octet.is_ascii_alphanumeric() || b"./".contains(octet);
    let right = match hash {
        [b'$' | b'*' | b'!', ..] => hash.iter().all(u8::is_ascii_graphic),
        [b'_', rest @ ..] => rest.len() == 19 && rest.iter().all(des),
        [b'{', ..] => hash.len() > PLAIN.len() && hash.starts_with(PLAIN),
        _ => hash.len() == 13 && hash.iter().all(des),
    };
    match right {
        true => Ok(()),
        false => Err("hash: a crypt(3) string, {PLAIN}text or ! would be right".into()),
    }
}

/// `key=value`, where `%2C` in the value stands for a comma.
fn item(text: &[u8]) -> Result<(&[u8], Vec<u8>), String> {
    let equals = text.iter().position(|octet| *octet == b'=');
    let (key, value) = match equals {
        Some(at) if names::is_id(&text[..at]) => (&text[..at], &text[at + 1..]),
        _ => return Err("items: key=value,... would be right".into()),
    };
    match decoded(value).filter(|value| names::fits_line(value)) {
        Some(value) => Ok((key, value)),
        None => Err(format!(
            "{}: % stands before two hexadecimal digits, and not for CR, LF or NUL",
            String::from_utf8_lossy(key)
        )),
    }
}

fn decoded(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value.iter();
    while let Some(octet) = rest.next() {
        if *octet != b'%' {
            out.push(*octet);
            continue;
        }
        let mut digit = || char::from(*rest.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        out.push((high * 16 + low) as u8);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn method(hash: &str) -> &[u8] {
        let account = Account {
            hash: hash.as_bytes(),
            ..Account::default()
        };
        account.method()
    }

    #[test]
    fn a_method_is_told_with_what_decides_its_cost() {
        let cases = [
            ("$6$salt$hash", "$6"),
            ("$6$rounds=9000$salt$hash", "$6$rounds=9000"),
            ("$y$j9T$salt$hash", "$y$j9T"),
            ("$2b$10$saltandhash", "$2b$10"),
            ("$5$$hash", "$5"),
            ("{PLAIN}a$b$c", "{PLAIN}"),
            ("abcdefghijklm", ""),
            ("_J9..K0AyUubDkVdpWso", "_"),
        ];
        for (hash, expected) in cases {
            assert_eq!(method(hash), expected.as_bytes(), "{hash}");
        }
    }

    #[test]
    fn a_line_is_wrong_for_one_reason_at_a_time() {
        let cases = [
            ("*:joe:!:b1", "too few fields"),
            (":joe:!:b1:m", "namespace"),
            ("*::!:b1:m", "user"),
            ("*:joe::b1:m", "hash"),
            ("*:joe:secret:b1:m", "hash"),
            ("*:joe:{SHA}abc:b1:m", "hash"),
            ("*:joe:{PLAIN}:b1:m", "hash"),
            ("*:joe:$6$a b:b1:m", "hash"),
            ("*:joe:!::m", "backend"),
            ("*:joe:!:b 1:m", "backend"),
            ("*:joe:!:b1:../m", "mailbox"),
            ("*:joe:!:b1:m\r", "CR or NUL"),
            ("*:joe:!:b1:m:x", "key=value"),
            ("*:joe:!:b1:m:=1", "key=value"),
            ("*:joe:!:b1:m:a=1,,b=2", "key=value"),
            ("*:joe:!:b1:m:a=1,a=2", "a: is there twice"),
            ("*:joe:!:b1:m:password=", "password: 1 to 255"),
            ("*:joe:!:b1:m:user=%0d", "user: %"),
            ("*:joe:!:b1:m:user=100%", "user: %"),
        ];
        for (line, expected) in cases {
            let why = Account::parse(line.as_bytes()).err().unwrap();
            assert!(why.contains(expected), "{line}: {why}");
        }
        let long = format!("*:joe:!:b1:m:a={}", "x".repeat(1022));
        assert!(Account::parse(long.as_bytes()).is_err());
        assert!(Account::parse(&long.as_bytes()[..long.len() - 1]).is_ok());
        assert!(Account::parse(b"*:joe:{PLAIN}!#\xff {}:b1:").is_ok());
    }

    proptest! {
        #[test]
        fn what_is_accepted_can_be_told_whole(tail in "[ -~]{0,60}", ns in "[^\r\n\0:]{1,9}") {
            let line = format!("{ns}:joe:!:b1:m:{tail}");
            if Account::parse(line.as_bytes()).is_ok() {
                let mut rooms = [[0; abi::PDM_EXTRA_MAX]; 6];
                let [a, b, c, d, e, f] = &mut rooms;
                let (c, d) = (&mut c[..abi::PDM_USER_MAX], &mut d[..abi::PDM_SECRET_MAX]);
                let mut answer = Answer::new([a, b, c, d, e, f]);
                Account::split(line.as_bytes()).unwrap().tell(&mut answer);
                prop_assert!(answer.user.used() <= abi::PDM_USER_MAX);
                prop_assert!(answer.password.used() <= abi::PDM_SECRET_MAX);
                prop_assert!(answer.extra.used() <= abi::PDM_EXTRA_MAX);
            }
        }

        #[test]
        fn no_line_is_too_strange_to_be_judged(line: Vec<u8>) {
            let _ = Account::parse(&line);
        }
    }
}
