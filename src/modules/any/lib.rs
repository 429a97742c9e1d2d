//! `any BACKEND [TEMPLATE]`: lets everybody in, pdm_any(8).
#![forbid(unsafe_code)]

mod md5;
mod template;

use pdm::{Answer, Config, Module, Request, Verdict, names};
use template::Template;

struct Any {
    backend: Vec<u8>,
    template: Template,
}

pdm::export!(Any);

impl Module for Any {
    const NAME: &'static str = "any";

    fn open(config: &Config) -> Result<Self, String> {
        let (backend, text) = match config.args() {
            [backend] => (backend.octets(), &b"%u"[..]),
            [backend, template] => (backend.octets(), template.octets()),
            _ => return Err("wrong number of arguments: BACKEND [TEMPLATE] would be right".into()),
        };
        if !names::is_id(backend) {
            return Err("BACKEND: 1 to 64 letters, digits, _ . - would be right".into());
        }
        let text = std::str::from_utf8(text).map_err(|_| "TEMPLATE: UTF-8 would be right")?;
        let template = Template::parse(text).map_err(|why| format!("TEMPLATE {text}: {why}"))?;
        let backend = backend.to_vec();
        Ok(Any { backend, template })
    }

    fn check(&mut self, request: &Request, answer: &mut Answer) -> Verdict {
        let (user, ns) = (request.user.octets(), request.ns.octets());
        let mailbox = self.template.expand(user, ns);
        if let Err(why) = names::mailbox(mailbox.as_bytes()) {
            answer.reason.put_cut(&format!("the mailbox {why}"));
            return Verdict::Refuse;
        }
        answer.backend.put(&self.backend);
        answer.mailbox.put(mailbox.as_bytes());
        Verdict::Accept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pdm::Str;

    fn open(args: &[&str]) -> Result<Any, String> {
        let args: Vec<Str> = args.iter().map(|arg| Str::new(arg.as_bytes())).collect();
        Any::open(&Config::new(b"all", &args))
    }

    /// Verdict, backend, mailbox and reason.
    fn ask(any: &mut Any, user: &[u8]) -> (Verdict, [String; 3]) {
        let mut request = Request::empty();
        (request.ns, request.user) = (Str::new(b"default"), Str::new(user));
        request.password = Str::new(b"whatever");
        let mut rooms = [[0; 511]; 6];
        let [a, b, c, d, e, f] = &mut rooms;
        let mut answer = Answer::new([a, &mut b[..255], c, d, e, f]);
        let verdict = any.check(&request, &mut answer);
        let used = [&answer.backend, &answer.mailbox, &answer.reason].map(|buf| buf.used());
        let text = |i: usize, used| String::from_utf8_lossy(&rooms[i][..used]).into_owned();
        (
            verdict,
            [text(0, used[0]), text(1, used[1]), text(5, used[2])],
        )
    }

    #[test]
    fn everybody_has_a_mailbox() {
        let mut any = open(&["b1", "%n/%1h/%u"]).unwrap();
        let (verdict, [backend, mailbox, _]) = ask(&mut any, b"joe");
        assert_eq!(verdict, Verdict::Accept);
        assert_eq!((&*backend, &*mailbox), ("b1", "default/8/joe"));
        let (_, [_, mailbox, _]) = ask(&mut open(&["b1"]).unwrap(), b"../joe");
        assert_eq!(mailbox, "%2E.%2Fjoe");
    }

    #[test]
    fn nobody_is_given_a_mailbox_that_was_cut_short() {
        let mut any = open(&["b1"]).unwrap();
        assert_eq!(ask(&mut any, &[b'%'; 85]).0, Verdict::Accept);
        let (verdict, [backend, mailbox, reason]) = ask(&mut any, &[b'%'; 86]);
        assert_eq!((verdict, &*backend, &*mailbox), (Verdict::Refuse, "", ""));
        assert_eq!(reason, "the mailbox is longer than 255 octets");
    }

    #[test]
    fn wrong_arguments_are_named() {
        let why = |args: &[&str]| open(args).err().unwrap();
        assert!(why(&[]).contains("BACKEND [TEMPLATE]"));
        assert!(why(&["b1", "%u", "x"]).contains("BACKEND [TEMPLATE]"));
        assert!(why(&["b 1"]).starts_with("BACKEND: "));
        assert!(why(&["b1", "%x"]).starts_with("TEMPLATE %x: %x is unknown"));
    }
}
