//! Chains of modules that answer what their arguments say.

use super::*;
use crate::sys::dl::tests::Dir;

/// `fake CHECK VOUCH BACKEND MAILBOX`: check and vouch answer these numbers;
/// a vouching fake makes the session a master's.
const FAKE: &str = r#"
struct fake { int check, vouch; char backend[80], mailbox[300]; };
static int number(struct pdm_str s)
{ char t[8] = ""; memcpy(t, s.ptr, s.len < 7 ? s.len : 7); return atoi(t); }
static int make(const struct pdm_config *c, void **ctx, struct pdm_buf *e)
{
    struct fake *f = calloc(1, sizeof(*f));
    if (c->argc != 4) { pdm_puts(e, "/etc/fake:3: no\nsuch field"); return 1; }
    f->check = number(c->argv[0]); f->vouch = number(c->argv[1]);
    memcpy(f->backend, c->argv[2].ptr, c->argv[2].len);
    memcpy(f->mailbox, c->argv[3].ptr, c->argv[3].len);
    *ctx = f;
    return 0;
}
static int check(void *ctx, const struct pdm_request *r, struct pdm_answer *a)
{
    struct fake *f = ctx; (void)r;
    pdm_puts(&a->backend, f->backend); pdm_puts(&a->mailbox, f->mailbox);
    pdm_puts(&a->reason, "so it is");
    return f->check;
}
static int vouch(void *ctx, const struct pdm_request *r, struct pdm_answer *a)
{
    struct fake *f = ctx; (void)r;
    a->flags = PDM_MASTER; pdm_puts(&a->backend, "evil");
    return f->vouch;
}
static int forked(void *ctx, struct pdm_buf *e)
{ struct fake *f = ctx; pdm_puts(e, "no database"); return f->check == 9; }
static int stale(void *ctx) { return ((struct fake *)ctx)->check == 8; }
"#;
const FIELDS: &str = ".open = make, .check = check, .vouch = vouch, \
                      .after_fork = forked, .stale = stale, .close = free";

fn spec(id: &str, args: &str) -> Spec {
    Spec {
        id: id.into(),
        module: "fake".into(),
        args: args.split(' ').map(str::to_owned).collect(),
        loaded: 0,
    }
}

/// Opens one fake for each word list, named a, b, c.
fn chain(args: &[&str]) -> Chain {
    let dir = Dir::new();
    dir.module("fake", FAKE, FIELDS);
    let named = ["a", "b", "c"].iter().zip(args);
    let specs: Vec<Spec> = named.map(|(id, args)| spec(id, args)).collect();
    Chain::open(&specs, &dir.0).unwrap()
}

/// The outcome in a few words, and the modules called.
fn asked(args: &[&str], login: &Request) -> (String, String) {
    let chain = chain(args);
    let mut called = String::new();
    let said = match chain.check(login, &mut |id: &str| called.push_str(id)) {
        Outcome::Accept {
            pdm,
            vouched,
            account: a,
        } => format!(
            "accept {pdm} {} {} {} {}",
            vouched.unwrap_or("-"),
            a.backend,
            a.mailbox.unwrap_or("-".into()),
            a.master
        ),
        Outcome::Refuse { pdm, why } => format!("refuse {} {why}", pdm.unwrap_or("-")),
        Outcome::Fail { pdm, why } => format!("fail {pdm} {why}"),
    };
    (said, called)
}

fn anna() -> Request<'static> {
    Request {
        user: b"anna",
        password: b"secret",
        ..Request::default()
    }
}

fn says(args: &[&str], outcome: &str, called: &str) {
    let expected = (outcome.to_owned(), called.to_owned());
    assert_eq!(asked(args, &anna()), expected, "{args:?}");
}

#[test]
fn the_first_acceptance_ends_it() {
    says(
        &["0 0 b1 m", "1 0 b2 n/o", "1 0 b3 p"],
        "accept b - b2 n/o false",
        "ab",
    );
}

#[test]
fn a_user_nobody_knows_is_refused_without_a_second_pass() {
    says(&["0 1 b1 m", "0 1 b2 m"], "refuse - ", "ab");
    says(&[], "refuse - ", "");
}

#[test]
fn a_wrong_password_here_may_be_right_further_down() {
    says(&["2 0 b1 m", "1 0 b2 n"], "accept b - b2 n false", "ab");
}

#[test]
fn who_vouches_gives_permission_and_flags_but_not_the_account() {
    says(&["2 0 b1 m", "0 1 b2 n"], "accept a b b1 m true", "abab");
    says(&["2 0 b1 m", "2 0 b2 n"], "refuse a so it is", "abab");
}

#[test]
fn nobody_can_vouch_for_an_account_that_was_not_told() {
    says(&["2 1  "], "refuse a so it is", "a");
}

#[test]
fn a_module_that_fails_never_makes_a_wrong_password() {
    says(&["3 0 b m", "0 0 b m"], "fail a so it is", "ab");
    says(&["2 0 b m", "3 0 b m"], "fail b so it is", "abab");
    says(&["2 0 b m", "0 3 b m"], "fail b ", "abab");
    says(&["3 0 b m", "1 0 b2 m"], "accept b - b2 m false", "ab");
    says(&["3 0 b m", "2 1 b2 m"], "accept b b b2 m true", "abab");
}

#[test]
fn nonsense_is_a_failure_of_the_module_by_name() {
    says(&["7 0 b m"], "fail a answers 7, which has no meaning", "a");
    says(
        &["2 -1 b m"],
        "fail a answers -1, which has no meaning",
        "aa",
    );
    says(&["1 0 b/ m"], "fail a backend is no id", "a");
    says(&["1 0  m"], "fail a backend is missing", "a");
    says(&["1 0  "], "fail a accepts but names no backend", "a");
    let up = "fail a mailbox must not have an empty, . or .. component";
    says(&["1 0 b ../m"], up, "a");
    says(&["2 1 b ../m"], up, "a");
    let long = format!("1 0 {} m", "x".repeat(65));
    says(&[&long], "fail a backend is too long", "a");
    let long = format!("1 0 b {}", "x".repeat(256));
    says(&[&long, "1 0 b2 m"], "accept b - b2 m false", "ab");
}

#[test]
fn credentials_that_could_do_harm_reach_no_module() {
    let mut login = anna();
    login.password = b"x\r\nDELE 1";
    let (said, called) = asked(&["1 1 b m"], &login);
    assert_eq!(said, "refuse - CR, LF or NUL in user or password");
    assert_eq!(called, "");
}

#[test]
fn a_certificate_is_shown_only_to_modules_that_know_certificates() {
    let mut login = anna();
    login.subject = b"CN=anna";
    login.external = true;
    assert_eq!(
        asked(&["1 1 b m"], &login),
        ("refuse - ".into(), String::new())
    );
}

#[test]
fn an_error_names_module_file_and_reason_in_one_line() {
    let dir = Dir::new();
    dir.module("fake", FAKE, FIELDS);
    let open = |specs: &[Spec]| Chain::open(specs, &dir.0).err().unwrap();
    assert_eq!(
        open(&[spec("u", "1 0 b m"), spec("v", "")]),
        "pdm v (fake): /etc/fake:3: no?such field"
    );
    let twice = [spec("u", "1 0 b m"), spec("u", "1 0 b m")];
    assert_eq!(open(&twice), "pdm u: there are two of this id");
    let mut other = spec("u", "");
    other.module = "../fake".into();
    assert!(open(&[other.clone()]).contains("module ../fake"));
    other.module = "none".into();
    let why = open(&[other.clone()]);
    assert!(
        why.starts_with("pdm u (none): ") && why.contains("libpdm_none.so"),
        "{why}"
    );
    other.module = "odd".into();
    dir.module("odd", FAKE, &format!(".name = \"even\", {FIELDS}"));
    let file = dir.0.join("libpdm_odd.so").display().to_string();
    let expected = format!("pdm u (odd): {file}: holds a module of another name");
    assert_eq!(open(&[other]), expected);
}

#[test]
fn workers_learn_of_a_module_that_cannot_go_on_or_was_replaced() {
    let why = chain(&["1 0 b m", "9 0 b m"]).after_fork().unwrap_err();
    assert_eq!(why, "pdm b: no database");
    let good = chain(&["1 0 b m", "8 0 b m"]);
    assert_eq!(good.after_fork(), Ok(()));
    assert_ne!(good.stale(), 0);
    assert_eq!(good.stale(), good.stale());
    assert_ne!(good.stale(), chain(&["8 0 b m", "8 0 b m"]).stale());
    assert_eq!(chain(&["1 0 b m"]).stale(), 0);
    assert_eq!(good.ids().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(good.needs(), 0);
}
