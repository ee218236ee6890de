//! Whether a port is free for a server, and whether a server answers on it.
//!
//! Promises: looks at both kinds of door, TCP and the Unix socket's lock file; reports who holds it where that is
//! known. Never: leaves anything behind, or sends what a server would act on.

use crate::{
    domain::{Failure, Port},
    process,
};
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType},
};
use std::{
    fs,
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

/// PostgreSQL's `SSLRequest` (protocol documentation, "Message Formats"): length 8, code 80877103. A server answers with
/// one byte and has done nothing yet.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A server on this machine that has not answered in a second is not there to be used.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The lowest port that a server may take without being root; Linux keeps it here.
const LOWEST: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

/// Refuses a port that a server could not take: in use by TCP or by a socket there, or kept for root.
pub fn check_free(port: Port, sockets: &Path) -> Result<(), Failure> {
    let lowest = fs::read_to_string(LOWEST).ok().and_then(|text| text.trim().parse::<u16>().ok()).unwrap_or(1024);
    if port.number() < lowest {
        return Err(Failure::incurable(
            format!("port {port} is kept for root on this machine, and PostgreSQL does not run as root"),
            format!("choose a port from {lowest} on"),
        ));
    }
    // Looked at first, since it shows who it is.
    let socket = socket_path(sockets, port);
    if let Some(pid) = lock_holder(&socket) {
        let who = process::title(pid);
        return Err(in_use(port, &format!("process {pid} ({who}) holds {}", socket.display())));
    }
    let addresses: [IpAddr; 3] = [Ipv4Addr::LOCALHOST.into(), Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::LOCALHOST.into()];
    for address in addresses {
        // A machine without IPv6 cannot bind its loopback; that means nothing for the port.
        if bind(SocketAddr::new(address, port.number())) == Err(Errno::ADDRINUSE) {
            return Err(in_use(port, &format!("something listens on {address}")));
        }
    }
    Ok(())
}

/// Whether a server could listen there: binds a socket as a server would, and gives it up.
///
/// It never listens: a process that is just being started holds a copy of each open socket until it runs its own program,
/// and a copy that listened would keep the port from the next who asks.
pub fn bind(address: SocketAddr) -> Result<(), Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // As PostgreSQL does: connections of an ended server are not in the way of the next one.
    rustix::net::sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &address)
}

/// The socket file of a server in this directory.
pub fn socket_path(sockets: &Path, port: Port) -> PathBuf {
    sockets.join(format!(".s.PGSQL.{port}"))
}

/// Whether a server speaks PostgreSQL's protocol on this port, by TCP or else by its socket.
pub fn answers(port: Port, sockets: &Path) -> bool {
    let loopbacks: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let by_tcp = loopbacks.into_iter().any(|address| {
        TcpStream::connect_timeout(&SocketAddr::new(address, port.number()), TIMEOUT).is_ok_and(|stream| {
            stream.set_read_timeout(Some(TIMEOUT)).and(stream.set_write_timeout(Some(TIMEOUT))).is_ok()
                && replies(stream)
        })
    });
    by_tcp
        || UnixStream::connect(socket_path(sockets, port)).is_ok_and(|stream| {
            stream.set_read_timeout(Some(TIMEOUT)).and(stream.set_write_timeout(Some(TIMEOUT))).is_ok()
                && replies(stream)
        })
}

fn replies(mut stream: impl Read + Write) -> bool {
    let mut answer = [0];
    stream.write_all(&SSL_REQUEST).is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && matches!(answer[0], b'S' | b'N' | b'E')
}

/// The live process that a socket's lock file names. A file that a dead server left is taken over by the next one.
fn lock_holder(socket: &Path) -> Option<u32> {
    let mut name = socket.as_os_str().to_owned();
    name.push(".lock");
    let text = fs::read_to_string(PathBuf::from(name)).ok()?;
    let pid = text.lines().next()?.trim().parse().ok()?;
    process::mark(pid).filter(|mark| process::is_alive(*mark)).map(|mark| mark.pid)
}

fn in_use(port: Port, by: &str) -> Failure {
    Failure::incurable(format!("port {port} is in use: {by}"), "stop what uses it, or choose another port")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use std::{
        net::TcpListener,
        os::unix::process::CommandExt as _,
        process::Command,
        sync::atomic::{AtomicBool, Ordering},
    };

    fn taken() -> (TcpListener, Port) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = Port::new(listener.local_addr().unwrap().port()).unwrap();
        (listener, port)
    }

    #[test]
    fn a_port_in_use_is_refused_by_its_number() {
        let sockets = tempfile::tempdir().unwrap();
        let (listener, port) = taken();
        let failure = check_free(port, sockets.path()).unwrap_err();
        assert!(failure.cause.contains(&format!("port {port} is in use")), "{failure}");
        drop(listener);
    }

    /// Each process that is started holds a copy of what is open at that moment, until it runs its own program.
    #[test]
    fn a_port_that_is_looked_at_while_processes_are_started_stays_free() {
        let sockets = tempfile::tempdir().unwrap();
        // Held by a socket that does not listen, so that the kernel gives it to nobody else.
        let held = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        rustix::net::sockopt::set_socket_reuseaddr(&held, true).unwrap();
        rustix::net::bind(&held, &SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)).unwrap();
        let address = SocketAddr::try_from(rustix::net::getsockname(&held).unwrap()).unwrap();
        let port = Port::new(address.port()).unwrap();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        // With a group named, std starts it by fork(2), whose child holds its copies for longer.
                        let group = rustix::process::getgid().as_raw();
                        assert!(Command::new("true").gid(group).status().unwrap().success());
                    }
                });
            }
            let refused = (0..3000).find_map(|_| check_free(port, sockets.path()).err());
            over.store(true, Ordering::Relaxed);
            assert_eq!(refused, None);
        });
    }

    #[test]
    fn a_socket_counts_while_its_server_lives() {
        let sockets = tempfile::tempdir().unwrap();
        let socket = socket_path(sockets.path(), Port::new(5433).unwrap());
        assert_eq!(lock_holder(&socket), None);
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        std::fs::write(sockets.path().join(".s.PGSQL.5433.lock"), format!("{}\n/srv/pg\n", child.id())).unwrap();
        let holder = lock_holder(&socket);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!((holder, lock_holder(&socket)), (Some(child.id()), None));
    }

    #[test]
    fn a_port_answers_when_it_speaks_the_protocol() {
        let sockets = tempfile::tempdir().unwrap();
        let (listener, port) = taken();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 8];
            stream.read_exact(&mut request).unwrap();
            stream.write_all(b"N").unwrap();
            request
        });
        assert!(answers(port, sockets.path()));
        assert_eq!(server.join().unwrap(), SSL_REQUEST);
    }
}
