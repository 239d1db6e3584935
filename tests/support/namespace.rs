//! Networks of a test's own: nothing that is sent there reaches anybody else.

use std::fs::File;
use std::net::Ipv4Addr;
use std::process::Command;

use nix::sched::{CloneFlags, setns, unshare};
use rustix::process::geteuid;

/// Whether this process may make networks. If not, the test `name` is run to its end in another
/// one that may, and there is nothing left to do: `false`.
pub fn may_make_networks(name: &str) -> bool {
    if geteuid().is_root() {
        return true;
    }
    let own = std::env::current_exe().expect("the test's own file");
    let mut again = Command::new("unshare");
    again.args(["--user", "--map-root-user"]).arg(own).args(["--exact", name, "--nocapture"]);
    let status = again.status().expect("unshare(1)");
    assert!(status.success(), "{name} in a user namespace: {status}");
    false
}

/// A network namespace. Threads and programs that are begun inside of it stay there.
pub struct Namespace(File);

impl Namespace {
    /// A new one, with nothing in it but a loopback. The calling thread goes on in there.
    pub fn enter_new() -> Self {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
        ip("link set lo up");
        Self(File::open("/proc/thread-self/ns/net").expect("the namespace has a file"))
    }

    /// The calling thread goes on in this one.
    pub fn enter(&self) {
        setns(&self.0, CloneFlags::CLONE_NEWNET).expect("the namespace is ours");
    }

    /// Takes `device` of the namespace that the calling thread is in.
    pub fn take(&self, device: &str) {
        use std::os::fd::AsRawFd;
        let path = format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd());
        ip(&format!("link set {device} netns {path}"));
    }
}

/// Has multicast stay on the loopback of a namespace.
pub fn multicast_over_loopback() {
    ip("route add 224.0.0.0/4 dev lo src 127.0.0.1");
}

/// `ip(8)` with these arguments, in the namespace that the calling thread is in.
pub fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output().expect("ip(8)");
    assert!(output.status.success(), "ip {arguments}: {output:?}");
}

/// The addresses at both ends of a cable.
#[derive(Clone, Copy, Debug)]
pub struct Cable {
    pub relay: Ipv4Addr,
    pub viewers: Ipv4Addr,
}

/// A network of two machines, `relay` and `viewers`, joined by a cable.
pub struct Lan {
    pub relay: Namespace,
    pub viewers: Namespace,
}

impl Lan {
    pub const RELAY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
    pub const VIEWERS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
    /// What each of them calls its end of the cable.
    pub const DEVICE: &str = "lan0";

    /// The calling thread goes on on the relay's side.
    pub fn new() -> Self {
        let viewers = Namespace::enter_new();
        let relay = Namespace::enter_new();
        ip("link add name lan0 type veth peer name lan1");
        viewers.take("lan1");
        set_up(Self::DEVICE, Self::RELAY);
        route_groups(Self::DEVICE);
        viewers.enter();
        ip("link set lan1 name lan0");
        set_up(Self::DEVICE, Self::VIEWERS);
        route_groups(Self::DEVICE);
        relay.enter();
        Self { relay, viewers }
    }

    /// One more cable, `side0` at both ends, that no route leads over but that of its addresses.
    pub fn add_cable(&self) -> Cable {
        let [relay, viewers] = [1, 2].map(|last| Ipv4Addr::new(10, 78, 0, last));
        ip("link add name side0 type veth peer name side1");
        self.viewers.take("side1");
        set_up("side0", relay);
        self.at_viewers(|| {
            ip("link set side1 name side0");
            set_up("side0", viewers);
        });
        Cable { relay, viewers }
    }

    /// Runs something in a thread of its own on the viewers' side.
    pub fn at_viewers<T: Send>(&self, run: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.viewers.enter();
                run()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Bytes and packets that have left the relay's side by the cable so far.
    pub fn sent(&self) -> (u64, u64) {
        let text = std::fs::read_to_string("/proc/thread-self/net/dev").expect("the devices");
        let line = text.lines().find_map(|line| line.trim().strip_prefix("lan0:"));
        let numbers = line.expect("the cable").split_whitespace().map(|n| n.parse().unwrap_or(0));
        let numbers: Vec<u64> = numbers.collect();
        (numbers[8], numbers[9])
    }
}

fn set_up(device: &str, address: Ipv4Addr) {
    ip(&format!("addr add {address}/24 dev {device}"));
    ip(&format!("link set {device} up"));
}

fn route_groups(device: &str) {
    ip(&format!("route add 224.0.0.0/4 dev {device}"));
}
