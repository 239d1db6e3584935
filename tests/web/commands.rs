//! What the administrator does to a stream.

use std::time::{Duration, Instant};

use super::{House, SOON};
use crate::support::{Continuity, RtspClient, wait_until};

const ADMIN: &str = "admin_username=root\nadmin_password=hunter2\n";

impl House {
    /// The answer to a command of the administrator: the status code and the body.
    fn command(&self, path: &str) -> (u16, String) {
        self.curl(path, &["-X", "POST", "--digest", "-u", "root:hunter2"])
    }

    fn state(&self, stream: &str) -> String {
        self.get(&format!("api/v1/streams/{stream}"))["state"].as_str().unwrap().to_owned()
    }
}

/// What DESCRIBE is answered with.
fn described(house: &House, stream: &str) -> Result<(), String> {
    let mut client = RtspClient::connect(&house.relay.url(stream)).unwrap();
    client.describe().map(drop).map_err(|error| error.to_string())
}

#[test]
fn a_disabled_stream_ends_its_viewers_lets_the_camera_go_and_is_as_if_it_were_none() {
    let house = House::new(&format!("{ADMIN}source_idle_timeout_s=60"));
    let (mut one, mut other) = (house.viewer("door"), house.viewer("yard/sub"));
    let mut asked = RtspClient::connect(&house.relay.url("door")).unwrap();
    asked.describe().unwrap();
    assert_eq!(house.camera.stats().sessions_open, 2);

    let (code, text) = house.command("api/v1/streams/door/disable");
    assert_eq!(code, 200, "{text}");
    one.read_to_end(SOON).unwrap();
    asked.read_to_end(SOON).unwrap();
    assert!(wait_until(SOON, || house.camera.stats().sessions_open == 1), "it lingers");
    assert_eq!(house.camera.stats().teardowns, 1);
    assert!(house.relay.wait_log("reason=\"the stream has been disabled\"", SOON).is_some());
    let door = house.get("api/v1/streams/door");
    assert_eq!(
        (&door["state"], &door["reason"]),
        (&"disabled".into(), &"the stream has been disabled".into())
    );
    assert!(described(&house, "door").unwrap_err().contains("404"));
    assert!(house.command("api/v1/streams/door/disable").1.contains("already"));
    assert_eq!(house.command("api/v1/streams/door/restart").0, 409);
    assert!(other.read_frame(SOON).unwrap().is_some(), "another stream's viewer goes on");

    assert_eq!(house.command("api/v1/streams/door/enable").0, 200);
    assert!(house.command("api/v1/streams/door/enable").1.contains("already"));
    drop(house.viewer("door"));
    assert_eq!(house.state("door"), "live");
}

#[test]
fn a_stream_that_is_disabled_in_the_file_can_be_enabled() {
    let house = House::new(&format!(
        "{ADMIN}[stream]\nname=shut\nrtsp_url=rtsp://127.0.0.1:9/x\nenabled=no"
    ));
    assert_eq!(house.state("shut"), "disabled");
    assert!(described(&house, "shut").unwrap_err().contains("404"));
    assert_eq!(house.command("api/v1/streams/shut/enable").0, 200);
    assert_eq!(house.state("shut"), "idle");
    assert!(described(&house, "shut").unwrap_err().contains("503"), "no camera is there");
}

#[test]
fn viewers_come_and_go_while_a_stream_is_disabled_and_enabled() {
    let house = House::new(&format!("{ADMIN}source_idle_timeout_s=0"));
    let path = |command: &str| format!("api/v1/streams/door/{command}");
    for round in 0..5 {
        let mut viewer = house.viewer("door");
        assert_eq!(house.command(&path("disable")).0, 200, "{round}");
        // Before the camera has been told: the old reader is on its way out.
        assert_eq!(house.command(&path("enable")).0, 200, "{round}");
        let mut next = house.viewer("door");
        viewer.read_to_end(SOON).unwrap();
        assert!(next.read_frame(SOON).unwrap().is_some(), "{round}");
    }
    assert!(wait_until(SOON, || house.camera.stats().sessions_open == 0));
    assert_eq!(house.camera.stats().sessions_max, 1);
}

#[test]
fn restart_makes_a_new_session_and_the_viewer_sees_one_stream_without_a_gap() {
    let house = House::new(ADMIN);
    let mut viewer = house.viewer("door");
    let mut continuity = Continuity::default();
    let mut watch = |viewer: &mut RtspClient, pictures: u64| {
        let until = continuity.pictures + pictures;
        while continuity.pictures < until {
            let frame = viewer.read_frame(SOON).unwrap().expect("the viewer stays");
            if frame.channel == 0 {
                continuity.push(&frame.payload).unwrap();
            }
        }
        continuity.gaps
    };
    watch(&mut viewer, 10);
    for round in 1..=3 {
        assert_eq!(house.command("api/v1/streams/door/restart").0, 200);
        let renewed = || house.camera.stats().sessions_total == 1 + round;
        assert!(wait_until(SOON, renewed), "{round}");
        assert_eq!(watch(&mut viewer, 30), 0, "packets are missing in round {round}");
        assert!(wait_until(SOON, || house.state("door") == "live"));
    }
    assert_eq!(house.camera.stats().sessions_max, 1);
    assert_eq!(house.camera.stats().teardowns, 3);
    assert_eq!(house.get("api/v1/streams/door")["reconnects"], 0, "nothing was lost");
    let idle = house.command("api/v1/streams/yard/sub/restart");
    assert!(idle.0 == 200 && idle.1.contains("not pulled"), "{idle:?}");
}

#[test]
fn restart_ends_the_pause_after_a_failure() {
    let house =
        House::new(&format!("{ADMIN}on_offline=hold\nretry_initial_ms=60000\nretry_max_ms=60000"));
    let mut viewer = house.viewer("door");
    house.camera.fault(crate::sim::Fault::Die).unwrap();
    assert!(wait_until(SOON, || house.state("door") == "offline"));
    let begun = Instant::now();
    assert_eq!(house.command("api/v1/streams/door/restart").0, 200);
    let live = wait_until(SOON, || {
        house.get("api/v1/streams/door")["reconnects"] == 1 || !house.state("door").contains("off")
    });
    assert!(live && begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert!(viewer.read_frame(SOON).unwrap().is_some());
}

#[test]
fn only_the_administrator_commands_and_only_by_post_from_the_own_page() {
    let without = House::new("");
    for command in ["enable", "disable", "restart"] {
        let path = format!("api/v1/streams/door/{command}");
        let (code, body) = without.curl(&path, &["-X", "POST"]);
        assert!(code == 403 && body.contains("admin_username"), "{body}");
    }
    let house = House::new(&format!("{ADMIN}[user]\nname=all\npassword=one"));
    for command in ["enable", "disable", "restart"] {
        let path = format!("api/v1/streams/door/{command}");
        let post = |arguments: &[&str]| {
            house.curl(&path, &[&["-X", "POST", "--digest"], arguments].concat()).0
        };
        assert_eq!(house.curl(&path, &["-X", "POST"]).0, 401, "{command}");
        assert_eq!(post(&["-u", "root:wrong"]), 401, "{command}");
        assert_eq!(post(&["-u", "all:one"]), 401, "{command}: a viewer is no administrator");
        for header in ["Origin: http://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"]
        {
            assert_eq!(post(&["-u", "root:hunter2", "-H", header]), 403, "{command}: {header}");
        }
        let own = format!("Origin: http://127.0.0.1:{}", house.port);
        assert_ne!(post(&["-u", "root:hunter2", "-H", &own]), 403, "{command}");
        let get = house.curl(&path, &["--digest", "-u", "root:hunter2", "--include"]);
        assert!(get.0 == 405 && get.1.contains("Allow: POST"), "{get:?}");
        let nobody = format!("api/v1/streams/nobody/{command}");
        assert_eq!(house.command(&nobody).0, 404);
    }
}
