//! The hidden verb `overlay`: the process that serves one block overlay.

use super::log;
use crate::{
    cli::{args::OverlayArgs, exit::Exit},
    overlay::{self, MOUNTED},
};
use anyhow::Context;
use std::io::{self, Write};

pub(super) fn run(args: &OverlayArgs) -> anyhow::Result<Exit> {
    // A terminal that goes away takes nothing of it with it. Whoever leads a group already is in no terminal's way.
    let _leads_a_group = rustix::process::setsid();
    log::begin_on_stderr()?;
    match overlay::serve(&args.order, || say(MOUNTED)) {
        Ok(()) => Ok(Exit::Done),
        Err(error) => {
            say(&error.to_string());
            Err(error).with_context(|| args.order.display().to_string())
        }
    }
}

/// One line for whoever has started it, who may be gone by now.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _nobody_listens = writeln!(out, "{line}").and_then(|()| out.flush());
}
