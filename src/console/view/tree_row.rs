//! A row of the tree: mark, sign, name, and as much of its state as there is room for.
//!
//! Promises: rows in view line up, since each measure is the same for all of them; a name is cut only when no cell of its
//! row is free, and what distinguishes it from its namesakes is cut last; a number is there whole or not at all.

use super::{states::Brief, widgets};
use crate::console::{
    format,
    theme::{Brush, Role},
};
use ratatui::text::{Line, Span};

/// A row before it is laid out.
pub(super) struct Row {
    pub(super) sign: (&'static str, Role),
    pub(super) marked: bool,
    pub(super) name: String,
    /// What distinguishes it from others of that name.
    pub(super) distinction: String,
    pub(super) brief: Brief,
    /// The look of a state in words.
    pub(super) role: Role,
    /// The look of what stands flush right.
    pub(super) right: Role,
}

/// What is the same in all rows in view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measure {
    name: usize,
    /// The widest word for what is being done, and the widest time left.
    doing: usize,
    left: usize,
    /// The cells of the gauge; 0 where it has no room.
    gauge: usize,
    /// Whether there is room for the time left.
    with_left: bool,
}

/// Mark, sign and a blank.
const BEGINNING: usize = 3;

/// Below this a name could no longer be told from another.
const LEAST_NAME: usize = 8;

/// What words keep beside a long name: enough for `try 10/10 in 4:59`.
const LEAST_WORDS: usize = 17;

const PERCENT: usize = "100 %".len();

/// Less shows no more than the number beside it; more shows no more than this.
const GAUGE: std::ops::RangeInclusive<usize> = 4..=10;

impl Row {
    /// A row that bears no mark, whose state has the look of its sign.
    pub(super) fn plain(sign: (&'static str, Role), name: String, brief: Brief) -> Self {
        Self { sign, marked: false, name, distinction: String::new(), brief, role: sign.1, right: Role::Dim }
    }

    fn name_width(&self) -> usize {
        let gap = usize::from(!self.distinction.is_empty());
        format::width(&self.name) + gap + format::width(&self.distinction)
    }

    /// The fewest cells that its state needs.
    fn least(&self, doing: usize) -> usize {
        match &self.brief {
            Brief::Work { ratio: Some(_), .. } => doing + 1 + PERCENT,
            Brief::Work { ratio: None, .. } => doing,
            Brief::Words(text, _) => format::width(text).min(LEAST_WORDS),
        }
    }
}

impl Measure {
    /// For rows that lie below each other in so many columns.
    pub(super) fn of(rows: &[Row], width: usize) -> Self {
        let widest = |what: fn(&Row) -> usize| rows.iter().map(what).max().unwrap_or(0);
        let doing = widest(|row| match &row.brief {
            Brief::Work { doing, .. } => format::width(doing),
            Brief::Words(..) => 0,
        });
        let left = widest(|row| match &row.brief {
            Brief::Work { left, .. } => format::width(left),
            Brief::Words(..) => 0,
        });
        let least = rows.iter().map(|row| row.least(doing)).max().unwrap_or(0);
        let free = width.saturating_sub(BEGINNING + 1 + least);
        let name = widest(Row::name_width).min(free.max(LEAST_NAME)).min(width.saturating_sub(BEGINNING));
        let room = width.saturating_sub(BEGINNING + name + 1);
        let with_left = left > 0 && doing + 1 + PERCENT + 1 + left <= room;
        let beside = doing + 1 + PERCENT + 1 + if with_left { left + 1 } else { 0 };
        let gauge = room.saturating_sub(beside).min(*GAUGE.end());
        Self { name, doing, left, gauge: if gauge < *GAUGE.start() { 0 } else { gauge }, with_left }
    }
}

/// Lays out a row.
pub(super) fn line(row: &Row, measure: Measure, width: usize, brush: &Brush) -> Line<'static> {
    let mark = if row.marked { brush.span(Role::Mark, brush.glyphs.mark) } else { Span::raw(" ") };
    let mut spans = vec![mark, brush.span(row.sign.1, row.sign.0), Span::raw(" ")];
    let room = width.saturating_sub(BEGINNING);
    // A name that is too long for its column takes what its own row leaves free.
    let free = room.saturating_sub(row.least(measure.doing) + 1);
    let name = measure.name.max(row.name_width().min(free)).min(room);
    spans.extend(named(row, name, brush));
    let Some(rest) = room.checked_sub(name + 1).filter(|rest| *rest > 0) else { return Line::from(spans) };
    spans.push(Span::raw(" "));
    match &row.brief {
        Brief::Work { doing, ratio, left } => work(&mut spans, row, (doing, *ratio, left), measure, brush),
        Brief::Words(text, right) => {
            let wants = format::width(right);
            let fits = wants > 0 && format::width(text) + 1 + wants <= rest;
            let room = if fits { rest - wants } else { rest };
            spans.push(brush.span(row.role, widgets::cell(text, room, brush)));
            spans.extend(fits.then(|| brush.span(row.right, right.clone())));
        }
    }
    Line::from(spans)
}

fn named(row: &Row, room: usize, brush: &Brush) -> Vec<Span<'static>> {
    if row.distinction.is_empty() {
        return vec![brush.span(Role::Text, widgets::cell(&row.name, room, brush))];
    }
    let wants = format::width(&row.distinction);
    let name = format::width(&row.name).min(room.saturating_sub(wants + 1));
    let name = format::fit(&row.name, name, brush.glyphs.more).into_owned();
    let gap = if name.is_empty() { "" } else { " " };
    let rest = room.saturating_sub(format::width(&name) + gap.len());
    vec![
        brush.span(Role::Text, format!("{name}{gap}")),
        brush.span(Role::Dim, widgets::cell(&row.distinction, rest, brush)),
    ]
}

fn work(
    spans: &mut Vec<Span<'static>>,
    row: &Row,
    (doing, ratio, left): (&str, Option<f64>, &str),
    measure: Measure,
    brush: &Brush,
) {
    spans.push(brush.span(row.role, widgets::cell(doing, measure.doing, brush)));
    let Some(ratio) = ratio else { return };
    spans.push(Span::raw(" "));
    if measure.gauge > 0 {
        spans.extend(widgets::gauge(ratio, measure.gauge, Role::Gauge, brush));
        spans.push(Span::raw(" "));
    }
    // Figures have one look in tree and table: over a link each change of colour costs more than the digit.
    spans.push(brush.span(Role::Text, format!("{:>PERCENT$}", format::percent(ratio))));
    if measure.with_left {
        spans.push(brush.span(Role::Text, format!(" {left:>0$}", measure.left)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::theme::Theme;

    fn row(name: &str, distinction: &str, brief: Brief) -> Row {
        let (name, distinction) = (name.to_owned(), distinction.to_owned());
        Row { sign: ("*", Role::Running), marked: false, name, distinction, brief, role: Role::Text, right: Role::Dim }
    }

    fn work(doing: &str, ratio: f64, left: &str) -> Brief {
        Brief::Work { doing: doing.to_owned(), ratio: Some(ratio), left: left.to_owned() }
    }

    fn words(text: &str) -> Brief {
        Brief::Words(text.to_owned(), String::new())
    }

    fn painted(rows: &[Row], width: usize) -> Vec<String> {
        let brush = Brush::new(Theme::Mono, true);
        let measure = Measure::of(rows, width);
        rows.iter().map(|row| line(row, measure, width, &brush).to_string().trim_end().to_owned()).collect()
    }

    fn four() -> [Row; 4] {
        [
            row("audit", "", words("stuck: no space left on /srv/pg")),
            row("billing", "", words("try 4/10 in 3:12")),
            row("orders", "", work("copy", 0.62, "~1 min")),
            row("crm", "", work("replay", 0.81, "~4 min")),
        ]
    }

    #[test]
    fn rows_line_up_and_a_gauge_takes_what_is_free() {
        assert_eq!(
            painted(&four(), 44),
            [
                " * audit   stuck: no space left on /srv/pg",
                " * billing try 4/10 in 3:12",
                " * orders  copy   ######----  62 % ~1 min",
                " * crm     replay ########--  81 % ~4 min",
            ]
        );
        assert_eq!(painted(&four(), 36)[2], " * orders  copy   ###--  62 % ~1 min");
        assert_eq!(painted(&four(), 31)[2], " * orders  copy    62 % ~1 min");
        assert_eq!(painted(&four(), 28)[2], " * orders  copy   ##--  62 %");
    }

    #[test]
    fn a_long_name_is_cut_only_when_no_cell_of_its_row_is_free() {
        let mut rows = Vec::from(four());
        rows.push(row("accounts-receivable", "", words("queued")));
        assert_eq!(painted(&rows, 34)[4], " * accounts-receivable queued");
        assert_eq!(painted(&rows, 25)[4], " * accounts-recei~ queued");
    }

    #[test]
    fn what_distinguishes_namesakes_is_cut_last() {
        let rows = [row("warehouse", "wh-2", work("copy", 0.1, "")), row("warehouse", ":5434", words("queued: next"))];
        assert_eq!(painted(&rows, 40)[0], " * warehouse wh-2  copy #---------  10 %");
        assert!(painted(&rows, 24)[1].contains(":5434") && painted(&rows, 24)[0].contains("wh-2"));
    }
}
