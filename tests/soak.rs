//! The soak for a few seconds: cameras that fail, viewers that misbehave, and no promise broken.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

#[path = "../examples/soak/scenario/mod.rs"]
mod scenario;

use std::time::Duration;

use scenario::Plan;

#[test]
fn cameras_may_fail_and_viewers_misbehave_and_nobody_else_notices() {
    let plan = Plan {
        relay: env!("CARGO_BIN_EXE_rtsp-relay").into(),
        seed: u64::from(std::process::id()),
        time: Duration::from_secs(12),
    };
    let report = scenario::run(&plan).unwrap();
    assert!(report.violations.is_empty(), "{report}");
    for what in ["joined", "pictures", "calms"] {
        assert!(report.count(what) > 0, "{what}: the test has not tested\n{report}");
    }
}
