//! `[themes.NAME]` in `howdah.toml`: a built-in theme with other colours for some roles.
//!
//! Promises: a role or a colour that is none is refused with all there are, and with its line.

use crate::console::theme::{Base, OwnTheme, Role, colour, colours};
use ratatui::style::Color;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::StrDeserializer},
};
use std::{collections::BTreeMap, fmt};

/// All themes by their names.
pub(super) fn all<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, OwnTheme>, D::Error> {
    let written: BTreeMap<Name, Written> = BTreeMap::deserialize(deserializer)?;
    Ok(written.into_iter().map(|(Name(name), Written(theme))| (name, theme)).collect())
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name(String);

struct Written(OwnTheme);

/// What may stand left of a colour.
enum Key {
    Base,
    Role(Role),
}

struct BaseName(Base);

struct Colour(Color);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if Base::named(&name).is_some() {
            return Err(D::Error::custom(format_args!("the theme {name:?} is built in: choose another name")));
        }
        Ok(Self(name))
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Table)
    }
}

struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of roles with their colours")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Written, A::Error> {
        let (mut base, mut set) = (Base::default(), Vec::new());
        while let Some(key) = map.next_key::<Key>()? {
            match key {
                Key::Base => base = map.next_value::<BaseName>()?.0,
                Key::Role(role) => set.push((role, map.next_value::<Colour>()?.0)),
            }
        }
        let mut theme = OwnTheme::new(base);
        for (role, colour) in set {
            theme.set(role, colour);
        }
        Ok(Written(theme))
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = String::deserialize(deserializer)?;
        if key == "base" {
            return Ok(Self::Base);
        }
        // serde names all roles where this is none.
        Role::deserialize(StrDeserializer::<D::Error>::new(&key)).map(Self::Role)
    }
}

impl<'de> Deserialize<'de> for BaseName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let unknown =
            || D::Error::custom(format_args!("there is no theme {name:?} to begin with: use {}", Base::names()));
        Base::named(&name).map(Self).ok_or_else(unknown)
    }
}

impl<'de> Deserialize<'de> for Colour {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyColour)
    }
}

struct AnyColour;

impl Visitor<'_> for AnyColour {
    type Value = Colour;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a colour: {}", colours())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Colour, E> {
        colour(text).map(Colour).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Colour, E> {
        let unknown = |_| E::invalid_value(serde::de::Unexpected::Signed(number), &self);
        u8::try_from(number).map(|number| Colour(Color::Indexed(number))).map_err(unknown)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use crate::{app::config::Config, console::theme::Role};
    use ratatui::style::Color;

    #[test]
    fn roles_get_the_colours_that_are_written() {
        let text = "[themes.mine]\nbase = \"light\"\nrunning = \"#0087d7\"\nstuck = 208\nmark = \"bright-red\"\n[themes.other]\n";
        let themes = toml::from_str::<Config>(text).unwrap().themes;
        let set: Vec<_> = themes["mine"].colours().collect();
        let expected = [
            (Role::Running, Color::Rgb(0, 0x87, 0xd7)),
            (Role::Stuck, Color::Indexed(208)),
            (Role::Mark, Color::LightRed),
        ];
        assert_eq!((themes["mine"].base().name(), set), ("light", expected.to_vec()));
        assert_eq!(themes["other"].colours().count(), 0);
    }

    #[test]
    fn what_is_no_role_or_colour_is_refused_with_its_line_and_all_there_are() {
        for (text, words) in [
            ("[themes.mine]\nruning = 1", ["line 2", "unknown variant `runing`", "`running`, `waiting`, `stuck`"]),
            (
                "[themes.mine]\nstuck = \"pink\"",
                ["line 2", "\"pink\"", "\"#rrggbb\", a number from 0 to 255, or default, black"],
            ),
            ("[themes.mine]\nstuck = 256", ["line 2", "256", "a number from 0 to 255"]),
            ("[themes.mine]\nstuck = -1", ["line 2", "-1", "a number from 0 to 255"]),
            ("[themes.mine]\nstuck = [1]", ["line 2", "sequence", "a number from 0 to 255"]),
            ("[themes.mine]\nbase = \"pink\"", ["line 2", "\"pink\"", "dark, light, colour-blind, 16, mono"]),
            ("[themes.dark]\nstuck = 1", ["line 1", "\"dark\" is built in", "another name"]),
            ("themes = 1", ["line 1", "integer", "map"]),
        ] {
            let error = toml::from_str::<Config>(text).unwrap_err().to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{text}: {error}");
        }
    }
}
