//! `howdah play`: reads a recording, and opens the player or draws it. It needs neither settings nor a state directory.

use super::look::Look;
use crate::{
    cli::{args::Common, exit::Exit, recording_options::PlayArgs, streams::print_error},
    console::{
        player::{self, PlayerOptions},
        svg::{LONGEST_PAUSE, animated},
    },
    domain::instance::{printable, printable_name},
    manager::Clock,
    recording::{Defect, IdleLimit, Place, ReadError, Recording},
};
use anyhow::Context;
use std::{
    fs::{self, File},
    io::{self, BufReader, IsTerminal},
    path::Path,
};

pub(super) fn run(common: &Common, args: &PlayArgs) -> anyhow::Result<Exit> {
    if let Some(to) = &args.svg {
        return animate(args, to);
    }
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        print_error("howdah play needs a terminal to show the recording in: run it in one, without < and >");
        return Ok(Exit::Usage);
    }
    let recording = match read(&args.file) {
        Ok(recording) => recording.with_idle_limit(args.idle_limit.unwrap_or_default()),
        Err(error) => {
            print_error(&error.to_string());
            return Ok(Exit::Refused);
        }
    };
    let Look { theme, ascii } = Look::of(common, None)?;
    let options = PlayerOptions { speed: args.speed, theme, ascii };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async { player::run(recording, options, Clock::system()).await });
    runtime.shutdown_background();
    ended.context("the screen cannot go on")?;
    Ok(Exit::Done)
}

/// Writes the recording as a picture that moves.
fn animate(args: &PlayArgs, to: &Path) -> anyhow::Result<Exit> {
    let picture = read(&args.file).map_err(|error| error.to_string()).and_then(|recording| {
        let file = printable_name(args.file.as_os_str());
        let limit = args.idle_limit.unwrap_or(IdleLimit::AtMost(LONGEST_PAUSE));
        let recording = recording.with_idle_limit(limit).at_speed(args.speed);
        let title = recording.header().title.clone().unwrap_or_else(|| file.clone());
        animated(&recording, &printable(&title)).map_err(|error| format!("{file}: {error}"))
    });
    match picture {
        Ok(picture) => {
            fs::write(to, picture).with_context(|| format!("cannot write {}", to.display()))?;
            Ok(Exit::Done)
        }
        Err(problem) => {
            print_error(&problem);
            Ok(Exit::Refused)
        }
    }
}

fn read(path: &Path) -> Result<Recording, ReadError> {
    let name = printable_name(path.as_os_str());
    match File::open(path) {
        Ok(file) => Recording::read(BufReader::new(file), &name),
        Err(error) => Err(ReadError { file: name, place: Place::File, defect: Defect::Io(error) }),
    }
}
