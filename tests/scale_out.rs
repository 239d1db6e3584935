//! `examples/scale-out` as it stands: one camera, an origin, three edges, HAProxy and 90 viewers, each machine
//! a network namespace with the addresses of the files. One edge is killed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

use rtsp_relay_testing::sim;

use rtsp_relay_testing as support;

#[path = "scale_out/network.rs"]
mod network;
#[path = "scale_out/viewer.rs"]
mod viewer;

use std::process::Command;
use std::time::{Duration, Instant};

use network::Network;
use sim::{Camera, Options};
use support::{Program, may_make_networks, project, wait_until};
use viewer::Viewers;

const VIEWERS: usize = 90;
const EDGES: [&str; 3] = ["10.0.0.21", "10.0.0.22", "10.0.0.23"];
const HAPROXY: &str = "10.0.0.30";
const SOON: Duration = Duration::from_secs(20);
/// What a viewer of the killed edge may be without a picture.
const RECONNECT: Duration = Duration::from_secs(5);

#[test]
fn the_camera_sees_one_connection_and_a_killed_edge_costs_its_viewers_one_reconnect() {
    if !may_make_networks(
        "the_camera_sees_one_connection_and_a_killed_edge_costs_its_viewers_one_reconnect",
    ) {
        return;
    }
    let network = Network::new();
    let at_camera = network.host("10.0.0.100");
    let camera = at_camera.run(|| {
        let listen = "10.0.0.100:554".parse().unwrap();
        Camera::start(Options { listen, ..Options::default() }).unwrap()
    });
    let origin = network.host("10.0.0.10");
    let origin_relay = origin.run(|| relay("origin.conf"));
    await_log(&origin_relay, "origin");
    let hosts = EDGES.map(|address| network.host(address));
    let mut edges: Vec<Program> =
        hosts.iter().map(|host| host.run(|| relay("edge.conf"))).collect();
    for edge in &edges {
        await_log(edge, "an edge");
    }
    let proxy = network.host(HAPROXY);
    let _haproxy = proxy.run(haproxy);
    let home = network.host("10.0.0.200");
    assert!(
        wait_until(SOON, || EDGES.iter().all(|edge| proxy.run(|| is_up(edge)))),
        "not all edges are up for HAProxy"
    );
    for edge in EDGES {
        proxy.run(|| expect_metrics(edge));
    }

    let viewers =
        home.run(|| Viewers::start(VIEWERS, "rtsp://family:watch%20me@10.0.0.30:8554/door"));
    assert!(wait_until(SOON, || viewers.playing() == VIEWERS), "{}", viewers.describe());
    assert_eq!(viewers.reconnects(), [0; VIEWERS]);
    let spread = hosts.each_ref().map(|host| host.run(connections));
    eprintln!("viewers at the edges: {spread:?}");
    assert_eq!(spread.iter().sum::<usize>(), VIEWERS);
    assert_eq!(camera.stats().connections_total, 1, "however many watch");

    let before = viewers.pictures();
    edges[0].kill();
    let killed = Instant::now();
    let lost = spread[0];
    assert!(
        wait_until(SOON, || viewers.reconnected() == lost && viewers.playing() == VIEWERS),
        "{lost} viewers lost their edge: {}",
        viewers.describe()
    );
    let mut pauses = viewers.pauses();
    pauses.sort();
    eprintln!(
        "{lost} viewers without an edge, all playing {:?} after the kill; pauses: median {:?}, longest {:?}",
        killed.elapsed(),
        pauses[pauses.len() / 2],
        pauses[pauses.len() - 1]
    );
    // Everybody goes on, those who had nothing to do with it without a break.
    let floor: Vec<_> = before.iter().map(|pictures| pictures + 50).collect();
    assert!(
        wait_until(SOON, || viewers.pictures().iter().zip(&floor).all(|(now, least)| now >= least)),
        "{}",
        viewers.describe()
    );
    let reconnects = viewers.reconnects();
    assert_eq!(reconnects.iter().filter(|&&count| count == 1).count(), lost);
    assert_eq!(reconnects.iter().filter(|&&count| count == 0).count(), VIEWERS - lost);
    assert!(pauses.iter().all(|pause| *pause <= RECONNECT), "{pauses:?}");
    let stats = camera.stats();
    assert_eq!((stats.connections_total, stats.sessions_total), (1, 1), "all the time");
}

#[test]
fn the_files_pass_their_programs_own_checks() {
    for file in ["origin.conf", "edge.conf"] {
        let mut check = Command::new(env!("CARGO_BIN_EXE_rtsp-relay"));
        check.arg("--check").arg("-c").arg(example(file));
        Program::run(&mut check, SOON).expect_ok(file);
    }
    let mut check = Command::new("haproxy");
    check.args(["-c", "-f"]).arg(example("haproxy.cfg"));
    Program::run(&mut check, SOON).expect_ok("haproxy.cfg");
    let mut check = Command::new("promtool");
    check.args(["check", "config"]).arg(example("prometheus.yml"));
    Program::run(&mut check, SOON).expect_ok("prometheus.yml");
}

fn example(file: &str) -> std::path::PathBuf {
    project("examples/scale-out").join(file)
}

fn relay(config: &str) -> Program {
    Program::start(Command::new(env!("CARGO_BIN_EXE_rtsp-relay")).arg("-c").arg(example(config)))
}

fn await_log(relay: &Program, who: &str) {
    assert!(relay.stderr.wait_line("listening", SOON).is_some(), "{who} does not listen");
}

fn haproxy() -> Program {
    // `-db`: in the foreground, so that it ends with us.
    Program::start(Command::new("haproxy").arg("-db").arg("-f").arg(example("haproxy.cfg")))
}

/// `prometheus.yml`'s login opens the metrics of an edge in the one way that Prometheus has, Basic.
fn expect_metrics(edge: &str) {
    let file = std::fs::read_to_string(example("prometheus.yml")).unwrap();
    let value = |name: &str| file.split(name).nth(1).unwrap().lines().next().unwrap().trim();
    let login = format!("{}:{}", value("username:"), value("password:"));
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--fail", "--basic", "--user"]).arg(login);
    let output = Program::run(curl.arg(format!("http://{edge}:8080/metrics")), SOON);
    output.expect_ok(edge);
}

/// Whether HAProxy, on whose machine we are, has checked this edge and sends viewers to it.
fn is_up(edge: &str) -> bool {
    let number = 1 + EDGES.iter().position(|known| *known == edge).unwrap();
    let line =
        format!("haproxy_server_status{{proxy=\"edges\",server=\"edge{number}\",state=\"UP\"}} 1");
    network::get("127.0.0.1:8405", "/metrics").is_some_and(|metrics| metrics.contains(&line))
}

/// Connections to the RTSP port of the machine that we are on.
fn connections() -> usize {
    const PORT: &str = ":216A";
    const ESTABLISHED: &str = "01";
    let tables = ["tcp", "tcp6"].map(|table| {
        std::fs::read_to_string(format!("/proc/thread-self/net/{table}")).unwrap_or_default()
    });
    let rows = tables.iter().flat_map(|table| table.lines());
    rows.filter(|row| {
        let words: Vec<&str> = row.split_whitespace().collect();
        words.get(1).is_some_and(|own| own.ends_with(PORT)) && words.get(3) == Some(&ESTABLISHED)
    })
    .count()
}
