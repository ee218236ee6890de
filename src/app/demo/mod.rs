//! `howdah demo`: a story behind the real screen, or recorded. It needs neither settings nor a state directory.

mod ports;
pub mod record;
mod script;

use super::{generate::print, look::Look};
use crate::{
    cli::{args::Common, exit::Exit, recording_options::DemoArgs, streams::print_error},
    console::{self, chord::Chord},
    demo::{Scenario, ScenarioError, Story, World, embedded},
    domain::instance::printable_name,
    manager::Clock,
    recording::ScreenSize,
};
use anyhow::Context;
use record::Take;
use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs::{self, File},
    io::{self, BufWriter, IsTerminal, Write as _},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::{runtime::Runtime, time};

/// What is played when nobody says what.
const USUAL: &str = "quiet-night";

pub(super) fn run(common: &Common, args: &DemoArgs) -> anyhow::Result<Exit> {
    if args.list {
        return list();
    }
    let name = args.scenario.as_deref().unwrap_or(USUAL);
    let Scenario { mut story, script, size } = match find(name) {
        Ok(scenario) => scenario,
        Err(problem) => {
            print_error(&problem);
            return Ok(Exit::Refused);
        }
    };
    story.speed = args.speed.unwrap_or(story.speed);
    let story = Arc::new(story);
    if args.record.is_none() && args.svg.is_none() {
        return show(&story, Look::of(common, None)?);
    }
    let own = ScreenSize::new(size.0.into(), size.1.into())?;
    let take = Take { story, script, size: args.size.unwrap_or(own), ascii: common.ascii };
    let recorded = record::record(take, |_| ())?;
    let cannot = |path: &Path| format!("cannot write {}", path.display());
    if let Some(path) = &args.svg {
        let picture = match &args.at {
            Some(marker) => recorded.svg(marker).map_err(|problem| (problem.to_string(), Exit::Usage)),
            None => recorded.animated().map_err(|problem| (problem.to_string(), Exit::Refused)),
        };
        match picture {
            Ok(picture) => fs::write(path, picture).with_context(|| cannot(path))?,
            Err((problem, exit)) => {
                print_error(&problem);
                return Ok(exit);
            }
        }
    }
    if let Some(path) = &args.record {
        let file = File::create(path).with_context(|| cannot(path))?;
        let written = recorded.write(BufWriter::new(file), args.format.into());
        written.and_then(|mut file| file.flush()).with_context(|| cannot(path))?;
    }
    Ok(Exit::Done)
}

fn list() -> anyhow::Result<Exit> {
    let mut text = String::new();
    for (name, scenario) in embedded::SCENARIOS {
        let story = Scenario::<Chord>::read(scenario, name)?.story;
        writeln!(text, "{name:16} {}", story.title)?;
    }
    print(text.as_bytes())
}

/// The scenario of this name, else the one in this file.
fn find(name: &str) -> Result<Scenario<Chord>, String> {
    let sentence = |error: ScenarioError| error.to_string();
    if let Some(text) = embedded::find(name) {
        return Scenario::read(text, name).map_err(sentence);
    }
    let file = printable_name(OsStr::new(name));
    let text = fs::read_to_string(Path::new(name)).map_err(|error| {
        format!("{file} is no scenario (howdah demo --list names them) and cannot be read as a file: {error}")
    })?;
    Scenario::read(&text, &file).map_err(sentence)
}

/// A runtime whose time stands still until somebody waits.
pub(super) fn paused() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()
}

/// Begins the story, and lets it come as far as it is when the screen opens, in no time.
async fn begin(story: &Arc<Story>) -> anyhow::Result<(World, Clock)> {
    let clock = Clock::starting_at(story.starts).at_speed(story.speed);
    let world = World::begin(story, clock)?;
    // A moment at least: what is ordered at the beginning is there when the screen opens.
    time::sleep(clock.until_steady(story.moment(story.opens)).max(Duration::from_millis(1))).await;
    Ok((world, clock))
}

fn show(story: &Arc<Story>, Look { theme, ascii }: Look) -> anyhow::Result<Exit> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        print_error("howdah demo needs a terminal: run it in one, or record it with --record FILE");
        return Ok(Exit::Usage);
    }
    let runtime = paused()?;
    let ended = runtime.block_on(async {
        let (world, clock) = begin(story).await?;
        time::resume();
        let options = ports::options(story, theme, ascii)?;
        anyhow::Ok(Box::pin(console::run(ports::ports(&world, story, clock), options, None)).await?)
    });
    runtime.shutdown_background();
    ended.context("the screen cannot go on")?;
    Ok(Exit::Done)
}
