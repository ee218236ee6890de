//! Whose a place is: a data directory, the home of a tablespace, a port (S9).
//!
//! A session claims its places when it is ordered and gives them back when it has ended, so that they are its own while
//! it waits and while it is stuck, too: for every state directory and every user. A claim is a small file that anybody
//! who may see the place may read. It records who holds the place; its existence is what holds it.
//!
//! | Place | Where its claim stands |
//! |---|---|
//! | `/srv/pg/orders` | `/srv/pg/.orders.howdah`, beside it: engines want the directory itself empty |
//! | a mount point, or a directory in one that this user may not write | `.howdah-claim` in the directory itself |
//! | a port | `/var/tmp/howdah-ports/`, one file for each port and network namespace |
//! | an object of a job | the same directory, one file for each object |
//!
//! What a session has put into a place that it holds, and what may be done with it, is in `target`.
//!
//! Promises: a claim appears whole or not at all, and never over another; a claim of a directory above or below counts,
//! too; while an attempt works, it holds a lock on the claim, which the kernel gives back. Never: judges whether
//! another state directory still means its claim; a person does.

mod directory;
mod error;
mod file;
mod filesystem;
mod record;
mod shared_room;
mod take;
pub(in crate::engine) mod target;
#[cfg(test)]
mod tests;

pub use directory::{ClaimLock, FoundClaim, INSIDE, at, directory_of, found_on, is_mount_point, lock};
pub use error::ClaimError;
pub use filesystem::filesystem_of;
pub use record::{Claim, Claimant, FileId, Holder, Own};
pub use take::{ClaimScope, TakenClaims, is_held, refuse_if_held, release, take};
pub(crate) use target::set_aside::free_name;
pub use target::{
    dispose::dispose,
    mark::{is_marked, mark_of},
    unmark::unmark,
};
