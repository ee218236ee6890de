//! The tablespaces that an order sends somewhere, against those that the backup has.

use super::{layout::Layout, request::CopyRequest};
use crate::domain::{Failure, instance::printable};

/// Refuses a home for a tablespace that the backup does not have: who gave it meant another one, and that would go to
/// its default home silently.
pub(super) fn check(order: &CopyRequest, layout: &Layout) -> Result<(), Failure> {
    let known = &layout.tablespaces;
    let unknown: Vec<String> =
        (order.target.tablespaces().keys()).filter(|oid| !known.contains_key(oid)).map(u32::to_string).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let shown = |(oid, original): (&u32, &std::path::PathBuf)| {
        format!("{oid} (was {})", printable(&original.to_string_lossy()))
    };
    let known: Vec<String> = known.iter().map(shown).collect();
    let known = if known.is_empty() {
        "it has no tablespace outside its data directory".to_owned()
    } else {
        format!("it has {}", known.join(", "))
    };
    let cause = format!("the backup has no tablespace {}", unknown.join(", "));
    Err(Failure::incurable(cause, format!("{known}; correct or leave out --tablespace")))
}
