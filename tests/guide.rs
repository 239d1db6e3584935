//! What README and guides tell people to type works: each configuration is checked by the relay, each command runs
//! against it, in a network where a camera has the address that the guides use.
//!
//! The word behind ``` says what a block is: `conf` for the relay's configuration, `sh run` for what ends by itself,
//! `sh serve` for a relay, `sh player` for what plays a stream of that relay, `json` and `text` for what is only shown.
//! `sh root`, `sh make`, `sh cargo` and `sh admin` are not run here; the lines that they may have are listed below.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

use rtsp_relay_testing::sim;

use rtsp_relay_testing as support;

#[allow(dead_code, reason = "shared")]
#[path = "scale_out/network.rs"]
mod network;

use std::fs;
use std::path::{Path as FilePath, PathBuf};
use std::process::Command;
use std::time::Duration;

use network::Network;
use sim::{Camera, Clip, Options, Path};
use support::{Certificate, Program, leave, may_make_networks, project, wait_until};

const GUIDES: [&str; 4] =
    ["README.md", "docs/user-guide.md", "docs/operations.md", "docs/reference.md"];
/// A screen for players.
const DISPLAY: &str = ":94";
/// The cameras that the guides speak of.
const CAMERAS: [&str; 2] = ["192.168.1.100", "192.168.1.101"];
const SOON: Duration = Duration::from_secs(40);
/// What needs a machine of its own: `debian/walk` installs, edits and restarts in a Debian that boots, `debian/try`
/// upgrades, and the other suites are what `make test` runs. `sh admin` is run by `tests/reference.rs`.
const ELSEWHERE: [&str; 12] = [
    "make run",
    "make test",
    "make deb",
    "cargo install --path .",
    "sudo apt install ./rtsp-relay_0.1.0_amd64.deb",
    "sudo apt install ../rtsp-relay_*.deb",
    "sudoedit /etc/rtsp-relay.conf",
    "sudo rtsp-relay --check",
    "sudo systemctl restart rtsp-relay",
    "systemctl status rtsp-relay",
    "sudo systemctl reload rtsp-relay",
    "sudo tar czf rtsp-relay-backup.tar.gz /etc/rtsp-relay.conf",
];

struct Block {
    place: String,
    kind: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    for guide in GUIDES {
        let text = fs::read_to_string(project(guide)).unwrap();
        let mut open: Option<Block> = None;
        for (line, number) in text.lines().zip(1..) {
            match (line.trim_start().strip_prefix("```"), &mut open) {
                (Some(kind), None) => {
                    let place = format!("{guide}:{number}");
                    assert!(!kind.is_empty(), "{place}: a block that does not say what it is");
                    open = Some(Block { place, kind: kind.to_owned(), text: String::new() });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (None, Some(block)) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{guide}: a block without an end");
    }
    blocks
}

fn of_kind<'a>(blocks: &'a [Block], kind: &'a str) -> impl Iterator<Item = &'a Block> {
    blocks.iter().filter(move |block| block.kind == kind)
}

/// A folder in which `rtsp-relay` is the one under test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = leave(&format!("guide-{}-{}", std::process::id(), support::free_port()));
        fs::create_dir_all(&folder).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rtsp-relay"), folder.join("rtsp-relay"))
            .unwrap();
        Self(folder)
    }

    /// Bash with these lines, stopped at the first that fails.
    fn shell(&self, text: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = Command::new("bash");
        shell.args(["-e", "-c", text]).current_dir(&self.0).env("DISPLAY", DISPLAY);
        shell.env("PATH", format!("{}:{path}", self.0.display()));
        shell
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn each_configuration_passes_the_relays_check() {
    let blocks = blocks();
    let (folder, certificate) = (Folder::new(), Certificate::new());
    let file = folder.0.join("relay.conf");
    let mut checked = 0;
    for block in of_kind(&blocks, "conf") {
        let mut text = block.text.clone();
        // What is not there on every machine.
        let there = |path: &FilePath| path.display().to_string();
        text = text.replace("/etc/ssl/certs/relay.pem", &there(&certificate.certificate));
        text = text.replace("/etc/ssl/private/relay.key", &there(&certificate.key));
        fs::write(&file, text).unwrap();
        fs::write(folder.0.join("door"), "secret\n").unwrap();
        let finished = Program::run(&mut folder.shell("rtsp-relay --check -c relay.conf"), SOON);
        assert!(finished.ok(), "{}: {}", block.place, finished.stderr);
        checked += 1;
    }
    assert!(checked >= 10, "only {checked} configurations in the guides");
}

#[test]
fn each_command_works_where_the_camera_has_the_guides_address() {
    let name = "each_command_works_where_the_camera_has_the_guides_address";
    if !may_make_networks(name) {
        return;
    }
    let blocks = blocks();
    let network = Network::new();
    let home = network.host("192.168.1.50");
    let _cameras = CAMERAS.map(|address| {
        network.host(address).run(|| {
            let listen = format!("{address}:554").parse().unwrap();
            let paths =
                vec![Path::new("stream1", Clip::builtin()), Path::new("stream2", Clip::sub())];
            Camera::start(Options { listen, paths, ..Options::default() }).unwrap()
        })
    });
    home.run(|| {
        let folder = Folder::new();
        // Not in the file system, so that its name is free in this network; and without a new beginning
        // behind each program, during which the next one cannot have it.
        let mut screen = Command::new("Xvfb");
        screen.args([
            DISPLAY,
            "-nolisten",
            "unix",
            "-nolock",
            "-noreset",
            "-screen",
            "0",
            "800x600x24",
        ]);
        let screen = Program::start(&mut screen);
        let socket = format!("@/tmp/.X11-unix/X{}", &DISPLAY[1..]);
        let is_there = || {
            let sockets = fs::read_to_string("/proc/thread-self/net/unix").unwrap_or_default();
            sockets.contains(&socket)
        };
        assert!(wait_until(SOON, is_there), "no screen: {}", screen.stderr.text());
        let mut ran: Vec<&str> = Vec::new();
        for block in of_kind(&blocks, "sh run") {
            if ran.contains(&block.text.as_str()) {
                continue;
            }
            ran.push(&block.text);
            eprintln!("{}", block.place);
            Program::run(&mut folder.shell(&block.text), SOON).expect_ok(&block.place);
        }
        for block in of_kind(&blocks, "sh serve") {
            eprintln!("{}", block.place);
            let relay = Program::start(&mut folder.shell(&block.text));
            let listens = relay.stderr.wait_line("listening on rtsp://", SOON);
            assert!(listens.is_some(), "{}", block.place);
            for player in of_kind(&blocks, "sh player") {
                watch(&folder, player, &relay);
            }
        }
    });
}

/// What ends by itself must end well; the rest must still play when it is ended.
fn watch(folder: &Folder, player: &Block, relay: &Program) {
    eprintln!("{}", player.place);
    let joined =
        || relay.stderr.lines().iter().filter(|line| line.contains("viewer joined")).count();
    let before = joined();
    let mut program = Program::start(&mut folder.shell(&format!("exec {}", player.text)));
    let came = wait_until(SOON, || joined() > before);
    assert!(came, "{}: nobody joined: {}", player.place, program.stderr.text());
    let status = program.wait(Duration::from_secs(8));
    match status {
        Some(status) => {
            let said = program.stderr.lines().join("\n");
            assert!(status.success(), "{}: {status}\n{said}", player.place);
        }
        None => drop(program.terminate()),
    }
}

#[test]
fn what_is_not_run_here_is_run_elsewhere() {
    let kinds = ["conf", "sh run", "sh serve", "sh player", "json", "text"];
    let not_run = ["sh root", "sh make", "sh cargo", "sh admin"];
    for block in blocks() {
        let kind = block.kind.as_str();
        assert!(kinds.contains(&kind) || not_run.contains(&kind), "{}: {kind}", block.place);
        if kind == "sh admin" {
            assert!(block.place.starts_with("docs/reference.md:"), "{}", block.place);
            continue;
        }
        if !not_run.contains(&kind) {
            continue;
        }
        for line in block.text.lines() {
            let command = line.split("  #").next().unwrap_or_default().trim();
            let known = command.is_empty() || ELSEWHERE.contains(&command);
            assert!(known, "{}: nothing runs {command:?}", block.place);
        }
    }
}
