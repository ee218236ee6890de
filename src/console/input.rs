//! Crossterm's events, translated. The only file that knows them.

use super::{
    chord::{Chord, Held, Key},
    message::{Message, Mouse, MouseAction},
    ports::EndReason,
    surface::ExternalEvent,
};
use crossterm::event::{
    Event, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use futures_util::{Stream, StreamExt as _};

/// What the terminal sends, as it comes.
pub(super) fn events() -> impl Stream<Item = ExternalEvent> {
    EventStream::new().filter_map(|event| {
        let one = match event {
            Ok(event) => translate(event).map(ExternalEvent::Message),
            // Reading the terminal fails when it is gone, before the watcher may have had its turn.
            Err(_) => Some(ExternalEvent::End(EndReason::HungUp)),
        };
        std::future::ready(one)
    })
}

/// The message that an event is; `None` for what means nothing here.
fn translate(event: Event) -> Option<Message> {
    match event {
        Event::Key(key) => chord(key).map(Message::Key),
        Event::Mouse(mouse) => self::mouse(mouse).map(Message::Mouse),
        Event::Paste(text) => Some(Message::Paste(text)),
        Event::Resize(columns, rows) => Some(Message::Resize(columns, rows)),
        Event::FocusGained | Event::FocusLost => None,
    }
}

fn chord(event: KeyEvent) -> Option<Chord> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let key = match event.code {
        KeyCode::Char(c) if c.is_control() => return None,
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab | KeyCode::BackTab => Key::Tab,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        KeyCode::Insert => Key::Insert,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::F(number) => Key::Function(number),
        KeyCode::Null
        | KeyCode::CapsLock
        | KeyCode::ScrollLock
        | KeyCode::NumLock
        | KeyCode::PrintScreen
        | KeyCode::Pause
        | KeyCode::Menu
        | KeyCode::KeypadBegin
        | KeyCode::Media(_)
        | KeyCode::Modifier(_) => return None,
    };
    let with = |modifier| event.modifiers.contains(modifier);
    // A shifted character is a character of its own; shift says something only of the other keys.
    let is_character = matches!(key, Key::Char(_));
    let held = if with(KeyModifiers::CONTROL) {
        Held::Ctrl
    } else if with(KeyModifiers::ALT) {
        Held::Alt
    } else if !is_character && (with(KeyModifiers::SHIFT) || event.code == KeyCode::BackTab) {
        Held::Shift
    } else {
        Held::Nothing
    };
    Some(Chord { key, held })
}

fn mouse(event: MouseEvent) -> Option<Mouse> {
    let action = match event.kind {
        MouseEventKind::Down(MouseButton::Left) => MouseAction::Press,
        MouseEventKind::Down(MouseButton::Right) => MouseAction::Menu,
        MouseEventKind::ScrollUp => MouseAction::WheelUp,
        MouseEventKind::ScrollDown => MouseAction::WheelDown,
        MouseEventKind::Down(MouseButton::Middle)
        | MouseEventKind::Up(_)
        | MouseEventKind::Drag(_)
        | MouseEventKind::Moved
        | MouseEventKind::ScrollLeft
        | MouseEventKind::ScrollRight => return None,
    };
    Some(Mouse { action, column: event.column, row: event.row })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_become_chords_as_configuration_writes_them() {
        for (code, modifiers, written) in [
            (KeyCode::Char('a'), KeyModifiers::NONE, "a"),
            (KeyCode::Char('A'), KeyModifiers::SHIFT, "A"),
            (KeyCode::Char('z'), KeyModifiers::CONTROL, "ctrl-z"),
            (KeyCode::BackTab, KeyModifiers::SHIFT, "shift-tab"),
            (KeyCode::Char(' '), KeyModifiers::NONE, "space"),
            (KeyCode::F(5), KeyModifiers::NONE, "f5"),
        ] {
            let event = Event::Key(KeyEvent::new(code, modifiers));
            let Some(Message::Key(chord)) = translate(event) else { panic!("{written} is no key") };
            assert_eq!(chord.to_string(), written);
        }
    }
}
