//! Where the names of new sessions come from: the owner makes up nothing by itself.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use uuid::Uuid;

/// A source of names that no session had before.
#[derive(Clone)]
pub struct Ids(Arc<dyn Fn() -> Uuid + Send + Sync>);

impl Ids {
    /// By time and chance (RFC 9562, version 7): no two machines give the same.
    pub fn random() -> Self {
        Self(Arc::new(Uuid::now_v7))
    }

    /// 1, 2, 3 and so on as uuids: the same in each run, for what is shown and compared.
    pub fn counted() -> Self {
        let next = AtomicU64::new(1);
        Self(Arc::new(move || Uuid::from_u64_pair(0, next.fetch_add(1, Ordering::Relaxed))))
    }

    /// A new one.
    pub fn next(&self) -> Uuid {
        (self.0)()
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ids")
    }
}
