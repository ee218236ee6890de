//! The program: reads its words, does what they say, tells the shell how it ended.

use clap::Parser;
use howdah::{
    app,
    cli::{args::Cli, exit::Exit},
};
use std::{io::Write, process::ExitCode};

fn main() -> ExitCode {
    match app::run(Cli::parse()) {
        Ok(exit) => exit.into(),
        Err(error) => {
            // A terminal that has gone away cannot be told; the exit code still is.
            let _: std::io::Result<()> = writeln!(std::io::stderr(), "howdah: {error:#}");
            let usage = error.is::<app::config::ConfigError>();
            if usage { Exit::Usage.into() } else { Exit::Broken.into() }
        }
    }
}
