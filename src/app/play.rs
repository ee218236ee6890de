//! `howdah play`: reads a recording and opens the player. It needs neither settings nor a state directory.

use super::look::Look;
use crate::{
    cli::{
        args::{Common, PlayArgs},
        exit::Exit,
        streams::print_error,
    },
    console::player::{self, PlayerOptions},
    domain::instance::printable_name,
    manager::Clock,
    recording::{Defect, Place, ReadError, Recording},
};
use anyhow::Context;
use std::{
    fs::File,
    io::{self, BufReader, IsTerminal},
    path::Path,
};

pub(super) fn run(common: &Common, args: &PlayArgs) -> anyhow::Result<Exit> {
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

fn read(path: &Path) -> Result<Recording, ReadError> {
    let name = printable_name(path.as_os_str());
    match File::open(path) {
        Ok(file) => Recording::read(BufReader::new(file), &name),
        Err(error) => Err(ReadError { file: name, place: Place::File, defect: Defect::Io(error) }),
    }
}
