//! `howdah completions` and `howdah man`: texts that need neither settings nor a state directory.

use crate::cli::{
    args::{CompletionsArgs, ManArgs},
    completions,
    exit::Exit,
    man::{self, ManError},
    streams::print_error,
};
use std::io::{self, Write};

pub(super) fn completions(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    print(&completions::script(args))
}

pub(super) fn man(args: &ManArgs) -> anyhow::Result<Exit> {
    if let Some(directory) = &args.dir {
        let count = man::write(directory)?;
        print_error(&format!("{count} pages are written"));
        return Ok(Exit::Done);
    }
    match man::page(&args.verb) {
        Ok(page) => print(&page.text),
        Err(error @ ManError::NoVerb { .. }) => {
            print_error(&error.to_string());
            Ok(Exit::Usage)
        }
        Err(error) => Err(error.into()),
    }
}

/// Writes to standard output. `| head` has read enough when it goes away.
pub(super) fn print(text: &[u8]) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(Exit::Done),
    }
}
