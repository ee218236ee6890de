//! The socket in the file system: how an owner listens there, and how others connect.
//!
//! Promises: nobody but the owner of the state directory can open the socket, from its first moment on; neither call
//! waits for anybody; a state directory may have a path of any length. Never: removes anything but an old socket.

use crate::domain::instance::printable;
use rustix::{
    fs::{CWD, Mode, OFlags, fchmod, openat},
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with},
};
use std::{
    fs, io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::FileTypeExt},
    },
    path::{Path, PathBuf},
};
use tokio::net::{UnixListener, UnixStream};

/// The socket's name in the state directory.
pub const SOCKET: &str = "control.sock";

/// The longest path that a socket address holds, without the zero byte at its end: `sun_path` has 108 bytes (unix(7)).
const MAX_ADDRESS_LEN: usize = 107;

/// Connections that may wait to be accepted. The owner accepts within milliseconds; a script that starts a hundred
/// commands at once must not be rejected meanwhile.
const BACKLOG: i32 = 128;

/// Listens in the state directory. The caller holds the owner's lock, so a socket that stands there is a dead owner's and
/// is removed; anything else there is left alone and is an error. To be called within a tokio runtime.
pub fn bind(state: &Path) -> io::Result<UnixListener> {
    let path = state.join(SOCKET);
    match fs::symlink_metadata(&path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(&path)?,
        Ok(_) => {
            let shown = printable(&path.to_string_lossy());
            let problem = format!("{shown} is not a socket: move it out of the way, howdah listens there");
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, problem));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let socket = new_socket()?;
    // The file of a socket gets the mode of the socket itself (unix(7)): so it is never open to others, not even between
    // two calls.
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    let address = Address::of(state)?;
    rustix::net::bind(&socket, &address.address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    UnixListener::from_std(socket.into())
}

/// Connects to the owner that listens in the state directory. `NotFound` and `ConnectionRefused` mean that none does,
/// `WouldBlock` that too many wait to be accepted. To be called within a tokio runtime.
pub fn connect(state: &Path) -> io::Result<UnixStream> {
    let socket = new_socket()?;
    let address = Address::of(state)?;
    rustix::net::connect(&socket, &address.address)?;
    UnixStream::from_std(socket.into())
}

fn new_socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?)
}

/// An address that the kernel can hold.
struct Address {
    address: SocketAddrUnix,
    /// The state directory, while the address leads through it.
    _directory: Option<OwnedFd>,
}

impl Address {
    fn of(state: &Path) -> io::Result<Self> {
        let path = state.join(SOCKET);
        if path.as_os_str().as_bytes().len() <= MAX_ADDRESS_LEN {
            return Ok(Self { address: SocketAddrUnix::new(path)?, _directory: None });
        }
        let directory = openat(CWD, state, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let short = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(SOCKET);
        Ok(Self { address: SocketAddrUnix::new(short)?, _directory: Some(directory) })
    }
}
