use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

const MAX: Ms = 15_000;

fn penalties(entries: usize) -> Penalties {
    let words: Vec<_> = (0..words(entries)).map(|_| AtomicU64::new(0)).collect();
    Penalties::new(words.leak(), 7)
}

#[test]
fn the_delay_grows_to_its_limit() {
    let delays: Vec<_> = (0..7).map(|n| delay(n, MAX)).collect();
    assert_eq!(delays, [0, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
    assert_eq!((delay(7, 300_000), delay(1, 500)), (120_000, 500));
    assert_eq!(delay(MOST, 300_000), 300_000);
}

#[test]
fn many_at_once_are_answered_one_after_the_other() {
    let table = penalties(8);
    let due: Vec<_> = (0..7).map(|n| table.fail(5, n, 1000, MAX) - 1000).collect();
    assert_eq!(due, [0, 2000, 6000, 14_000, 29_000, 44_000, 59_000]);
    assert_eq!(table.fail(5, 8, 1000, MAX), 61_000, "the queue has an end");
    assert_eq!(
        table.reserve(5, 1000, MAX),
        None,
        "and then nobody may join"
    );
    assert_eq!(table.reserve(5, 46_000, MAX), Some(76_000));
    assert_eq!(
        table.failures(5, 46_000),
        8,
        "who only tries has not failed"
    );
}

#[test]
fn who_has_not_failed_does_not_wait() {
    let table = penalties(8);
    assert_eq!(table.reserve(5, 1000, MAX), Some(1000));
    assert_eq!(table.list(1000).count(), 0);
}

#[test]
fn threads_that_fail_at_once_are_all_counted() {
    let table = penalties(8);
    table.fail(5, 0, 1000, MAX);
    std::thread::scope(|scope| {
        for thread in 0..4u64 {
            scope.spawn(move || (0..10).for_each(|n| table.count(5, thread << 8 | n, 1000)));
        }
    });
    assert_eq!(table.failures(5, 1000), 41);
}

#[test]
fn time_heals_and_so_does_the_administrator() {
    let table = penalties(8);
    table.fail(5, 9, 1000, MAX);
    table.fail(6, 9, 1000, MAX);
    assert_eq!(table.failures(5, 1000 + MEMORY), 1);
    assert_eq!(table.failures(5, 1001 + MEMORY), 0);
    assert_eq!(table.fail(5, 9, 1001 + MEMORY, MAX), 1001 + MEMORY);
    assert!(table.clear(5) && !table.clear(5));
    assert_eq!((table.failures(5, 1000), table.failures(6, 1000)), (0, 1));
    assert_eq!((table.clear_all(), table.clear_all()), (1, 0));
}

#[test]
fn the_last_wrong_passwords_are_known_each_for_its_address() {
    let table = penalties(8);
    (1..=9).for_each(|n| table.count(5, n, 1000));
    let known: Vec<_> = (1..=10).filter(|&n| table.knows(5, n)).collect();
    assert_eq!(known, [2, 3, 4, 5, 6, 7, 8, 9]);
    assert!(!table.knows(6, 9));
    table.clear(5);
    table.fail(5, 1, 1000, MAX);
    assert!(!table.knows(5, 9), "who was forgotten begins anew");
}

#[test]
fn a_flood_of_addresses_does_not_push_out_who_fails_often() {
    let table = penalties(8);
    (0..5).for_each(|n| table.count(1, n, 1000));
    (100..10_000).for_each(|who| table.count(who, 0, 1000 + who));
    assert_eq!(table.failures(1, 20_000), 5);
    assert_eq!(table.failures(9_999, 20_000), 1);
    assert_eq!(table.list(20_000).count(), WAYS);
}

#[test]
fn a_table_without_room_punishes_nobody() {
    let table = penalties(0);
    assert_eq!(table.fail(1, 2, 3, MAX), 3);
    assert_eq!(table.reserve(1, 3, MAX), Some(3));
    assert!(!table.knows(1, 2) && !table.clear(1));
}

#[test]
fn an_address_is_shown_as_what_counts_of_it() {
    for (ip, shown) in [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("0.0.0.0", "0.0.0.0"),
    ] {
        assert_eq!(show(key(ip.parse().unwrap())), shown, "{ip}");
        assert_ne!(key(ip.parse().unwrap()), 0);
    }
}

proptest! {
    /// What a table without bounds would say. Here there is room for all.
    #[test]
    fn it_does_what_a_simple_model_does(
        acts in proptest::collection::vec((0u8..4, 1u64..5, 0u64..700_000), 1..200),
    ) {
        let (table, mut model) = (penalties(64), HashMap::<u64, (u64, Ms)>::new());
        let mut now = 1_000;
        for (act, who, pause) in acts {
            now += if pause % 3 == 0 { pause } else { pause % 100 };
            let (mut failures, mut until) = model.get(&who).copied().unwrap_or_default();
            if until + MEMORY < now {
                (failures, until) = (0, 0);
                model.remove(&who);
            }
            let wait = [0, 2, 4, 8, 15][failures.min(4) as usize] * 1000;
            let (due, end) = (until.max(now) + wait, now + 60_000);
            match act {
                0 => {
                    model.insert(who, (failures + 1, due.min(end)));
                    prop_assert_eq!(table.fail(who, pause, now, MAX), due.min(end));
                }
                1 => {
                    model.insert(who, (failures + 1, until.max(now)));
                    table.count(who, pause, now);
                }
                2 => {
                    let may = (due <= end).then_some(due);
                    if let (Some(due), true) = (may, failures > 0) {
                        model.insert(who, (failures, due));
                    }
                    prop_assert_eq!(table.reserve(who, now, MAX), may);
                }
                _ => {
                    model.remove(&who);
                    prop_assert!(table.clear(who) || failures == 0);
                }
            }
            let failures = model.get(&who).map_or(0, |m| m.0);
            prop_assert_eq!(table.failures(who, now), failures);
        }
    }
}
