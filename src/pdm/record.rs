//! An account as files hold it:
//! `namespace:user:hash:backend:mailbox[:key=value,...]`, pdm_flat(8).

use crate::hash::Hash;
use crate::{Answer, abi, names};

/// The fields of a line, as they stand in the file.
#[derive(Clone, Copy, Default)]
pub struct Account<'t> {
    /// The namespace, or `*`.
    pub ns: &'t [u8],
    /// The user.
    pub user: &'t [u8],
    /// The password.
    pub hash: Hash<'t>,
    backend: &'t [u8],
    mailbox: &'t [u8],
    items: &'t [u8],
}

impl<'t> Account<'t> {
    /// Splits `line`; `None` if it has not at least five fields.
    pub fn split(line: &'t [u8]) -> Option<Account<'t>> {
        let mut fields = line.splitn(3, |octet| *octet == b':');
        let (ns, user, rest) = (fields.next()?, fields.next()?, fields.next()?);
        Account::with(ns, user, rest)
    }

    /// The account of `user` in `ns` of which the other fields are `rest`;
    /// `None` if these are not at least three.
    pub fn with(ns: &'t [u8], user: &'t [u8], rest: &'t [u8]) -> Option<Account<'t>> {
        let mut fields = rest.splitn(4, |octet| *octet == b':');
        Some(Account {
            ns,
            user,
            hash: Hash(fields.next()?),
            backend: fields.next()?,
            mailbox: fields.next()?,
            items: fields.next().unwrap_or_default(),
        })
    }

    /// The account of `line`, with every field looked at.
    ///
    /// # Errors
    /// The field, what is wrong, and what would be right.
    pub fn parse(line: &'t [u8]) -> Result<Account<'t>, String> {
        let account = Account::split(line).ok_or(
            "too few fields: namespace:user:hash:backend:mailbox[:key=value,...] would be right",
        )?;
        account.check()?;
        Ok(account)
    }

    /// Looks at every field.
    ///
    /// # Errors
    /// The field, what is wrong, and what would be right.
    pub fn check(&self) -> Result<(), String> {
        let fields = [self.ns, self.user, self.hash.0, self.backend, self.mailbox];
        if !fields.iter().all(|field| names::fits_line(field)) || !names::fits_line(self.items) {
            return Err("CR, LF or NUL in the line".into());
        }
        for (name, field) in [("namespace", self.ns), ("user", self.user)] {
            if field.is_empty() || field.len() > abi::PDM_USER_MAX {
                return Err(format!("{name}: 1 to 255 octets would be right"));
            }
        }
        self.hash.check().map_err(|why| format!("hash: {why}"))?;
        if !names::is_id(self.backend) {
            return Err("backend: 1 to 64 letters, digits, _ . - would be right".into());
        }
        if !self.mailbox.is_empty() {
            names::mailbox(self.mailbox).map_err(|why| format!("mailbox: {why}"))?;
        }
        self.check_items()
    }

    /// Writes the account into `answer`.
    pub fn tell(&self, answer: &mut Answer) {
        answer.backend.put(self.backend);
        answer.mailbox.put(self.mailbox);
        for (key, value) in self.items().filter_map(Result::ok) {
            match key {
                b"user" => answer.user.put(&value),
                b"password" => answer.password.put(&value),
                b"cert" => true,
                _ => answer.put_extra(key, &value),
            };
        }
    }

    /// Is the certificate with this subject that of the user: item `cert`?
    pub fn certifies(&self, subject: &[u8]) -> bool {
        let mut items = self.items().filter_map(Result::ok);
        !subject.is_empty() && items.any(|(key, value)| key == b"cert" && value == subject)
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
                b"cert" if (1..=abi::PDM_SECRET_MAX).contains(&value.len()) => {}
                b"cert" => return Err(format!("{name}: 1 to 255 octets would be right")),
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
            ("*:joe:!:b1:m\r", "CR, LF or NUL"),
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
