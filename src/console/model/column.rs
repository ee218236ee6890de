//! Which columns the tables of the headings have.

use super::tree::Group;

/// A column of one of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Of sessions that go on.
    Ongoing(OngoingColumn),
    /// Of sessions that have ended.
    Completed(CompletedColumn),
    /// Whether a session that has ended was dismissed.
    Dismissed,
    /// Of instances.
    Instance(InstanceColumn),
    /// Of restore points that are held open, or were.
    Explore(ExploreColumn),
}

/// What is shown of a session that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after what stands in it")]
pub enum OngoingColumn {
    State,
    Instance,
    Target,
    Step,
    Share,
    Rate,
    Left,
    Tries,
    Number,
    Since,
    By,
}

/// What is shown of a session that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after what stands in it")]
pub enum CompletedColumn {
    Outcome,
    Instance,
    Target,
    Number,
    Ended,
    Took,
    Bytes,
    Rate,
    Tries,
    By,
}

/// What is shown of a restore point that is held open, or was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after what stands in it")]
pub enum ExploreColumn {
    State,
    Instance,
    Point,
    Since,
    Space,
    Children,
    By,
}

/// What is shown of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after what stands in it")]
pub enum InstanceColumn {
    Name,
    Points,
    Newest,
    Size,
    LastRestore,
    LastTook,
}

/// Those of sessions that have ended.
const ENDED: &[Column] = &[
    Column::Completed(CompletedColumn::Outcome),
    Column::Completed(CompletedColumn::Instance),
    Column::Completed(CompletedColumn::Target),
    Column::Completed(CompletedColumn::Number),
    Column::Completed(CompletedColumn::Ended),
    Column::Completed(CompletedColumn::Took),
    Column::Completed(CompletedColumn::Bytes),
    Column::Completed(CompletedColumn::Rate),
    Column::Completed(CompletedColumn::Tries),
    Column::Completed(CompletedColumn::By),
    Column::Dismissed,
];

/// The columns of a heading's table, from left to right; none where it has no table.
pub const fn columns(group: Group) -> &'static [Column] {
    use Column::{Explore, Instance, Ongoing};
    use ExploreColumn as E;
    use InstanceColumn as I;
    use OngoingColumn as O;
    match group {
        Group::Restore => &[
            Ongoing(O::State),
            Ongoing(O::Instance),
            Ongoing(O::Target),
            Ongoing(O::Step),
            Ongoing(O::Share),
            Ongoing(O::Rate),
            Ongoing(O::Left),
            Ongoing(O::Tries),
            Ongoing(O::Number),
            Ongoing(O::Since),
            Ongoing(O::By),
        ],
        // What is completed and not dismissed has no use for the last one.
        Group::Completed => ENDED.split_at(ENDED.len() - 1).0,
        Group::History => ENDED,
        Group::Instances => &[
            Instance(I::Name),
            Instance(I::Points),
            Instance(I::Newest),
            Instance(I::Size),
            Instance(I::LastRestore),
            Instance(I::LastTook),
        ],
        Group::Explore => &[
            Explore(E::State),
            Explore(E::Instance),
            Explore(E::Point),
            Explore(E::Since),
            Explore(E::Space),
            Explore(E::Children),
            Explore(E::By),
        ],
        Group::Verify | Group::Backup | Group::Unreadable | Group::Jobs | Group::Runs => &[],
    }
}
