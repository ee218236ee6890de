//! The options of what makes recordings and plays them.

use crate::recording::{Format, IdleLimit, ScreenSize, Speed};
use clap::{ArgGroup, Args, ValueEnum};
use std::{num::NonZeroU32, path::PathBuf};

/// A recording of the console.
#[derive(Debug, Clone, Args)]
pub struct ConsoleRecording {
    /// Record the console: what it shows, with the times, but not what is typed; the file must not exist yet
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// The format of the recording: asciicast 2 or 3
    #[arg(long, value_name = "v2|v3", default_value = "v2", requires = "record")]
    pub format: CastFormat,
}

/// `howdah play`.
#[derive(Debug, Args)]
#[command(after_help = PLAY)]
pub struct PlayArgs {
    /// The recording
    pub file: PathBuf,
    /// How many times faster than it was recorded, from 0.25 to 16
    #[arg(long, value_name = "N", default_value = "1")]
    pub speed: Speed,
    /// The longest pause that is kept, in seconds, or none to keep all [default: what the recording says]
    #[arg(long, value_name = "SECONDS|none")]
    pub idle_limit: Option<IdleLimit>,
    /// Write it to this file as an animated SVG, which browsers play without a player, instead of showing it; pauses are
    /// at most 3 seconds long unless another limit is given
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// `howdah demo`.
#[derive(Debug, Args)]
#[command(after_help = DEMO, group(ArgGroup::new("recording").multiple(true)))]
pub struct DemoArgs {
    /// The scenario: a name of the list, or the path of a file [default: quiet-night]
    pub scenario: Option<String>,
    /// List the scenarios that come with howdah
    #[arg(long, conflicts_with_all = ["scenario", "speed", "recording"])]
    pub list: bool,
    /// How many seconds of the story pass in a second, from 1 to 1000 [default: what the scenario says]
    #[arg(long, value_name = "N", value_parser = speed)]
    pub speed: Option<NonZeroU32>,
    /// Record it, as its script says, instead of showing it: no terminal is needed, and no time passes
    #[arg(long, value_name = "FILE", group = "recording")]
    pub record: Option<PathBuf>,
    /// Columns and rows of the recording [default: what the scenario says]
    #[arg(long, value_name = "COLUMNSxROWS", requires = "recording")]
    pub size: Option<ScreenSize>,
    /// Write it as an animated SVG, which browsers play without a player
    #[arg(long, value_name = "FILE", group = "recording")]
    pub svg: Option<PathBuf>,
    /// Only the picture at the marker of this label, without animation
    #[arg(long, value_name = "MARKER", requires = "svg")]
    pub at: Option<String>,
    /// The format of the recording: asciicast 2 or 3
    #[arg(long, value_name = "v2|v3", default_value = "v2", requires = "record")]
    pub format: CastFormat,
}

/// A format that recordings are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CastFormat {
    /// asciicast 2
    V2,
    /// asciicast 3
    V3,
}

impl From<CastFormat> for Format {
    fn from(format: CastFormat) -> Self {
        match format {
            CastFormat::V2 => Self::V2,
            CastFormat::V3 => Self::V3,
        }
    }
}

/// The speed of a story.
fn speed(text: &str) -> Result<NonZeroU32, String> {
    let speed = text.parse().ok().filter(|speed: &NonZeroU32| speed.get() <= MAX_SPEED);
    speed.ok_or_else(|| format!("a story is played from 1 to {MAX_SPEED} times as fast as time passes"))
}

/// A day of a story in 90 seconds; faster nobody can follow.
const MAX_SPEED: u32 = 1_000;

const PLAY: &str = "The recording is shown on a terminal in memory, and what that one shows is painted: nothing in a \
recording can set the clipboard, the title or the keys of the terminal it is played in, or ask it anything.

Keys: space pause or go on, . the next output, left and right 5 seconds back and on, [ and ] the marker before and after, \
- and + slower and faster, / search for a text on the screens, n and N its next and previous appearance, 0 or home the \
start, end the end, q, esc or ctrl-c leave, ctrl-z suspend.

Exit codes: 0 done, 1 howdah failed, 2 wrong usage or no terminal, 3 the recording cannot be read.";

const DEMO: &str = "Nothing in it is real: no file is read but the scenario, none is written but the recording, no process \
is started, and no session of yours is touched. The header says DEMO. What a scenario is made of stands at the top of \
assets/scenarios/quiet-night.toml.

A recording is the same, byte for byte, wherever it is made: howdah play FILE shows it.

Exit codes: 0 done, 1 howdah failed or the script waited for what never came, 2 wrong usage, 3 the scenario cannot be read.";
