//! Coming to an unpacked backup: it is found complete, waited for, or ours to unpack.
//!
//! Promises: one session unpacks at a time, and what one that is gone has left is gone on with; who waits can be stopped.
//! Never: unpacks; the engine does.

use super::unpacked::{FILES, Opened, State, Unpacked, open_lock, remove_files, take};
use crate::{
    domain::{Failure, instance::printable_name},
    engine::Halt,
    postgres::configure::DataDirectory,
};
use rustix::fs::OFlags;
use std::{
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// How often it is looked whether whoever has the lock alone is done.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Who has come to the directory.
#[derive(Debug)]
pub(super) enum Entered {
    /// All files are there, and stay as long as this lives.
    Complete(InUse),
    /// They are to be unpacked first, by nobody else.
    Unpack(Unpacking),
}

/// The files are in use.
#[derive(Debug)]
pub(super) struct InUse {
    _lock: File,
}

/// The files are ours alone to unpack; what is there of them was left by somebody who is gone.
#[derive(Debug)]
pub(super) struct Unpacking {
    unpacked: Unpacked,
    home: DataDirectory,
    lock: File,
}

impl Unpacked {
    /// Comes to the directory, which is made where it is missing; `backup` is noted in it for a person to read. Waits for
    /// whoever has it alone: `stopped` is asked meanwhile, and `say` is given a sentence once.
    pub(super) fn enter(&self, backup: &Path, stopped: &dyn Fn() -> bool, say: &dyn Fn(&str)) -> Result<Entered, Halt> {
        let mut looks = 0_u32;
        loop {
            if stopped() {
                return Err(Halt::Stopped);
            }
            match self.try_enter(backup) {
                Ok(Some(entered)) => return Ok(entered),
                Ok(None) => {}
                Err(Denied::Foreign(why)) => return Err(self.foreign(&why).into()),
                // It went while it was being looked at.
                Err(Denied::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Err(Denied::Io(error)) => return Err(self.failure("coming to", &error).into()),
            }
            looks += 1;
            // Once may be somebody who only looks.
            if looks == 2 {
                let path = printable_name(self.path().as_os_str());
                say(&format!("another session unpacks the backup into {path}: waiting until it has, or is gone"));
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    fn try_enter(&self, backup: &Path) -> Result<Option<Entered>, Denied> {
        let home = self.make()?;
        let lock = open_lock(&home, OFlags::CREATE)?;
        self.enter_with(home, lock, backup)
    }

    /// The same with what was opened: `None` where somebody else has the lock, or has removed what it was of.
    pub(super) fn enter_with(&self, home: DataDirectory, lock: File, backup: &Path) -> Result<Option<Entered>, Denied> {
        if self.state(&home)? == Some(State::Complete) {
            let entered = take(&lock, File::try_lock_shared)? && self.stands(&lock)?;
            let complete = entered && self.state(&home)? == Some(State::Complete);
            return Ok(complete.then_some(Entered::Complete(InUse { _lock: lock })));
        }
        if !take(&lock, File::try_lock)? || !self.stands(&lock)? {
            return Ok(None);
        }
        match self.state(&home)? {
            // Whoever was before us has completed it meanwhile.
            Some(State::Complete) => return Ok(None),
            Some(State::Unpacking) => {}
            // Without a mark there is nothing that counts, and what was being removed is not gone on with.
            Some(State::Removing) | None => remove_files(&self.path())?,
        }
        self.mark(&home, backup, State::Unpacking)?;
        Ok(Some(Entered::Unpack(Unpacking { unpacked: self.clone(), home, lock })))
    }

    fn make(&self) -> Result<DataDirectory, Denied> {
        match fs::DirBuilder::new().mode(0o700).create(self.path()) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        match self.open()? {
            Opened::Ours(home) => Ok(home),
            Opened::Foreign(why) => Err(Denied::Foreign(why)),
            Opened::Nothing => Err(io::Error::from(io::ErrorKind::NotFound).into()),
        }
    }
}

impl Unpacking {
    /// Where the files go.
    pub(super) fn files(&self) -> PathBuf {
        self.unpacked.path().join(FILES)
    }

    /// All files are there, verified and durable: others may come.
    pub(super) fn complete(self, backup: &Path) -> Result<InUse, Failure> {
        let Self { unpacked, home, lock } = self;
        // Whoever has it alone in between sees that our scratch names it, and lets go of it at once.
        let complete = || unpacked.mark(&home, backup, State::Complete).and_then(|()| lock.lock_shared());
        complete().map_err(|error| unpacked.failure("completing", &error))?;
        Ok(InUse { _lock: lock })
    }
}

/// Why nobody comes to it.
#[derive(Debug)]
pub(super) enum Denied {
    Foreign(String),
    Io(io::Error),
}

impl From<io::Error> for Denied {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
