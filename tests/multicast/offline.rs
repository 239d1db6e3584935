//! A camera that goes and comes back under the members of a group.

use crate::member::Member;
use crate::sim::{Camera, Clip, Fault, Options, Path, Start};
use crate::support::{Lan, may_make_networks, wait_until};
use crate::{SOON, relay_with};

fn camera() -> Camera {
    let path = Path { start: Start::ForcedKeyFrame, ..Path::new("main", Clip::sub()) };
    Camera::start(Options { paths: vec![path], ..Options::default() }).unwrap()
}

const RETRY: &str = "retry_initial_ms=50\nretry_max_ms=100";
const ROUNDS: usize = 5;

#[test]
fn a_held_stream_goes_on_without_a_gap() {
    if !may_make_networks("offline::a_held_stream_goes_on_without_a_gap") {
        return;
    }
    let lan = Lan::new();
    let camera = camera();
    let relay = relay_with(&camera, &format!("{RETRY}\non_offline=hold"), "");
    let mut members = [(); 2].map(|()| Member::watch(&lan, &relay, "door"));
    for round in 0..ROUNDS {
        members.iter_mut().for_each(|member| member.see(10));
        camera.fault(Fault::Refuse(true)).unwrap();
        camera.fault(Fault::Reboot).unwrap();
        let offline = || relay.log().iter().filter(|l| l.contains("camera offline")).count();
        assert!(wait_until(SOON, || offline() > round), "round {round}");
        members.iter_mut().for_each(|member| {
            member.drain_in_order();
            // The picture that is held, once and again.
            member.see(2);
        });
        camera.fault(Fault::Refuse(false)).unwrap();
        members.iter_mut().for_each(|member| member.see(20));
    }
    for member in &members {
        assert_eq!(member.continuity.gaps, 0, "{:?}", member.continuity);
    }
    assert!(!relay.log_contains("viewer left"));
    let begun = relay.log().iter().filter(|line| line.contains("multicast begins")).count();
    assert_eq!(begun, 1, "the group was never left");
}

#[test]
fn a_fallback_is_shown_to_the_group_and_the_camera_again() {
    if !may_make_networks("offline::a_fallback_is_shown_to_the_group_and_the_camera_again") {
        return;
    }
    let lan = Lan::new();
    let (camera, other) = (camera(), camera());
    let behind = format!("fallback=spare\n[stream]\nname=spare\nrtsp_url={}", other.url("main"));
    let relay = relay_with(&camera, RETRY, &behind);
    let mut member = Member::watch(&lan, &relay, "door");
    member.see(10);
    camera.fault(Fault::Refuse(true)).unwrap();
    camera.fault(Fault::Reboot).unwrap();
    assert!(relay.wait_log("camera offline", SOON).is_some());
    member.drain_in_order();
    let came = member.continuity.pictures;
    member.see(50);
    assert!(member.continuity.pictures >= came + 50, "the other camera's");
    camera.fault(Fault::Refuse(false)).unwrap();
    let back =
        || relay.log().iter().filter(|line| line.contains("stream live stream=door")).count();
    assert!(wait_until(SOON, || back() >= 2));
    member.see(150);
    assert_eq!(member.continuity.gaps, 0, "{:?}", member.continuity);
    assert!(!relay.log_contains("viewer left"));
}

#[test]
fn members_are_told_when_there_is_nothing_to_show() {
    if !may_make_networks("offline::members_are_told_when_there_is_nothing_to_show") {
        return;
    }
    let lan = Lan::new();
    let camera = camera();
    let relay = relay_with(&camera, RETRY, "");
    let mut members = [(); 3].map(|()| Member::watch(&lan, &relay, "door"));
    members.iter_mut().for_each(|member| member.see(10));
    camera.fault(Fault::Reboot).unwrap();
    for member in &mut members {
        assert!(member.rtsp.read_to_end(SOON).unwrap().is_empty());
    }
    assert_eq!(members[0].byes("", std::time::Duration::from_millis(500)), 1);
    // A new one finds a group that is alive again.
    let mut next = Member::watch(&lan, &relay, "door");
    next.see(10);
}
