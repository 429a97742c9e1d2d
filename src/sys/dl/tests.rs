//! Modules in C, honest and otherwise, compiled and opened.

use super::*;
use proptest::prelude::*;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

/// A module directory that is removed at the end.
pub(crate) struct Dir(pub(crate) PathBuf);

impl Dir {
    pub(crate) fn new() -> Dir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = env::temp_dir().join(format!("popular-dl.{}.{number}", process::id()));
        fs::create_dir_all(&dir).unwrap();
        Dir(dir)
    }

    /// Compiles `source` into the module `name`.
    pub(crate) fn compile(&self, name: &str, source: &str) -> PathBuf {
        let file = self.0.join(format!("{name}.c"));
        fs::write(&file, source).unwrap();
        self.compile_file(name, &file)
    }

    /// Compiles the C file of the example.
    pub(crate) fn hello(&self) -> PathBuf {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"));
        self.compile_file("hello", &top.join("src/modules/example/hello.c"))
    }

    fn compile_file(&self, name: &str, file: &Path) -> PathBuf {
        let library = self.0.join(format!("libpdm_{name}.so"));
        let include = concat!("-I", env!("CARGO_MANIFEST_DIR"), "/src/pdm");
        let strict = ["-std=c11", "-Wall", "-Werror", "-shared", "-fPIC", include];
        let mut cc = Command::new("cc");
        let done = cc.args(strict).arg("-o").arg(&library).arg(file).status();
        assert!(done.unwrap().success(), "cc {}", file.display());
        library
    }

    /// Compiles the functions `code` and the table around them.
    pub(crate) fn module(&self, name: &str, code: &str, fields: &str) -> PathBuf {
        let source = format!(
            "#include <stdlib.h>\n#include <popular/pdm.h>\n\
             static int ready(const struct pdm_config *c, void **ctx, struct pdm_buf *e)\n\
             {{ (void)c; (void)e; *ctx = NULL; return 0; }}\n\
             {code}\n\
             const struct pdm_module pdm_module = {{ .abi = PDM_ABI,\n\
             .size = sizeof(struct pdm_module), .name = \"{name}\", .open = ready,\n\
             {fields} }};\n"
        );
        // A field named twice is how a test replaces a default.
        let source = format!("#pragma GCC diagnostic ignored \"-Woverride-init\"\n{source}");
        self.compile(name, &source)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A `check` that lets everybody in.
pub(crate) const YES: &str = "static int yes(void *ctx, const struct pdm_request *r,\
    struct pdm_answer *a) { (void)ctx; (void)r; pdm_puts(&a->backend, \"b1\");\
    pdm_puts(&a->mailbox, \"m\"); return PDM_ACCEPT; }";

fn refused(path: &Path, name: &str, args: &[&[u8]]) -> String {
    match Module::open(path, name, "id", args) {
        Ok(_) => panic!("{name} was opened"),
        Err(why) => why.to_string(),
    }
}

fn ask<'a>(user: &'a [u8], password: &'a [u8]) -> Request<'a> {
    let mut request: Request<'a> = Request::empty();
    request.user = Str::new(user);
    request.password = Str::new(password);
    request
}

#[test]
fn the_example_in_c_is_opened_and_answers() {
    let dir = Dir::new();
    let module = Module::open(&dir.hello(), "hello", "h", &[b"word", b"b7"]).unwrap();
    let mut rooms = Rooms::new();
    let code = module.check(&ask(b"hello-anna", b"word"), &mut rooms);
    assert_eq!(code, Some(abi::PDM_ACCEPT));
    assert_eq!(rooms.backend.get(), Some(&b"b7"[..]));
    assert_eq!(rooms.mailbox.get(), Some(&b"hello/anna"[..]));
    let code = module.check(&ask(b"hello-anna", b"wor"), &mut rooms);
    assert_eq!(code, Some(abi::PDM_REFUSE));
    assert_eq!(rooms.reason.get(), Some(&b"that is not the word"[..]));
    for stranger in [&b"joe"[..], b"hello-", b"hello-../x", b"hello-\xe4"] {
        assert_eq!(
            module.check(&ask(stranger, b"word"), &mut rooms),
            Some(abi::PDM_UNKNOWN)
        );
        assert_eq!(
            rooms.backend.get(),
            Some(&b""[..]),
            "the last answer is gone"
        );
    }
    assert_eq!(module.vouch(&ask(b"hello-anna", b"x"), &mut rooms), None);
    assert!(module.after_fork().is_ok() && module.stale() == 0 && module.needs() == 0);
}

#[test]
fn a_module_that_dislikes_its_arguments_says_why() {
    let why = refused(&Dir::new().hello(), "hello", &[b"word"]);
    assert!(why.contains("WORD and BACKEND would be right"), "{why}");
}

#[test]
fn no_name_makes_the_example_in_c_tell_of_another_mailbox() {
    let dir = Dir::new();
    let module = Module::open(&dir.hello(), "hello", "h", &[b"word", b"b7"]).unwrap();
    let octet = prop_oneof![proptest::sample::select(&b"%$(/.-aZ9"[..]), any::<u8>()];
    let tail = proptest::collection::vec(octet, 0..255 - 6);
    proptest!(|(tail in tail, hello: bool)| {
        let mut rooms = Rooms::new();
        let user = [if hello { &b"hello-"[..] } else { b"" }, &tail].concat();
        let code = module.check(&ask(&user, b"word"), &mut rooms);
        let name = user.strip_prefix(b"hello-").filter(|n| !n.is_empty());
        match name.filter(|name| name.iter().all(u8::is_ascii_alphanumeric)) {
            Some(name) => {
                prop_assert_eq!(code, Some(abi::PDM_ACCEPT));
                let mailbox = [b"hello/", name].concat();
                prop_assert_eq!(rooms.mailbox.get(), Some(&mailbox[..]).filter(|m| m.len() <= 255));
            }
            None => prop_assert_eq!(code, Some(abi::PDM_UNKNOWN)),
        }
    });
}

#[test]
fn two_instances_of_one_library_are_two() {
    let dir = Dir::new();
    let path = dir.hello();
    let one = Module::open(&path, "hello", "one", &[b"1", b"b1"]).unwrap();
    let two = Module::open(&path, "hello", "two", &[b"2", b"b2"]).unwrap();
    let mut rooms = Rooms::new();
    assert_eq!(
        one.check(&ask(b"hello-a", b"1"), &mut rooms),
        Some(abi::PDM_ACCEPT)
    );
    drop(one);
    assert_eq!(
        two.check(&ask(b"hello-a", b"1"), &mut rooms),
        Some(abi::PDM_REFUSE)
    );
    assert_eq!(
        two.check(&ask(b"hello-a", b"2"), &mut rooms),
        Some(abi::PDM_ACCEPT)
    );
    assert_eq!(rooms.backend.get(), Some(&b"b2"[..]));
}

#[test]
fn what_is_no_module_is_refused_with_the_reason() {
    let dir = Dir::new();
    let missing = refused(&dir.0.join("libpdm_none.so"), "none", &[]);
    assert!(missing.contains("libpdm_none.so"), "{missing}");
    let text = dir.0.join("libpdm_text.so");
    fs::write(&text, "no library").unwrap();
    assert!(refused(&text, "text", &[]).contains("libpdm_text.so"));
    let empty = dir.compile("empty", "int nothing;");
    assert!(refused(&empty, "empty", &[]).contains("no pdm_module"));
    let number = dir.compile("num", "const unsigned pdm_module = 7;");
    assert!(refused(&number, "num", &[]).contains("built for interface 7"));
}

#[test]
fn a_table_that_does_not_fit_is_refused() {
    let dir = Dir::new();
    let cases = [
        ("small", ".size = 48, .check = yes", "table of 48 octets"),
        ("name", ".name = \"nam\", .check = yes", "another name"),
        ("needs", ".needs = 0x80, .check = yes", "does not know"),
        ("does", ".does = 0x80, .check = yes", "does not know"),
        (
            "res",
            ".reserved = { (void *)yes }, .check = yes",
            "reserved",
        ),
        (
            "none",
            ".stale = NULL, .close = (void (*)(void *))yes",
            "neither",
        ),
        ("noopen", ".open = NULL, .check = yes", "no open function"),
    ];
    for (name, fields, expected) in cases {
        let pragma = "#pragma GCC diagnostic ignored \"-Wcast-function-type\"\n";
        let path = dir.module(name, &format!("{pragma}{YES}"), fields);
        let why = refused(&path, name, &[]);
        assert!(why.contains(expected), "{name}: {why}");
    }
}

#[test]
fn lengths_that_lie_are_not_believed() {
    let liar = "static int lie(void *ctx, const struct pdm_request *r, struct pdm_answer *a)\
        { (void)ctx; (void)r; a->backend.len = (size_t)-1; a->mailbox.ptr = (char *)1;\
          a->mailbox.cap = 9999; a->mailbox.len = 3; a->user.len = PDM_USER_MAX;\
          a->password.len = PDM_SECRET_MAX + 1; pdm_put(&a->extra, lie, PDM_EXTRA_MAX + 1);\
          return 77; }\
        static int full(void *ctx, const struct pdm_request *r, struct pdm_answer *a)\
        { (void)ctx; (void)r; pdm_puts(&a->mailbox, \"another\"); return 0; }";
    let dir = Dir::new();
    let path = dir.module("liar", liar, ".check = lie, .vouch = full");
    let module = Module::open(&path, "liar", "l", &[]).unwrap();
    let mut rooms = Rooms::new();
    assert_eq!(module.vouch(&ask(b"a", b"b"), &mut rooms), Some(0));
    assert_eq!(module.check(&ask(b"a", b"b"), &mut rooms), Some(77));
    assert_eq!(rooms.backend.get(), None);
    assert_eq!(
        rooms.mailbox.get(),
        Some(&[0; 3][..]),
        "our room, not the module's"
    );
    assert_eq!(rooms.user.get().map(<[u8]>::len), Some(abi::PDM_USER_MAX));
    assert_eq!(rooms.password.get(), None);
    assert_eq!(rooms.extra.get(), None);
}

#[test]
fn an_error_text_that_is_too_long_or_missing_is_still_an_error() {
    let code = format!(
        "{YES} static int deaf(const struct pdm_config *c, void **ctx, struct pdm_buf *e)\
         {{ (void)c; *ctx = NULL; if (*c->id.ptr == 'l') {{ pdm_puts(e, \"because \");\
         e->len = (size_t)-1; }} return 5; }}\
         static void unborn(void *ctx) {{ (void)ctx; abort(); }}"
    );
    let dir = Dir::new();
    let path = dir.module("deaf", &code, ".open = deaf, .check = yes, .close = unborn");
    let why = |id| {
        Module::open(&path, "deaf", id, &[])
            .err()
            .unwrap()
            .to_string()
    };
    assert_eq!(why("long"), "because");
    assert_eq!(why("mute"), "the module does not say why");
}
