//! `howdah backup list`: what can be restored, as a table for people or as JSON for programs.
//!
//! Promises: one line for each backup, also for those that cannot be read; no name from disk can steer a terminal, in
//! either form. Never: writes to anything but the writer it is given, or decides an exit status.

use crate::{
    catalog::{self, Catalog, CatalogEntry, CatalogInstance, RepositoryPath},
    domain::{
        Lsn, MachineRestorePoint, Workload,
        instance::{printable, printable_name},
        quantity::many,
    },
};
use ratatui::text::Span;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
};

/// What was listed, for the caller's exit status and for what belongs on stderr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Backups that can be restored.
    pub restorable: usize,
    /// Backups that cannot; each has told why in its row.
    pub unreadable: usize,
    /// What is wrong with a repository itself: printable sentences, each naming it.
    pub repository_problems: Vec<String>,
    /// Folders that hold backups of several clusters: printable sentences, each naming the instances in it.
    pub shared_folders: Vec<String>,
}

/// One element of the JSON array. What is not known is `null`.
///
/// `workload` is `instance`, `virtual_machine` or `file_tree`; `size` of a machine's restore point is that of its chain.
/// `instance_id` is an instance as every verb takes it, and no other instance has it. `path` is exact (characters that
/// could steer a terminal are written as `\u` escapes, which every JSON reader undoes), unless it is not UTF-8: then it is
/// lossy, and `problem` says so. `incremental` is whether the backup holds only what changed since another one; `rests_on`
/// are the names of those that it needs, the full one last. `system_identifier` is a string, because it takes 64 bits and JSON numbers of many
/// readers hold 53.
#[derive(Serialize)]
struct JsonRow<'a> {
    instance: &'a str,
    workload: Workload,
    restore_point: &'a str,
    path: Option<String>,
    repository_kind: String,
    format: Option<String>,
    size: Option<u64>,
    timeline: Option<u32>,
    start_lsn: Option<Lsn>,
    stop_lsn: Option<Lsn>,
    taken_at: Option<String>,
    version: Option<u32>,
    system_identifier: Option<String>,
    incremental: Option<bool>,
    rests_on: Vec<&'a str>,
    problem: Option<&'a str>,
    instance_id: String,
    repository: String,
}

const COLUMNS: usize = 14;

const HEAD: [&str; COLUMNS] = [
    "INSTANCE",
    "RESTORE POINT",
    "KIND",
    "FORMAT",
    "SIZE",
    "TIMELINE",
    "START LSN",
    "STOP LSN",
    "TAKEN AT (UTC)",
    "VERSION",
    "SYSTEM IDENTIFIER",
    "PATH",
    "RESTS ON",
    "PROBLEM",
];

/// The columns whose values stand right-aligned under each other: size, timeline and version.
const RIGHT: [usize; 3] = [4, 5, 9];

/// Reads the repositories and lists their backups: by instance, newest first.
pub fn run(repositories: &[RepositoryPath], json: bool, out: &mut dyn Write) -> io::Result<Listed> {
    let catalog = catalog::read(repositories);
    if json {
        write_json(&catalog, out)?;
    } else {
        write_table(&catalog, out)?;
    }
    out.flush()?;
    let unreadable = catalog.rows().filter(|(_, row)| row.problem().is_some()).count();
    Ok(Listed {
        restorable: catalog.rows().count() - unreadable,
        unreadable,
        repository_problems: catalog.repositories.iter().filter_map(|repository| repository.problem.clone()).collect(),
        shared_folders: shared_folders(&catalog),
    })
}

/// What a person would take for one instance, and is several.
fn shared_folders(catalog: &Catalog) -> Vec<String> {
    let mut folders: BTreeMap<&Path, Vec<&CatalogInstance>> = BTreeMap::new();
    for instance in &catalog.instances {
        folders.entry(&instance.folder).or_default().push(instance);
    }
    let sentence = |(folder, instances): (&Path, Vec<&CatalogInstance>)| {
        let folder = printable_name(folder.as_os_str());
        let known = instances.iter().filter(|one| one.cluster.is_some()).count();
        let clusters = many(known as u64, "cluster");
        let others = if known < instances.len() { " and some that do not tell theirs" } else { "" };
        let spelled: Vec<&str> = instances.iter().map(|one| one.spelling.as_str()).collect();
        let spelled = printable(&spelled.join(", "));
        format!("{folder} holds backups of {clusters}{others}; they are {} instances: {spelled}", instances.len())
    };
    folders.into_iter().filter(|(_, instances)| instances.len() > 1).map(sentence).collect()
}

fn write_json(catalog: &Catalog, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"[")?;
    for (index, (instance, row)) in catalog.rows().enumerate() {
        let text = serde_json::to_string(&json_row(instance, row))?;
        write!(out, "{}\n{}", if index == 0 { "" } else { "," }, escaped(&text))?;
    }
    out.write_all(if catalog.instances.is_empty() { b"]\n" } else { b"\n]\n" })
}

fn json_row<'a>(instance: &'a CatalogInstance, row: &'a CatalogEntry) -> JsonRow<'a> {
    let facts = row.point().map(|point| &point.facts);
    JsonRow {
        instance: row.instance().as_str(),
        workload: instance.workload,
        restore_point: row.label(),
        path: row.directory().map(|directory| directory.to_string_lossy().into_owned()),
        repository_kind: instance.kind.to_string(),
        format: format_of(row),
        size: row.size().map(|size| size.0),
        timeline: facts.map(|facts| facts.timeline.0),
        start_lsn: facts.map(|facts| facts.start_lsn),
        stop_lsn: facts.map(|facts| facts.stop_lsn),
        taken_at: row.taken_at().map(|taken| taken.to_string()),
        version: facts.and_then(|facts| facts.version).map(|version| version.0),
        system_identifier: facts.and_then(|facts| facts.system_identifier).map(|identifier| identifier.to_string()),
        incremental: row.point().map(|point| !point.source.rests_on().is_empty()),
        rests_on: rests_on(row),
        problem: row.problem(),
        instance_id: instance.id(),
        repository: instance.repository.to_string_lossy().into_owned(),
    }
}

/// JSON escapes control characters below U+0020 only. Others could steer a terminal as well; they can stand only
/// inside strings, where they may be written as an escape without a change of meaning.
pub(in crate::cli) fn escaped(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        let mut units = [0; 2];
        if c == ' ' || c.is_ascii_graphic() || printable(c.encode_utf8(&mut [0; 4])).starts_with(c) {
            safe.push(c);
        } else {
            safe.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    safe
}

fn write_table(catalog: &Catalog, out: &mut dyn Write) -> io::Result<()> {
    let rows: Vec<[String; COLUMNS]> = catalog.rows().map(|(instance, row)| cells(instance, row)).collect();
    if rows.is_empty() {
        return writeln!(out, "There is no backup to list.");
    }
    let head = HEAD.map(str::to_owned);
    let mut widths = [0; COLUMNS];
    for row in [&head].into_iter().chain(&rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = width_of(cell).max(*width);
        }
    }
    for row in [&head].into_iter().chain(&rows) {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let space = " ".repeat(widths[column] - width_of(cell));
            let (before, behind) = if RIGHT.contains(&column) { (space.as_str(), "") } else { ("", space.as_str()) };
            line.extend([before, cell, behind, "  "]);
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn cells(instance: &CatalogInstance, row: &CatalogEntry) -> [String; COLUMNS] {
    let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let facts = row.point().map(|point| &point.facts);
    [
        printable(&instance.spelling),
        row.label().to_owned(),
        instance.kind.to_string(),
        shown(format_of(row)),
        shown(row.size().map(|size| size.to_string())),
        shown(facts.map(|facts| facts.timeline.to_string())),
        shown(facts.map(|facts| facts.start_lsn.to_string())),
        shown(facts.map(|facts| facts.stop_lsn.to_string())),
        shown(row.taken_at().map(|taken| taken.strftime("%Y-%m-%d %H:%M:%S").to_string())),
        shown(facts.and_then(|facts| facts.version).map(|version| version.to_string())),
        shown(facts.and_then(|facts| facts.system_identifier).map(|cluster| cluster.to_string())),
        shown(row.directory().map(|directory| printable_name(directory.as_os_str()))),
        shown(Some(rests_on(row).join(", ")).filter(|names| !names.is_empty())),
        row.problem().unwrap_or_default().to_owned(),
    ]
}

/// The names of the backups that an incremental one rests on, the full one last.
fn rests_on(row: &CatalogEntry) -> Vec<&str> {
    let members = row.point().map(|point| point.source.rests_on());
    members.unwrap_or_default().iter().map(|member| member.label.as_str()).collect()
}

/// How the backup is written.
fn format_of(row: &CatalogEntry) -> Option<String> {
    match row {
        CatalogEntry::Restorable(point) => point.source.format(),
        CatalogEntry::Machine(MachineRestorePoint { increments: 0, .. }) => Some("qcow2".to_owned()),
        CatalogEntry::Machine(point) => Some(format!("qcow2+{}", point.increments)),
        CatalogEntry::Tree(_) => Some("restic".to_owned()),
        CatalogEntry::Unreadable { .. } => None,
    }
}

/// How many columns of a terminal the text takes.
pub(in crate::cli) fn width_of(text: &str) -> usize {
    Span::raw(text).width()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use crate::catalog::sample;
    use serde_json::Value;
    use std::{fs, path::PathBuf};

    /// A repository with one backup of the sample and one that cannot be read, both under hostile names.
    fn repository() -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let sample = sample::unpack(root.path()).unwrap();
        let repository = root.path().join("repo");
        let backup = repository.join("or\u{9b}2Jders").join("n\u{e4}chtlich");
        fs::create_dir_all(&backup).unwrap();
        let from = fs::read_dir(sample.join("crm")).unwrap().next().unwrap().unwrap().path();
        for name in ["backup_manifest", "base.tar.gz", "pg_wal.tar.gz"] {
            fs::copy(from.join(name), backup.join(name)).unwrap();
        }
        fs::create_dir_all(repository.join("wide \u{5009}\u{5eab}/x\u{1b}]0;y\u{7}")).unwrap();
        fs::write(repository.join("wide \u{5009}\u{5eab}/x\u{1b}]0;y\u{7}/base.tar"), b"").unwrap();
        (root, repository)
    }

    fn listed(repositories: &[RepositoryPath], json: bool) -> (Listed, String) {
        let mut out = Vec::new();
        let listed = run(repositories, json, &mut out).unwrap();
        (listed, String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_json_rows_hold_what_is_promised_and_null_where_nothing_is_known() {
        let (_root, repository) = repository();
        let (counts, text) = listed(&[RepositoryPath::own(&repository)], true);
        assert_eq!((counts.restorable, counts.unreadable, counts.repository_problems.len()), (1, 1, 0));
        let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
        let good = &rows[0];
        assert_eq!(good["instance"], "or\\u{9b}2Jders");
        assert_eq!(good["restore_point"], "n\u{e4}chtlich");
        assert!(good["path"].as_str().unwrap().ends_with("or\u{9b}2Jders/n\u{e4}chtlich"), "the path is exact");
        assert_eq!(
            (&good["format"], &good["repository_kind"], &good["version"]),
            (&"tar+gzip".into(), &"own".into(), &15.into())
        );
        assert!(good["size"].as_u64().unwrap() > 1 << 20 && good["timeline"] == 1);
        assert!(good["start_lsn"].as_str().unwrap().parse::<Lsn>().is_ok());
        assert!(good["stop_lsn"].as_str().unwrap().parse::<Lsn>().is_ok());
        assert!(good["taken_at"].as_str().unwrap().ends_with('Z'));
        assert!(good["system_identifier"].as_str().unwrap().parse::<u64>().is_ok());
        assert!(good["problem"].is_null());
        let bad = &rows[1];
        assert!(bad["problem"].as_str().unwrap().contains("no backup_manifest"));
        for unknown in
            ["format", "size", "timeline", "start_lsn", "stop_lsn", "taken_at", "version", "system_identifier"]
        {
            assert!(bad[unknown].is_null(), "{unknown}");
        }
    }

    #[test]
    fn no_name_can_steer_a_terminal_in_either_form() {
        let (_root, repository) = repository();
        for json in [false, true] {
            let (_, text) = listed(&[RepositoryPath::own(&repository)], json);
            assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        }
    }

    #[test]
    fn the_columns_of_the_table_stand_under_their_heads() {
        let (_root, repository) = repository();
        let (_, text) = listed(&[RepositoryPath::own(&repository)], false);
        let lines: Vec<&str> = text.lines().collect();
        let column = |line: &str, word: &str| width_of(&line[..line.find(word).unwrap()]);
        assert_eq!(column(lines[0], "KIND"), column(lines[1], "own"));
        assert_eq!(column(lines[0], "KIND"), column(lines[2], "own"), "wide characters take two columns");
        assert_eq!(column(lines[0], "FORM"), column(lines[1], "tar+gzip"));
        assert_eq!(column(lines[0], "PROBLEM"), column(lines[2], "the archives have no backup_manifest"));
    }

    #[test]
    fn an_empty_list_is_told_and_the_repository_says_why() {
        let root = tempfile::tempdir().unwrap();
        let none = [RepositoryPath::own(root.path().join("none"))];
        let (counts, text) = listed(&none, false);
        assert_eq!(text, "There is no backup to list.\n");
        assert!(counts.repository_problems[0].contains("none cannot be read"));
        assert_eq!(listed(&none, true).1, "[]\n");
    }
}
