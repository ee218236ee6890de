//! What can be restored: repositories, the instances in them, and their restore points.
//!
//! Promises: reading never fails as a whole; what cannot be read is a row that says why and what to do, and the others
//! stand (S10). Text that comes from disk is printable before it leaves this module. Never: writes to a repository,
//! follows a symbolic link while it searches, or reads a backup whole.

mod chain;
mod choose;
mod identity;
mod inspect;
mod machines;
mod marks;
mod model;
pub mod propose;
mod read;
mod restored;
pub mod sample;
mod scan;
#[cfg(test)]
mod tests;
mod trees;
mod wal;
mod wording;

pub use choose::NotChosen;
pub use identity::InstanceKey;
pub use marks::Marks;
pub use model::{Access, Catalog, CatalogEntry, CatalogInstance, Repository, RepositoryKind, RepositoryPath};
pub use read::read;
