//! Rows of cells under headings, laid out for a width: the one table of the screen.
//!
//! Promises: all rows line up; a column that has no room goes as a whole, the least wanted first; a text is cut only when
//! no cell of its line is free, a number never. Never: knows what the cells mean.

use super::widgets;
use crate::console::{
    format,
    theme::{Brush, Role},
};
use ratatui::text::{Line, Span};
use std::ops::Range;

/// Between two columns.
const GAP: usize = 2;

const PERCENT: usize = "100 %".len();

/// A gauge of fewer cells says no more than its number; one of more says no more than this.
const LEAST_GAUGE: usize = 4;
const MOST_GAUGE: usize = 10;

/// What a column holds, which decides how it may be laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// A text that may be cut. Other columns go before it has fewer cells than these.
    Text {
        /// What tells most texts apart.
        least: usize,
    },
    /// A word, a moment: whole or not at all.
    Whole,
    /// A number that changes: flush right in at least so many cells, so that its neighbours stand still.
    Number {
        /// What the usual ones take.
        usual: usize,
    },
    /// A share: its number, and a gauge where there is room for one.
    Share,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) heading: &'static str,
    pub(super) content: Content,
    /// Which column goes first where there is no room: the one with the highest rank; those of rank 0 stay.
    pub(super) rank: u8,
}

/// A cell.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    /// A text; an empty one takes no room.
    Text(Role, String),
    /// A share, with the look of what is done.
    Share(Role, f64),
}

impl Cell {
    /// A cell with nothing in it.
    pub(super) const fn empty() -> Self {
        Self::Text(Role::Dim, String::new())
    }

    fn width(&self) -> usize {
        match self {
            Self::Text(_, text) => format::width(text),
            Self::Share(..) => PERCENT,
        }
    }

    const fn is_empty(&self) -> bool {
        match self {
            Self::Text(_, text) => text.is_empty(),
            Self::Share(..) => false,
        }
    }
}

/// A table that was laid out.
#[derive(Debug)]
pub(super) struct Table {
    /// The headings.
    pub(super) heading: Line<'static>,
    /// One line a row.
    pub(super) rows: Vec<Line<'static>>,
    /// Where each column that has room stands, by its number.
    pub(super) places: Vec<(usize, Range<usize>)>,
}

/// Lays out rows, each with a cell for each column. The heading of the column `sorted` is marked.
pub(super) fn table(
    columns: &[Column],
    rows: &[Vec<Cell>],
    sorted: Option<usize>,
    width: usize,
    brush: &Brush,
) -> Table {
    let widths = widths(columns, rows, sorted, width, brush);
    let heading = columns.iter().enumerate().map(|(at, column)| {
        let mark = if sorted == Some(at) { brush.glyphs.open } else { "" };
        Cell::Text(Role::Title, format!("{}{mark}", column.heading))
    });
    let heading = line(columns, &heading.collect::<Vec<_>>(), &widths, brush);
    let rows = rows.iter().map(|row| line(columns, row, &widths, brush)).collect();
    Table { heading, rows, places: places(&widths) }
}

/// Where each column stands, its gap to the next one included.
fn places(widths: &[Option<usize>]) -> Vec<(usize, Range<usize>)> {
    let mut start = 0;
    let place = |(at, width): (usize, &Option<usize>)| {
        let end = start + (*width)? + GAP;
        Some((at, std::mem::replace(&mut start, end)..end))
    };
    widths.iter().enumerate().filter_map(place).collect()
}

/// The width of each column; `None` for those that have no room, or nothing in them.
fn widths(
    columns: &[Column],
    rows: &[Vec<Cell>],
    sorted: Option<usize>,
    width: usize,
    brush: &Brush,
) -> Vec<Option<usize>> {
    let cells = |at: usize| rows.iter().filter_map(move |row| row.get(at));
    // What a column takes at least, and what it would like to have.
    let wants: Vec<(usize, usize)> = (columns.iter().enumerate())
        .map(|(at, column)| {
            let mark = if sorted == Some(at) { format::width(brush.glyphs.open) } else { 0 };
            let heading = format::width(column.heading) + mark;
            let widest = cells(at).map(Cell::width).max().unwrap_or(0).max(heading);
            match column.content {
                Content::Text { least } => (widest.min(least), widest),
                Content::Whole => (widest, widest),
                Content::Number { usual } => (widest.max(usual), widest.max(usual)),
                Content::Share => (PERCENT.max(heading), MOST_GAUGE + 1 + PERCENT),
            }
        })
        .collect();
    let mut kept: Vec<bool> =
        (0..columns.len()).map(|at| rows.is_empty() || cells(at).any(|cell| !cell.is_empty())).collect();
    let taken = |kept: &[bool]| {
        let least = wants.iter().zip(kept).filter(|(_, kept)| **kept).map(|((least, _), _)| least + GAP);
        least.sum::<usize>().saturating_sub(GAP)
    };
    while taken(&kept) > width {
        let goes =
            (0..columns.len()).filter(|at| kept[*at] && columns[*at].rank > 0).max_by_key(|at| columns[*at].rank);
        match goes {
            Some(at) => kept[at] = false,
            None => break,
        }
    }
    let mut free = width.saturating_sub(taken(&kept));
    let mut missing = taken(&kept).saturating_sub(width);
    let mut found: Vec<Option<usize>> =
        kept.iter().zip(&wants).map(|(kept, (least, _))| kept.then_some(*least)).collect();
    for (column, found) in columns.iter().zip(&mut found).rev() {
        if let (Content::Text { .. }, Some(width)) = (column.content, found) {
            let less = missing.min(*width);
            *width -= less;
            missing -= less;
        }
    }
    // What is free goes to gauges, for long texts go on over empty cells, then to what is wanted most.
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(|at| (columns[*at].content != Content::Share, columns[*at].rank));
    for at in order {
        if let Some(width) = &mut found[at] {
            let more = (wants[at].1 - *width).min(free);
            *width += more;
            free -= more;
        }
    }
    found
}

fn line(columns: &[Column], row: &[Cell], widths: &[Option<usize>], brush: &Brush) -> Line<'static> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut cells =
        columns.iter().zip(row).zip(widths).filter_map(|((column, cell), width)| Some((column, cell, (*width)?)));
    let mut next = cells.next();
    while let Some((column, cell, mut width)) = next {
        next = cells.next();
        if !spans.is_empty() {
            spans.push(Span::raw(" ".repeat(GAP)));
        }
        match cell {
            Cell::Share(role, ratio) => {
                let gauge = width.saturating_sub(PERCENT + 1);
                if gauge >= LEAST_GAUGE {
                    spans.extend(widgets::gauge(*ratio, gauge, *role, brush));
                    spans.push(brush.span(Role::Text, format!(" {:>PERCENT$}", format::percent(*ratio))));
                } else {
                    spans.push(brush.span(Role::Text, format!("{:>width$}", format::percent(*ratio))));
                }
            }
            Cell::Text(role, text) => {
                // A long text goes on over cells that have nothing in them.
                while matches!(column.content, Content::Text { .. })
                    && format::width(text) > width
                    && let Some((_, _, more)) = next.filter(|(_, cell, _)| cell.is_empty())
                {
                    width += GAP + more;
                    next = cells.next();
                }
                let flush_right = matches!(column.content, Content::Number { .. });
                let text = if flush_right {
                    format!("{}{text}", " ".repeat(width.saturating_sub(format::width(text))))
                } else {
                    widgets::cell(text, width, brush)
                };
                spans.push(brush.span(*role, text));
            }
        }
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::theme::Theme;

    const COLUMNS: [Column; 5] = [
        Column { heading: "Instance", content: Content::Text { least: 24 }, rank: 0 },
        Column { heading: "State", content: Content::Whole, rank: 0 },
        Column { heading: "Copied", content: Content::Share, rank: 2 },
        Column { heading: "Rate", content: Content::Number { usual: 7 }, rank: 1 },
        Column { heading: "By", content: Content::Text { least: 4 }, rank: 3 },
    ];

    fn row(name: &str, state: &str, ratio: Option<f64>, rate: &str, by: &str) -> Vec<Cell> {
        let text = |text: &str| Cell::Text(Role::Text, text.to_owned());
        let gauge = ratio.map_or_else(Cell::empty, |ratio| Cell::Share(Role::Gauge, ratio));
        vec![text(name), text(state), gauge, text(rate), text(by)]
    }

    fn painted(width: usize) -> Vec<String> {
        let rows = [
            row("accounts-receivable", "running", Some(0.5), "9 MiB/s", "ops@bastion"),
            row("crm", "stuck", None, "", "amy"),
        ];
        let brush = Brush::new(Theme::Mono, true);
        let table = table(&COLUMNS, &rows, Some(0), width, &brush);
        std::iter::once(table.heading).chain(table.rows).map(|line| line.to_string().trim_end().to_owned()).collect()
    }

    #[test]
    fn columns_line_up_and_have_all_they_want_where_there_is_room() {
        assert_eq!(
            painted(80),
            [
                "Instancev            State    Copied               Rate  By",
                "accounts-receivable  running  #####-----  50 %  9 MiB/s  ops@bastion",
                "crm                  stuck                               amy",
            ]
        );
    }

    #[test]
    fn what_is_least_wanted_goes_first_and_a_name_is_cut_last() {
        assert_eq!(painted(50)[1], "accounts-receivable  running  ##---  50 %  9 MiB/s");
        assert_eq!(painted(46)[1], "accounts-receivable  running     50 %  9 MiB/s");
        assert_eq!(painted(40)[1], "accounts-receivable  running  9 MiB/s");
        assert_eq!(painted(30)[1], "accounts-receivable  running");
        assert_eq!(painted(20)[1], "accounts-r~  running");
        assert_eq!(painted(18)[0], "Instancev  State");
    }

    #[test]
    fn a_long_text_goes_on_over_empty_cells() {
        let rows = [
            row("accounts-receivable-of-the-north", "queued", None, "", ""),
            row("crm", "running", Some(1.0), "9 MiB/s", ""),
        ];
        let brush = Brush::new(Theme::Mono, true);
        let columns = [COLUMNS[1], COLUMNS[0], COLUMNS[2], COLUMNS[3]];
        let rows = rows.map(|row| vec![row[1].clone(), row[0].clone(), row[2].clone(), row[3].clone()]);
        let table = table(&columns, &rows, None, 50, &brush);
        assert_eq!(table.rows[0].to_string().trim_end(), "queued   accounts-receivable-of-the-north");
        assert_eq!(table.rows[1].to_string(), "running  crm                        100 %  9 MiB/s");
    }

    #[test]
    fn no_line_is_wider_than_its_room_while_the_least_fits() {
        for width in 18..100 {
            for line in painted(width) {
                assert!(format::width(&line) <= width, "{width}: {line}");
            }
        }
    }
}
