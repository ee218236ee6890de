//! Everything the screen knows: what was published, what is selected, what lies open.
//!
//! Promises: only `update` changes it and `view` only reads it; nothing in it changes by itself: the time is told with
//! every message, and [`Model::next_change`] says when the passing of time alone would change the picture. Never: uses
//! a terminal, a file or a task.

pub mod column;
pub mod compare_dialog;
mod context;
pub mod dialog;
pub(super) mod distinction;
pub mod events;
mod explore;
pub mod explored;
mod facts;
pub mod filter;
pub mod form;
pub(super) mod form_orders;
pub mod goal_kind;
pub mod goal_page;
mod goal_steps;
pub mod goal_wish;
pub mod history;
pub mod jobs;
mod list;
pub mod log_page;
mod node;
pub mod notice;
pub mod opening;
pub mod owner;
mod past;
mod paused;
pub mod preview;
mod restore_points;
pub mod runs;
mod screen;
mod selection;
mod server;
pub mod sort_key;
pub mod surroundings;
pub mod table;
pub mod take_dialog;
mod time;
pub mod tree;
pub mod wizard;

use super::{
    action::Action,
    layout::{Layout, layout},
    ports::{Catalog, ConsoleOptions, EndReason, Ending},
};
use crate::{
    domain::{AttemptNo, SessionId, Timestamp, path_text::quoted},
    machine::{Phase, Session},
    manager::{Moment, OwnerState, Snapshot},
};
use dialog::Overlay;
use explored::Explored;
use history::History;
use jobs::Jobs;
use notice::{Notice, Tone};
use past::PastState;
use preview::Preview;
use runs::RunPages;
use server::ServerState;
use std::{collections::BTreeMap, sync::Arc};
use table::Tables;
use tree::{Node, Tree, TreeData};
use tui_input::Input;
use wizard::Wizard;

/// Which pane the keys go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    /// The tree.
    Tree,
    /// The preview.
    Preview,
}

/// A completed session, which is read from the journal when it is selected.
#[derive(Debug, Clone)]
pub enum Detail {
    /// It is being read.
    Loading(SessionId),
    /// It was read.
    Loaded(Arc<Session>),
    /// The journal has no such session.
    Missing(SessionId),
}

/// The state of the screen.
#[derive(Debug, Clone)]
pub struct Model {
    pub(super) options: ConsoleOptions,
    pub(super) now: Moment,
    /// Since when the picture is held still.
    pub(super) frozen: Option<Moment>,
    pub(super) shown: TreeData,
    /// The newest snapshot; the one shown unless it is frozen.
    pub(super) latest: Arc<Snapshot>,
    pub(super) tree: Tree,
    pub(super) focus: Focus,
    pub(super) preview: Preview,
    pub(super) histories: BTreeMap<SessionId, History>,
    /// Queued sessions in the order of their turn.
    pub(super) queue: Vec<SessionId>,
    pub(super) detail: Option<Detail>,
    pub(super) overlays: Vec<Overlay>,
    pub(super) wizard: Option<Wizard>,
    /// The filter while it is being typed.
    pub(super) typing: Option<Input>,
    pub(super) notice: Option<Notice>,
    pub(super) size: (u16, u16),
    pub(super) mouse: bool,
    pub(super) manager_gone: bool,
    pub(super) owner: OwnerState,
    /// What is wrong with the state directory.
    pub(super) exposed: Option<String>,
    pub(super) tables: Tables,
    pub(super) past: PastState,
    pub(super) server: ServerState,
    /// Whether the preview has the whole screen.
    pub(super) wide: bool,
    /// The actions that were chosen in the palette, the last one first.
    pub(super) recent: Vec<Action>,
    /// What stood when a person asked for the repositories to be read again.
    pub(super) reread: Option<Arc<Catalog>>,
    pub(super) runs: RunPages,
    /// The server that was named last.
    pub(super) last_destination: Option<String>,
    /// Where the session is shown that is being started.
    pub(super) start_screen: tree::Screen,
}

impl Model {
    /// A screen of this many columns and rows that shows what is published now.
    pub fn new(options: ConsoleOptions, shown: TreeData, size: (u16, u16), now: impl Into<Moment>) -> Self {
        let now = now.into();
        let nothing = TreeData::new(Arc::default(), Arc::default());
        let jobs = Jobs::of(Arc::clone(&options.jobs), &shown.snapshot);
        let explored = Explored::of(&shown.snapshot);
        let shown = TreeData { jobs: Arc::new(jobs), explored: Arc::new(explored), ..shown };
        let mut tree = Tree::new();
        tree.refresh(&shown, &nothing, now.wall);
        let latest = Arc::clone(&shown.snapshot);
        let mut model = Self {
            mouse: options.mouse,
            notice: owner::first_word(&options, now.steady),
            options,
            now,
            frozen: None,
            shown,
            latest,
            tree,
            focus: Focus::Tree,
            preview: Preview::new(),
            histories: BTreeMap::new(),
            queue: Vec::new(),
            detail: None,
            overlays: Vec::new(),
            wizard: None,
            typing: None,
            size,
            manager_gone: false,
            owner: OwnerState::Local,
            exposed: None,
            tables: Tables::default(),
            past: PastState::default(),
            server: ServerState::default(),
            wide: false,
            recent: Vec::new(),
            reread: None,
            runs: RunPages::default(),
            last_destination: None,
            start_screen: tree::Screen::Restore,
        };
        model.count_queue();
        model.record();
        model
    }

    /// What was settled before the screen opened.
    pub const fn options(&self) -> &ConsoleOptions {
        &self.options
    }

    /// The time of day that the picture shows.
    pub fn now(&self) -> Timestamp {
        self.moment().wall
    }

    /// The moment that the picture shows: that of the last message, of the freezing, or of the loss of the owner.
    pub fn moment(&self) -> Moment {
        self.frozen.or(self.away_since()).unwrap_or(self.now)
    }

    /// The sessions and instances that are shown.
    pub const fn data(&self) -> &TreeData {
        &self.shown
    }

    /// The tree.
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The pane that the keys go to when nothing lies over it.
    pub const fn focus(&self) -> Focus {
        self.focus
    }

    /// The preview.
    pub const fn preview(&self) -> &Preview {
        &self.preview
    }

    /// The speed of an ongoing session.
    pub fn history(&self, id: SessionId) -> Option<&History> {
        self.histories.get(&id)
    }

    /// What lies on top.
    pub fn overlay(&self) -> Option<&Overlay> {
        self.overlays.last()
    }

    /// The wizard, if it is open.
    pub const fn wizard(&self) -> Option<&Wizard> {
        self.wizard.as_ref()
    }

    /// The notice in the footer.
    pub const fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }

    /// Columns and rows.
    pub const fn size(&self) -> (u16, u16) {
        self.size
    }

    /// The filter while it is being typed.
    pub const fn typing(&self) -> Option<&Input> {
        self.typing.as_ref()
    }

    /// Whether the picture is held still.
    pub const fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Whether the mouse is captured.
    pub const fn has_mouse(&self) -> bool {
        self.mouse
    }

    /// Whether the manager has ended.
    pub const fn is_manager_gone(&self) -> bool {
        self.manager_gone
    }

    /// Where the parts of the screen are.
    pub fn layout(&self) -> Layout {
        layout(self.size.0, self.size.1, self.focus == Focus::Preview, self.wide)
    }

    /// Whether the keys go to the log of a session.
    pub fn on_log(&self) -> bool {
        self.focus == Focus::Preview && self.preview.tab == preview::Tab::Log && self.session().is_some()
    }

    /// Puts an answer into the footer.
    pub(super) fn notify(&mut self, tone: Tone, text: impl Into<String>) {
        self.notice = Some(Notice::new(tone, text, self.now.steady));
    }

    /// What is wrong with the state directory, in a clause that goes on after its name.
    pub fn exposed(&self) -> Option<&str> {
        self.exposed.as_deref()
    }

    /// The selected session, ongoing or completed, once it is known.
    pub fn session(&self) -> Option<&Arc<Session>> {
        let Node::Session(id) = self.tree.selected() else { return None };
        let ongoing = self.shown.snapshot.session(*id);
        ongoing.or_else(|| match &self.detail {
            Some(Detail::Loaded(session)) if session.id() == *id => Some(session),
            Some(Detail::Loaded(_) | Detail::Loading(_) | Detail::Missing(_)) | None => None,
        })
    }

    /// Whether the page in view hangs at its end.
    pub fn page_hangs(&self) -> bool {
        self.preview.tab.hangs() && self.session().is_some()
    }

    /// The attempt whose log is shown.
    pub fn log_attempt(&self) -> Option<(SessionId, AttemptNo)> {
        let session = self.session()?;
        let newest = session.attempts().last()?.number;
        let wanted = self.preview.attempt.filter(|wanted| session.attempts().iter().any(|one| one.number == *wanted));
        Some((session.id(), wanted.unwrap_or(newest)))
    }

    /// The command of an attempt's worker. It carries no secret: what it needs lies in the attempt's directory.
    pub fn exact_command(&self, session: &Session, attempt: AttemptNo) -> String {
        let directory = self.options.attempts_dir.join(session.id().to_string()).join(attempt.to_string());
        format!("{} worker {}", quoted(&self.options.program), quoted(&directory))
    }

    /// How many queued sessions come before this one.
    pub fn queued_ahead(&self, id: SessionId) -> usize {
        self.queue.iter().position(|other| *other == id).unwrap_or(0)
    }

    /// How the screen is left now.
    pub fn ending(&self, reason: EndReason) -> Ending {
        let counts = &self.latest.counts;
        let running = counts.running + counts.cancelling;
        Ending { reason, running, waiting: counts.queued + counts.waiting, stuck: counts.stuck }
    }

    /// Sorts the queue by turn, as the machine does.
    pub(super) fn count_queue(&mut self) {
        let mut queue: Vec<(Timestamp, SessionId)> = Vec::new();
        for session in &self.shown.snapshot.ongoing {
            if let Phase::Queued { since, .. } = session.phase() {
                queue.push((*since, session.id()));
            }
        }
        queue.sort_unstable();
        self.queue = queue.into_iter().map(|(_, id)| id).collect();
    }

    /// Remembers how far the running sessions have come.
    pub(super) fn record(&mut self) {
        let now = self.now;
        let mut kept = BTreeMap::new();
        for session in &self.latest.ongoing {
            let Phase::Running { attempt, .. } = session.phase() else { continue };
            let known = self.histories.remove(&session.id());
            let mut history = known.unwrap_or_else(|| History::begin(session, *attempt, now));
            history.record(session, *attempt, now);
            kept.insert(session.id(), history);
        }
        self.histories = kept;
    }

    /// The rows of the tree that are in view.
    pub(super) fn rows_in_view(&self) -> std::ops::Range<usize> {
        let layout = self.layout();
        let height = usize::from(layout.inside(layout.tree).height);
        self.tree.offset..self.tree.size().min(self.tree.offset + height)
    }
}

/// An empty catalog means that the repositories are still being read; an empty repository is told as such.
pub(super) fn is_reading(catalog: &Catalog) -> bool {
    catalog.repositories.is_empty()
}
