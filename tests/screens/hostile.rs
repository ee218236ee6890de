//! Names, paths and texts that somebody hostile has made, in every view: no escape sequence reaches the terminal, every
//! border and column stands where it stands for harmless ones, and the terminal shows what was painted.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{compare, scenes::cluster_of, stage::*};
use howdah::{
    catalog::{Catalog, CatalogEntry, Repository, RepositoryKind},
    console::{
        Brush, Theme,
        message::{Intent, Message, Query},
        painter::Painter,
        view,
    },
    domain::{
        AnyRestorePlan, AttemptNo, BackupForm, BackupSource, Failure, InstanceName, SessionId, plan::TargetState,
    },
    machine::{CompletedRow, PastSession, Refusal, Session, StuckReason, UnreadableSession},
    manager::{OwnerState, Receipt, ReceiptLine, SessionAction, Snapshot},
};
use ratatui::{buffer::Buffer, layout::Rect};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _, path::PathBuf, sync::Arc};

/// What a name may hold: wide and combining characters, both directions, what steers a terminal, line breaks, and length.
fn names() -> Vec<String> {
    [
        "日本語のとても長い名前のインスタンス".to_owned(),
        "e\u{301}\u{301}\u{301}n\u{303}o\u{308}".to_owned(),
        "שלום עולם".to_owned(),
        "x\u{202e}gnp\u{2066}\u{200b}".to_owned(),
        "a\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m".to_owned(),
        "one\r\ntwo\tthree\u{0}".to_owned(),
        "👩\u{200d}👩\u{200d}👧🏳\u{fe0f}".to_owned(),
        "long-".repeat(1_000),
        "長".repeat(2_500),
    ]
    .into()
}

/// A path whose end is no text at all.
fn path(name: &str) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(&[b"/srv/pg/", name.replace('\0', "").as_bytes(), b"\xff\xfe"].concat()))
}

fn failing(id: u64, name: &str) -> Arc<Session> {
    let failure = Failure::incurable(format!("no space left on {name}"), format!("free some of {name}"));
    Story::begins(id, name, mins(12)).launched().stuck(failure, StuckReason::Incurable).arc()
}

fn world(name: &str) -> (Snapshot, Catalog) {
    let ongoing = vec![
        failing(4, name),
        waiting(3, name),
        copying(1, name),
        replaying(2, name),
        cancelling(6, name),
        queued(5, name),
        queued(7, "depot"),
    ];
    let torn = UnreadableSession { id: SessionId(77), problem: format!("the record of {name} is torn") };
    let shown = snapshot(ongoing, &[succeeded(20, name), cancelled(21, name), succeeded(22, "ledger")]);
    let backup = |label: &str| {
        let mut backup = point(name, label, 61 * GIB);
        backup.source = BackupSource::BaseBackup { directory: path(name), form: BackupForm::Plain };
        backup.repository = Some(path(name));
        CatalogEntry::Restorable(backup)
    };
    let bad = CatalogEntry::Unreadable {
        instance: InstanceName::new(name),
        label: name.to_owned(),
        path: path(name),
        problem: format!("{name} is cut short"),
    };
    let rows = vec![backup(name), backup("2026-11-19T0200"), bad];
    let of = |repository: &str, cluster| instance(repository, name, Some(cluster), rows.clone());
    let repository =
        Repository { path: path(name), kind: RepositoryKind::Own, problem: Some(format!("{name} is away")) };
    let instances = vec![of(&format!("/{name}"), 1), of("/other", 2)];
    (Snapshot { unreadable: Arc::new(vec![torn]), ..shown }, Catalog::new(vec![repository], instances))
}

/// A view, by the keys that lead there and what comes then.
type Play = fn(&mut Stage, &str);

fn log_text(name: &str) -> Vec<u8> {
    format!("{name}\n10 %\r20 %\n\u{1b}[2J\u{7}\n").into_bytes()
}

const VIEWS: [(&str, Play); 22] = [
    ("the tree", |_, _| {}),
    ("Restore", |stage, _| press(stage, "g")),
    ("Completed", |stage, _| press(stage, "g ]")),
    ("Unreadable", |stage, _| press(stage, "g ] ] down")),
    ("Instances", |stage, _| press(stage, "G [")),
    ("an instance", |stage, _| press(stage, "G")),
    ("the whole table", |stage, _| press(stage, "g w")),
    ("History", |stage, _| {
        stage.press("H");
        let rows = stage.model.data().snapshot.completed.to_vec();
        let past = |row: &Arc<CompletedRow>| PastSession { row: (**row).clone(), is_dismissed: row.id.0 == 21 };
        stage.tell(Message::Past(Ok(rows.iter().map(past).collect())));
    }),
    ("a completed session", |stage, name| {
        stage.press("g ] down");
        stage.tell(Message::Session(SessionId(20), Some(Arc::new(succeeded(20, name)))));
    }),
    ("the request", |stage, _| press(stage, "down down 3")),
    ("the log", |stage, name| {
        stage.press("down down l tab");
        stage.tell(Message::Log(SessionId(1), AttemptNo(2), Ok(log_text(name))));
    }),
    ("the wrapped log, searched", |stage, name| {
        stage.press("down down l tab w");
        stage.tell(Message::Log(SessionId(1), AttemptNo(2), Ok(log_text(name)))).press("/");
        stage.tell(Message::Paste(name.to_owned()));
    }),
    ("the events", |stage, name| {
        stage.press("4");
        let history = vec![(now(), format!("{name} happened")), (now(), name.to_owned())];
        stage.tell(Message::History(SessionId(4), Ok(history)));
    }),
    ("the cancel dialog", |stage, _| press(stage, "g c")),
    ("the menu", |stage, _| press(stage, "m")),
    ("the palette", |stage, name| {
        stage.press(":").tell(Message::Paste(name.chars().take(2).collect()));
    }),
    ("the filter", |stage, name| {
        stage.press("/").tell(Message::Paste(name.to_owned()));
    }),
    ("a notice and a lost owner", |stage, name| {
        stage.tell(Message::Exposed(Some(format!("is {name}"))));
        let reason = format!("{name} hung up");
        stage.tell(Message::Owner(OwnerState::Unreachable { since: now().into(), reason }));
    }),
    ("a report", |stage, name| {
        let line = |id: u64| ReceiptLine {
            session: Some(SessionId(id)),
            title: Some(InstanceName::new(name)),
            result: Err(Refusal::NotClaimed { reason: format!("{name} has it") }),
        };
        stage.tell(Message::Acted(SessionAction::Retry, Receipt { lines: vec![line(1), line(2)] }));
    }),
    ("the form", |stage, name| {
        stage.press("G enter down ctrl-u").tell(Message::Paste(name.to_owned())).press("enter");
    }),
    ("the restore points", |stage, _| press(stage, "G enter space down")),
    ("the plan", |stage, name| {
        stage.press("G enter enter");
        // Free places come, then the plan that is asked for.
        for _ in 0..2 {
            for intent in stage.wanted() {
                if let Intent::Query(Query::Places(ticket, _)) = intent {
                    stage.tell(Message::Proposed(ticket, Vec::new()));
                } else if let Intent::Query(Query::Plan(ticket, at, request)) = intent {
                    let request = cluster_of(&request);
                    let standing = TargetState::SetAside { to: path(name) };
                    let mut plan = plan(name, request.target.port().number(), standing);
                    plan.directory = path(name);
                    plan.warnings = vec![format!("{name} was on")];
                    stage.tell(Message::Planned(ticket, at, Box::new(Ok(AnyRestorePlan::Cluster(Box::new(plan))))));
                }
            }
        }
        stage.press("enter");
    }),
];

fn press(stage: &mut Stage, keys: &str) {
    stage.press(keys);
}

/// The columns in which a view has borders, row by row: where they stand follows from the size alone.
fn borders(picture: &Buffer) -> Vec<Vec<u16>> {
    let area = picture.area;
    let is_edge = |x: u16, y: u16| matches!(picture[(x, y)].symbol(), "│" | "┌" | "┐" | "└" | "┘");
    (area.top()..area.bottom()).map(|y| (area.left()..area.right()).filter(|x| is_edge(*x, y)).collect()).collect()
}

#[test]
fn hostile_names_steer_nothing_and_leave_every_border_where_it_is() {
    for size in [(140, 40), (100, 30), (80, 24), (40, 10)] {
        for (view, play) in VIEWS {
            for name in names() {
                let (snapshot, catalog) = world(&name);
                let mut stage = Stage::sized(snapshot, catalog, size);
                play(&mut stage, &name);
                let mut brush = Brush::new(Theme::Dark, false);
                let area = Rect::new(0, 0, size.0, size.1);
                let mut painter = Painter::new(area);
                let mut terminal = vt100::Parser::new(size.1, size.0, 0);
                terminal.process(painter.paint(|buffer| view::paint(buffer, &stage.model, &mut brush)).as_bytes());
                let shown: String = name.chars().take(20).collect();
                let place = format!("{view} of {shown:?} at {size:?}");
                let picture = painter.shown();
                for cell in &picture.content {
                    let steers =
                        |c: char| c.is_control() || matches!(c, '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2066}');
                    assert!(!cell.symbol().chars().any(steers), "{place}: {:?}", cell.symbol());
                }
                compare(picture, terminal.screen(), &place);
                let layout = stage.model.layout();
                if stage.model.overlay().is_none() && stage.model.wizard().is_none() && layout.bordered {
                    let edges = borders(picture);
                    for pane in [layout.tree, layout.preview].into_iter().filter(|pane| !pane.is_empty()) {
                        // The first line of a long notice stands over the lower edge.
                        let covered = u16::from(stage.model.notice().is_some());
                        for y in pane.top()..pane.bottom() - covered {
                            let row = &edges[usize::from(y)];
                            assert!(
                                row.contains(&pane.left()) && row.contains(&(pane.right() - 1)),
                                "{place}: row {y}"
                            );
                        }
                    }
                }
            }
        }
    }
}

/// In a table each cell begins below its heading, whatever stands to the left of it.
#[test]
fn the_columns_of_tables_are_straight_whatever_the_names_are() {
    for (view, play) in
        VIEWS.into_iter().filter(|(view, _)| ["Restore", "Completed", "History", "Instances"].contains(view))
    {
        for name in names() {
            let (snapshot, catalog) = world(&name);
            let mut stage = Stage::sized(snapshot, catalog, (200, 40));
            play(&mut stage, &name);
            let picture = stage.paint(Theme::Mono, false);
            let preview = stage.model.layout().preview;
            let cells = |y: u16| (preview.left() + 1..preview.right() - 1).map(move |x| (x, y));
            let text = |y: u16| cells(y).map(|at| picture[at].symbol().to_owned()).collect::<String>();
            let top = (preview.top()..preview.bottom()).find(|y| text(*y).contains("Instance")).unwrap();
            // Left of a heading that begins a column of texts there are two blanks in every row.
            let begins: Vec<u16> = cells(top)
                .filter(|(x, y)| {
                    let rest: String = (*x..preview.right()).map(|x| picture[(x, *y)].symbol()).collect();
                    ["Instance", "Target", "Step", "By", "Newest"].iter().any(|word| rest.starts_with(word))
                })
                .map(|(x, _)| x)
                .collect();
            assert!(!begins.is_empty(), "{view}");
            let rows = (top + 1..preview.bottom() - 1).filter(|y| !text(*y).trim().is_empty());
            for y in rows {
                for x in &begins {
                    let gap = picture[(x - 1, y)].symbol();
                    assert_eq!(gap, " ", "{view}: {}\n{}", text(top), text(y));
                }
            }
        }
    }
}
