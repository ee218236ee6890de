//! Every view, phase and dialog at five sizes.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "screens/stage.rs"]
mod stage;

use stage::*;

#[test]
fn look() {
    let sizes = [(100, 30), (120, 40), (80, 24), (40, 10), (1, 1)];
    for size in sizes {
        let stage = Stage::sized(busy(), own(), size);
        eprintln!("{size:?}\n{}", stage.text());
    }
    let mut stage = Stage::sized(busy(), own(), (100, 30));
    stage.press("down down");
    eprintln!("{}", stage.text());
    stage.press("r");
    eprintln!("{}", stage.text());
    stage.press("c");
    eprintln!("{}", stage.text());
    stage.press("esc m");
    eprintln!("{}", stage.text());
    stage.press("esc g");
    eprintln!("{}", stage.text());
    stage.press("?");
    eprintln!("{}", stage.text());
    stage.press("esc : r e");
    eprintln!("{}", stage.text());
    let mut stage = Stage::sized(snapshot(vec![], &[]), sample(), (100, 30));
    eprintln!("{}", stage.text());
    stage.press("enter");
    eprintln!("{}", stage.text());
    stage.press("esc n");
    eprintln!("{}", stage.text());
    eprintln!("{:?}", stage.wanted());
}
