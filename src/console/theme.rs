//! Roles, not colours: what a piece of the screen means, and how four themes show it.
//!
//! Promises: no role is told by colour alone; the words and signs carry the state. The default is safe for the common
//! kinds of colour blindness (blue, orange, vermilion, bluish green after Okabe and Ito). Never: lets a view name a
//! colour.

use super::glyphs::{ASCII, Glyphs, UNICODE};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier, Style},
    text::Span,
};
use thiserror::Error;

/// What a piece of the screen means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is named after what it stands for")]
pub enum Role {
    Text,
    Dim,
    Title,
    Border,
    Focus,
    Key,
    Off,
    Running,
    Waiting,
    Stuck,
    Queued,
    Cancelling,
    Done,
    Cancelled,
    Gauge,
    Rest,
    Replay,
    Spark,
    Input,
    Caret,
    Button,
    Danger,
    Sample,
    Mark,
    Selected,
}

/// All roles; the x-ray needs to name each.
pub const ROLES: [(Role, char); 25] = [
    (Role::Text, 't'),
    (Role::Dim, 'd'),
    (Role::Title, 'h'),
    (Role::Border, '.'),
    (Role::Focus, ':'),
    (Role::Key, 'k'),
    (Role::Off, 'o'),
    (Role::Running, 'r'),
    (Role::Waiting, 'w'),
    (Role::Stuck, 's'),
    (Role::Queued, 'q'),
    (Role::Cancelling, 'x'),
    (Role::Done, 'y'),
    (Role::Cancelled, 'z'),
    (Role::Gauge, 'g'),
    (Role::Rest, 'e'),
    (Role::Replay, 'p'),
    (Role::Spark, 'a'),
    (Role::Input, 'i'),
    (Role::Caret, '|'),
    (Role::Button, 'b'),
    (Role::Danger, '!'),
    (Role::Sample, 'm'),
    (Role::Mark, 'v'),
    (Role::Selected, '#'),
];

/// A look for every role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// For dark backgrounds, 256 colours.
    #[default]
    Dark,
    /// For light backgrounds, 256 colours.
    Light,
    /// The terminal's own 16 colours.
    Sixteen,
    /// No colour at all (`NO_COLOR`): bold, dim, underline and reverse.
    Mono,
    /// For tests: each role in a colour number of its own, so that a buffer tells what each cell means.
    XRay,
}

/// A name that is no theme's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no theme {0:?}: use dark, light, 16 or mono")]
pub struct UnknownTheme(String);

/// What the views paint with.
#[derive(Debug, Clone)]
pub struct Brush {
    theme: Theme,
    /// The signs.
    pub glyphs: Glyphs,
    /// Where the tree is painted before the visible part is copied.
    pub(super) scratch: Buffer,
}

impl Theme {
    /// The theme with this name in configuration: `dark`, `light`, `16` or `mono`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "dark" => Some(Self::Dark),
            "light" => Some(Self::Light),
            "16" => Some(Self::Sixteen),
            "mono" => Some(Self::Mono),
            _ => None,
        }
    }

    /// The theme that configuration names, or the default; without colour where the environment asks for none.
    ///
    /// A theme that is named wins over `NO_COLOR`: it was asked for by somebody who knew of it.
    pub fn choose(name: Option<&str>, no_color: bool) -> Result<Self, UnknownTheme> {
        match name {
            Some(name) => Self::named(name).ok_or_else(|| UnknownTheme(name.to_owned())),
            None if no_color => Ok(Self::Mono),
            None => Ok(Self::Dark),
        }
    }

    /// How a role looks.
    pub fn style(self, role: Role) -> Style {
        match self {
            Self::Dark => shape(role).patch(coloured(role, &DARK)),
            Self::Light => shape(role).patch(coloured(role, &LIGHT)),
            Self::Sixteen => shape(role).patch(coloured(role, &SIXTEEN)),
            Self::Mono => mono(role),
            Self::XRay => xray(role),
        }
    }
}

impl Brush {
    /// A brush with this theme, in Unicode or ASCII.
    pub fn new(theme: Theme, ascii: bool) -> Self {
        let glyphs = if ascii { ASCII } else { UNICODE };
        Self { theme, glyphs, scratch: Buffer::empty(Rect::ZERO) }
    }

    /// How a role looks.
    pub fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// A piece of text in a role.
    pub fn span<'a>(&self, role: Role, text: impl Into<std::borrow::Cow<'a, str>>) -> Span<'a> {
        Span::styled(text, self.style(role))
    }
}

/// The colours that one theme gives to the roles that have one.
struct Colours {
    dim: Color,
    key: Color,
    focus: Color,
    running: Color,
    waiting: Color,
    stuck: Color,
    done: Color,
    replay: Color,
    cancelled: Color,
    selected: Color,
    input: Color,
}

const DARK: Colours = Colours {
    dim: Color::Indexed(245),
    key: Color::Indexed(117),
    focus: Color::Indexed(117),
    running: Color::Indexed(74),
    waiting: Color::Indexed(214),
    stuck: Color::Indexed(209),
    done: Color::Indexed(79),
    replay: Color::Indexed(176),
    cancelled: Color::Indexed(250),
    selected: Color::Indexed(238),
    input: Color::Indexed(236),
};

const LIGHT: Colours = Colours {
    dim: Color::Indexed(242),
    key: Color::Indexed(25),
    focus: Color::Indexed(25),
    running: Color::Indexed(25),
    waiting: Color::Indexed(130),
    stuck: Color::Indexed(160),
    done: Color::Indexed(29),
    replay: Color::Indexed(90),
    cancelled: Color::Indexed(240),
    selected: Color::Indexed(253),
    input: Color::Indexed(255),
};

const SIXTEEN: Colours = Colours {
    dim: Color::DarkGray,
    key: Color::Cyan,
    focus: Color::Cyan,
    running: Color::Blue,
    waiting: Color::Yellow,
    stuck: Color::Red,
    done: Color::Green,
    replay: Color::Magenta,
    cancelled: Color::Gray,
    selected: Color::Reset,
    input: Color::Reset,
};

/// The part of a look that all coloured themes share.
fn shape(role: Role) -> Style {
    let style = Style::new();
    if matches!(role, Role::Title | Role::Key | Role::Focus | Role::Stuck) {
        style.add_modifier(Modifier::BOLD)
    } else if role == Role::Caret {
        style.add_modifier(Modifier::REVERSED)
    } else if matches!(role, Role::Button | Role::Danger) {
        style.add_modifier(Modifier::REVERSED | Modifier::BOLD)
    } else if role == Role::Input {
        style.add_modifier(Modifier::UNDERLINED)
    } else {
        style
    }
}

fn coloured(role: Role, colours: &Colours) -> Style {
    match role {
        Role::Text | Role::Title | Role::Button | Role::Caret => Style::new(),
        Role::Dim | Role::Border | Role::Rest | Role::Off | Role::Queued => Style::new().fg(colours.dim),
        Role::Focus => Style::new().fg(colours.focus),
        Role::Key => Style::new().fg(colours.key),
        Role::Running | Role::Gauge | Role::Spark => Style::new().fg(colours.running),
        Role::Waiting | Role::Cancelling | Role::Sample | Role::Mark => Style::new().fg(colours.waiting),
        Role::Stuck | Role::Danger => Style::new().fg(colours.stuck),
        Role::Done => Style::new().fg(colours.done),
        Role::Replay => Style::new().fg(colours.replay),
        Role::Cancelled => Style::new().fg(colours.cancelled),
        Role::Input => Style::new().bg(colours.input),
        // Sixteen colours have no shade that is sure to differ from the background.
        Role::Selected if colours.selected == Color::Reset => Style::new().add_modifier(Modifier::REVERSED),
        Role::Selected => Style::new().bg(colours.selected).add_modifier(Modifier::BOLD),
    }
}

fn mono(role: Role) -> Style {
    let style = Style::new();
    if matches!(role, Role::Selected | Role::Caret) {
        style.add_modifier(Modifier::REVERSED)
    } else if matches!(role, Role::Dim | Role::Off | Role::Rest | Role::Queued | Role::Cancelled) {
        style.add_modifier(Modifier::DIM)
    } else if matches!(role, Role::Sample | Role::Mark | Role::Waiting) {
        style.add_modifier(Modifier::UNDERLINED)
    } else {
        shape(role)
    }
}

/// The number of a role as a colour; the selection lies behind the others.
fn xray(role: Role) -> Style {
    let number = Color::Indexed(role as u8);
    if role == Role::Selected { Style::new().bg(number) } else { Style::new().fg(number) }
}
