//! How the screen looks on this terminal: what a person asked for, else what its environment says.

use super::config::{Config, ConfigError};
use crate::{
    cli::args::Common,
    console::{
        capabilities::{Capabilities, NoCursor},
        theme::Theme,
    },
};

/// Colours and signs of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) theme: Theme,
    pub(super) ascii: bool,
}

impl Look {
    /// With what the settings say, where they are read.
    pub(super) fn of(common: &Common, config: Option<&Config>) -> Result<Self, ConfigError> {
        Self::chosen(common, config, capabilities().map_err(ConfigError::Terminal)?)
    }

    fn chosen(common: &Common, config: Option<&Config>, here: Capabilities) -> Result<Self, ConfigError> {
        let screen = config.map(|config| &config.console);
        let named = common.theme.as_deref().or_else(|| screen?.theme.as_deref());
        let nothing = std::collections::BTreeMap::new();
        let own = config.map_or(&nothing, |config| &config.themes);
        let theme = named.map(|name| Theme::named(name, own, here.depth)).transpose().map_err(ConfigError::Theme)?;
        let ascii = if common.ascii { Some(true) } else { screen.and_then(|screen| screen.ascii) };
        Ok(Self { theme: theme.unwrap_or_else(|| here.theme()), ascii: ascii.unwrap_or(!here.unicode) })
    }
}

/// What this terminal can show.
pub(super) fn capabilities() -> Result<Capabilities, NoCursor> {
    Capabilities::read(|name| std::env::var_os(name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::console::theme::Depth;

    #[test]
    fn what_is_asked_for_by_hand_wins_a_flag_before_the_settings() {
        let console = Capabilities { unicode: false, depth: Depth::Sixteen, no_color: true };
        let window = Capabilities { unicode: true, depth: Depth::Indexed, no_color: false };
        for (theme, ascii, settings, here, expected) in [
            (None, false, "", console, (Theme::Mono, true)),
            (None, false, "", window, (Theme::Dark, false)),
            (None, false, "theme = \"light\"\nascii = false", console, (Theme::Light, false)),
            (Some("dark"), false, "theme = \"light\"", console, (Theme::Dark, true)),
            (None, true, "ascii = false", window, (Theme::Dark, true)),
            (None, false, "ascii = true", window, (Theme::Dark, true)),
        ] {
            let (repo, config, state_dir) = (Vec::new(), None, None);
            let theme = theme.map(str::to_owned);
            let common = Common { repo, config, state_dir, ascii, theme, read_only: false };
            let config: Config = toml::from_str(&format!("[console]\n{settings}")).unwrap();
            let look = Look::chosen(&common, Some(&config), here).unwrap();
            assert_eq!((look.theme, look.ascii), expected, "{settings} {common:?}");
        }
    }
}
