//! What the wishes of a restore are called, in the form and on the Request page.

use crate::{
    console::model::form::MachineWish,
    domain::{ExistingData, MissingWal, ServerWish},
};

/// What a wish for a server is called.
pub(super) const fn server(wish: ServerWish) -> &'static str {
    match wish {
        ServerWish::LeaveRunning => "start it, ask it a query, leave it running",
        ServerWish::StopAfterProbe => "start it, ask it a query, stop it",
        ServerWish::FilesOnly => "no server: files only",
    }
}

/// What a wish for old data is called.
pub(super) const fn existing(existing: ExistingData) -> &'static str {
    match existing {
        ExistingData::Refuse => "refuse when other data stands there",
        ExistingData::SetAside => "rename other data that stands there",
    }
}

/// What a wish for a restored virtual machine is called.
pub(super) const fn machine(wish: MachineWish) -> &'static str {
    match wish {
        MachineWish::StartAlone => "started, its network not connected",
        MachineWish::StartConnected => "started, its network connected",
        MachineWish::DefineOnly => "defined, not started",
    }
}

/// What a wish for a backup that lacks WAL is called.
pub(super) const fn missing_wal(missing: MissingWal) -> &'static str {
    match missing {
        MissingWal::Refuse => "refuse when the backup lacks WAL",
        MissingWal::Accept => "restore files though WAL is missing",
    }
}
