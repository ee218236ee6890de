//! The program: reads its words, does what they say, tells the shell how it ended.

use clap::Parser;
use howdah::{
    app,
    cli::{args::Cli, exit::Exit, streams::print_error},
};
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(exit) = app::fetch_alone(std::env::args_os()) {
        return exit.into();
    }
    match app::run(Cli::parse()) {
        Ok(exit) => exit.into(),
        Err(error) => {
            print_error(&format!("{error:#}"));
            let usage = error.is::<app::config::ConfigError>();
            if usage { Exit::Usage.into() } else { Exit::Broken.into() }
        }
    }
}
