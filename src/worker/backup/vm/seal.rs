//! From files that QEMU has written to a restore point.
//!
//! Promises: each file rests on that of the point before, or on nothing, and its hash is written down, before the point
//! has its name.

use super::{
    Work, image,
    point::{self, Begun, DiskFile, FoundPoint, MachinePoint},
    write_record,
};
use crate::{
    domain::{Failure, Step},
    engine::{Halt, Observer},
    worker::{
        backup::{Backup, repository, seal},
        event_writer,
    },
};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

/// Large enough for any disk, small enough that a stop is heard at once.
const PIECE: usize = 1 << 20;

/// Makes the restore point of what was begun, and is complete.
pub(super) fn seal(work: &Work<'_>, begun: &Begun) -> Result<FoundPoint, Halt> {
    let (backup, incoming) = (work.backup, &work.incoming);
    let report = backup.report;
    report.begin(Step::Seal, "");
    let mut disks = Vec::new();
    for (name, capacity) in &begun.disks {
        backup.go_on()?;
        let file = incoming.join(point::file_of(name));
        let backing = begun.rests_on.as_ref().map(|on| format!("../{}/{}", on.label, point::file_of(name)));
        if let Some(backing) = &backing {
            image::rebase(&file, backing, &|| backup.go_on())?;
        }
        image::check(&file, *capacity, backing.as_deref(), &|| backup.go_on())?;
        report.detail(&format!("hashing {name}"));
        let (sha256, bytes) = sha256(backup, &file)?;
        report.log(&format!("{name}: {bytes} bytes, SHA-256 {sha256}"));
        disks.push(DiskFile { name: name.clone(), capacity: *capacity, bytes, sha256 });
    }
    let xml = incoming.join(point::XML);
    let text = fs::read_to_string(&xml).map_err(|error| repository::failure("reading", &xml, &error))?;
    let finished = event_writer::now();
    let order = backup.order;
    let record = MachinePoint {
        version: point::VERSION,
        job: order.job.clone(),
        run: order.run,
        run_uuid: order.run_uuid,
        session: begun.session,
        object: order.object.name().clone(),
        by: backup.ticket.by.clone(),
        started: begun.started,
        finished,
        machine: begun.machine.clone(),
        uuid: begun.uuid.clone(),
        checkpoint: begun.checkpoint.clone(),
        rests_on: begun.rests_on.clone(),
        disks,
        xml_sha256: image::sha256_of(&text),
    };
    write_record(incoming, point::POINT, &record)?;
    let note = incoming.join(point::BEGUN);
    fs::remove_file(&note).map_err(|error| Failure::disruption(format!("removing {}: {error}", note.display()), ""))?;
    seal::bring_to_disk(backup, incoming)?;
    backup.go_on()?;
    let label = work.directory.put_in_place(&finished.strftime("%Y-%m-%dT%H%M%S").to_string())?;
    let path = work.directory.path.join(&label);
    report.log(&format!("the restore point is {}", path.display()));
    report.done(&format!("{label} is in place"));
    Ok(FoundPoint { label, path, record })
}

/// The SHA-256 of a file, in hexadecimal digits, and its bytes.
fn sha256(backup: &Backup<'_>, path: &Path) -> Result<(String, u64), Halt> {
    let failed = |error: io::Error| Halt::from(repository::failure("reading", path, &error));
    let mut file = File::open(path).map_err(failed)?;
    let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; PIECE]);
    loop {
        backup.go_on()?;
        let count = file.read(&mut piece).map_err(failed)?;
        if count == 0 {
            return Ok((image::hex(&hash.finalize()), bytes));
        }
        hash.update(&piece[..count]);
        bytes += count as u64;
    }
}
