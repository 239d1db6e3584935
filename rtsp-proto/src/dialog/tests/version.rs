//! Which version of RTSP a camera is asked in, and what is different in 2.0.

use super::*;

const GSTREAMER: &str =
    "RTSP/1.0 200 OK\nCSeq: *\nPublic: OPTIONS, DESCRIBE\nServer: GStreamer RTSP server\n";

fn newest(version: Version) -> DialogOptions {
    DialogOptions { version, ..url(PLAIN) }
}

fn two(answer: &str) -> String {
    answer.replace("RTSP/1.0", "RTSP/2.0")
}

/// A dialog that plays in 2.0.
fn playing_in_2_0() -> Run {
    let run = Run::new(newest(Version::V2_0)).script(&[
        ("OPTIONS rtsp://cam/s", GSTREAMER),
        ("DESCRIBE rtsp://cam/s 2.0", &two(VIDEO)),
        (&SETUP.replace(" [", " 2.0 ["), &two(SETUP_OK)),
        ("PLAY rtsp://cam/s 2.0 [77]", &two(OK)),
    ]);
    assert!(run.dialog.is_playing());
    assert_eq!((run.dialog.version(), run.dialog.rtsp2()), (Version::V2_0, Rtsp2::Spoken));
    run
}

#[test]
fn only_a_camera_that_shows_2_0_is_asked_in_it() {
    let ok = |line: &str| format!("RTSP/1.0 200 OK\nCSeq: *\n{line}\n");
    for (answer, shows) in [
        (ok("Server: GStreamer RTSP server"), true),
        (ok("Supported: play.scale, play.basic"), true),
        (ok("Public: OPTIONS, DESCRIBE, SETUP, PLAY, PLAY_NOTIFY, TEARDOWN"), true),
        (two(&ok("Public: OPTIONS, DESCRIBE")), true),
        ("RTSP/2.0 505 RTSP Version Not Supported\nCSeq: *\n".to_owned(), true),
        (ok("Server: Hipcam RealServer/V1.0"), false),
        (ok("Server: GStreamer RTSP server of somebody else"), false),
        (ok("Supported: play.basics"), false),
        (OPTIONS_OK.to_owned(), false),
        (OK.to_owned(), false),
        ("RTSP/1.0 501 Not Implemented\nCSeq: *\nServer: GStreamer RTSP server\n".into(), false),
    ] {
        for (version, shows) in [(Version::V2_0, shows), (Version::V1_0, false)] {
            let next = if shows { "DESCRIBE rtsp://cam/s 2.0" } else { "DESCRIBE rtsp://cam/s" };
            let run = Run::new(newest(version))
                .script(&[("OPTIONS rtsp://cam/s", &answer), (next, VIDEO)]);
            // The presentation is answered in 1.0.
            let seen = if shows { Rtsp2::Refused } else { Rtsp2::Untried };
            assert_eq!(run.dialog.rtsp2(), seen, "{answer}");
        }
    }
}

#[test]
fn a_camera_that_refuses_2_0_is_asked_in_1_0_again() {
    let (video, two_setup) = (two(VIDEO), SETUP.replace(" [", " 2.0 ["));
    for answer in [
        "RTSP/1.0 505 Version Not Supported\nCSeq: *\n",
        "RTSP/1.0 400 Bad\nCSeq: *\n",
        "RTSP/2.0 400 Bad\nCSeq: *\n",
        "RTSP/2.0 501 Not Implemented\nCSeq: *\n",
        "RTSP/2.0 551 Option Not Supported\nCSeq: *\n",
        "<close>",
    ] {
        for refused_at in ["DESCRIBE", "SETUP"] {
            let (to_describe, rest) = match refused_at {
                "DESCRIBE" => (answer, vec![("DESCRIBE rtsp://cam/s", VIDEO)]),
                _ => (video.as_str(), vec![(two_setup.as_str(), answer)]),
            };
            let mut script = vec![
                ("OPTIONS rtsp://cam/s", GSTREAMER),
                ("DESCRIBE rtsp://cam/s 2.0", to_describe),
            ];
            script.extend(rest);
            script.extend([(SETUP, SETUP_OK), ("PLAY rtsp://cam/s [77]", OK)]);
            let run = Run::new(newest(Version::V2_0)).script(&script);
            assert!(run.dialog.is_playing(), "{refused_at} {answer}");
            assert_eq!((run.dialog.version(), run.dialog.rtsp2()), (Version::V1_0, Rtsp2::Refused));
        }
    }
}

#[test]
fn what_fails_in_1_0_as_well_was_not_the_version() {
    for (answer, in_1_0) in
        [("RTSP/2.0 400 Bad\nCSeq: *\n", "RTSP/1.0 400 Bad\nCSeq: *\n"), ("<close>", "<close>")]
    {
        let run = Run::new(newest(Version::V2_0)).script(&[
            ("OPTIONS rtsp://cam/s", GSTREAMER),
            ("DESCRIBE rtsp://cam/s 2.0", answer),
            ("DESCRIBE rtsp://cam/s", in_1_0),
        ]);
        assert!(run.error.is_some(), "{answer}");
        assert_eq!(run.dialog.rtsp2(), Rtsp2::Doubted, "{answer}");
    }
}

#[test]
fn what_a_camera_refuses_for_other_reasons_is_no_matter_of_the_version() {
    for (answer, seen) in [
        ("RTSP/2.0 404 Not Found\nCSeq: *\n", Rtsp2::Spoken),
        ("RTSP/2.0 453 Not Enough Bandwidth\nCSeq: *\n", Rtsp2::Spoken),
        ("RTSP/2.0 503 Service Unavailable\nCSeq: *\n", Rtsp2::Spoken),
        (
            "RTSP/2.0 401 Unauthorized\nCSeq: *\nWWW-Authenticate: Basic realm=\"x\"\n",
            Rtsp2::Spoken,
        ),
    ] {
        let run = Run::new(newest(Version::V2_0))
            .script(&[("OPTIONS rtsp://cam/s", GSTREAMER), ("DESCRIBE rtsp://cam/s 2.0", answer)]);
        assert!(run.error.is_some(), "{answer}");
        assert_eq!(run.dialog.rtsp2(), seen, "{answer}");
    }
}

#[test]
fn a_camera_that_closes_after_its_answers_goes_on_in_2_0() {
    let options = DialogOptions { version: Version::V2_0, ..url(LOGIN) };
    let run = Run::new(options).script(&[
        ("OPTIONS rtsp://cam/s", GSTREAMER),
        ("DESCRIBE rtsp://cam/s 2.0", &two(DIGEST)),
        ("DESCRIBE rtsp://cam/s 2.0 Digest", "<close>"),
        ("DESCRIBE rtsp://cam/s 2.0 Digest", &two(VIDEO)),
    ]);
    assert_eq!(run.error, None);
    assert_eq!((run.dialog.version(), run.dialog.rtsp2()), (Version::V2_0, Rtsp2::Spoken));
}

#[test]
fn an_answer_in_1_0_is_the_end_of_2_0() {
    let run = Run::new(newest(Version::V2_0)).script(&[
        ("OPTIONS rtsp://cam/s", GSTREAMER),
        ("DESCRIBE rtsp://cam/s 2.0", VIDEO),
        (SETUP, SETUP_OK),
        ("PLAY rtsp://cam/s [77]", OK),
    ]);
    assert!(run.dialog.is_playing());
    assert_eq!((run.dialog.version(), run.dialog.rtsp2()), (Version::V1_0, Rtsp2::Refused));
}

#[test]
fn a_redirect_begins_in_1_0() {
    let elsewhere = "RTSP/2.0 302 Found\nCSeq: *\nLocation: rtsp://other/s\n";
    let run = Run::new(newest(Version::V2_0)).script(&[
        ("OPTIONS rtsp://cam/s", GSTREAMER),
        ("DESCRIBE rtsp://cam/s 2.0", elsewhere),
        ("OPTIONS rtsp://other/s", OPTIONS_OK),
        ("DESCRIBE rtsp://other/s", VIDEO),
    ]);
    assert_eq!(run.error, None);
    assert_eq!(run.dialog.version(), Version::V1_0);
}

#[test]
fn a_login_is_given_in_the_version_of_the_request() {
    let options = DialogOptions { version: Version::V2_0, ..url(LOGIN) };
    let run = Run::new(options).script(&[
        ("OPTIONS rtsp://cam/s", GSTREAMER),
        ("DESCRIBE rtsp://cam/s 2.0", &two(DIGEST)),
        ("DESCRIBE rtsp://cam/s 2.0 Digest", &two(VIDEO)),
    ]);
    assert_eq!(run.error, None);
    assert_eq!(run.dialog.version(), Version::V2_0);
}

#[test]
fn requests_in_2_0_carry_what_it_wants_of_them() {
    let mut run = Run::new(newest(Version::V2_0)).over_udp();
    let options = run.next_request();
    assert_eq!((options.version, options.headers.get("Supported")), (Version::V1_0, None));
    run.answer(GSTREAMER, options.cseq().unwrap());
    let describe = run.next_request();
    assert_eq!(describe.version, Version::V2_0);
    assert_eq!(describe.headers.get("Supported"), Some("play.basic"));
    run.answer(&two(VIDEO), describe.cseq().unwrap());
    let setup = run.next_request();
    assert_eq!(setup.headers.get("Accept-Ranges"), Some("npt"));
    assert_eq!(
        setup.headers.get("Transport"),
        Some(
            "RTP/AVP;unicast;client_port=6000-6001,\
             RTP/AVP;unicast;dest_addr=\":6000\"/\":6001\""
        )
    );
    let granted = "RTSP/2.0 200 OK\nCSeq: *\nSession: 77\n\
                   Transport: RTP/AVP;unicast;client_port=6000-6001;server_port=9000-9001\n";
    run.answer(granted, setup.cseq().unwrap());
    let play = run.next_request();
    assert_eq!((play.version, play.headers.get("Session")), (Version::V2_0, Some("77")));
    assert_eq!(play.headers.get("Range"), None, "a live stream has nothing but now");
    for request in [&describe, &setup, &play] {
        assert_eq!(request.headers.get("Date"), None);
    }
}

#[test]
fn the_camera_says_with_play_notify_that_the_stream_is_over() {
    let notify = |line: &str| {
        format!("PLAY_NOTIFY rtsp://cam/s RTSP/2.0\r\nCSeq: 9\r\nSession: 77\r\n{line}\r\n")
    };
    for (line, answered, ends) in [
        ("Notify-Reason: end-of-stream\r\n", "answers 200 to 9", true),
        ("Notify-Reason: End-Of-Stream\r\n", "answers 200 to 9", true),
        ("Notify-Reason: media-properties-update\r\n", "answers 200 to 9", false),
        ("Notify-Reason: scale-change\r\n", "answers 200 to 9", false),
        ("Notify-Reason: lunch-break\r\n", "answers 465 to 9", false),
        ("", "answers 200 to 9", false),
    ] {
        let mut run = playing_in_2_0();
        run.feed(notify(line).as_bytes());
        assert_eq!(run.events.last().map(String::as_str), Some(answered), "{line}");
        let error = run.error.as_ref().map(ToString::to_string);
        let expected = "the camera says that the stream has ended (PLAY_NOTIFY)";
        assert_eq!(error.as_deref(), ends.then_some(expected), "{line}");
        // The session is the camera's until it is told.
        run.note(|dialog, now| {
            dialog.teardown(now);
            Ok(())
        });
        let run = run.script(&[("TEARDOWN rtsp://cam/s 2.0 [77]", &two(OK))]);
        assert_eq!(run.events.last().map(String::as_str), Some("torn down"), "{line}");
    }
}
