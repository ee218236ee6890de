//! From the words of the command line to the part that does the work.

use super::{
    config, console, context::AppContext, demo, doctor, explore, generate, hook, job, keeper, keys, overlay, play,
    restore, session, verify, wal, wal_fetch, worker,
};
use crate::cli::{
    args::{BackupVerb, Cli, Verb, WalArgs, WalVerb},
    backup_list,
    exit::Exit,
    streams::print_error,
};
use anyhow::Context;
use std::io;

/// Does what the command line says.
pub fn run(cli: Cli) -> anyhow::Result<Exit> {
    // Started by way of /proc/self/exe it would be called `exe` in every list of processes.
    rustix::thread::set_name(c"howdah").context("the process cannot be given its name")?;
    if cli.print_config {
        return print_config(&cli);
    }
    if cli.common.read_only && cli.verb.as_ref().is_some_and(Verb::changes_sessions) {
        print_error("refused: --read-only was given, and this would change sessions or own them; nothing was begun");
        return Ok(Exit::Refused);
    }
    if cli.recording.record.is_some() && cli.verb.is_some() {
        print_error("--record before a verb records the console: leave the verb away, or name the file behind it");
        return Ok(Exit::Usage);
    }
    match cli.verb {
        Some(Verb::Worker(args)) => worker::run(&args),
        Some(Verb::Overlay(args)) => overlay::run(&args),
        Some(Verb::Hook) => hook::run(),
        Some(Verb::Wal(WalArgs { verb: WalVerb::Fetch(args) })) => Ok(wal_fetch::run(&args)),
        Some(Verb::Backup(BackupVerb::List { json })) => list(&AppContext::read(&cli.common)?, json),
        Some(Verb::Backup(BackupVerb::Verify(args))) => verify::run(&AppContext::read(&cli.common)?, &args),
        Some(Verb::Restore(args)) => restore::run(&AppContext::read(&cli.common)?, &args),
        Some(Verb::Wal(WalArgs { verb: WalVerb::Show(args) })) => {
            wal::show::run(&AppContext::read(&cli.common)?, &args)
        }
        Some(Verb::Report(args)) => session::report(&AppContext::read(&cli.common)?, &args),
        Some(Verb::Keeper(args)) => keeper::run(&AppContext::read(&cli.common)?, &args),
        Some(Verb::Play(args)) => play::run(&cli.common, &args),
        Some(Verb::Keys(args)) => keys::run(&cli.common, &args),
        Some(Verb::Demo(args)) => demo::run(&cli.common, &args),
        Some(Verb::Doctor(args)) => doctor::run(&cli.common, &args),
        Some(Verb::Completions(args)) => generate::completions(&args),
        Some(Verb::Man(args)) => generate::man(&args),
        Some(Verb::Job(args)) => job::run(&AppContext::read(&cli.common)?, &args),
        Some(Verb::Explore(args)) => explore::run(&AppContext::read(&cli.common)?, &args),
        Some(Verb::Session(verb)) => session::run(&AppContext::read(&cli.common)?, &verb),
        None => console::run(&cli.common, &AppContext::read(&cli.common)?, &cli.recording),
    }
}

/// The settings are those of every verb, so it goes with none.
fn print_config(cli: &Cli) -> anyhow::Result<Exit> {
    if cli.verb.is_some() {
        print_error("--print-config prints the settings of every verb: leave the verb away");
        return Ok(Exit::Usage);
    }
    generate::print(config::print(&cli.common)?.as_bytes())
}

/// What is wrong with one backup stands in its row; what is wrong with a repository as a whole is told beside the list.
fn list(context: &AppContext, json: bool) -> anyhow::Result<Exit> {
    match backup_list::run(&context.sources()?, json, &mut io::stdout().lock()) {
        // `| head` has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(error).context("the list cannot be written"),
        Ok(listed) => {
            for problem in listed.repository_problems.iter().chain(&listed.shared_folders) {
                print_error(problem);
            }
            let useless = !listed.repository_problems.is_empty() && listed.restorable + listed.unreadable == 0;
            Ok(if useless { Exit::Refused } else { Exit::Done })
        }
    }
}
