//! Roles, not colours: what a piece of the screen means, and how a theme shows it.
//!
//! Promises: no role is told by colour alone; the words and signs carry the state. The default goes after Okabe and Ito
//! (blue, orange, vermilion, bluish green); one theme is made for those who do not tell red from green. Never: lets a view
//! name a colour.

mod own;

pub use own::{Base, OwnTheme, PALETTE, colour, colour_text, colours};

use super::glyphs::{ASCII, Glyphs, UNICODE};
use crate::domain::instance::printable;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier, Style},
    text::Span,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// What a piece of the screen means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

impl Role {
    /// Its name in configuration.
    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
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
    /// For dark backgrounds, 256 colours, each apart from the others without telling red from green.
    ColourBlind,
    /// The terminal's own 16 colours.
    Sixteen,
    /// No colour at all (`NO_COLOR`): bold, dim, underline and reverse.
    Mono,
    /// For tests: each role in a colour number of its own, so that a buffer tells what each cell means.
    XRay,
    /// A user's own.
    Own(OwnTheme),
}

/// How many colours a terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// None.
    Mono,
    /// The sixteen that every terminal with colours has.
    Sixteen,
    /// 256.
    Indexed,
    /// All.
    True,
}

/// A name that is no theme's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no theme {name:?}: use {}{own}", Base::names())]
pub struct UnknownTheme {
    name: String,
    /// Those of the settings.
    own: String,
}

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
    /// The theme with this name: a built-in one, or a user's own, as a terminal with so many colours can show it.
    pub fn named(name: &str, own: &BTreeMap<String, OwnTheme>, depth: Depth) -> Result<Self, UnknownTheme> {
        let found = Base::named(name).map(Base::theme);
        let found = found.or_else(|| own.get(name).map(|own| Self::Own(own.limited(depth))));
        found.ok_or_else(|| UnknownTheme {
            name: name.to_owned(),
            own: own.keys().flat_map(|name| [", ".to_owned(), printable(name)]).collect(),
        })
    }

    /// How a role looks.
    pub fn style(self, role: Role) -> Style {
        match self {
            Self::Dark => shape(role).patch(coloured(role, &DARK)),
            Self::Light => shape(role).patch(coloured(role, &LIGHT)),
            Self::ColourBlind => shape(role).patch(coloured(role, &COLOUR_BLIND)),
            Self::Sixteen => shape(role).patch(coloured(role, &SIXTEEN)),
            Self::Mono => mono(role),
            Self::XRay => xray(role),
            Self::Own(own) => own.style(role),
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

/// Blues for what goes well, yellow and orange for what does not; within each, light apart from dark.
const COLOUR_BLIND: Colours = Colours {
    dim: Color::Indexed(245),
    key: Color::Indexed(117),
    focus: Color::Indexed(117),
    running: Color::Indexed(32),
    waiting: Color::Indexed(228),
    stuck: Color::Indexed(208),
    done: Color::Indexed(81),
    replay: Color::Indexed(63),
    cancelled: Color::Indexed(248),
    selected: Color::Indexed(238),
    input: Color::Indexed(236),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    /// Linear light of a colour.
    type Light = [f64; 3];

    /// How light reaches an eye without one kind of cone (Machado, Oliveira and Fernandes 2009, severity 1).
    const EYES: [[Light; 3]; 3] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]],
        [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]],
    ];

    fn light(theme: Theme, role: Role, eye: &[Light; 3]) -> Light {
        let Some(Color::Indexed(number)) = theme.style(role).fg else { unreachable!("a role with a colour") };
        let linear = PALETTE[usize::from(number)].map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        let seen = |row: &Light| row.iter().zip(linear).map(|(one, two)| one * two).sum::<f64>().clamp(0.0, 1.0);
        [seen(&eye[0]), seen(&eye[1]), seen(&eye[2])]
    }

    fn luminance([red, green, blue]: Light) -> f64 {
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// Lightness and the two colour axes (CIE 1976 L*a*b*, D65), in which distances are those that are seen.
    fn lab(light: Light) -> [f64; 3] {
        let [red, green, blue] = light;
        let x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505;
        let z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089;
        let [x, y, z] = [x, luminance(light), z]
            .map(|part| if part > 0.008_856 { part.cbrt() } else { 7.787 * part + 16.0 / 116.0 });
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    /// The least distance of two states to an eye, and the least contrast of one to black.
    fn least(theme: Theme, eye: &[Light; 3]) -> (f64, f64) {
        const STATES: [Role; 6] =
            [Role::Running, Role::Waiting, Role::Stuck, Role::Done, Role::Replay, Role::Cancelled];
        let seen = STATES.map(|role| light(theme, role, eye));
        let pairs = (0..seen.len()).flat_map(|one| (0..one).map(move |two| (one, two)));
        let distance = |(one, two): (usize, usize)| {
            let parts = lab(seen[one]).into_iter().zip(lab(seen[two]));
            parts.map(|(one, two)| (one - two).powi(2)).sum::<f64>().sqrt()
        };
        let contrast = seen.iter().map(|light| (luminance(*light) + 0.05) / 0.05);
        (pairs.map(distance).fold(f64::INFINITY, f64::min), contrast.fold(f64::INFINITY, f64::min))
    }

    #[test]
    fn states_look_apart_to_those_who_do_not_tell_red_from_green() {
        // Ten is seen at a glance side by side; apart from each other on a screen takes twice that. 4.5 is what WCAG asks
        // of a text.
        for eye in &EYES {
            let (distance, contrast) = least(Theme::ColourBlind, eye);
            assert!(distance >= 25.0 && contrast >= 4.5, "{eye:?}: {distance} {contrast}");
        }
        // The measure measures: what is apart for most people is not for all.
        assert!(least(Theme::Dark, &EYES[0]).0 > 25.0 && least(Theme::Dark, &EYES[1]).0 < 10.0);
    }

    #[test]
    fn every_role_is_read_by_its_name() {
        for (role, _) in ROLES {
            assert_eq!(serde_json::from_value::<Role>(role.name().into()).unwrap(), role);
        }
    }

    #[test]
    fn a_theme_is_found_by_its_name_and_a_wrong_name_is_told_with_all() {
        let mut mine = OwnTheme::new(Base::Light);
        mine.set(Role::Stuck, Color::Rgb(255, 0, 0));
        let own = BTreeMap::from([("mine".to_owned(), mine)]);
        assert_eq!(Theme::named("colour-blind", &own, Depth::True), Ok(Theme::ColourBlind));
        let found = |depth| Theme::named("mine", &own, depth).unwrap().style(Role::Stuck).fg;
        assert_eq!([found(Depth::True), found(Depth::Sixteen)], [Some(Color::Rgb(255, 0, 0)), Some(Color::LightRed)]);
        let wrong = Theme::named("pink", &own, Depth::True).unwrap_err().to_string();
        assert_eq!(wrong, "there is no theme \"pink\": use dark, light, colour-blind, 16, mono, mine");
    }
}
