//! What a server says of itself: greeting and capabilities.

use super::reply;

/// The greeting, ready to be sent (RFC 1939 section 4).
pub(crate) fn greeting(text: &str) -> Vec<u8> {
    let mut line = Vec::new();
    reply::ok(&mut line, text);
    line
}

/// The answer to CAPA (RFC 2449 section 5), the same in all states, so that
/// a client which asked before its login need not ask again. USER is
/// announced in the TRANSACTION state too, as RFC 2449 section 6.2 wants, and so
/// is SASL (section 6.3): the proxy in front of a server knows both.
pub(crate) static CAPABILITIES: &[u8] = b"+OK Capability list follows\r\n\
    TOP\r\n\
    USER\r\n\
    UIDL\r\n\
    PIPELINING\r\n\
    RESP-CODES\r\n\
    AUTH-RESP-CODE\r\n\
    SASL PLAIN LOGIN\r\n\
    IMPLEMENTATION POPular\r\n\
    .\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_is_one_line_whatever_the_administrator_wrote() {
        assert_eq!(greeting("mail.example.org"), b"+OK mail.example.org\r\n");
        assert_eq!(greeting("a\u{e4}b"), b"+OK a??b\r\n");
        assert_eq!(greeting(&"x".repeat(1000)).len(), reply::LONGEST);
    }

    #[test]
    fn the_list_of_capabilities_ends_as_lists_do() {
        let text = std::str::from_utf8(CAPABILITIES).unwrap();
        assert!(text.starts_with("+OK ") && text.ends_with("\r\n.\r\n"));
        assert!(text.split_inclusive("\r\n").all(|line| line.len() <= 512));
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    }
}
