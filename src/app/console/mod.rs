//! The console, wired: owner, catalog, planner and logs behind the sockets that the screen asks for.

mod catalog_follower;
mod left_server;
mod owner_switch;
mod read_only;
mod recording;
mod save_log;
mod unowned;
mod window;

use super::{
    config::ConfigError,
    context::{AppContext, sessions, sources, who},
    exposure, limits, log,
    logout::{self, AfterLogout, AfterReboot},
    look::Look,
    owner::After,
    planner,
    proposals::FIRST_PORT,
    system::ThisMachine,
};
use crate::{
    attempt::AttemptDir,
    catalog::{Catalog, propose::propose},
    cli::{args::Common, exit::Exit, recording_options::ConsoleRecording, streams::print_error},
    console::{
        self,
        keymap::Keymap,
        live_recording::LiveRecording,
        ports::{Closing, ConsoleOptions, EndReason, Ending, OpenedFor, Ports, SwitchPort},
    },
    control::ClientError,
    domain::{AttemptNo, JobId, Port, SessionId, Who, Zones},
    journal::JournalReader,
    machine::Refusal,
    manager::{Clock, OwnerState, Service},
    postgres::server::log::mask,
};
use anyhow::Context;
use catalog_follower::Repositories;
use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use owner_switch::OwnerSwitch;
use read_only::ReadOnly;
use save_log::save_log;
use std::{
    fs::File,
    io::{self, IsTerminal, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{mpsc, watch};
use window::Windows;

/// Two pictures of progress a second are as many as are read; each costs some hundred bytes.
const PAUSE: Duration = Duration::from_millis(500);

/// Over a link, one.
const PAUSE_OVER_SSH: Duration = Duration::from_secs(1);

const OWN_HINT: &str = "Add your own backups: howdah --repo DIR, or repositories = [\"DIR\"] in howdah.toml";

pub(super) fn run(common: &Common, context: &AppContext, record: &ConsoleRecording) -> anyhow::Result<Exit> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        print_error("the console needs a terminal; without one use howdah restore, or howdah session list");
        return Ok(Exit::Usage);
    }
    let options = options(context, Look::of(common, Some(&context.config))?)?;
    let recording = match recording::begin(record, Clock::system()) {
        Ok(recording) => recording,
        Err(reason) => {
            print_error(&reason);
            return Ok(Exit::Refused);
        }
    };
    let stopped = recording.as_ref().map(LiveRecording::stopped);
    // While the journal is opened: a bus may take its time to answer.
    let sessions = sessions(&context.state);
    let queries = std::thread::spawn(move || {
        let facts = logout::gather();
        (logout::after_logout(&facts), logout::after_reboot(Path::new("/"), &facts, &sessions))
    });
    // The screen needs one thread; a second carries what it asks for, so that neither waits for the other.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let ending = runtime.block_on(async {
        limits::outlive_file_size()?;
        let clock = Clock::system();
        let sessions = match Sessions::open(context, &options.by, clock).await {
            Ok(sessions) => sessions,
            Err(error) => {
                // No screen is in it.
                recording::discard(record);
                // An owner that does not let a console look on refuses it; a journal that cannot be read is a fault.
                return if context.read_only { error.downcast::<ClientError>().map(Err) } else { Err(error) };
            }
        };
        let ending = console::run(ports(context, &sessions, clock), with_endings(options, queries), recording);
        // What the screen is given is too large for the stack of every caller.
        let ending = Box::pin(ending).await;
        // Whatever ended the screen, the sessions get another owner.
        let after = sessions.leave().await?;
        anyhow::Ok(Ok((ending.context("the screen cannot go on")?, after)))
    });
    // What still runs here (a catalog being read, a plan being made) is of no use to anybody now.
    runtime.shutdown_background();
    match ending? {
        Ok((ending, after)) => {
            let stopped = stopped.and_then(|stopped| stopped.borrow().clone());
            if let Some(line) = recording::farewell(record, stopped.as_deref()) {
                say(&ending, &line);
            }
            Ok(tell(&ending, &after))
        }
        Err(error) => {
            print_error(&error.to_string());
            Ok(Exit::Refused)
        }
    }
}

/// The way of one console to the sessions.
enum Sessions {
    /// Owned here, or by another process that is found or started.
    Own(Arc<OwnerSwitch>),
    /// Of another process, or of nobody, only to look at.
    OfAnother(Arc<ReadOnly>),
}

impl Sessions {
    /// Finds or becomes their owner; who only looks does neither.
    async fn open(context: &AppContext, by: &Who, clock: Clock) -> anyhow::Result<Self> {
        if context.read_only {
            return Ok(Self::OfAnother(ReadOnly::open(&context.state, by, clock).await?));
        }
        let switch = OwnerSwitch::open(context, by, clock).await?;
        log::begin(&context.state)?;
        Ok(Self::Own(switch))
    }

    fn service(&self) -> Arc<dyn Service> {
        match self {
            Self::Own(switch) => Arc::clone(switch) as Arc<dyn Service>,
            Self::OfAnother(owner) => Arc::clone(owner) as Arc<dyn Service>,
        }
    }

    fn owner(&self) -> watch::Receiver<OwnerState> {
        match self {
            Self::Own(switch) => switch.owner(),
            Self::OfAnother(owner) => owner.owner(),
        }
    }

    /// What is done before this process stands still, or after it was continued. Who only looks has nothing to release.
    fn port(&self, change: fn(Arc<OwnerSwitch>) -> BoxFuture<'static, ()>) -> SwitchPort {
        match self {
            Self::Own(switch) => {
                let switch = Arc::clone(switch);
                Box::new(move || change(Arc::clone(&switch)))
            }
            Self::OfAnother(_) => Box::new(|| Box::pin(std::future::ready(()))),
        }
    }

    async fn leave(&self) -> anyhow::Result<After> {
        match self {
            Self::Own(switch) => switch.leave().await,
            Self::OfAnother(owner) => Ok(owner.left()),
        }
    }
}

/// The options, with what is known of a logout and of a restart of the machine. What cannot be found out is nothing to
/// warn of.
fn with_endings(
    options: ConsoleOptions,
    queries: std::thread::JoinHandle<(AfterLogout, AfterReboot)>,
) -> ConsoleOptions {
    let closing = match queries.join() {
        Ok((AfterLogout::Killed { fix, .. }, _)) => Closing::LogoutEnds { fix },
        Ok((AfterLogout::Safe | AfterLogout::InScope, AfterReboot::GoesOn { .. })) => Closing::Safe,
        Ok((AfterLogout::Safe | AfterLogout::InScope, _)) => Closing::UntilReboot,
        Err(_) => {
            tracing::error!("what a logout does could not be found out");
            Closing::Safe
        }
    };
    ConsoleOptions { closing, ..options }
}

fn options(context: &AppContext, Look { theme, ascii }: Look) -> anyhow::Result<ConsoleOptions> {
    let screen = &context.config.console;
    let keys = screen.keys.iter().map(|(action, keys)| (action.clone(), keys.clone())).collect();
    let keymap = Keymap::with(&keys).map_err(ConfigError::Keys)?;
    Ok(ConsoleOptions {
        by: who(),
        closing: Closing::Safe,
        restore_dir: context.config.restore_dir.clone(),
        max_rate: None,
        first_port: Port::new(FIRST_PORT)?,
        own_hint: OWN_HINT.to_owned(),
        program: std::env::current_exe().unwrap_or_else(|_| "howdah".into()),
        state_dir: context.state.clone(),
        attempts_dir: context.state.join("attempts"),
        keymap,
        zones: Zones { local: TimeZone::system(), database: jiff::tz::db().clone() },
        jobs: Arc::new(context.config.jobs().0),
        theme,
        ascii,
        mouse: screen.mouse,
        progress_pause: if std::env::var_os("SSH_CONNECTION").is_some() { PAUSE_OVER_SSH } else { PAUSE },
        bell: screen.bell,
        purpose: OpenedFor::Work,
    })
}

fn ports(context: &AppContext, sessions: &Sessions, clock: Clock) -> Ports {
    let (publish, catalog) = watch::channel(Arc::new(Catalog::default()));
    let (refresh, wishes) = mpsc::channel(1);
    let (own, state, read_only) = (context.repositories.clone(), context.state.clone(), context.read_only);
    let access = context.access();
    let repositories = move || sources(&own, &access, &state, read_only);
    tokio::spawn(catalog_follower::follow(Repositories(repositories), publish, wishes));
    let journal = context.state.join("journal.db");
    let (past, run_journal, job_settings) = (journal.clone(), journal.clone(), context.worker_settings());
    let compare_settings = context.worker_settings();
    let windows = Windows::new(catalog.clone(), context.worker_settings(), context.read_only);
    let (order_settings, explore_dir) = (job_settings.clone(), context.config.explore_dir());
    let (servers, stops, read_only) = (context.state.clone(), context.state.clone(), context.read_only);
    let (settings, state, logs) = (context.worker_settings(), context.state.clone(), context.state.clone());
    Ports {
        manager: sessions.service(),
        owner: sessions.owner(),
        exposed: exposed(context.state.clone()),
        release: sessions.port(|switch| Box::pin(async move { switch.release().await })),
        reacquire: sessions.port(|switch| Box::pin(async move { switch.reacquire().await })),
        window: windows.window_port(),
        commits: windows.commits_port(),
        catalog,
        refresh_catalog: Box::new(move || {
            // A wish that waits already asks for the same.
            let _: Result<(), mpsc::error::TrySendError<()>> = refresh.try_send(());
        }),
        plan: Box::new(move |request| Box::pin(planner::plan(request, settings.clone()))),
        browse: Box::new(|address, item| Box::pin(super::explore::browsed(address, item))),
        count: Box::new(|address, item| Box::pin(super::explore::counted(address, item))),
        compare: Box::new(move |wish| super::explore::compared(wish, compare_settings.clone())),
        plan_order: Box::new(move |wish| {
            let (settings, explore_dir) = (order_settings.clone(), explore_dir.clone());
            Box::pin(async move { super::explore::planned(wish, &explore_dir, settings).await })
        }),
        plan_job: Box::new(move |spec| {
            let settings = job_settings.clone();
            Box::pin(async move { planner::plan_job(&spec, &settings).await })
        }),
        run_history: Box::new(move |run| {
            let journal = run_journal.clone();
            Box::pin(async move {
                let read = tokio::task::spawn_blocking(move || run_history(&journal, run)).await;
                read.map_err(io::Error::other)?
            })
        }),
        log: Box::new(move |session, attempt, most| {
            let state = state.clone();
            Box::pin(async move {
                let read = tokio::task::spawn_blocking(move || log_end(&state, session, attempt, most)).await;
                read.map_err(io::Error::other)?
            })
        }),
        save_log: Box::new(move |session, attempt, to| {
            let state = logs.clone();
            Box::pin(async move {
                let saved = tokio::task::spawn_blocking(move || save_log(&state, session, attempt, &to)).await;
                saved.map_err(io::Error::other)?
            })
        }),
        history: Box::new(move |session| {
            let journal = journal.clone();
            Box::pin(async move {
                let read = tokio::task::spawn_blocking(move || history(&journal, session)).await;
                read.map_err(io::Error::other)?
            })
        }),
        past: Box::new(move || {
            let journal = past.clone();
            Box::pin(async move {
                let read = move || JournalReader::open(&journal).and_then(|mut journal| journal.past());
                let read = tokio::task::spawn_blocking(read).await;
                read.map_err(io::Error::other)?.map_err(io::Error::other)
            })
        }),
        server: Box::new(move |session| {
            let state = servers.clone();
            Box::pin(async move {
                let found = tokio::task::spawn_blocking(move || left_server::look(&state, &session)).await;
                found.map_err(|error| error.to_string())?
            })
        }),
        stop_server: Box::new(move |session, process| {
            let (state, by) = (stops.clone(), who().to_string());
            Box::pin(async move {
                if read_only {
                    return Err(Refusal::ReadOnly.to_string());
                }
                let stop = move || left_server::stop(&state, &session, process, &by);
                tokio::task::spawn_blocking(stop).await.map_err(|error| error.to_string())?
            })
        }),
        places: Box::new(|wanted| {
            let found = tokio::task::spawn_blocking(move || propose(&wanted, &ThisMachine));
            // Without an answer the fields keep what they say.
            Box::pin(async move { found.await.unwrap_or_default() })
        }),
        clock,
    }
}

/// What is wrong with the state directory, in the words of the screen.
fn exposed(state: PathBuf) -> watch::Receiver<Option<String>> {
    let (report, exposed) = watch::channel(None);
    let mut exposures = exposure::observe(state);
    tokio::spawn(async move {
        while exposures.changed().await.is_ok() {
            let clause = exposures.borrow_and_update().map(|exposure| exposure.to_string());
            if report.send(clause).is_err() {
                return;
            }
        }
    });
    exposed
}

/// All that happened to a session, as the journal tells it.
fn history(journal: &Path, session: SessionId) -> io::Result<console::ports::EventHistory> {
    let history =
        JournalReader::open(journal).and_then(|mut journal| journal.history(session)).map_err(io::Error::other)?;
    Ok(history.into_iter().map(|event| (event.at, event.text)).collect())
}

/// All that happened in a run of a job.
fn run_history(journal: &Path, run: JobId) -> io::Result<console::ports::EventHistory> {
    let history =
        JournalReader::open(journal).and_then(|mut journal| journal.run_history(run)).map_err(io::Error::other)?;
    Ok(history.into_iter().map(|event| (event.at, event.text)).collect())
}

/// The last bytes of an attempt's raw output, with every password hidden: a log that somebody else wrote there may hold
/// one, and what is shown may be recorded. None when it has not written any.
fn log_end(state: &Path, session: SessionId, attempt: AttemptNo, most: u64) -> io::Result<Vec<u8>> {
    let mut file = match File::open(AttemptDir::new(state, session, attempt).output()) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).split_inclusive('\n').map(mask).collect::<String>().into_bytes())
}

/// One line for the shell: what goes on, and how to come back.
fn tell(ending: &Ending, after: &After) -> Exit {
    let counted = |count: usize, word: &str| (count > 0).then(|| format!("{count} {word}"));
    let counts =
        [counted(ending.running, "running"), counted(ending.waiting, "waiting"), counted(ending.stuck, "stuck")];
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    let line = match after {
        _ if counts.is_empty() => return Exit::Done,
        After::Kept(owner) => format!("the work goes on (process {owner}); howdah opens it again"),
        After::Lost(reason) => format!("howdah opens it again; its owner was lost: {reason}"),
        After::Unowned => "nobody manages them; howdah, or howdah keeper, does".to_owned(),
        After::Idle => "it waits for a person; howdah opens it again".to_owned(),
        After::Unkept(error) => format!("copies that run go on, nothing else does: {error}"),
    };
    say(ending, &format!("{}: {line}", counts.join(", ")));
    if matches!(after, After::Unkept(_)) { Exit::Broken } else { Exit::Done }
}

/// Says something to the shell.
fn say(ending: &Ending, line: &str) {
    match ending.reason {
        // A signal may have come because the terminal is gone; then nobody is there to read it.
        EndReason::Closed | EndReason::Signal => drop(writeln!(io::stdout(), "howdah: {line}")),
        EndReason::HungUp => tracing::info!("howdah: {line}"),
    }
}
