//! The accounts of a file: its text as it is, and where each account begins.

use pdm::record::Account;
use std::collections::HashMap;
use std::hint::black_box;

/// Octets of the longest line.
const LINE_MAX: usize = 4096;

/// Accounts in the order of user and namespace. After it is made it is never
/// written again.
pub(crate) struct Table {
    text: Vec<u8>,
    /// Offsets of lines in `text`.
    index: Vec<u32>,
    /// The line whose hash is of the most common method.
    usual: Option<u32>,
}

impl Table {
    /// The accounts of `text`, which has at most 2^32 octets.
    ///
    /// # Errors
    /// Line number, field, what is wrong, and what would be right.
    pub(crate) fn parse(text: Vec<u8>) -> Result<Table, String> {
        let mut accounts: Vec<(Account, u32)> = Vec::new();
        let mut at = 0;
        for (number, line) in text.split(|octet| *octet == b'\n').enumerate() {
            let wrong = |why: String| format!("{}: {why}", number + 1);
            if line.len() > LINE_MAX {
                return Err(wrong("the line is longer than 4096 octets".into()));
            }
            let blank = line.iter().all(u8::is_ascii_whitespace);
            if !blank && line[0] != b'#' {
                let account = Account::parse(line).map_err(wrong)?;
                let offset = u32::try_from(at).map_err(|_| wrong("the file is too long".into()))?;
                accounts.push((account, offset));
            }
            at += line.len() + 1;
        }
        let usual = usual(&text, &accounts)?;
        accounts.sort_unstable_by_key(|(account, at)| (account.user, account.ns, *at));
        distinct(&text, &accounts)?;
        let index = accounts.iter().map(|(_, at)| *at).collect();
        Ok(Table { text, index, usual })
    }

    /// The account of `user` in `ns`, or else in every namespace (`*`).
    pub(crate) fn find(&self, ns: &[u8], user: &[u8]) -> Option<Account<'_>> {
        self.look_up(ns, user).or_else(|| self.look_up(b"*", user))
    }

    fn look_up(&self, ns: &[u8], user: &[u8]) -> Option<Account<'_>> {
        let order = |at: &u32| {
            let account = self.account(*at);
            (account.user, account.ns).cmp(&(user, ns))
        };
        let place = self.index.binary_search_by(order).ok()?;
        Some(self.account(self.index[place]))
    }

    fn account(&self, at: u32) -> Account<'_> {
        let rest = &self.text[at as usize..];
        let end = rest.iter().position(|octet| *octet == b'\n');
        Account::split(&rest[..end.unwrap_or(rest.len())]).unwrap_or_default()
    }

    /// Whether `password` opens `account`.
    pub(crate) fn admits(&self, account: &Account, password: &[u8]) -> bool {
        if account.hash.is_locked() {
            self.pretend(password);
        }
        account.hash.admits(password)
    }

    /// Takes the time that a password of the most common method takes, so
    /// that the clock does not tell who has an account.
    pub(crate) fn pretend(&self, password: &[u8]) {
        if let Some(at) = self.usual {
            black_box(self.admits(&self.account(at), password));
        }
    }
}

/// The line number of the offset `at`.
fn number(text: &[u8], at: u32) -> usize {
    let before = &text[..at as usize];
    before.iter().filter(|octet| **octet == b'\n').count() + 1
}

/// The first line of the most common method; also makes sure that crypt(3)
/// of this system knows each method of the file.
fn usual(text: &[u8], accounts: &[(Account, u32)]) -> Result<Option<u32>, String> {
    let mut methods: HashMap<&[u8], (u32, u32)> = HashMap::new();
    for (account, at) in accounts
        .iter()
        .filter(|(account, _)| !account.hash.is_locked())
    {
        let (count, _) = methods.entry(account.hash.method()).or_insert_with(|| {
            // Counted from 0 here, so that the line below counts the first as well.
            (0, *at)
        });
        *count += 1;
        if *count == 1 && !account.hash.is_supported() {
            let number = number(text, *at);
            return Err(format!(
                "{number}: hash: crypt(3) of this system makes none like this"
            ));
        }
    }
    let most = methods
        .values()
        .max_by_key(|(count, at)| (*count, u32::MAX - *at));
    Ok(most.map(|(_, at)| *at))
}

/// No user is there twice in one namespace; `accounts` are in order.
fn distinct(text: &[u8], accounts: &[(Account, u32)]) -> Result<(), String> {
    let same = |pair: &&[(Account, u32)]| {
        let [(a, _), (b, _)] = pair else { return false };
        (a.user, a.ns) == (b.user, b.ns)
    };
    match accounts.windows(2).find(same) {
        Some([(_, first), (_, second)]) => {
            let (first, second) = (number(text, *first), number(text, *second));
            Err(format!(
                "{second}: user: is in line {first} already, in this namespace"
            ))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<Table, String> {
        Table::parse(text.as_bytes().to_vec())
    }

    fn backend_of(table: &Table, ns: &str, user: &str) -> Option<String> {
        let account = table.find(ns.as_bytes(), user.as_bytes())?;
        let mut rooms = [[0; 64]; 6];
        let [a, b, c, d, e, f] = &mut rooms;
        let mut answer = pdm::Answer::new([a, b, c, d, e, f]);
        account.tell(&mut answer);
        let used = answer.backend.used();
        Some(String::from_utf8_lossy(&rooms[0][..used]).into_owned())
    }

    #[test]
    fn the_namespace_of_an_account_wins_over_every_namespace() {
        let text = "# accounts\n\n*:joe:!:b1:m\nn:joe:!:b2:m\n*:anna:!:b3:m\nn:zoe:!:b4:m";
        let table = table(text).unwrap();
        let of = |ns, user| backend_of(&table, ns, user);
        assert_eq!(of("n", "joe").as_deref(), Some("b2"));
        assert_eq!(of("o", "joe").as_deref(), Some("b1"));
        assert_eq!(of("n", "anna").as_deref(), Some("b3"));
        assert_eq!(of("n", "zoe").as_deref(), Some("b4"));
        assert_eq!(of("o", "zoe"), None);
        for stranger in ["", "jo", "joey", "joe:!", "n:joe", "*", "# accounts"] {
            assert_eq!(of("n", stranger), None, "{stranger}");
        }
    }

    #[test]
    fn an_error_names_its_line() {
        let why = |text: &str| table(text).err().unwrap();
        assert!(why("# x\n\n*:joe:!:b1\n").starts_with("3: too few"));
        assert!(why("*:a:!:b:m\n*:b:!:b:m\n*:a:!:b:m\n").starts_with("3: user: is in line 1"));
        assert!(why("*:a:!:b:m\n*:b:$99$x$y:b:m\n").starts_with("2: hash: crypt(3)"));
        let long = format!("*:a:!:b:m:k={}\n", "x".repeat(LINE_MAX));
        assert!(why(&long).starts_with("1: the line is longer"));
    }

    #[test]
    fn passwords_are_compared_by_the_method_of_each_line() {
        let text = "*:a:{PLAIN}$6$ {x}:b:m\n*:b:$1$salt$qJH7.N4xYta3aEG/dfqo/0:b:m\n*:c:!x:b:m\n";
        let table = table(text).unwrap();
        let admits = |user: &str, password: &str| {
            let account = table.find(b"n", user.as_bytes()).unwrap();
            table.admits(&account, password.as_bytes())
        };
        assert!(admits("a", "$6$ {x}") && !admits("a", "$6$ {x") && !admits("a", ""));
        assert!(admits("b", "password") && !admits("b", "passwort"));
        assert!(!admits("c", "x") && !admits("c", "!x") && !admits("c", ""));
    }

    #[test]
    fn the_most_common_method_is_the_one_pretended() {
        let hash = "$1$salt$qJH7.N4xYta3aEG/dfqo/0";
        let text = format!("*:a:{{PLAIN}}x:b:m\n*:b:{hash}:b:m\n*:c:{hash}:b:m\n*:d:!:b:m\n");
        let table = table(&text).unwrap();
        assert_eq!(table.account(table.usual.unwrap()).user, b"b");
        assert_eq!(super::Table::parse(Vec::new()).unwrap().usual, None);
    }

    #[test]
    fn a_hundred_thousand_accounts_are_all_found() {
        let line = |n: u32| format!("*:user{n}:{{PLAIN}}p{n}:b{}:u/{n}\n", n % 7);
        let text: String = (0..100_000).map(line).collect();
        let table = table(&text).unwrap();
        for n in (0..100_000).step_by(997) {
            let user = format!("user{n}");
            let account = table.find(b"x", user.as_bytes()).unwrap();
            assert!(table.admits(&account, format!("p{n}").as_bytes()));
        }
    }
}
