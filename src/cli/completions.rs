//! `howdah completions`: what a shell may complete, from the definitions that read the command line.
//!
//! Promises: every visible verb and flag is in it, nothing hidden is. Never: reads settings or state.

use super::args::{Cli, CompletionsArgs};
use clap::{ArgGroup, Command, CommandFactory};

/// The script for this shell.
pub fn script(args: &CompletionsArgs) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut visible(&Cli::command()), "howdah", &mut script);
    script
}

/// A copy of a command without what is hidden: the generators offer that like everything else.
fn visible(command: &Command) -> Command {
    let mut copy = Command::new(command.get_name().to_owned());
    if let Some(about) = command.get_about() {
        copy = copy.about(about.clone());
    }
    if let Some(version) = command.get_version() {
        copy = copy.version(version.to_owned());
    }
    let kept: Vec<_> = command.get_arguments().filter(|argument| !argument.is_hide_set()).cloned().collect();
    let is_kept = |id: &&clap::Id| kept.iter().any(|argument| argument.get_id() == *id);
    // Arguments name groups in their rules, so the groups must come along.
    let groups: Vec<_> = command
        .get_groups()
        .map(|group| ArgGroup::new(group.get_id().clone()).args(group.get_args().filter(is_kept).cloned()))
        .collect();
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set()).map(visible);
    copy.args(kept).groups(groups).subcommands(verbs)
}
