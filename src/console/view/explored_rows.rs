//! Open restore points and what is in them, as rows of the tree; the restore points alone as rows of the table of their
//! heading.

use super::{
    states::{self, Brief},
    table::Cell,
    tree::ongoing,
    tree_row::Row,
    widgets,
};
use crate::{
    console::{
        action::Action,
        format,
        model::{
            Model,
            column::ExploreColumn,
            explored::{ExploredItem, ExploredLine, Seen},
        },
        theme::{Brush, Role},
    },
    domain::Kind,
    machine::{CompletedRow, Phase, Session},
};
use ratatui::text::Line;

/// The row at this index.
pub(super) fn row(at: usize, model: &Model, brush: &Brush) -> Row {
    let nothing = || Row::plain(("", Role::Dim), String::new(), Brief::Words(String::new(), String::new()));
    match model.data().explored.lines.get(at) {
        Some(ExploredLine::Session(session)) => {
            let session = model.data().snapshot.ongoing.get(*session);
            session.map_or_else(nothing, |session| ongoing(session, model, brush))
        }
        Some(ExploredLine::Item(item)) => of_item(item, model, brush),
        None => nothing(),
    }
}

/// How many there are, or how one comes to be.
pub(super) fn head(model: &Model, width: usize, brush: &Brush) -> Vec<Line<'static>> {
    let open = model.data().snapshot.ongoing_of(Kind::Explore).count();
    let text = if open == 0 {
        let key = widgets::key(model, Action::OpenPoint);
        format!("No restore point is held open. {key} on an instance, or on one of its restore points, opens one.")
    } else {
        let (open_key, stop) = (widgets::key(model, Action::Right), widgets::key(model, Action::Stop));
        let what = format::many(open, "restore point");
        let are = if open == 1 { "is" } else { "are" };
        format!("{what} {are} held open. On a row of the tree {open_key} looks into it, and {stop} closes it.")
    };
    let mut lines = widgets::wrapped(&text, width, 0, Role::Text, brush);
    lines.push(Line::default());
    lines
}

/// A cell of one that is held open.
pub(super) fn open(session: &Session, column: ExploreColumn, model: &Model, brush: &Brush) -> Cell {
    let text = |role: Role, text: &str| Cell::Text(role, format::clean(text).into_owned());
    match column {
        ExploreColumn::State => {
            let (sign, role) = states::sign(session, &brush.glyphs);
            let word = match (session.open_at(), session.phase()) {
                (Some(_), _) => "open",
                (None, Phase::Running { .. }) => "opening",
                (None, _) => states::word(session),
            };
            Cell::Text(role, format!("{sign} {word}"))
        }
        ExploreColumn::Instance => text(Role::Text, session.title().as_str()),
        ExploreColumn::Point => text(Role::Text, session.order().label().unwrap_or_default()),
        ExploreColumn::Since => text(Role::Text, &format::moment(session.created_at(), model.now())),
        ExploreColumn::Space => {
            session.occupied().map_or_else(Cell::empty, |bytes| text(Role::Text, &bytes.to_string()))
        }
        ExploreColumn::Children => text(Role::Text, &children(model.children_counts(session.id()))),
        ExploreColumn::By => text(Role::Dim, session.by()),
    }
}

/// A cell of one that was held open.
pub(super) fn closed(row: &CompletedRow, column: ExploreColumn, model: &Model, brush: &Brush) -> Cell {
    let text = |role: Role, text: &str| Cell::Text(role, format::clean(text).into_owned());
    match column {
        ExploreColumn::State => {
            let (sign, role) = states::sign_of(row.result, &brush.glyphs);
            Cell::Text(role, format!("{sign} {}", states::ended_row(row)))
        }
        ExploreColumn::Instance => text(Role::Dim, row.title.as_str()),
        ExploreColumn::Since => text(Role::Dim, &format::moment(row.began(), model.now())),
        ExploreColumn::By => text(Role::Dim, &row.details.by),
        ExploreColumn::Point | ExploreColumn::Space | ExploreColumn::Children => Cell::empty(),
    }
}

/// How many sessions are at work on it, wait, and are done.
fn children(counts: [usize; 3]) -> String {
    let some = counts.into_iter().zip(["at work", "waiting", "done"]).filter(|(count, _)| *count > 0);
    some.map(|(count, word)| format!("{} {word}", format::count(count as u64))).collect::<Vec<_>>().join(", ")
}

/// An estimate in few cells: the name beside it is worth more than its last digits.
fn about(number: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    /// What tells the sizes of small tables apart.
    const WHOLE: u64 = 10_000;
    let unit = UNITS.into_iter().find(|(unit, _)| number >= *unit && number >= WHOLE);
    match unit {
        None => format::count(number),
        Some((unit, sign)) if number / unit < 10 => format!("{}.{} {sign}", number / unit, number % unit * 10 / unit),
        Some((unit, sign)) => format!("{} {sign}", number / unit),
    }
}

fn of_item(item: &ExploredItem, model: &Model, brush: &Brush) -> Row {
    let level = (item.session, Some(item.item.clone()));
    let explored = &model.data().explored;
    let is_table = item.depth() == 3;
    let sign = match (is_table, explored.is_open(&level)) {
        (true, _) => brush.glyphs.pending,
        (false, true) => brush.glyphs.open,
        (false, false) => brush.glyphs.closed,
    };
    let state = match explored.seen(&level) {
        Some(Seen::Reading) if !is_table => "reading".to_owned(),
        Some(Seen::Failed(_)) => "cannot be read".to_owned(),
        Some(Seen::Reading | Seen::Read(_)) | None => match item.rows {
            Some(rows) => format!("~{} rows", about(rows)),
            None => item.what.to_owned(),
        },
    };
    let name = format!("{}{}", "  ".repeat(item.depth()), format::clean(item.name()));
    let row = Row::plain((sign, Role::Dim), name, Brief::Words(state, item.bytes.to_string()));
    let marked = model.tree().marked_items.contains(&(item.session, item.item.clone()));
    Row { role: Role::Dim, marked, ..row }
}

#[cfg(test)]
mod tests {
    use super::about;

    #[test]
    fn an_estimate_has_two_or_three_digits_and_its_unit() {
        for (number, text) in [
            (0, "0"),
            (9_999, "9,999"),
            (48_212, "48 k"),
            (999_999, "999 k"),
            (1_250_000, "1.2 M"),
            (812_400_551, "812 M"),
            (1_904_477_310, "1.9 G"),
            (u64::MAX, "18446744073 G"),
        ] {
            assert_eq!(about(number), text);
        }
    }
}
