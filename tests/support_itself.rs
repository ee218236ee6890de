//! What the other tests stand on keeps its own promises.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::print_stdout, reason = "the ports of another process come by its output")]

mod support;

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
};
use support::port::free_port;

/// Set in a process that only takes ports.
const TAKES: &str = "HOWDAH_TEST_TAKES_PORTS";
const EACH: usize = 300;

#[test]
fn two_processes_are_never_given_the_same_port() {
    if env::var_os(TAKES).is_some() {
        for _ in 0..EACH {
            println!("port {}", free_port());
        }
        println!("taken");
        // They are held until the other process has seen all.
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        return;
    }
    let taker = |_| -> Child {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "two_processes_are_never_given_the_same_port", "--nocapture"]).env(TAKES, "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    };
    let mut takers: Vec<Child> = (0..3).map(taker).collect();
    let mut ports: Vec<u16> = (0..EACH).map(|_| free_port()).collect();
    let mut outputs: Vec<_> = takers
        .iter_mut()
        .map(|taker| BufReader::new(taker.stdout.take().unwrap()).lines().map(Result::unwrap))
        .collect();
    for output in &mut outputs {
        let lines = output.by_ref().take_while(|line| line != "taken");
        ports.extend(lines.filter_map(|line| line.strip_prefix("port ").map(|port| port.parse::<u16>().unwrap())));
    }
    for (mut taker, output) in takers.into_iter().zip(outputs) {
        drop(taker.stdin.take());
        output.for_each(drop);
        assert!(taker.wait().unwrap().success());
    }
    assert_eq!(ports.len(), 4 * EACH);
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let first: u16 = range.split_whitespace().next().unwrap().parse().unwrap();
    assert!(ports.iter().all(|port| *port < first), "the kernel gives such ports to anybody");
    assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), ports.len());
}
