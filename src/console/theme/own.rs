//! A theme of a user's own: one of the built-in ones with other colours for some roles.
//!
//! Promises: what is no colour is refused with all ways to write one.

use super::{Depth, Role, Theme};
use ratatui::style::{Color, Modifier, Style};

/// How many roles there are.
const ROLES: usize = super::ROLES.len();

/// A built-in theme, and what is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnTheme {
    base: Base,
    colours: [Option<Color>; ROLES],
}

/// What an own theme begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Base {
    /// `dark`.
    #[default]
    Dark,
    /// `light`.
    Light,
    /// `colour-blind`.
    ColourBlind,
    /// `16`.
    Sixteen,
    /// `mono`.
    Mono,
}

impl Base {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Dark, Self::Light, Self::ColourBlind, Self::Sixteen, Self::Mono];

    /// The theme.
    pub const fn theme(self) -> Theme {
        match self {
            Self::Dark => Theme::Dark,
            Self::Light => Theme::Light,
            Self::ColourBlind => Theme::ColourBlind,
            Self::Sixteen => Theme::Sixteen,
            Self::Mono => Theme::Mono,
        }
    }

    /// Its name in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::ColourBlind => "colour-blind",
            Self::Sixteen => "16",
            Self::Mono => "mono",
        }
    }

    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|base| base.name() == name)
    }

    /// All names, for people.
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

impl OwnTheme {
    /// The same as a built-in theme.
    pub const fn new(base: Base) -> Self {
        Self { base, colours: [None; ROLES] }
    }

    /// Gives a role another colour.
    pub const fn set(&mut self, role: Role, colour: Color) {
        self.colours[role as usize] = Some(colour);
    }

    /// What it begins with.
    pub const fn base(&self) -> Base {
        self.base
    }

    /// The roles that differ.
    pub fn colours(&self) -> impl Iterator<Item = (Role, Color)> + '_ {
        super::ROLES.into_iter().filter_map(|(role, _)| Some((role, self.colours[role as usize]?)))
    }

    /// The theme as a terminal with so many colours can show it: the nearest ones that it has.
    #[must_use]
    pub fn limited(self, depth: Depth) -> Self {
        Self { colours: self.colours.map(|colour| colour.map(|colour| limited(colour, depth))), ..self }
    }

    pub(super) fn style(&self, role: Role) -> Style {
        let base = self.base.theme().style(role);
        match (self.colours[role as usize], role) {
            (None, _) => base,
            // What lies behind a text; a reversed look would turn the colour to the front.
            (Some(colour), Role::Selected | Role::Input) => base.bg(colour).remove_modifier(Modifier::REVERSED),
            (Some(colour), _) => base.fg(colour),
        }
    }
}

/// The names of the sixteen colours, in the order of their numbers.
const NAMES: [(&str, Color); 17] = [
    ("default", Color::Reset),
    ("black", Color::Black),
    ("red", Color::Red),
    ("green", Color::Green),
    ("yellow", Color::Yellow),
    ("blue", Color::Blue),
    ("magenta", Color::Magenta),
    ("cyan", Color::Cyan),
    ("white", Color::Gray),
    ("bright-black", Color::DarkGray),
    ("bright-red", Color::LightRed),
    ("bright-green", Color::LightGreen),
    ("bright-yellow", Color::LightYellow),
    ("bright-blue", Color::LightBlue),
    ("bright-magenta", Color::LightMagenta),
    ("bright-cyan", Color::LightCyan),
    ("bright-white", Color::White),
];

/// Reads `#rrggbb`, a name, or a number from 0 to 255.
pub fn colour(text: &str) -> Option<Color> {
    if let Some(digits) = text.strip_prefix('#') {
        let is_hex = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
        return if is_hex { Some(Color::Rgb(part(0)?, part(2)?, part(4)?)) } else { None };
    }
    let named = NAMES.iter().find(|(name, _)| *name == text).map(|(_, colour)| *colour);
    named.or_else(|| text.parse().ok().map(Color::Indexed))
}

/// A colour as it is read.
pub fn colour_text(colour: Color) -> String {
    match (colour, NAMES.iter().find(|(_, known)| *known == colour)) {
        (_, Some((name, _))) => (*name).to_owned(),
        (Color::Rgb(red, green, blue), None) => format!("#{red:02x}{green:02x}{blue:02x}"),
        (Color::Indexed(number), None) => number.to_string(),
        (other, None) => other.to_string(),
    }
}

/// How a colour is written, for people.
pub fn colours() -> String {
    let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
    format!("\"#rrggbb\", a number from 0 to 255, or {}", names.join(", "))
}

fn limited(colour: Color, depth: Depth) -> Color {
    match (colour, depth) {
        (Color::Rgb(red, green, blue), Depth::Indexed) => Color::Indexed(nearest(&PALETTE, 16, [red, green, blue])),
        (Color::Rgb(red, green, blue), Depth::Sixteen | Depth::Mono) => sixteenth([red, green, blue]),
        (Color::Indexed(number), Depth::Sixteen | Depth::Mono) => sixteenth(PALETTE[usize::from(number)]),
        (as_it_is, _) => as_it_is,
    }
}

fn sixteenth(colour: [u8; 3]) -> Color {
    NAMES[1 + usize::from(nearest(&PALETTE[..16], 0, colour))].1
}

/// The number of the colour that is nearest by its components.
fn nearest(palette: &[[u8; 3]], from: u8, wanted: [u8; 3]) -> u8 {
    let distance = |colour: &[u8; 3]| -> u32 {
        colour.iter().zip(wanted).map(|(one, two)| u32::from(one.abs_diff(two)).pow(2)).sum()
    };
    (from..=u8::try_from(palette.len() - 1).unwrap_or(u8::MAX))
        .min_by_key(|number| distance(&palette[usize::from(*number)]))
        .unwrap_or(from)
}

/// What xterm's 256 colours are.
pub const PALETTE: [[u8; 3]; 256] = palette();

const fn palette() -> [[u8; 3]; 256] {
    const FIRST: [[u8; 3]; 16] = [
        [0, 0, 0],
        [205, 0, 0],
        [0, 205, 0],
        [205, 205, 0],
        [0, 0, 238],
        [205, 0, 205],
        [0, 205, 205],
        [229, 229, 229],
        [127, 127, 127],
        [255, 0, 0],
        [0, 255, 0],
        [255, 255, 0],
        [92, 92, 255],
        [255, 0, 255],
        [0, 255, 255],
        [255, 255, 255],
    ];
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let mut all = [[0; 3]; 256];
    let mut at = 0;
    let mut grey: u8 = 8;
    while at < 256 {
        all[at] = if at < 16 {
            FIRST[at]
        } else if at < 232 {
            let cube = at - 16;
            [LEVELS[cube / 36], LEVELS[cube / 6 % 6], LEVELS[cube % 6]]
        } else {
            let shade = [grey; 3];
            grey = grey.saturating_add(10);
            shade
        };
        at += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_a_triple_a_name_or_a_number() {
        for (text, expected) in [
            ("#0087d7", Some(Color::Rgb(0, 0x87, 0xd7))),
            ("#0087D7", Some(Color::Rgb(0, 0x87, 0xd7))),
            ("bright-red", Some(Color::LightRed)),
            ("default", Some(Color::Reset)),
            ("0", Some(Color::Indexed(0))),
            ("255", Some(Color::Indexed(255))),
            ("256", None),
            ("-1", None),
            ("#12345", None),
            ("#1234567", None),
            ("#12345g", None),
            ("#+1+2+3", None),
            ("#ä2345", None),
            ("Red", None),
            ("", None),
        ] {
            assert_eq!(colour(text), expected, "{text}");
            if let Some(expected) = expected {
                assert_eq!(colour(&colour_text(expected)), Some(expected), "{text}");
            }
        }
    }

    #[test]
    fn a_terminal_gets_the_nearest_colour_that_it_has() {
        let own = Color::Rgb(0, 0x88, 0xd0);
        assert_eq!(limited(own, Depth::True), own);
        assert_eq!(limited(own, Depth::Indexed), Color::Indexed(32));
        assert_eq!(limited(Color::Rgb(250, 10, 10), Depth::Sixteen), Color::LightRed);
        assert_eq!(limited(Color::Indexed(196), Depth::Sixteen), Color::LightRed);
        assert_eq!(limited(Color::Yellow, Depth::Sixteen), Color::Yellow);
        assert_eq!(PALETTE[255], [238; 3]);
    }

    #[test]
    fn only_what_is_set_differs_from_the_base() {
        let mut own = OwnTheme::new(Base::Light);
        own.set(Role::Running, Color::Rgb(1, 2, 3));
        own.set(Role::Selected, Color::Indexed(7));
        for (role, _) in super::super::ROLES {
            let (is, was) = (own.style(role), Theme::Light.style(role));
            if role == Role::Running {
                assert_eq!(is, was.fg(Color::Rgb(1, 2, 3)));
            } else if role == Role::Selected {
                assert_eq!(is.bg, Some(Color::Indexed(7)));
            } else {
                assert_eq!(is, was, "{role:?}");
            }
        }
    }
}
