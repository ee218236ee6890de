//! Rows that are missing in a live table, added from the restore point.
//!
//! The rows go from one `psql` to the other through this process, a piece at a time, into a temporary table; then those
//! whose key is not there are inserted by one statement of the same transaction. The commit is sent when all that was to be
//! sent was sent, and not before: a stream that breaks off commits nothing.
//!
//! Promises: a row that is there is not changed, whatever its values are; a violated constraint or a trigger that fails takes
//! all of it back, and is named; done twice it adds nothing the second time.

use super::{
    Items,
    plan::{Checked, PlannedUnit},
    program, target,
};
use crate::{
    domain::{ByteCount, Failure, ItemName, Progress, instance::printable, quantity::count, quantity::many},
    engine::{Halt, Observer},
    postgres::{
        client::{
            Client,
            stream::{FIXED, PsqlStream},
        },
        compare::{ColumnSequence, TableShape},
        quote,
    },
};
use serde::Deserialize;
use std::io::{BufRead, BufReader, Read, Write};

/// What goes from one side to the other at once.
const PIECE: usize = 1 << 16;

/// A line of the answer is a few counts.
const MAX_ANSWER: u64 = 1 << 20;

/// What the live server answers before the commit.
#[derive(Debug, Default, Deserialize)]
struct Answer {
    /// Rows whose key is there with other values.
    changed: u64,
    /// Rows whose key is not there.
    absent: u64,
    /// Rows that were inserted.
    inserted: u64,
}

/// A sequence that stands before the keys that were added.
#[derive(Debug, Deserialize)]
struct Behind {
    sequence: String,
    /// Its last value; `None` when it has given none.
    last: Option<i64>,
    /// The highest value that was added; `None` where none was, and where the role may not look at the sequence.
    highest: Option<i64>,
}

/// Adds what is missing to each table of a unit, one after the other; what a person should read of it is returned.
pub(super) fn append(items: &Items<'_>, checked: &Checked, unit: &PlannedUnit) -> Result<Vec<String>, Halt> {
    let mut warnings = Vec::new();
    let mut progress =
        Progress { bytes_total: checked.plan.bytes(), files_total: checked.plan.tables(), ..Progress::default() };
    for item in &unit.unit.items {
        let ItemName::Table { schema, table, .. } = item else {
            return Err(Failure::bug("rows are appended to what is no table").into());
        };
        items.go_on()?;
        items.report.detail(&printable(&item.to_string()));
        warnings.extend(one(items, checked, unit, (schema, table), &mut progress)?);
        progress.files_done += 1;
        Observer::progress(items.report, progress);
    }
    Ok(warnings)
}

/// Both tables, where rows of the one can be added to the other.
pub(super) fn shapes(
    here: &Client,
    live: &Client,
    (schema, table): (&str, &str),
) -> Result<(TableShape, TableShape), Failure> {
    let ask = |client, side: &str| {
        let found = TableShape::ask(client, super::APPLICATION_NAME, schema, table)?.ok_or_else(|| {
            let cause = format!("there is no table {} in {} {side}", printable(table), printable(schema));
            Failure::incurable(cause, "take the whole table")
        })?;
        found.refuse_unkeyed(table, side)?;
        Ok::<_, Failure>(found)
    };
    let (here, live) = (ask(here, "at the restore point")?, ask(live, "at the destination")?);
    here.refuse_other_key(&live, table)?;
    refuse_other_columns(&here, &live, table)?;
    Ok((here, live))
}

fn one(
    items: &Items<'_>,
    checked: &Checked,
    unit: &PlannedUnit,
    (schema, table): (&str, &str),
    progress: &mut Progress,
) -> Result<Vec<String>, Halt> {
    let to = unit.to.as_ref().ok_or_else(|| Failure::bug("rows are appended to no server"))?;
    let here_client = checked.here.in_database(&unit.unit.database);
    let (here, live) = shapes(&here_client, &to.live, (schema, table))?;
    let columns: Vec<String> = own(&here).map(|(name, _)| quote::name(name)).collect();
    let name = target::application_name(items.ticket.session_uuid);
    let copy = format!("copy (select {} from {}) to stdout", columns.join(", "), here.from(schema, table));
    let mut source = here_client.stream(&name, &[FIXED, "start transaction read only", &copy, "commit"])?;
    let mut sink = to.live.stream(&name, &[])?;
    let label = format!("{}.{}", printable(schema), printable(table));
    let doing = format!("appending to {label}");
    let pids = [source.pid(), sink.pid()];
    let script = Script { live: &live, schema, table, columns };
    let (answer, behind) = program::unless_stopped(&pids, items.stop, || {
        let sent = send(&mut source, &mut sink, &script, &mut |bytes| {
            progress.bytes_done = ByteCount((progress.bytes_done.0 + bytes).min(progress.bytes_total.0));
            Observer::progress(items.report, *progress);
        });
        conclude(&sent, source, sink, &doing, &script)
    })?;
    items.report.log(&format!("{doing}: {answer:?}, {behind:?}"));
    items.report.note(&format!("{} added to {label}", many(answer.inserted, "row")));
    Ok(warnings(&label, &answer, &behind))
}

/// What a person should read although the rows are there.
fn warnings(label: &str, answer: &Answer, behind: &[Behind]) -> Vec<String> {
    let mut warnings = Vec::new();
    if answer.changed > 0 {
        let rows = many(answer.changed, "row");
        warnings.push(format!("{label}: {rows} with a key of the restore point and other values there, left alone"));
    }
    if answer.inserted != answer.absent {
        warnings.push(format!(
            "{label}: {} of {} rows were added; the others were kept out by a trigger, or came from elsewhere meanwhile",
            count(answer.inserted),
            count(answer.absent)
        ));
    }
    for found in behind {
        // Without a row that was added there is nothing to be behind of.
        let Some(highest) = found.highest.filter(|highest| found.last.is_none_or(|last| last < *highest)) else {
            continue;
        };
        warnings.push(format!(
            "{label}: the sequence {} stands before the highest value that was added ({highest}): move it with setval, or \
             new rows will meet those",
            printable(&found.sequence)
        ));
    }
    warnings
}

/// What is sent to the live server before the rows and after them.
struct Script<'a> {
    live: &'a TableShape,
    schema: &'a str,
    table: &'a str,
    /// The columns that are copied, quoted.
    columns: Vec<String>,
}

impl Script<'_> {
    fn before(&self) -> String {
        let (columns, table) = (self.columns.join(", "), quote::qualified(self.schema, self.table));
        format!(
            "{FIXED};\nbegin;\n\
             create temporary table howdah_rows on commit drop as select {columns} from {table} with no data;\n\
             copy pg_temp.howdah_rows ({columns}) from stdin;\n"
        )
    }

    /// All but the commit. What triggers find must be what they find in any other session: the settings go back for them.
    fn after(&self) -> String {
        let (columns, table) = (self.columns.join(", "), quote::qualified(self.schema, self.table));
        let each = |make: &dyn Fn(&str, &str) -> String| {
            self.live.key.iter().map(|key| make(&quote::name(&key.name), &key.equal)).collect::<Vec<_>>()
        };
        let same = each(&|name, equal| format!("o.{name} {equal} n.{name}")).join(" and ");
        let key = each(&|name, _| name.to_owned()).join(", ");
        let of = |side: &str| self.columns.iter().map(|name| format!("{side}.{name}")).collect::<Vec<_>>().join(", ");
        // A key that is checked at the commit alone cannot be asked for; then the key itself catches who was faster.
        let faster = if self.live.immediate { format!(" on conflict ({key}) do nothing") } else { String::new() };
        let sequences = self.sequences().map(|found| {
            let (name, column) = (quote::text(&found.sequence), quote::name(&found.column));
            format!(
                "select json_build_object('sequence', {name}, 'last', case when seen then \
                   pg_sequence_last_value({name}::regclass) end, 'highest', case when seen then highest end) \
                 from (select max(n.{column})::bigint as highest, \
                   has_sequence_privilege({name}, 'USAGE, SELECT') as seen from pg_temp.howdah_rows n) h;\n"
            )
        });
        format!(
            "\\.\nanalyze pg_temp.howdah_rows;\n\
             select json_build_object('changed', count(*)) from pg_temp.howdah_rows n join {table} o on {same} \
             where row({n})::text is distinct from row({o})::text;\n\
             delete from pg_temp.howdah_rows n using {table} o where {same};\n\
             select json_build_object('absent', count(*)) from pg_temp.howdah_rows;\n\
             reset search_path; reset datestyle; reset intervalstyle; reset timezone; reset extra_float_digits; \
             reset bytea_output; reset xmloption; reset lc_monetary;\n\
             with added as (insert into {table} ({columns}) overriding system value \
             select {columns} from pg_temp.howdah_rows{faster} returning 1) \
             select pg_catalog.json_build_object('inserted', pg_catalog.count(*)) from added;\n\
             set search_path = pg_catalog;\n{sequences}",
            n = of("n"),
            o = of("o"),
            sequences = sequences.collect::<String>(),
        )
    }

    /// Lines that the answer has.
    fn lines(&self) -> usize {
        3 + self.sequences().count()
    }

    /// Those whose values are numbers.
    fn sequences(&self) -> impl Iterator<Item = &ColumnSequence> {
        let is_number = |found: &&ColumnSequence| {
            let column = self.live.columns.iter().find(|column| column.name == found.column);
            column.is_some_and(|column| matches!(column.type_name.as_str(), "smallint" | "integer" | "bigint"))
        };
        self.live.sequences.iter().filter(is_number)
    }
}

/// Sends the beginning of the script and all rows; whether all of them came.
fn send(
    source: &mut PsqlStream,
    sink: &mut PsqlStream,
    script: &Script<'_>,
    moved: &mut dyn FnMut(u64),
) -> std::io::Result<()> {
    let missing = || std::io::Error::other("psql without its pipes");
    let (input, output) = (sink.input.as_mut().ok_or_else(missing)?, source.output.as_mut().ok_or_else(missing)?);
    input.write_all(script.before().as_bytes())?;
    let mut piece = vec![0; PIECE];
    loop {
        let length = output.read(&mut piece)?;
        if length == 0 {
            return Ok(());
        }
        input.write_all(&piece[..length])?;
        moved(length as u64);
    }
}

/// Sends the rest when the rows are whole, reads the answer, and commits.
fn conclude(
    sent: &std::io::Result<()>,
    source: PsqlStream,
    mut sink: PsqlStream,
    doing: &str,
    script: &Script<'_>,
) -> Result<(Answer, Vec<Behind>), Failure> {
    if sent.is_err() {
        // The live server has the first word: the pipe breaks when its psql is gone.
        drop(source);
        sink.finish(doing)?;
        return Err(Failure::disruption(format!("{doing}: the rows could not be handed on"), ""));
    }
    // The restore point may have gone away in the middle: then nothing more is sent, and nothing is committed.
    source.finish("reading the rows at the restore point")?;
    let (Some(mut input), Some(output)) = (sink.input.take(), sink.output.take()) else {
        return Err(Failure::bug("psql without its pipes"));
    };
    let written = input.write_all(script.after().as_bytes()).and_then(|()| input.flush());
    let mut lines = Vec::new();
    let mut output = BufReader::new(output.take(MAX_ANSWER));
    while written.is_ok() && lines.len() < script.lines() {
        let mut line = String::new();
        match output.read_line(&mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => lines.push(line),
        }
    }
    if lines.len() < script.lines() {
        drop(input);
        sink.finish(doing)?;
        return Err(Failure::disruption(format!("{doing}: the server broke off its answer"), ""));
    }
    let answer = read(&lines)?;
    // What is lost from here on may have been committed; whoever comes next finds the keys there, and adds nothing.
    let committed = input.write_all(b"commit;\n").and_then(|()| input.flush());
    drop(input);
    sink.finish(doing)?;
    committed.map_err(|error| Failure::disruption(format!("{doing}: {error}"), ""))?;
    Ok(answer)
}

fn read(lines: &[String]) -> Result<(Answer, Vec<Behind>), Failure> {
    let misshapen = |error: serde_json::Error| Failure::bug(format!("the server's answer has another shape: {error}"));
    let mut answer = serde_json::Map::new();
    let (counts, sequences) = lines.split_at(lines.len().min(3));
    for line in counts {
        answer.extend(serde_json::from_str::<serde_json::Map<_, _>>(line).map_err(misshapen)?);
    }
    let answer = serde_json::from_value(answer.into()).map_err(misshapen)?;
    let sequences = sequences.iter().map(|line| serde_json::from_str(line)).collect::<Result<_, _>>();
    Ok((answer, sequences.map_err(misshapen)?))
}

/// The columns that have values of their own, by name and type.
fn own(shape: &TableShape) -> impl Iterator<Item = (&str, &str)> {
    let own = shape.columns.iter().filter(|column| !column.generated);
    own.map(|column| (column.name.as_str(), column.type_name.as_str()))
}

fn refuse_other_columns(here: &TableShape, live: &TableShape, table: &str) -> Result<(), Failure> {
    let only = |one: &TableShape, other: &TableShape| {
        let others: Vec<_> = own(other).collect();
        let only = own(one).filter(|column| !others.contains(column));
        only.map(|(name, type_name)| format!("{} {}", printable(name), printable(type_name))).collect::<Vec<_>>()
    };
    let (here_only, live_only) = (only(here, live), only(live, here));
    if here_only.is_empty() && live_only.is_empty() {
        return Ok(());
    }
    let shown = |columns: Vec<String>| if columns.is_empty() { "nothing".to_owned() } else { columns.join(", ") };
    let cause = format!(
        "the columns of {} differ: {} at the restore point alone, {} at the destination alone",
        printable(table),
        shown(here_only),
        shown(live_only)
    );
    Err(Failure::incurable(cause, "take the table under another name, and move the rows by hand"))
}
