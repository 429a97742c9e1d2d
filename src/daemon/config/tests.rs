use super::*;
use crate::base::vars::vars;

vars! { KEYS from 0;
    NAMESPACE "namespace" Fixed Id, "default", "a namespace";
    LIMIT "maxsession" Live Int(0, 100), "0", "a limit";
    PEER "peer" Fixed Host, "", "a host";
}

static KINDS: &[Kind] = &[Kind {
    name: "vserv",
    holes: "ADDR:PORT",
    keys: KEYS,
    states: &["enable", "disable"],
    listens: Some(Proto::Tcp),
    ordered: true,
    reloads: true,
    file: None,
    counters: &[],
    mark: None,
    help: "",
}];
static TABLES: Tables = Tables {
    kinds: KINDS,
    ..Tables::bare("test")
};

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(String::from).collect()
}

fn sample() -> Config {
    let mut config = Config::new(&TABLES);
    config
        .add(
            0,
            &words("a 127.0.0.1:0"),
            &[("namespace".into(), "x".into())],
        )
        .unwrap();
    config
        .add(0, &words("b 127.0.0.1:0"), &[("peer".into(), "h:1".into())])
        .unwrap();
    config.switch(0, "disable", "b").unwrap();
    config.vars.set("user", "mail").unwrap();
    config
}

#[test]
fn what_is_printed_rebuilds_it() {
    let text = sample().print();
    let wanted = [
        "set user mail",
        "vserv add a 127.0.0.1:0 namespace=x",
        "vserv add b 127.0.0.1:0 peer=h:1",
        "vserv disable b",
    ];
    assert_eq!(text, wanted);
    assert_eq!(sample().hosts().collect::<Vec<_>>(), ["h:1"]);
    assert_eq!(
        (
            sample().find(0, "a").unwrap().keys.text(NAMESPACE),
            sample().doors().count()
        ),
        ("x", 2)
    );
}

#[test]
fn only_what_is_not_live_makes_a_new_generation() {
    let old = sample();
    let mut new = old.clone();
    new.change(0, "a", &[("maxsession".into(), "5".into())])
        .unwrap();
    new.switch(0, "disable", "all").unwrap();
    new.vars.set("idletimeout", "11m").unwrap();
    assert!(old.same_but_live(&new));
    assert_eq!(new.objects(0)[0].keys.number(LIMIT), 5);
    for change in [
        |c: &mut Config| c.change(0, "a", &[("namespace".into(), "y".into())]),
        |c: &mut Config| c.delete(0, "a"),
        |c: &mut Config| c.order(0, &words("b a")),
        |c: &mut Config| c.reload(0, Some("a")),
        |c: &mut Config| c.vars.set("backlog", "9"),
    ] {
        let mut new = old.clone();
        change(&mut new).unwrap();
        assert!(!old.same_but_live(&new));
    }
}

#[test]
fn errors_name_what_is_wrong() {
    let mut config = sample();
    assert_eq!(
        config.delete(0, "c").unwrap_err(),
        "there is no vserv c; there are: a b"
    );
    assert_eq!(
        config.add(0, &words("a 127.0.0.1:1"), &[]).unwrap_err(),
        "vserv a exists already"
    );
    assert_eq!(
        config.order(0, &words("a")).unwrap_err(),
        "b is missing in the order"
    );
    assert_eq!(
        config.order(0, &words("a a")).unwrap_err(),
        "a stands there twice"
    );
    let _ = PEER;
}

#[test]
fn a_hang_up_asks_for_the_addresses_anew() {
    let mut config = sample();
    let found = vec!["192.0.2.1:110".parse().unwrap()];
    config.resolved.insert("a.example:110".into(), found);
    config.reload_all();
    assert!(config.addresses("a.example:110").is_empty());
}

#[test]
fn one_anew_has_nothing_but_what_was_given_at_start() {
    let mut old = sample();
    old.vars.put(SESSIONLIMIT, "10");
    old.vars.set("idletimeout", "11m").unwrap();
    let fresh = old.anew();
    assert_eq!(fresh.vars.text(SESSIONLIMIT), "10");
    assert_eq!(fresh.print(), ["set maxsession 10"]);
    assert!(!old.same_but_live(&fresh));
}

#[test]
fn what_could_not_be_printed_in_a_line_is_refused() {
    let mut config = sample();
    // Outside quotes a backslash is one octet, inside it is two.
    let long = |count| "\\".repeat(count);
    let add = |config: &mut Config, word: String| {
        config.add(0, &["c".into(), "127.0.0.1:0".into(), word], &[])
    };
    let why = add(&mut config, long(4100)).unwrap_err();
    assert!(why.ends_with("it has at most 8190"), "{why}");
    add(&mut config, long(4000)).unwrap();
    let why = config.vars.set("group", &long(4050)).unwrap_err();
    assert!(why.starts_with("group must have fewer"), "{why}");
    config.vars.set("group", &long(3990)).unwrap();
    assert!(config.print().iter().all(|line| line.len() <= LONGEST - 2));
}
