//! `howdah man`: manual pages, from the definitions that read the command line.
//!
//! Promises: one page for each visible verb, named as git's are: `howdah-backup-list.1`. A page that stands is replaced
//! whole or not at all. Never: touches a file of another name, follows a link, or shows anything hidden.

use super::args::Cli;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};
use thiserror::Error;

/// A manual page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManualPage {
    /// The name of its file.
    pub name: String,
    /// The page, for `man`.
    pub text: Vec<u8>,
}

/// Why there is no page.
#[derive(Debug, Error)]
pub enum ManError {
    /// There is no such verb.
    #[error("there is no verb {verb:?}; there are: {}", .known.join(", "))]
    NoVerb {
        /// What was asked for.
        verb: String,
        /// The verbs in its place.
        known: Vec<String>,
    },
    /// A page cannot be written.
    #[error("{path:?} cannot be written: {cause}")]
    Unwritten {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

/// The page of a verb, given word by word; without a word the page of howdah itself.
pub fn page(verb: &[String]) -> Result<ManualPage, ManError> {
    let whole = built();
    let mut command = &whole;
    for word in verb {
        command = visible(command).find(|inner| inner.get_name() == word).ok_or_else(|| ManError::NoVerb {
            verb: verb.join(" "),
            known: visible(command).map(|inner| inner.get_name().to_owned()).collect(),
        })?;
    }
    Ok(rendered(command))
}

/// Every page: howdah's own, then those of its verbs.
pub fn pages() -> Vec<ManualPage> {
    let mut pages = Vec::new();
    gather(&built(), &mut pages);
    pages
}

/// Writes every page into a directory, which is made if it is missing, and reports how many there are.
pub fn write(directory: &Path) -> Result<usize, ManError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |cause| ManError::Unwritten { path, cause }
    };
    fs::create_dir_all(directory).map_err(failed(directory))?;
    let pages = pages();
    for ManualPage { name, text } in &pages {
        let path = directory.join(name);
        replace(&path, text).map_err(failed(&path))?;
    }
    Ok(pages.len())
}

/// A new file takes the name of the old one: a reader sees either of them whole, and a link is not followed.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let beside = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).open(&beside)?;
    let done = file.write_all(text).and_then(|()| fs::rename(&beside, path));
    if done.is_err() {
        // The first error is the one worth telling.
        fs::remove_file(&beside).unwrap_or_default();
    }
    done
}

fn gather(command: &Command, pages: &mut Vec<ManualPage>) {
    pages.push(rendered(command));
    visible(command).for_each(|inner| gather(inner, pages));
}

fn rendered(command: &Command) -> ManualPage {
    let source = concat!("howdah ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).source(source).manual("howdah");
    let mut text = Vec::new();
    man.render(&mut text).expect("memory takes all that is written to it");
    // The renderer writes no argument where the date is empty, and so moves those behind it; a page of a build that
    // can be repeated has no date.
    let text = String::from_utf8_lossy(&text).replacen(" 1  ", " 1 \"\" ", 1);
    ManualPage { name: man.get_filename(), text: text.into_bytes() }
}

fn built() -> Command {
    // `howdah help VERB` says what `howdah VERB --help` says, and needs no page.
    let mut whole = Cli::command().disable_help_subcommand(true);
    whole.build();
    whole
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|verb| !verb.is_hide_set())
}
