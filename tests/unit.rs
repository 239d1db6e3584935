//! The service's unit, as systemd's own tools judge it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers are tests too")]

use rtsp_relay_testing as support;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use support::{Program, free_port, leave, project};

const UNIT: &str = "etc/systemd/rtsp-relay.service";
const SOON: Duration = Duration::from_secs(60);
/// What `systemd-analyze security` may say at the most, in its own scale from 0 to 10.
const MOST_EXPOSURE: f64 = 1.5;

fn unit() -> String {
    fs::read_to_string(project(UNIT)).unwrap()
}

/// The values of a setting, in order.
fn values(key: &str) -> Vec<String> {
    let unit = unit();
    let lines = unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    lines.map(str::to_owned).collect()
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let folder = Folder::new();
    // As installed, but for the place: the program and the manual pages are here.
    let installed = unit().replace("/usr/bin/rtsp-relay", env!("CARGO_BIN_EXE_rtsp-relay"));
    let file = folder.0.join("rtsp-relay.service");
    fs::write(&file, installed).unwrap();
    for (page, section) in [("rtsp-relay.8", "man8"), ("rtsp-relay.conf.5", "man5")] {
        fs::create_dir_all(folder.0.join("man").join(section)).unwrap();
        let from = project("docs/man").join(page);
        fs::copy(from, folder.0.join("man").join(section).join(page)).unwrap();
    }
    let mut analyze = Command::new("systemd-analyze");
    analyze.arg("verify").arg(&file).env("MANPATH", folder.0.join("man"));
    let finished = Program::run(&mut analyze, SOON).expect_ok("systemd-analyze verify");
    assert_eq!((finished.stdout.trim(), finished.stderr.trim()), ("", ""));
}

#[test]
fn a_relay_that_is_taken_over_can_do_little() {
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(["security", "--offline=true", "--json=short", "--no-pager"]);
    let limit = (MOST_EXPOSURE * 10.0).to_string();
    analyze.arg(format!("--threshold={limit}")).arg(project(UNIT));
    // It ends with an error when the exposure is above the threshold.
    Program::run(&mut analyze, SOON).expect_ok("systemd-analyze security");
}

/// What the configuration allows, the unit must not forbid.
#[test]
fn the_units_limits_leave_room_for_the_configurations() {
    let memory = values("MemoryMax").pop().unwrap();
    let gigabytes: u64 = memory.strip_suffix('G').unwrap().parse().unwrap();
    let shipped = fs::read_to_string(project("etc/rtsp-relay.conf")).unwrap();
    let default = |key: &str| -> u64 {
        let line = shipped.lines().find_map(|line| line.strip_prefix(&format!("#{key}=")));
        line.unwrap().parse().unwrap()
    };
    assert!(gigabytes * 1024 > default("max_memory_mb"));
    let files: u64 = values("LimitNOFILE").pop().unwrap().parse().unwrap();
    assert!(files / 2 > 100 * default("max_clients"));
    assert_eq!(values("TasksMax"), ["infinity"], "each viewer is a thread");
    assert_eq!(values("CapabilityBoundingSet"), ["CAP_NET_BIND_SERVICE"]);
    assert_eq!(values("AmbientCapabilities"), values("CapabilityBoundingSet"));
}

/// A credential that systemd loaded is where `password_file=NAME` looks for it.
#[test]
fn a_password_can_be_a_credential_of_systemd() {
    let folder = Folder::new();
    fs::write(folder.0.join("door"), "p@ss word\n").unwrap();
    let text = "[stream]\nname=door\nrtsp_url=rtsp://192.0.2.1/x\nusername=a\npassword_file=door\n";
    // Not beside the credential: that is where a file of the name would be looked for.
    let elsewhere = folder.0.join("conf.d");
    fs::create_dir_all(&elsewhere).unwrap();
    let config = elsewhere.join("relay.conf");
    fs::write(&config, text).unwrap();
    let check = |with: bool| {
        let mut relay = Command::new(env!("CARGO_BIN_EXE_rtsp-relay"));
        relay.arg("--check").arg("-c").arg(&config).env_remove("CREDENTIALS_DIRECTORY");
        if with {
            relay.env("CREDENTIALS_DIRECTORY", &folder.0);
        }
        Program::run(&mut relay, SOON)
    };
    check(true).expect_ok("with the credential");
    let without = check(false);
    assert!(!without.ok() && without.stderr.contains("door"), "{}", without.stderr);
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = leave(&format!("unit-{}-{}", std::process::id(), free_port()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
