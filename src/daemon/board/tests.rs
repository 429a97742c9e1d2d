//! Tests of the scoreboard.

use super::*;

#[test]
fn slots_are_claimed_once_and_come_back() {
    let board = Board::map(2, &[]).unwrap();
    let claimed: Vec<_> = (0..5).map(|_| board.claim()).collect();
    assert_eq!(claimed, [Some(0), Some(1), Some(2), Some(3), None]);
    board.set_state(1, State::Busy);
    assert_eq!(
        (board.count(State::Starting), board.count(State::Busy)),
        (3, 1)
    );
    board.free(2);
    assert_eq!((board.claim(), board.count(State::Free)), (Some(2), 0));
}

#[test]
fn counters_outlive_the_owners_of_their_slot() {
    let board = Board::map(2, &[]).unwrap();
    let slot = board.claim().unwrap();
    board.add(slot, 3, 5);
    board.free(slot);
    board.add(board.claim().unwrap(), 3, 2);
    assert_eq!(board.total(3), 7);
    board.add(slot, 9999, 1);
}

#[test]
fn a_text_is_read_whole_or_not_at_all() {
    let board = Board::map(1, &[]).unwrap();
    board.set_text(0, Text::User, &[b'u'; 100]);
    board.set_text(0, Text::Peer, b"192.0.2.7");
    assert_eq!(board.text(0, Text::User), [b'u'; 64]);
    assert_eq!(board.text(0, Text::Peer), b"192.0.2.7");
    board.text_words(0, Text::Peer)[0].fetch_or(1, Relaxed);
    assert_eq!(board.text(0, Text::Peer), b"?", "its writer died halfway");
}

#[test]
fn a_number_out_of_the_page_leads_nowhere_dangerous() {
    let board = Board::map(1, &[]).unwrap();
    board.head(Head::High).store(u64::MAX, Relaxed);
    assert_eq!(board.count(State::Free), 3);
    let _ = (board.row(usize::MAX), board.live(Key(5000)));
}

#[test]
fn marks_are_counted_by_key_and_go_with_their_slot() {
    let board = Board::map(3, &[]).unwrap();
    for (slot, key) in [(0, 7), (1, 8), (2, 7)] {
        assert_eq!(board.claim(), Some(slot));
        board.set_mark(1, slot, key);
    }
    assert_eq!((board.marked(1, 7), board.marked(0, 7)), (2, 0));
    board.free(2);
    assert_eq!((board.marked(1, 7), board.marked(1, 8)), (1, 1));
}

#[test]
fn an_area_that_a_program_does_not_have_is_empty() {
    let board = Board::map(1, &[16]).unwrap();
    assert_eq!((board.area(0).len(), board.area(1).len()), (16, 0));
    board.table(1).put(7, 1);
    assert_eq!(board.table(1).get(7), None);
}

#[test]
fn a_helper_takes_no_place_of_a_worker_and_its_marks_are_its_own() {
    let board = Board::map(1, &[]).unwrap();
    let helpers: Vec<_> = (0..=HELPERS).map(|_| board.claim_helper()).collect();
    assert_eq!(helpers[0], Some(board.len()));
    assert_eq!(helpers[HELPERS], None);
    assert_eq!((board.free_slots(), board.count(State::Starting)), (3, 0));
    let helper = board.len();
    board.set_mark(0, helper, 7);
    assert_eq!((board.marked(0, 7), board.marked(1, 7)), (0, 0));
    assert_eq!((0..4).map_while(|_| board.claim()).count(), 3);
    board.add(helper, 0, 2);
    board.add(0, 0, 3);
    assert_eq!(board.total(0), 5);
}
