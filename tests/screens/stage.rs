//! A small world for the screen's tests: pictures of sessions, catalogs, and a model that plays messages.

#![allow(dead_code, unused_imports, reason = "each test binary uses its own part of the stage")]
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod job_story;
mod pausing;
mod story;
mod windows;

use howdah::{
    catalog::{Catalog, CatalogEntry, CatalogInstance, Repository, RepositoryKind},
    console::{
        Brush, Closing, ConsoleOptions, Keymap, Theme,
        message::{Intent, Message},
        model::{Model, tree::TreeData},
        ports::OpenedFor,
        update::update,
        view,
    },
    domain::{BackupForm, BackupSource, InstanceName, Port, SystemIdentifier, Who, Workload, Zones},
    machine::{EndedCounts, Phase, Session},
    manager::{CompletedRow, Counts, Moment, Snapshot},
};
pub(crate) use job_story::*;
pub(crate) use pausing::*;
use ratatui::{buffer::Buffer, layout::Rect};
use std::sync::Arc;
pub(crate) use story::*;
pub(crate) use windows::*;

/// The picture of the design: five ongoing sessions, twelve completed.
pub(crate) fn busy() -> Snapshot {
    let ongoing =
        vec![stuck(4, "audit"), waiting(3, "billing"), copying(1, "orders"), replaying(2, "crm"), queued(5, "depot")];
    snapshot(ongoing, &twelve())
}

pub(crate) fn twelve() -> Vec<Session> {
    let mut done = vec![succeeded(20, "inventory"), cancelled(21, "staging"), succeeded(22, "ledger")];
    done.extend((23..32).map(|id| succeeded(id, &format!("shop-{id}"))));
    done
}

pub(crate) fn snapshot(ongoing: Vec<Arc<Session>>, done: &[Session]) -> Snapshot {
    let completed: Vec<_> = done.iter().map(|session| Arc::new(CompletedRow::of(session).unwrap())).collect();
    with_rows(ongoing, completed)
}

pub(crate) fn with_rows(ongoing: Vec<Arc<Session>>, completed: Vec<Arc<CompletedRow>>) -> Snapshot {
    let mut ended = EndedCounts::default();
    for row in &completed {
        *ended.count_mut(row.kind, row.result) += 1;
    }
    let ends = Counts { ended, ..Counts::default() };
    let counts = ongoing.iter().fold(ends, |mut counts, session| {
        *match session.phase() {
            Phase::Queued { .. } => &mut counts.queued,
            Phase::Running { .. } => &mut counts.running,
            Phase::Waiting { .. } => &mut counts.waiting,
            Phase::Stuck { .. } => &mut counts.stuck,
            Phase::Paused { .. } => &mut counts.paused,
            Phase::Cancelling { .. } => &mut counts.cancelling,
            Phase::Completed { .. } => unreachable!("an ongoing session is not completed"),
        } += 1;
        counts
    });
    Snapshot { revision: 1, ongoing, completed: Arc::new(completed), counts, ..Snapshot::default() }
}

pub(crate) fn sample() -> Catalog {
    let rows = |name| vec![CatalogEntry::Restorable(point(name, "2026-11-20T0200", 31 << 20))];
    let one = |name| CatalogInstance { kind: RepositoryKind::Sample, ..instance("/sample", name, None, rows(name)) };
    Catalog::new(
        vec![Repository { path: "/sample".into(), kind: RepositoryKind::Sample, problem: None }],
        vec![one("ledger"), one("orders"), one("shop")],
    )
}

/// What a repository holds under a name.
pub(crate) fn instance(repository: &str, name: &str, cluster: Option<u64>, rows: Vec<CatalogEntry>) -> CatalogInstance {
    CatalogInstance {
        name: InstanceName::new(name),
        workload: Workload::Instance,
        kind: RepositoryKind::Own,
        rows,
        repository: repository.into(),
        folder: format!("{repository}/{name}").into(),
        cluster: cluster.map(SystemIdentifier),
        spelling: String::new(),
        distinction: None,
        wal: Vec::new(),
    }
}

pub(crate) fn own() -> Catalog {
    let older = |name: &str| {
        let mut point = point(name, "2026-11-19T0200", 60 * GIB);
        point.facts.taken_at = "2026-11-19T02:00:00Z".parse().unwrap();
        let directory = point.source.directory().unwrap().to_owned();
        point.source = BackupSource::BaseBackup { directory, form: BackupForm::Plain };
        CatalogEntry::Restorable(point)
    };
    let bad = |name: &str| CatalogEntry::Unreadable {
        instance: InstanceName::new(name),
        label: "2026-11-18T0200".to_owned(),
        path: "/backups/x".into(),
        problem: "backup_manifest is cut short after 1,024 bytes: copy the backup again".to_owned(),
    };
    let one = |name, rows| instance("/backups", name, None, rows);
    let newest = |name: &str| CatalogEntry::Restorable(point(name, "2026-11-20T0200", 61 * GIB));
    Catalog::new(
        vec![Repository { path: "/backups".into(), kind: RepositoryKind::Own, problem: None }],
        vec![
            one("crm", vec![newest("crm")]),
            one("legacy", vec![bad("legacy")]),
            one("orders", vec![newest("orders"), older("orders"), bad("orders")]),
        ],
    )
}

pub(crate) fn options() -> ConsoleOptions {
    ConsoleOptions {
        by: Who::new("ops", "bastion", 42, Some("pts/3")),
        closing: Closing::Safe,
        restore_dir: "/srv/pg".into(),
        max_rate: None,
        first_port: Port::new(5433).unwrap(),
        own_hint: "Add your own with howdah --repo DIR, or in howdah.toml.".to_owned(),
        program: "/usr/bin/howdah".into(),
        state_dir: "/var/lib/howdah".into(),
        attempts_dir: "/var/lib/howdah/attempts".into(),
        keymap: Keymap::default(),
        zones: Zones::utc(),
        jobs: jobs(),
        theme: Theme::XRay,
        ascii: false,
        mouse: false,
        progress_pause: std::time::Duration::from_millis(500),
        bell: false,
        purpose: OpenedFor::Work,
    }
}

/// A model that plays.
pub(crate) struct Stage {
    pub(crate) model: Model,
    pub(crate) intents: Vec<Intent>,
}

impl Stage {
    pub(crate) fn new(snapshot: Snapshot, catalog: Catalog) -> Self {
        Self::sized(snapshot, catalog, (100, 30))
    }

    pub(crate) fn sized(snapshot: Snapshot, catalog: Catalog, size: (u16, u16)) -> Self {
        let data = TreeData::new(Arc::new(snapshot), Arc::new(catalog));
        let mut stage = Self { model: Model::new(options(), data, size, now()), intents: Vec::new() };
        stage.tell(Message::Due);
        stage
    }

    /// The same world, where closing means something else.
    pub(crate) fn with_closing(&mut self, closing: Closing) -> &mut Self {
        let options = ConsoleOptions { closing, ..options() };
        self.model = Model::new(options, self.model.data().clone(), self.model.size(), now());
        self.tell(Message::Due)
    }

    pub(crate) fn tell(&mut self, message: Message) -> &mut Self {
        self.tell_at(message, now())
    }

    pub(crate) fn tell_at(&mut self, message: Message, at: impl Into<Moment>) -> &mut Self {
        self.intents.extend(update(&mut self.model, message, at));
        self
    }

    /// Presses keys, separated by blanks.
    pub(crate) fn press(&mut self, keys: &str) -> &mut Self {
        for key in keys.split_whitespace() {
            self.tell(Message::Key(key.parse().unwrap()));
        }
        self
    }

    /// Types a text.
    pub(crate) fn type_text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            let key = if c == ' ' { "space".to_owned() } else { c.to_string() };
            self.tell(Message::Key(key.parse().unwrap()));
        }
        self
    }

    /// What was wanted since the last time.
    pub(crate) fn wanted(&mut self) -> Vec<Intent> {
        std::mem::take(&mut self.intents)
    }

    /// The sessions go on as they would in a second: the same picture, `bytes` further.
    pub(crate) fn snapshot_at(&mut self, snapshot: Snapshot, at: impl Into<Moment>) -> &mut Self {
        self.tell_at(Message::Snapshot(Arc::new(snapshot)), at)
    }

    pub(crate) fn paint(&self, theme: Theme, ascii: bool) -> Buffer {
        let (columns, rows) = self.model.size();
        let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        view::paint(&mut buffer, &self.model, &mut Brush::new(theme, ascii));
        buffer
    }

    pub(crate) fn text(&self) -> String {
        lines(&self.paint(Theme::XRay, false)).join("\n")
    }
}

/// The symbols of a buffer, line by line.
pub(crate) fn lines(buffer: &Buffer) -> Vec<String> {
    let area = buffer.area;
    let line = |y| {
        let mut text = String::new();
        let mut x = area.left();
        while x < area.right() {
            let symbol = buffer[(x, y)].symbol();
            text.push_str(symbol);
            x += u16::try_from(ratatui::text::Span::raw(symbol).width().max(1)).unwrap();
        }
        text.trim_end().to_owned()
    };
    (area.top()..area.bottom()).map(line).collect()
}
