//! `howdah wal show`: what an instance can be recovered to, at the command line.

use super::{LONG, SHORT, read, request_with};
use crate::{
    app::{choice, context::AppContext},
    catalog,
    cli::{
        args::WalShowArgs,
        exit::Exit,
        streams::print_error,
        wal::{self, ShownArchive},
    },
    domain::instance::printable,
};
use anyhow::Context;
use std::io;

/// Does it.
pub(in crate::app) fn run(context: &AppContext, args: &WalShowArgs) -> anyhow::Result<Exit> {
    let catalog = catalog::read(&context.sources_for([&args.instance])?);
    let (instance, _) = match choice::row(&catalog, &args.instance, None) {
        Ok(found) => found,
        Err(refused) => {
            print_error(&printable(&refused.sentence));
            for candidate in &refused.candidates {
                print_error(&printable(&candidate.to_string()));
            }
            return Ok(Exit::Refused);
        }
    };
    let settings = context.worker_settings();
    let effort = if args.names { LONG } else { SHORT };
    let request = match request_with(instance, &settings, context.read_only, instance.wal.clone(), effort) {
        Ok(request) => request,
        Err(failure) => {
            print_error(&failure.to_string());
            return Ok(Exit::Refused);
        }
    };
    let shown: Vec<ShownArchive> = request
        .archives
        .iter()
        .map(|archive| ShownArchive {
            archive: archive.clone(),
            window: read::one_window(archive, &request, &settings),
        })
        .collect();
    match wal::show(instance, &shown, args.json, &mut io::stdout().lock()) {
        // `| head` has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Done),
        written => written.context("the window cannot be written")?,
    }
    for failure in shown.iter().filter_map(|one| one.window.as_ref().err()) {
        print_error(&failure.to_string());
    }
    Ok(if shown.iter().any(|one| one.window.is_ok()) { Exit::Done } else { Exit::Refused })
}
