//! A session from PLAY to TEARDOWN: signs of life, the camera's own requests, the end.

use super::*;
use crate::Oddity;

const REFUSED: &str = "RTSP/1.0 405 Method Not Allowed\nCSeq: *\n";
const FRAME: &[u8] = b"$\0\0\x01x";

#[test]
fn keepalives_come_at_half_the_timeout_and_are_not_waited_for() {
    let mut run = playing(OPTIONS_OK);
    let mut late = Vec::new();
    for _ in 0..20 {
        let passed = run.wait();
        assert!((27..=30).contains(&passed.as_secs()), "{passed:?}");
        late.push(run.next_request().cseq().unwrap());
    }
    for cseq in late {
        run.answer("RTSP/1.0 500 Late\nCSeq: *\n", cseq);
    }
    assert_eq!(run.error, None);
    assert!(run.dialog.is_playing());
}

#[test]
fn a_refused_keepalive_method_is_replaced_and_never_used_again() {
    let mut run = playing(&OPTIONS_OK.replace("PLAY", "PLAY, GET_PARAMETER"));
    run.wait();
    run = run
        .script(&[("OPTIONS rtsp://cam/s [77]", REFUSED), ("GET_PARAMETER rtsp://cam/s [77]", OK)]);
    run.wait();
    run = run.script(&[("GET_PARAMETER rtsp://cam/s [77]", REFUSED)]);
    assert_eq!(run.dialog.keepalive_method(), None);
    assert_eq!(run.dialog.oddities().count(Oddity::MethodRefused), 2);
    assert_eq!(run.dialog.deadline(), None);
    assert!(run.dialog.is_playing() && run.is_idle());
}

#[test]
fn a_method_that_was_refused_once_is_not_tried_in_the_next_dialog() {
    let both = OPTIONS_OK.replace("PLAY", "PLAY, GET_PARAMETER");
    let mut run = playing(&both);
    run.wait();
    run = run
        .script(&[("OPTIONS rtsp://cam/s [77]", REFUSED), ("GET_PARAMETER rtsp://cam/s [77]", OK)]);
    let refused = run.dialog.refused_keepalives().to_vec();
    assert_eq!(refused, [Method::Options]);

    let options = DialogOptions { refused_keepalives: refused, ..url(PLAIN) };
    let mut run = Run::new(options).script(&[
        ("OPTIONS rtsp://cam/s", &both),
        ("DESCRIBE rtsp://cam/s", VIDEO),
        (SETUP, SETUP_OK),
        ("PLAY rtsp://cam/s [77]", OK),
    ]);
    run.wait();
    run.script(&[("GET_PARAMETER rtsp://cam/s [77]", OK)]);

    // A handshake's 404 may be about the stream, which a booting camera does not have yet.
    let run = playing("RTSP/1.0 404 Not Found\nCSeq: *\n");
    assert_eq!(run.dialog.refused_keepalives(), []);
}

#[test]
fn vlc_is_kept_alive_with_what_it_counts() {
    let vlc = "RTSP/1.0 200 OK\nCSeq: *\nServer: VLC/3.0.18\nPublic: DESCRIBE,SETUP,TEARDOWN,PLAY,PAUSE,GET_PARAMETER\n";
    let mut run = playing(vlc);
    run.wait();
    run.script(&[("GET_PARAMETER rtsp://cam/s [77]", OK)]);
}

#[test]
fn a_camera_that_says_454_of_the_method_keeps_its_session() {
    let mut run = playing(OPTIONS_OK);
    run.wait();
    run.feed(FRAME);
    run = run.script(&[("OPTIONS rtsp://cam/s [77]", "RTSP/1.0 454 Session Not Found\nCSeq: *\n")]);
    run.now += Duration::from_millis(2900);
    run.feed(FRAME);
    run.wait();
    assert_eq!(run.error, None);
    assert!(run.dialog.is_playing());
    assert_eq!(run.dialog.refused_keepalives(), [Method::Options]);

    let mut run = playing(OPTIONS_OK);
    run.wait();
    run.feed(FRAME);
    run = run.script(&[("OPTIONS rtsp://cam/s [77]", "RTSP/1.0 454 Session Not Found\nCSeq: *\n")]);
    run.wait();
    run.ended("the camera has forgotten the session (454 Session Not Found)");
}

#[test]
fn a_login_refused_for_a_keepalive_is_not_repeated() {
    let mut run = plays(
        LOGIN,
        &[
            ("OPTIONS rtsp://cam/s", OPTIONS_OK),
            ("DESCRIBE rtsp://cam/s", DIGEST),
            ("DESCRIBE rtsp://cam/s Digest", VIDEO),
            ("SETUP rtsp://cam/s/track1 [RTP/AVP/TCP;unicast;interleaved=0-1] Digest", SETUP_OK),
            ("PLAY rtsp://cam/s [77] Digest", OK),
        ],
    );
    run.wait();
    let mut asked = 0;
    while !run.is_idle() {
        asked += 1;
        let cseq = run.next_request().cseq().unwrap();
        run.answer(DIGEST_2, cseq);
    }
    assert!(asked <= 2, "{asked}");
    assert!(run.dialog.is_playing());
    assert_eq!(run.dialog.deadline(), None);
}

#[test]
fn the_cameras_own_requests_are_answered() {
    let mut run = playing(OPTIONS_OK);
    for (method, status) in [
        ("OPTIONS", 200),
        ("GET_PARAMETER", 200),
        ("SET_PARAMETER", 200),
        ("ANNOUNCE", 200),
        ("DESCRIBE", 405),
        ("X-PING", 501),
    ] {
        run.events.clear();
        run.feed(format!("{method} rtsp://cam/s RTSP/1.0\r\nCSeq: 3\r\n\r\n").as_bytes());
        assert_eq!(run.events, [format!("answers {status} to 3")], "{method}");
    }
    assert_eq!(run.error, None);
}

#[test]
fn a_session_is_torn_down_once() {
    let teardown = |dialog: &mut Dialog, now| {
        dialog.teardown(now);
        dialog.teardown(now);
        Ok(())
    };
    let mut run = playing(OPTIONS_OK);
    run.note(teardown);
    let mut run = run.script(&[("TEARDOWN rtsp://cam/s [77]", OK)]);
    run.note(teardown);
    assert_eq!(run.events, ["described 1", "playing", "torn down"]);
    assert!(run.is_idle());

    let mut run = playing(OPTIONS_OK);
    run.note(teardown);
    run.next_request();
    assert_eq!(run.wait(), Duration::from_secs(1));
    assert_eq!(run.events, ["described 1", "playing", "torn down"]);

    let mut run = playing(OPTIONS_OK);
    run.note(teardown);
    run.next_request();
    run.note(|dialog, now| dialog.disconnected(now));
    assert_eq!((run.events.last().map(String::as_str), run.error), (Some("torn down"), None));

    let mut run = Run::new(url(PLAIN));
    run.next_request();
    run.note(teardown);
    assert_eq!(run.events, ["torn down"]);
}

#[test]
fn a_session_is_torn_down_after_a_failure_too() {
    let mut run = Run::new(url(PLAIN)).script(&[
        ("OPTIONS rtsp://cam/s", OPTIONS_OK),
        ("DESCRIBE rtsp://cam/s", VIDEO),
        (SETUP, SETUP_OK),
        ("PLAY rtsp://cam/s [77]", "RTSP/1.0 500 No\nCSeq: *\n"),
    ]);
    assert!(run.error.is_some());
    run.note(|dialog, now| {
        dialog.teardown(now);
        Ok(())
    });
    let run = run.script(&[("TEARDOWN rtsp://cam/s [77]", OK)]);
    assert_eq!(run.events, ["described 1", "torn down"]);
}
