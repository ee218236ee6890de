//! Ports for servers: each is given to one process of the tests, for as long as that process lives.
//!
//! They lie below those that the kernel gives out by itself, since a server that is started twice must find its port free
//! the second time, too. A port is claimed by an abstract Unix socket of its name (unix(7)): there is one of each name in
//! the network that the port belongs to, for all users, and it goes with its process.

use rustix::net::{AddressFamily, SocketType};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr as UnixAddr, UnixListener},
    },
    path::Path,
    sync::Mutex,
};

/// How many ports there are to choose from: many times what all tests at once take, and clear of the ports below, which
/// well-known services and howdah's own proposals use.
const PORTS: u16 = 10_000;

/// A port that nothing listens on, and that no other test of any process was given or will be.
pub(crate) fn free_port() -> u16 {
    /// The claims of this process, and the port that is tried next.
    static CLAIMED: Mutex<(Vec<UnixListener>, u16)> = Mutex::new((Vec::new(), 0));
    let mut claimed = CLAIMED.lock().unwrap();
    // Processes that start at once begin at different places, so that they seldom ask for the same port.
    let start = u16::try_from(std::process::id() % u32::from(PORTS)).unwrap();
    let end = first_of_the_kernel();
    loop {
        let port = end - 1 - start.wrapping_add(claimed.1) % PORTS;
        claimed.1 = claimed.1.wrapping_add(1);
        if let Some(claim) = claim(port)
            && is_free(port)
        {
            claimed.0.push(claim);
            return port;
        }
    }
}

/// The first port that the kernel gives out by itself (ip(7), `ip_local_port_range`).
fn first_of_the_kernel() -> u16 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    range.split_whitespace().next().unwrap().parse().unwrap()
}

fn claim(port: u16) -> Option<UnixListener> {
    let name = UnixAddr::from_abstract_name(format!("howdah-test-port-{port}")).unwrap();
    UnixListener::bind_addr(&name).ok()
}

/// Bound only: a socket that listened would live on for a moment in each process that another thread just starts.
fn can_bind(address: SocketAddr) -> bool {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::sockopt::set_socket_reuseaddr(&socket, true).unwrap();
    rustix::net::bind(&socket, &address).is_ok()
}

/// Nothing listens there, and no server has left a socket of that number behind.
fn is_free(port: u16) -> bool {
    let sockets = ["/tmp", "/var/run/postgresql"].map(|place| Path::new(place).join(format!(".s.PGSQL.{port}")));
    let addresses = [Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED];
    addresses.iter().all(|address| can_bind(SocketAddr::from((*address, port))))
        && !sockets.iter().any(|path| path.exists())
}
