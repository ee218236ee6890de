//! What the screen of a demo is given in the place of this machine.

use crate::{
    catalog::propose::{Occupancy, System, propose},
    console::{
        keymap::Keymap,
        ports::{Closing, ConsoleOptions, OpenedFor, Ports},
        theme::Theme,
    },
    demo::{
        Story, World,
        plan::{of_job, plan},
        world::{FIRST_PORT, RESTORE_DIR},
    },
    domain::{Failure, LeftServer, Port, RunningServer, fact::ProcessMark},
    machine::{Phase, Session},
    manager::Clock,
};
use futures_util::stream::once;
use std::{future::ready, io, path::Path, sync::Arc, time::Duration};
use tokio::sync::watch;

/// Two pictures of progress a second, as on a real screen.
const PAUSE: Duration = Duration::from_millis(500);

/// A machine on which nothing stands but what the story's own sessions hold.
struct EmptyMachine;

impl System for EmptyMachine {
    fn occupancy(&self, _: &Path) -> Occupancy {
        Occupancy::Free
    }

    fn is_taken(&self, _: Port) -> bool {
        false
    }
}

pub(super) fn ports(world: &World, story: &Arc<Story>, clock: Clock) -> Ports {
    let (history, past, run_history, played) = (world.history(), world.past(), world.run_history(), Arc::clone(story));
    Ports {
        manager: Arc::clone(&world.service),
        owner: world.owner.clone(),
        exposed: watch::channel(None).1,
        catalog: watch::channel(Arc::new(story.catalog.clone())).1,
        // What a scenario holds does not change.
        refresh_catalog: Box::new(|| {}),
        plan: Box::new(|order| Box::pin(ready(Ok(plan(&order))))),
        count: Box::new(|_, _| Box::pin(ready(Err(Failure::bug("nothing is opened in this story"))))),
        compare: Box::new(|_| Box::pin(once(ready(Err(Failure::bug("nothing is opened in this story")))))),
        browse: Box::new(|_, _| Box::pin(ready(Err(Failure::bug("nothing is opened in this story"))))),
        plan_order: Box::new(|_| Box::pin(ready(Err(Failure::bug("nothing is opened in this story"))))),
        plan_job: Box::new(move |spec| Box::pin(ready(of_job(&played, &spec)))),
        run_history: Box::new(move |run| Box::pin(ready(Ok(run_history(run))))),
        log: Box::new(|_, _, _| {
            Box::pin(ready(Ok(b"This attempt is simulated: no engine runs, none writes a log.\n".to_vec())))
        }),
        save_log: Box::new(|_, _, _| Box::pin(ready(Err(io::Error::other("a demo writes no file"))))),
        history: Box::new(move |session| Box::pin(ready(Ok(history(session))))),
        past: Box::new(move || Box::pin(ready(Ok(past())))),
        server: Box::new(|session| Box::pin(ready(Ok(played_server(&session))))),
        stop_server: Box::new(|_, _| Box::pin(ready(Err("a demo runs no server".to_owned())))),
        release: Box::new(|| Box::pin(ready(()))),
        reacquire: Box::new(|| Box::pin(ready(()))),
        places: Box::new(|wanted| Box::pin(ready(propose(&wanted, &EmptyMachine)))),
        clock,
    }
}

/// The server of a session runs as long as the story does.
fn played_server(session: &Session) -> LeftServer {
    let process =
        ProcessMark { pid: u32::try_from(4000 + session.id().0).unwrap_or(u32::MAX), started: 0, realm: None };
    let since = if let Phase::Completed { at, .. } = session.phase() { Some(*at) } else { None };
    LeftServer::Runs(RunningServer { process, port: session.order().port(), since })
}

/// Options that depend on the story alone.
pub(super) fn options(story: &Story, theme: Theme, ascii: bool) -> anyhow::Result<ConsoleOptions> {
    Ok(ConsoleOptions {
        by: story.by.clone(),
        closing: Closing::Safe,
        restore_dir: RESTORE_DIR.into(),
        max_rate: None,
        first_port: Port::new(FIRST_PORT)?,
        own_hint: String::new(),
        program: "howdah".into(),
        state_dir: "/var/lib/howdah".into(),
        attempts_dir: "/var/lib/howdah/attempts".into(),
        keymap: Keymap::default(),
        jobs: Arc::new(story.jobs.iter().map(|job| job.spec.clone()).collect()),
        theme,
        ascii,
        mouse: false,
        progress_pause: PAUSE,
        bell: false,
        purpose: OpenedFor::Demo,
    })
}
