//! Tests of what is known of backends.

use super::News::*;
use super::*;
use proptest::prelude::*;

/// Tells this news one after the other, a millisecond each; what changed.
fn told(cell: &AtomicU64, print: u16, news: &[News]) -> Vec<Option<Change>> {
    let tell = |(n, &news)| learn(cell, news, print, 1000 + n as u64);
    news.iter().enumerate().map(tell).collect()
}

#[test]
fn three_failures_in_a_row_take_a_backend_down_once() {
    let cell = AtomicU64::new(0);
    let changes = told(&cell, 5, &[Failed, Failed, Served, Failed, Failed, Failed]);
    assert_eq!(changes, [None, None, None, None, None, Some(Change::Down)]);
    assert_eq!(told(&cell, 5, &[Failed, Failed]), [None, None]);
    let health = Health::read(cell.load(Relaxed));
    assert!(health.down);
    assert_eq!(health.since, 1005);
}

#[test]
fn whoever_hears_it_first_brings_it_up_once() {
    for news in [Served, Probed] {
        let cell = AtomicU64::new(0);
        told(&cell, 5, &[Failed, Failed, Failed]);
        let changes = told(&cell, 5, &[Moved, news, news]);
        assert_eq!(changes, [None, Some(Change::Up(0)), None]);
    }
}

#[test]
fn behind_a_probe_the_first_failure_is_one_too_many_but_not_behind_a_session() {
    let cell = AtomicU64::new(0);
    told(&cell, 5, &[Failed, Failed, Failed, Probed]);
    assert_eq!(told(&cell, 5, &[Failed]), [Some(Change::Down)]);
    told(&cell, 5, &[Probed, Served]);
    assert_eq!(told(&cell, 5, &[Failed, Failed]), [None, None]);
}

#[test]
fn a_backend_that_works_costs_no_write() {
    let cell = AtomicU64::new(0);
    told(&cell, 5, &[Served, Probed, Moved, Served]);
    assert_eq!(cell.load(Relaxed), 0);
}

#[test]
fn that_it_refuses_is_remembered_until_it_is_heard_otherwise() {
    let cell = AtomicU64::new(0);
    told(&cell, 5, &[Refused, Silent]);
    assert_eq!(cell.load(Relaxed), 0);
    for (news, refuses) in [(Refused, true), (Failed, true), (Silent, false)] {
        told(&cell, 5, &[Failed, Failed, Failed, news]);
        let health = Health::read(cell.load(Relaxed));
        assert_eq!((health.down, health.refuses), (true, refuses));
    }
    told(&cell, 5, &[Refused, Probed, Failed]);
    assert!(!Health::read(cell.load(Relaxed)).refuses);
}

#[test]
fn what_is_known_of_other_addresses_does_not_count() {
    let cell = AtomicU64::new(0);
    told(&cell, 5, &[Failed, Failed, Failed]);
    let changes = told(&cell, 6, &[Moved, Failed, Failed]);
    assert_eq!(changes, [Some(Change::Up(0)), None, None]);
    assert_eq!(told(&cell, 6, &[Failed]), [Some(Change::Down)]);
    let at = |text: &str| text.parse::<SocketAddr>().unwrap();
    assert_ne!(print(&[at("192.0.2.1:110")]), print(&[at("192.0.2.2:110")]));
    assert_ne!(print(&[]), 0);
}

proptest! {
    #[test]
    fn whatever_stands_in_the_page_three_failures_take_it_down(word: u64, print in 1..0x4000u16) {
        let cell = AtomicU64::new(word);
        told(&cell, print, &[Failed, Failed, Failed]);
        let health = Health::read(cell.load(Relaxed));
        prop_assert!(health.down && health.print == print);
        prop_assert_eq!(health, Health::read(health.word()));
        told(&cell, print, &[Probed]);
        prop_assert!(!Health::read(cell.load(Relaxed)).down);
    }
}

#[test]
fn a_reason_is_kept_and_cut() {
    let board = Board::map(1, crate::pproxy::vars::TABLES.areas).unwrap();
    let at = ["192.0.2.1:110".parse().unwrap()];
    let cell = board.own_cell(ROWS - 1, CELL);
    write(&board, ROWS - 1, &[b'x'; 200]);
    write(&board, ROWS, b"beyond the end");
    assert_eq!(look(&board, ROWS - 1, &at).1, b"");
    told(cell, print(&at), &[Failed, Failed, Failed]);
    let (health, text) = look(&board, ROWS - 1, &at);
    assert!(health.down);
    assert_eq!(text, [b'x'; REASON * 8]);
}
