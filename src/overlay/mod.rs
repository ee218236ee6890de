//! The block overlay: shows the files of a backup as a writable data directory, and keeps what is written elsewhere.
//!
//! ```text
//!   server ── kernel ── filesystem ── view ─┬─ tree ── directory     names, in memory
//!                       (FUSE)              │    ▲
//!                                           │    └── change ── log   what the names became: `names`
//!                                           └─ content ─┬─ lower     the backup: only read
//!                                                       └─ store     the upper directory: data, `blocks`
//! ```
//!
//! A file of the backup gets one in the upper directory when it is written to for the first time; from then on each of its
//! blocks of 8 KiB is either present there or still the backup's.
//!
//! Promises: nothing is ever written to a backup, and nothing of it is followed to elsewhere. A process that was killed
//! and is started again on the same upper directory shows what had been acknowledged: everything is written through, no
//! page that was written waits in the kernel alone. What the machine's restart may have lost is refused. A file of the
//! backup that is not what it was is an error with its name, never zeros. Never: more in the upper directory than the
//! limit.
//!
//! Segments of WAL, which stay as long as they are, are read and written by the kernel itself where it can (passthrough):
//! the room of all of one is taken before. No other file is: the kernel would write past the limit. Nor does the kernel
//! keep written pages to itself (writeback cache): what a killed process had acknowledged would be lost, which a server
//! without `fsync` never writes again, and a full limit would come after the write, when it is a panic of the server and
//! no error of a statement.

mod available;
mod blocks;
mod change;
mod clock;
mod content;
mod counters;
mod directory;
mod error;
mod filesystem;
mod handle;
mod listing;
mod log;
mod look;
mod lower;
mod member;
mod mounts;
mod open;
mod order;
mod passthrough;
mod room;
mod serve;
mod sparse;
mod start;
mod store;
mod tree;
mod unmount;
mod view;

pub use available::available;
pub use counters::OverlayStatus;
pub use error::OverlayError;
pub use member::{Member, MemberKind};
pub use mounts::{Mounted, is_mounted, mounted_below, mounts_beginning, mounts_named};
pub use open::occupied_by;
pub use order::{Lower, ORDER_VERSION, OverlayOrder, Root};
pub use serve::serve;
pub use start::{MOUNTED, Serving, Starting, is_served, start, start_with};
pub use unmount::{Detachment, Unmounted, unmount};
