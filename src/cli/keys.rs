//! `howdah keys`: what the keys of the console do, for people and for programs.
//!
//! Never: knows a key or an action by itself; the console's table is handed in.

use super::backup_list::{escaped, width_of};
use serde::Serialize;

/// One action with its keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActionKeys {
    /// Its name in the settings.
    pub action: &'static str,
    /// What the screen calls it.
    pub label: &'static str,
    /// What it does.
    pub help: &'static str,
    /// Its keys; none where the settings took them away.
    pub keys: Vec<KeyPlaces>,
}

/// One key, and where it means the action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyPlaces {
    /// The key, as the settings write it.
    pub key: String,
    /// The parts of the screen.
    #[serde(rename = "where")]
    pub places: Vec<&'static str>,
}

const HEADS: [&str; 4] = ["KEY", "ACTION", "DOES", "WHERE"];

/// So many places are named; of more, those that are missing, where they are not more. Four is where text is typed.
const FEW: usize = 4;

/// A JSON array, an action a line.
pub fn json(rows: &[ActionKeys]) -> serde_json::Result<String> {
    let lines: Vec<String> = rows.iter().map(serde_json::to_string).collect::<serde_json::Result<_>>()?;
    Ok(format!("[\n{}\n]\n", escaped_lines(&lines)))
}

/// A table; keys that mean an action in the same places share a row. `all` is how many places there are.
pub fn table(rows: &[ActionKeys], all: usize) -> String {
    let every: Vec<&'static str> = rows
        .iter()
        .flat_map(|row| &row.keys)
        .map(|key| &key.places)
        .find(|places| places.len() == all)
        .cloned()
        .unwrap_or_default();
    let mut lines: Vec<[String; 4]> = vec![HEADS.map(str::to_owned)];
    for row in rows {
        let mut groups: Vec<(&[&'static str], Vec<&str>)> = Vec::new();
        for key in &row.keys {
            match groups.iter_mut().find(|(places, _)| *places == key.places) {
                Some((_, keys)) => keys.push(&key.key),
                None => groups.push((&key.places, vec![&key.key])),
            }
        }
        if groups.is_empty() {
            lines.push(["-".to_owned(), row.action.to_owned(), row.help.to_owned(), "-".to_owned()]);
        }
        for (places, keys) in groups {
            lines.push([keys.join(" "), row.action.to_owned(), row.help.to_owned(), shown(places, &every)]);
        }
    }
    let width = |column: usize| lines.iter().map(|line| width_of(&line[column])).max().unwrap_or(0);
    let widths = [0, 1, 2, 3].map(width);
    let mut out = String::new();
    for line in &lines {
        let mut text = String::new();
        for (cell, width) in line.iter().zip(widths) {
            text.push_str(cell);
            text.push_str(&" ".repeat(width - width_of(cell) + 2));
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out
}

fn shown(places: &[&'static str], every: &[&'static str]) -> String {
    let missing: Vec<&str> = every.iter().filter(|place| !places.contains(place)).copied().collect();
    if every.is_empty() || places.len() <= FEW {
        places.join(", ")
    } else if missing.is_empty() {
        "everywhere".to_owned()
    } else if missing.len() <= FEW {
        format!("all but {}", missing.join(", "))
    } else {
        places.join(", ")
    }
}

fn escaped_lines(lines: &[String]) -> String {
    lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join(",\n")
}
