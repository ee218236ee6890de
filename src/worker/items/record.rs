//! What the attempts of a session have delivered, so that none of them delivers it again.
//!
//! Promises: a line is on the disk before what it says begins, or after it is so. An item whose delivery has begun and not
//! ended may be there, or not: who comes next looks.

use crate::{
    domain::{Failure, ItemName},
    private_file,
    worker::{attempt_files, workspace::Workspace},
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, OpenOptions},
    io::Write,
};

/// In an attempt's directory.
const FILE: &str = "delivered.jsonl";

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Delivery {
    /// Nothing stood there under the names of these items, and their delivery begins.
    Begins {
        /// The items of one unit.
        items: Vec<ItemName>,
    },
    /// A database was made for them under a name of the session; its OID stays when it is renamed.
    Made {
        /// The items of one unit.
        items: Vec<ItemName>,
        /// The database.
        oid: u32,
    },
    /// They are there.
    Done {
        /// The items of one unit.
        items: Vec<ItemName>,
        /// What a person should read of it.
        warnings: Vec<String>,
    },
}

/// Writes a line of this attempt.
pub(super) fn keep(workspace: &Workspace<'_>, delivery: &Delivery) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| attempt_files::failure("recording what is delivered", error);
    let mut line = serde_json::to_vec(delivery).map_err(|error| failed(&error.into()))?;
    line.push(b'\n');
    let path = workspace.attempt.join(FILE);
    let opened = private_file::open(&path, OpenOptions::new().append(true).create(true));
    opened.and_then(|mut file| file.write_all(&line).and_then(|()| file.sync_all())).map_err(|error| failed(&error))
}

/// The lines of all attempts. One that was cut short had not begun what it speaks of.
pub(super) fn all(workspace: &Workspace<'_>) -> Result<Vec<Delivery>, Failure> {
    let mut found = Vec::new();
    for attempt in workspace.attempts()? {
        match fs::read_to_string(attempt.join(FILE)) {
            Ok(text) => found.extend(text.lines().filter_map(|line| serde_json::from_str(line).ok())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(attempt_files::failure("reading what was delivered", &error)),
        }
    }
    Ok(found)
}

/// The warnings of a unit that is there already; `None` where it is not.
pub(super) fn done(deliveries: &[Delivery], wanted: &[ItemName]) -> Option<Vec<String>> {
    deliveries.iter().find_map(|delivery| match delivery {
        Delivery::Done { items, warnings } if items == wanted => Some(warnings.clone()),
        Delivery::Done { .. } | Delivery::Made { .. } | Delivery::Begins { .. } => None,
    })
}

/// Whether the delivery of a unit has begun.
pub(super) fn begun(deliveries: &[Delivery], wanted: &[ItemName]) -> bool {
    deliveries.iter().any(|delivery| matches!(delivery, Delivery::Begins { items } if items == wanted))
}

/// The databases that were made for a unit.
pub(super) fn made(deliveries: &[Delivery], wanted: &[ItemName]) -> Vec<u32> {
    let oid = |delivery: &Delivery| match delivery {
        Delivery::Made { items, oid } if items == wanted => Some(*oid),
        Delivery::Made { .. } | Delivery::Done { .. } | Delivery::Begins { .. } => None,
    };
    deliveries.iter().filter_map(oid).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::path::Path;
    use uuid::Uuid;

    #[test]
    fn what_one_attempt_has_delivered_the_next_one_knows_and_a_torn_line_says_nothing() {
        let session = tempfile::tempdir().unwrap();
        let attempts = [session.path().join("1"), session.path().join("2")];
        for attempt in &attempts {
            fs::create_dir(attempt).unwrap();
        }
        let of = |attempt| Workspace { attempt, session: Uuid::nil(), data: Path::new("/") };
        let items: Vec<ItemName> = vec!["a/b/c".parse().unwrap()];
        keep(&of(&attempts[0]), &Delivery::Begins { items: items.clone() }).unwrap();
        let found = all(&of(&attempts[1])).unwrap();
        assert!(begun(&found, &items) && done(&found, &items).is_none());
        keep(&of(&attempts[0]), &Delivery::Done { items: items.clone(), warnings: vec!["x".to_owned()] }).unwrap();
        fs::write(attempts[1].join(FILE), "{\"done\":{\"items\":[").unwrap();
        let found = all(&of(&attempts[1])).unwrap();
        assert_eq!(done(&found, &items), Some(vec!["x".to_owned()]));
        assert_eq!(done(&found, &[]), None);
    }
}
