//! Files that only the master may read, as options and lists name them.

/// One entry of [`super::Kind::NamedKeyFiles`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry<'t> {
    Pair(Named<'t>),
    /// A file that holds more of them, see [`lines`].
    List(&'t str),
}

impl<'t> Entry<'t> {
    /// The files that it names itself.
    pub(super) fn files(self) -> Vec<&'t str> {
        match self {
            Entry::Pair(pair) => vec![pair.cert, pair.key],
            Entry::List(list) => vec![list],
        }
    }
}

/// A certificate and its key, for who asks for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named<'t> {
    /// It may begin with `*.`.
    pub(crate) host: &'t str,
    pub(crate) cert: &'t str,
    pub(crate) key: &'t str,
}

/// `HOST,/FILE,/FILE`.
fn pair(text: &str) -> Option<Named<'_>> {
    let parts: Vec<_> = text.split(',').collect();
    let [host, cert, key] = parts[..] else {
        return None;
    };
    let right = is_host(host.strip_prefix("*.").unwrap_or(host));
    (right && is_absolute(cert) && is_absolute(key)).then_some(Named { host, cert, key })
}

fn entry(text: &str) -> Option<Entry<'_>> {
    match is_absolute(text) && !text.contains(',') {
        true => Some(Entry::List(text)),
        false => pair(text).map(Entry::Pair),
    }
}

/// The entries of an option; what is wrong is left out.
pub(crate) fn entries(text: &str) -> impl Iterator<Item = Entry<'_>> {
    text.split(';').filter_map(entry)
}

/// Is this the text of such an option?
pub(super) fn is_named(text: &str) -> bool {
    text.is_empty() || text.split(';').all(|part| entry(part).is_some())
}

/// What a list holds: a pair a line, and comments.
///
/// # Errors
/// Which line is wrong, and what would be right.
pub(crate) fn lines(list: &[u8]) -> Result<Vec<Named<'_>>, String> {
    let text = std::str::from_utf8(list).map_err(|_| "it is not UTF-8")?;
    let lines = text.lines().map(str::trim).enumerate();
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(at, line)| {
            pair(line).ok_or_else(|| format!("line {} must be HOST,/FILE,/FILE", at + 1))
        })
        .collect()
}

/// The directory may change under us, and is `/` for a daemon.
pub(super) fn is_absolute(file: &str) -> bool {
    file.starts_with('/') && !file.contains(';')
}

/// Could this be the name of a host (RFC 1123 section 2.1), as freely as
/// names are given?
pub(super) fn is_host(text: &str) -> bool {
    let right = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    !text.is_empty() && text.len() <= 253 && text.bytes().all(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_pair_or_a_file_with_more() {
        let text = "a.example,/a.crt,/a.key;/etc/brands;*.b.example,/b.crt,/b.key";
        assert!(is_named(text));
        let (a, b) = (
            Named {
                host: "a.example",
                cert: "/a.crt",
                key: "/a.key",
            },
            Named {
                host: "*.b.example",
                cert: "/b.crt",
                key: "/b.key",
            },
        );
        let all: Vec<_> = entries(text).collect();
        assert_eq!(
            all,
            [Entry::Pair(a), Entry::List("/etc/brands"), Entry::Pair(b)]
        );
        let list = b"# brands\n\na.example,/a.crt,/a.key\r\n  *.b.example,/b.crt,/b.key";
        assert_eq!(lines(list), Ok(vec![a, b]));
    }

    #[test]
    fn a_line_that_is_wrong_is_told_by_its_number() {
        for bad in ["/list", "a,/b", "a b,/b,/c", "a,b,c", "a,/b,/c;d,/e,/f"] {
            let list = format!("# x\nok,/a,/b\n{bad}\n");
            let why = lines(list.as_bytes()).unwrap_err();
            assert_eq!(why, "line 3 must be HOST,/FILE,/FILE", "{bad}");
        }
        assert!(lines(b"a,/b,/\xff").is_err());
    }

    #[test]
    fn a_host_is_as_long_as_names_can_be() {
        assert!(is_host(&"a".repeat(253)) && !is_host(&"a".repeat(254)));
        assert!(!is_host("") && !is_host("a b") && !is_host("*.a"));
    }
}
