//! What a service manager hears from the relay, and what happens when it stops answering.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers are tests too")]

use rtsp_relay_testing as support;

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;
use std::time::{Duration, Instant};

use support::{Program, free_port};

const SOON: Duration = Duration::from_secs(20);

/// A manager that listens, and the relay that it started.
struct Managed {
    manager: UnixDatagram,
    relay: Program,
}

impl Managed {
    fn start(name: &str, watchdog: Option<Duration>) -> Self {
        // Without a file: the path of one may be longer than an address may be.
        let name = format!("rtsp-relay-{name}-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        manager.set_read_timeout(Some(SOON)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rtsp-relay"));
        command
            .args(["--stream", "door=rtsp://127.0.0.1:9/x", "--set", "listen_address=127.0.0.1"])
            .args(["--set", &format!("listen_port={}", free_port())])
            .env("NOTIFY_SOCKET", format!("@{name}"))
            .env_remove("WATCHDOG_PID")
            .env_remove("WATCHDOG_USEC");
        if let Some(watchdog) = watchdog {
            command.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        }
        let relay = Program::start(&mut command);
        Self { manager, relay }
    }

    fn heard(&self) -> String {
        let mut buffer = [0; 512];
        let count = self.manager.recv(&mut buffer).expect("the relay says something");
        String::from_utf8(buffer[..count].to_vec()).unwrap()
    }

    fn until(&self, word: &str) {
        let deadline = Instant::now() + SOON;
        while self.heard() != word {
            assert!(Instant::now() < deadline, "nothing was heard of {word}");
        }
    }
}

#[test]
fn systemd_hears_of_the_start_of_life_and_of_the_end() {
    let mut managed = Managed::start("life", Some(Duration::from_millis(400)));
    managed.until("READY=1");
    let ready = Instant::now();
    for _ in 0..5 {
        managed.until("WATCHDOG=1");
    }
    assert!(ready.elapsed() >= Duration::from_millis(5 * 200 - 200), "{:?}", ready.elapsed());
    let status = managed.relay.terminate().expect("it ends");
    assert_eq!(status.code(), Some(0));
    managed.until("STOPPING=1");
}

#[test]
fn without_a_watchdog_nothing_is_sent_between_start_and_end() {
    let mut managed = Managed::start("quiet", None);
    assert_eq!(managed.heard(), "STATUS=0 clients, 0 live of 1 stream");
    assert_eq!(managed.heard(), "READY=1");
    assert!(managed.relay.terminate().is_some_and(|status| status.success()));
    assert_eq!(managed.heard(), "STOPPING=1");
}
