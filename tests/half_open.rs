//! Viewers whose network is cut: no FIN and no reset, nothing at all comes from them any more. They
//! are found, and what they held is free; nobody else notices.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use rtsp_relay_testing::sim;

use rtsp_relay_testing as support;

use std::fs::File;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rtsp_proto::headers::TransportSpec;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use sim::{Camera, Options};
use support::{Program, Relay, RtspClient, wait_until};

const SOON: Duration = Duration::from_secs(10);
/// In the environment of the test that has a network of its own.
const INSIDE: &str = "HALF_OPEN_TEST_INSIDE";
/// The whole of it.
const PATIENCE: Duration = Duration::from_secs(150);
/// `client_timeout_s`, as short as it may be: a session without PLAY, and one over UDP.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that bytes are on their way on: 30 s without an answer.
const USER_TIMEOUT: Duration = Duration::from_secs(30);
const SLACK: Duration = Duration::from_secs(8);
const RELAY: &str = "10.79.0.1";
const AWAY: &str = "10.79.0.2";

/// Whether this process is in a network of its own. If not, the test is run in one, to its end.
fn in_own_network(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let mut again = Command::new("unshare");
    again.arg("--net");
    if !rustix::process::geteuid().is_root() {
        again.args(["--user", "--map-root-user"]);
    }
    again.arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]);
    let finished = Program::run(again.env(INSIDE, "1"), PATIENCE).expect_ok(test);
    assert!(finished.stdout.contains("1 passed"), "{finished:?}");
    false
}

fn run(program: &str, arguments: &str) {
    let output = Command::new(program).args(arguments.split(' ')).output().unwrap();
    assert!(output.status.success(), "{program} {arguments}: {output:?}");
}

/// Another machine, at the other end of a cable.
struct Machine(Program);

impl Machine {
    fn plugged_in() -> Self {
        // It has its network as long as a process is in there.
        let place = Program::start(Command::new("unshare").args(["--net", "sleep", "600"]));
        let machine = Self(place);
        let file = |pid: u32| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        let own = file(std::process::id());
        assert!(wait_until(SOON, || file(machine.pid()).is_some_and(|it| Some(it) != own)));
        run("ip", &format!("link add here type veth peer name there netns {}", machine.pid()));
        run("ip", &format!("addr add {RELAY}/24 dev here"));
        run("ip", "link set here up");
        machine.ip(&format!("addr add {AWAY}/24 dev there"));
        machine.ip("link set there up");
        machine
    }

    fn pid(&self) -> u32 {
        self.0.process().0
    }

    fn ip(&self, arguments: &str) {
        run("nsenter", &format!("--target {} --net ip {arguments}", self.pid()));
    }

    /// Begins a viewer there, which goes on by itself as soon as it watches.
    fn viewer(&self, watch: impl FnOnce() -> Viewer + Send + 'static) -> Viewer {
        let network = File::open(format!("/proc/{}/ns/net", self.pid())).unwrap();
        let begin = move || {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            watch()
        };
        std::thread::spawn(begin).join().unwrap()
    }
}

/// One that takes what it gets, until it is dropped.
struct Viewer {
    packets: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Viewer {
    fn reading(mut read: impl FnMut() -> bool + Send + 'static) -> Self {
        let (packets, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, stop) = (Arc::clone(&packets), Arc::clone(&done));
        let thread = std::thread::spawn(move || {
            while !stop.load(SeqCst) {
                count.fetch_add(read().into(), SeqCst);
            }
        });
        Self { packets, done, thread: Some(thread) }
    }

    fn over_tcp(url: &str) -> Self {
        let mut client = RtspClient::watch(url).unwrap();
        Self::reading(move || matches!(client.read_frame(MOMENT), Ok(Some(_))))
    }

    /// It says every now and then that it is there.
    fn over_udp(url: &str) -> Self {
        let socket = UdpSocket::bind((AWAY, 0)).unwrap();
        socket.set_read_timeout(Some(MOMENT)).unwrap();
        let mut client = RtspClient::connect(url).unwrap();
        client.describe().unwrap();
        client.setup(0, TransportSpec::udp(socket.local_addr().unwrap().port())).unwrap();
        client.play().unwrap();
        let mut said = Instant::now();
        Self::reading(move || {
            if said.elapsed() > Duration::from_secs(1) {
                said = Instant::now();
                let _lost = client.send(rtsp_proto::Method::GetParameter, "*", &[]);
            }
            socket.recv(&mut [0; 2048]).is_ok()
        })
    }

    /// It has a session and does not play.
    fn set_up(url: &str) -> Self {
        let mut client = RtspClient::connect(url).unwrap();
        client.describe().unwrap();
        client.setup(0, TransportSpec::interleaved(0)).unwrap();
        Self::reading(move || matches!(client.read_frame(MOMENT), Ok(Some(_))))
    }

    fn packets(&self) -> u64 {
        self.packets.load(SeqCst)
    }
}

const MOMENT: Duration = Duration::from_millis(200);

impl Drop for Viewer {
    fn drop(&mut self) {
        self.done.store(true, SeqCst);
        let _panicked = self.thread.take().map(JoinHandle::join);
    }
}

#[test]
fn viewers_whose_network_is_cut_are_found_and_nobody_else_notices() {
    if !in_own_network("viewers_whose_network_is_cut_are_found_and_nobody_else_notices") {
        return;
    }
    run("ip", "link set lo up");
    let away = Machine::plugged_in();
    let camera = Camera::start(Options::default()).unwrap();
    let relay = Relay::start_on(
        &format!("127.0.0.1,{RELAY}"),
        &format!(
            "client_timeout_s=10\nsource_idle_timeout_s=0\n[stream]\nname=door\nrtsp_url={}",
            camera.url("main")
        ),
    );
    let url = relay.url("door").replace("127.0.0.1", RELAY);
    let honest = Viewer::over_tcp(&relay.url("door"));
    let (threads, fds) = (relay.threads(), relay.fds());
    let there = [Viewer::over_tcp, Viewer::over_udp, Viewer::set_up].map(|begin| {
        let url = url.clone();
        away.viewer(move || begin(&url))
    });
    assert!(wait_until(SOON, || there[..2].iter().all(|viewer| viewer.packets() > 100)));
    assert!(relay.threads() > threads && relay.fds() > fds);

    away.ip("link set there down");
    let cut = Instant::now();
    let gone = |part: &str| relay.log().iter().filter(|line| line.contains(part)).count();
    let silent = || gone("reason=\"it has been silent\"");
    // One line for the viewer that leaves its stream, and one for each connection.
    assert!(wait_until(CLIENT_TIMEOUT + SLACK, || silent() == 3), "{:?}", relay.log());
    assert!(cut.elapsed() >= CLIENT_TIMEOUT - Duration::from_secs(2), "{:?}", cut.elapsed());
    let rest = USER_TIMEOUT + SLACK - cut.elapsed();
    assert!(wait_until(rest, || gone("viewer left") == 2), "{:?}", relay.log());
    // What they had is free, and the one who stayed has missed nothing.
    assert!(
        // Fewer, when the connection that found the relay listening was still counted.
        wait_until(SOON, || relay.threads() <= threads && relay.fds() <= fds),
        "threads and descriptors: {:?}, were {:?}",
        (relay.threads(), relay.fds()),
        (threads, fds)
    );
    let seen = honest.packets();
    assert!(wait_until(SOON, || honest.packets() > seen + 100));
    assert_eq!((camera.stats().sessions_open, camera.stats().sessions_total), (1, 1));
    drop(honest);
    assert!(wait_until(SOON, || camera.stats().sessions_open == 0), "nobody wants it any more");
}
