//! The terminal in memory: it draws, it restores, and no sequence or size brings it down.

use super::*;

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        "\\PC{0,5}",
        "\u{1b}\\[[?>=!]?[0-9;:]{0,12}[@-~]",
        "\u{1b}[\\]PX^_][0-9a-z;?\u{7}\u{1b}\\\\]{0,9}",
        "\u{1b}[ -~]{1,3}",
        "[\u{7}-\u{f}\u{18}\u{1a}\u{1b}]{1,4}",
        Just("你好\u{1f980}e\u{301}\u{200d}".to_owned()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn sizes() -> impl Strategy<Value = ScreenSize> {
    (1..12_u64, 1..6_u64).prop_map(|(columns, rows)| size(columns, rows))
}

fn shown(emulator: &Emulator) -> (Vec<String>, Option<(usize, usize)>, Vec<avt::Cell>) {
    let cells = emulator.rows().flat_map(|row| row.cells().to_vec()).collect();
    (emulator.text(), emulator.cursor(), cells)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_is_fed_is_shown_and_restored(
        first in sizes(),
        steps in prop::collection::vec((pieces(), prop::option::of(sizes())), 0..8),
        rest in pieces(),
    ) {
        let mut emulator = Emulator::new(first);
        for (text, size) in steps {
            emulator.feed(&text);
            if let Some(size) = size {
                emulator.resize(size);
            }
            prop_assert_eq!(emulator.rows().len(), usize::from(emulator.size().rows()));
            for row in emulator.rows() {
                prop_assert_eq!(row.cells().len(), usize::from(emulator.size().columns()));
            }
        }
        let mut restored = Emulator::restored(&emulator.keyframe());
        prop_assert_eq!(shown(&restored), shown(&emulator));
        emulator.feed(&rest);
        restored.feed(&rest);
        prop_assert_eq!(shown(&restored), shown(&emulator));
    }
}

#[test]
fn wide_characters_survive_any_shrinking() {
    for columns in (1..9).rev() {
        let mut emulator = Emulator::new(size(9, 3));
        emulator.feed("你好你好 你好你好");
        emulator.resize(size(columns, 3));
        emulator.feed("\u{1b}[K\u{1b}[1;1Hx你\u{1b}[99;99H你\u{1b}[99b");
        emulator.resize(size(1, 1));
        emulator.feed("你");
        assert_eq!(emulator.rows().len(), 1);
    }
}

#[test]
fn the_largest_screen_is_filled_and_restored() {
    let mut emulator = Emulator::new(size(1_000, 500));
    emulator.feed("\u{1b}#8\u{1b}[1000;1000Hy");
    let restored = Emulator::restored(&emulator.keyframe());
    assert_eq!(restored.text().last().unwrap().chars().last(), Some('y'));
    assert!(emulator.keyframe().length() < 4 << 20, "{}", emulator.keyframe().length());
}
