//! What a person can do while a recording is played, and with which keys: the one table of it.

use crate::console::chord::{Chord, Held, Key};

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table below says what each does")]
pub enum Command {
    Pause,
    Step,
    Back,
    Forward,
    PreviousMarker,
    NextMarker,
    Slower,
    Faster,
    Search,
    NextMatch,
    PreviousMatch,
    Start,
    End,
    Leave,
    Suspend,
}

/// A command with its keys.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// What is done.
    pub command: Command,
    /// The keys; the first is the one that is shown.
    pub keys: &'static [Chord],
    /// A word for the status line; none where there is no need to show it.
    pub label: &'static str,
}

const fn plain(c: char) -> Chord {
    Chord::of(Key::Char(c))
}

const fn ctrl(c: char) -> Chord {
    Chord { key: Key::Char(c), held: Held::Ctrl }
}

const fn binding(command: Command, keys: &'static [Chord], label: &'static str) -> Binding {
    Binding { command, keys, label }
}

/// All of them, the ones that are needed first in front.
pub const BINDINGS: [Binding; 15] = [
    binding(Command::Pause, &[plain(' ')], "pause"),
    binding(Command::Leave, &[plain('q'), Chord::of(Key::Esc), ctrl('c')], "leave"),
    binding(Command::Back, &[Chord::of(Key::Left)], "-5 s"),
    binding(Command::Forward, &[Chord::of(Key::Right)], "+5 s"),
    binding(Command::Step, &[plain('.')], "step"),
    binding(Command::Search, &[plain('/')], "search"),
    binding(Command::NextMatch, &[plain('n')], "next"),
    binding(Command::PreviousMatch, &[plain('N')], "previous"),
    binding(Command::PreviousMarker, &[plain('[')], "marker before"),
    binding(Command::NextMarker, &[plain(']')], "marker after"),
    // Without the shift that a plus needs on many keyboards.
    binding(Command::Faster, &[plain('+'), plain('=')], "faster"),
    binding(Command::Slower, &[plain('-')], "slower"),
    binding(Command::Start, &[plain('0'), Chord::of(Key::Home)], "start"),
    binding(Command::End, &[Chord::of(Key::End)], "end"),
    binding(Command::Suspend, &[ctrl('z')], ""),
];

/// What this press does.
pub(super) fn command(chord: Chord) -> Option<Command> {
    BINDINGS.iter().find(|binding| binding.keys.contains(&chord)).map(|binding| binding.command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_does_two_things() {
        let keys: Vec<Chord> = BINDINGS.iter().flat_map(|binding| binding.keys).copied().collect();
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key), "{key}");
        }
    }
}
