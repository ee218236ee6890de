//! What `virsh` says when it fails, and what follows from it: it exits with 1 whatever went wrong.
//!
//! The sentences are those of libvirt 9.0 and 11.3 with `LC_ALL=C`; what the system says (strerror(3)) stands in them.
//! Promise: this is the only place that knows them.

use crate::domain::Failure;

/// What a sentence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Nobody answers at libvirt's socket, or the connection broke.
    Unreachable,
    /// Another call holds the machine's lock.
    Busy,
    /// QEMU has a file open, or had it a moment ago.
    Locked,
    /// The target or a disk cannot be written or read now.
    InputOutput,
    /// libvirt knows no such machine.
    UnknownMachine,
    /// The machine is off.
    Inactive,
    /// The target is full.
    NoSpace,
    /// A disk whose format holds no bitmaps.
    NoBitmaps,
    /// libvirt or QEMU may not do it.
    Forbidden,
    /// A checkpoint has lost its bitmap.
    BrokenBitmap,
    /// No job runs.
    NoJob,
    /// There is no such checkpoint.
    NoCheckpoint,
    /// The target is there already.
    Exists,
    /// A description that this libvirt or QEMU cannot follow.
    Unsupported,
}

/// Lower case; the first that fits counts.
const SENTENCES: [(&str, Meaning); 36] = [
    ("failed to get domain", Meaning::UnknownMachine),
    ("domain not found", Meaning::UnknownMachine),
    ("no domain with matching", Meaning::UnknownMachine),
    ("missing or broken bitmap", Meaning::BrokenBitmap),
    ("not found in backing chain", Meaning::BrokenBitmap),
    ("checkpoint inconsistent", Meaning::BrokenBitmap),
    ("bitmap not found", Meaning::BrokenBitmap),
    ("no job is active", Meaning::NoJob),
    ("no domain backup job present", Meaning::NoJob),
    ("domain checkpoint not found", Meaning::NoCheckpoint),
    ("no domain checkpoint with matching name", Meaning::NoCheckpoint),
    ("inactive domain", Meaning::Inactive),
    ("domain is not running", Meaning::Inactive),
    ("cannot acquire state change lock", Meaning::Busy),
    ("another job is active", Meaning::Busy),
    ("\"write\" lock", Meaning::Locked),
    ("no space left on device", Meaning::NoSpace),
    ("disk quota exceeded", Meaning::NoSpace),
    ("file too large", Meaning::NoSpace),
    ("unsupported for storage type", Meaning::NoBitmaps),
    ("does not support persistent bitmaps", Meaning::NoBitmaps),
    ("incremental backup is not supported", Meaning::NoBitmaps),
    ("permission denied", Meaning::Forbidden),
    ("authentication", Meaning::Forbidden),
    ("access denied", Meaning::Forbidden),
    ("input/output error", Meaning::InputOutput),
    ("stale file handle", Meaning::InputOutput),
    ("failed to connect", Meaning::Unreachable),
    ("cannot recv data", Meaning::Unreachable),
    ("end of file while reading data", Meaning::Unreachable),
    ("client socket is closed", Meaning::Unreachable),
    ("exists", Meaning::Exists),
    ("already in use by", Meaning::Exists),
    ("unsupported configuration", Meaning::Unsupported),
    ("xml error", Meaning::Unsupported),
    ("unsupported machine type", Meaning::Unsupported),
];

/// What a sentence means, where it is known.
pub(crate) fn meaning(said: &str) -> Option<Meaning> {
    let said = said.to_lowercase();
    SENTENCES.iter().find(|(words, _)| said.contains(words)).map(|(_, meaning)| *meaning)
}

/// The failure that follows; `doing` is what was tried, naming the machine.
pub(crate) fn failure(doing: &str, said: &str) -> Failure {
    let cause = format!("{doing}: {said}");
    let Some(meaning) = meaning(said) else {
        return Failure::disruption(cause, "see what libvirt's log says of it");
    };
    match meaning {
        Meaning::Unreachable => {
            Failure::disruption(cause, "see whether libvirt's daemon runs, and the connection's uri")
        }
        Meaning::Busy => Failure::disruption(cause, "something else works on the machine; it is left to its end"),
        Meaning::Locked => Failure::disruption(cause, "see which QEMU has the file open"),
        Meaning::InputOutput => {
            Failure::disruption(cause, "see the disks and the network below the machine and the repository")
        }
        // The next attempt looks anew, and makes a full backup.
        Meaning::BrokenBitmap | Meaning::NoJob | Meaning::NoCheckpoint => Failure::disruption(cause, ""),
        Meaning::UnknownMachine => {
            Failure::incurable(cause, "correct domain or uri in the settings of the job (virsh list --all names them)")
        }
        Meaning::Inactive => Failure::incurable(cause, "start the machine, then start the job again"),
        Meaning::NoSpace => Failure::incurable(cause, "make room, or choose another directory or repository"),
        Meaning::NoBitmaps => Failure::incurable(cause, "convert the disk to qcow2, whose files hold bitmaps"),
        Meaning::Forbidden => Failure::incurable(
            cause,
            "let this user use libvirt, and let the user of QEMU pass through to the directory of the files",
        ),
        Meaning::Exists => Failure::incurable(cause, "move away what is there: nothing is overwritten"),
        Meaning::Unsupported => {
            Failure::incurable(cause, "see what libvirt and QEMU on this machine can do (virsh domcapabilities)")
        }
    }
}

/// The failure of a name that no machine can have.
pub(super) fn unfit_name(name: &str) -> Failure {
    Failure::incurable(
        format!("{name:?} cannot be the name of a virtual machine here"),
        "choose a name without slashes, backslashes and control characters that is no number and begins with no dot or dash",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FailureClass::{Disruption, Incurable};

    #[test]
    fn each_sentence_has_its_class() {
        for (said, class) in [
            (
                "failed to connect to the hypervisor Failed to connect socket to '/run/x': No such file or directory",
                Disruption,
            ),
            (
                "Disconnected from qemu:///system due to end of file: End of file while reading data: Input/output error",
                Disruption,
            ),
            (
                "Timed out during operation: cannot acquire state change lock (held by monitor=remoteDispatchX)",
                Disruption,
            ),
            ("failed to write: Input/output error", Disruption),
            ("Could not open '/b/vda.qcow2': Failed to get shared \"write\" lock", Disruption),
            ("checkpoint inconsistent: missing or broken bitmap 'a' for disk 'vda'", Disruption),
            ("internal error: bitmap 'a' not found in backing chain of 'vda'", Disruption),
            ("something that nobody has heard before", Disruption),
            ("failed to get domain 'nope'", Incurable),
            ("Operation not supported: cannot perform disk backup for inactive domain", Incurable),
            ("failed to create image file '/b/vda.qcow2': Permission denied", Incurable),
            ("failed to connect to the hypervisor Failed to connect socket to '/run/x': Permission denied", Incurable),
            ("unsupported configuration: checkpoint for disk vda unsupported for storage type raw", Incurable),
            ("No space left on device", Incurable),
            ("unsupported configuration: store '/b/vda.qcow2' for backup of 'vda' exists", Incurable),
            ("operation failed: domain 'a' already exists with uuid 1", Incurable),
            ("unsupported configuration: Emulator does not support machine type 'pc-x'", Incurable),
        ] {
            assert_eq!(failure("backing up vm", said).class, class, "{said}");
        }
    }
}
