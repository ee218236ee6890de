//! How long a cancel may take, and when a span that begins now is over.

use crate::domain::Timestamp;
use std::time::Duration;

/// How long each half of a cancel may take before its processes are named and Force is offered (D6). A worker looks at
/// its stop flag every few megabytes, and removing files takes seconds: half a minute means that something holds it.
pub const CANCEL_GRACE: Duration = Duration::from_secs(30);

/// `now` plus `wait`; the end of time where a setting asks for more than there is.
pub(super) fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}
