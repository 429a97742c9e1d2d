//! How a password stands in a file: as crypt(3) makes it, `{PLAIN}text`, or
//! `!` and `*`, which no password matches.

use crate::crypt;

/// What stands before a password that is not hashed.
const PLAIN: &[u8] = b"{PLAIN}";

/// The field of a line that tells the password.
#[derive(Clone, Copy, Default)]
pub struct Hash<'t>(pub &'t [u8]);

impl<'t> Hash<'t> {
    /// Whether this can be meant; a password in the clear without its mark is
    /// the mistake to find.
    ///
    /// # Errors
    /// What would be right.
    pub fn check(&self) -> Result<(), String> {
        let des = |octet: &u8| octet.is_ascii_alphanumeric() || b"./".contains(octet);
        let right = match self.0 {
            [b'$' | b'*' | b'!', ..] => self.0.iter().all(u8::is_ascii_graphic),
            [b'_', rest @ ..] => rest.len() == 19 && rest.iter().all(des),
            [b'{', ..] => self.0.len() > PLAIN.len() && self.0.starts_with(PLAIN),
            _ => self.0.len() == 13 && self.0.iter().all(des),
        };
        match right {
            true => Ok(()),
            false => Err("a crypt(3) string, {PLAIN}text or ! would be right".into()),
        }
    }

    /// Whether this system can compare passwords with it.
    pub fn is_supported(&self) -> bool {
        self.is_locked() || self.plain().is_some() || crypt::supported(self.0)
    }

    /// Whether `password` is the right one; in constant time where it is not
    /// hashed. Nothing is computed if no password matches.
    pub fn admits(&self, password: &[u8]) -> bool {
        match self.plain() {
            Some(text) => crypt::same(password, text),
            None => !self.is_locked() && crypt::matches(password, self.0),
        }
    }

    /// Matches nothing by intention.
    pub fn is_locked(&self) -> bool {
        matches!(self.0.first(), Some(b'*' | b'!'))
    }

    /// The kind of hash, with parameters that decide what it costs:
    /// `$6$`, `$2b$10`, `$y$j9T`, `{PLAIN}`; empty for the oldest kind.
    pub fn method(&self) -> &'t [u8] {
        if self.plain().is_some() {
            return PLAIN;
        }
        let dollars: Vec<usize> = (0..self.0.len()).filter(|i| self.0[*i] == b'$').collect();
        match (&dollars[..], self.0) {
            ([0, _, cost, _, ..], _) | ([0, _, cost], [b'$', b'2', ..]) => &self.0[..*cost],
            ([0, end, ..], _) => &self.0[..*end],
            _ => &self.0[..usize::from(self.0.starts_with(b"_"))],
        }
    }

    /// The password that is not hashed, if it is none.
    fn plain(&self) -> Option<&'t [u8]> {
        self.0.strip_prefix(PLAIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(
                Hash(hash.as_bytes()).method(),
                expected.as_bytes(),
                "{hash}"
            );
        }
    }

    #[test]
    fn a_password_is_compared_by_the_method_of_its_hash() {
        let admits = |hash: &str, password: &str| Hash(hash.as_bytes()).admits(password.as_bytes());
        assert!(admits("{PLAIN}$6$ {x}", "$6$ {x}") && !admits("{PLAIN}$6$ {x}", "$6$ {x"));
        let hashed = "$1$salt$qJH7.N4xYta3aEG/dfqo/0";
        assert!(admits(hashed, "password") && !admits(hashed, "passwort"));
        assert!(!admits(hashed, hashed) && !admits("", "") && !admits("secret", "secret"));
        assert!(!admits("!x", "x") && !admits("!x", "!x") && !admits("*", ""));
    }
}
