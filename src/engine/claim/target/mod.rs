//! A restore's target: whose the data in it is, whether it may be touched, and what becomes of it.
//!
//! A claim keeps other sessions away from a place; what is here knows a session's own data again, by a mark and a ledger
//! in the target or beside it, whichever engine brought the files.
//!
//! Promises: what bears no mark of the session is left alone; everything is done under the target's lock, below its own
//! directories and never through a link. Never: reads a backup, or knows which engine works here.

pub(in crate::engine) mod dispose;
pub(in crate::engine) mod home;
pub(in crate::engine) mod ledger;
pub(in crate::engine) mod lock;
pub(in crate::engine) mod mark;
pub(in crate::engine) mod mark_place;
pub(in crate::engine) mod new_name;
pub(in crate::engine) mod places;
pub(in crate::engine) mod removal;
pub(in crate::engine) mod root;
pub(in crate::engine) mod set_aside;
pub(in crate::engine) mod site;
pub(in crate::engine) mod space;
pub(in crate::engine) mod staging;
pub(in crate::engine) mod target_state;
pub(in crate::engine) mod unmark;
