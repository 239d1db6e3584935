//! When there is no picture, the operator reads why, and the camera is left alone.

use super::*;

const ASK_OPTIONS: (&str, &str) = ("OPTIONS rtsp://cam/s", OPTIONS_OK);
const ASK_DESCRIBE: (&str, &str) = ("DESCRIBE rtsp://cam/s", VIDEO);

#[track_caller]
fn fails(url_text: &str, script: &[(&str, &str)], text: &str) {
    Run::new(url(url_text)).script(script).ended(text);
}

#[test]
fn a_wrong_login_is_sent_once_and_not_again() {
    let text = "DESCRIBE: the camera refused the login (Digest MD5): wrong user or password";
    for second in [DIGEST, DIGEST_2] {
        fails(
            LOGIN,
            &[
                ASK_OPTIONS,
                ("DESCRIBE rtsp://cam/s", DIGEST),
                ("DESCRIBE rtsp://cam/s Digest", second),
            ],
            text,
        );
    }
    let basic = "RTSP/1.0 401 Unauthorized\nCSeq: *\nWWW-Authenticate: Basic realm=\"c\"\n";
    fails(
        LOGIN,
        &[("OPTIONS rtsp://cam/s", basic), ("OPTIONS rtsp://cam/s Basic", basic)],
        "OPTIONS: the camera refused the login (Basic): wrong user or password",
    );
}

#[test]
fn a_camera_that_finds_every_nonce_stale_is_not_asked_for_ever() {
    let stale = "RTSP/1.0 401 Unauthorized\nCSeq: *\n\
                 WWW-Authenticate: Digest realm=\"c\", nonce=\"1\", stale=true\n";
    let mut run = Run::new(url(LOGIN));
    for _ in 0..10 {
        if run.is_idle() {
            break;
        }
        let cseq = run.next_request().cseq().unwrap();
        run.answer(stale, cseq);
    }
    run.ended("OPTIONS: the camera refused the login (Digest MD5): wrong user or password");
}

#[test]
fn a_missing_login_and_an_unknown_scheme_are_told_apart() {
    fails(
        PLAIN,
        &[ASK_OPTIONS, ("DESCRIBE rtsp://cam/s", DIGEST)],
        "the camera asks for a login and none is configured",
    );
    let ntlm = "RTSP/1.0 401 Unauthorized\nCSeq: *\nWWW-Authenticate: NTLM\n";
    fails(
        LOGIN,
        &[ASK_OPTIONS, ("DESCRIBE rtsp://cam/s", ntlm)],
        "the camera asks for a login in a way that is not known: NTLM",
    );
}

#[test]
fn a_refused_step_is_named_with_the_status() {
    for (answer, text) in [
        (
            "RTSP/1.0 404 Stream Not Found\nCSeq: *\n",
            "DESCRIBE: the camera has no stream of this name (404 Not Found)",
        ),
        ("RTSP/1.0 403 Forbidden\nCSeq: *\n", "DESCRIBE: the camera answered 403 Forbidden"),
        ("RTSP/1.0 503\nCSeq: *\n", "DESCRIBE: the camera answered 503 Service Unavailable"),
        (OK, "DESCRIBE: the camera's presentation cannot be read: the answer has no body"),
    ] {
        fails(PLAIN, &[ASK_OPTIONS, ("DESCRIBE rtsp://cam/s", answer)], text);
    }
    fails(
        PLAIN,
        &[ASK_OPTIONS, ASK_DESCRIBE, (SETUP, "RTSP/1.0 453 Not Enough Bandwidth\nCSeq: *\n")],
        "SETUP: the camera has no free session (453 Not Enough Bandwidth); \
         an old one may live on for up to a minute",
    );
    fails(
        PLAIN,
        &[
            ASK_OPTIONS,
            ASK_DESCRIBE,
            (SETUP, SETUP_OK),
            ("PLAY rtsp://cam/s [77]", "RTSP/1.0 500 Internal Server Error\nCSeq: *\n"),
        ],
        "PLAY: the camera answered 500 Internal Server Error",
    );
}

#[test]
fn a_presentation_without_media_is_no_stream() {
    let empty = "RTSP/1.0 200 OK\nCSeq: *\nContent-Length: *\n\nv=0\ns=-\nt=0 0\n";
    let run = Run::new(url(PLAIN)).script(&[ASK_OPTIONS, ("DESCRIBE rtsp://cam/s", empty)]);
    let text = run.error.as_ref().unwrap().to_string();
    assert!(text.starts_with("DESCRIBE: the camera's presentation"), "{text}");
}

#[test]
fn silence_is_a_timeout_of_the_step_that_was_not_answered() {
    let script = [ASK_OPTIONS, ASK_DESCRIBE, (SETUP, SETUP_OK), ("PLAY rtsp://cam/s [77]", "")];
    for (at, step) in ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"].iter().enumerate() {
        let mut run = Run::new(url(PLAIN)).script(&script[..at]);
        run.next_request();
        assert_eq!(run.wait(), REQUEST_TIMEOUT);
        run.ended(&format!("{step}: the camera did not answer in time"));
        assert_eq!(run.dialog.deadline(), None);
    }
}

#[test]
fn redirects_end_somewhere() {
    let mut run = Run::new(url(PLAIN));
    while !run.is_idle() {
        let cseq = run.next_request().cseq().unwrap();
        run.answer("RTSP/1.0 302 Found\nCSeq: *\nLocation: rtsp://cam/s\n", cseq);
    }
    run.ended("the camera redirected more than 5 times");
    assert_eq!(run.events, ["redirect rtsp://cam/s"; 5]);
}

#[test]
fn a_redirect_never_leads_from_tls_to_plain_or_nowhere() {
    for (from, location, text) in [
        (
            "rtsps://cam/s",
            "Location: rtsp://cam:8554/s\n",
            "OPTIONS: the camera redirects from TLS to a plain connection (cam:8554), \
             which is not followed",
        ),
        ("rtsp://cam/s", "", "OPTIONS: the camera redirects without saying where to (302 Found)"),
        (
            "rtsp://cam/s",
            "Location: http://u:secret@cam/x\n",
            "OPTIONS: the camera redirects to what is no RTSP URL: cam/x",
        ),
    ] {
        let answer = format!("RTSP/1.0 302 Found\nCSeq: *\n{location}");
        fails(from, &[(&format!("OPTIONS {from}"), &answer)], text);
    }
}

#[test]
fn the_login_is_not_carried_to_another_host() {
    let elsewhere = "RTSP/1.0 302 Found\nCSeq: *\nLocation: rtsp://other/s\n";
    fails(
        LOGIN,
        &[
            ("OPTIONS rtsp://cam/s", elsewhere),
            ("OPTIONS rtsp://other/s", OPTIONS_OK),
            ("DESCRIBE rtsp://other/s", DIGEST),
        ],
        "DESCRIBE: the camera redirected to other, which asks for a login; \
         logins are not taken to other hosts",
    );
}

#[test]
fn a_camera_that_hangs_up_is_not_dialled_for_ever() {
    fails(
        PLAIN,
        &[("OPTIONS rtsp://cam/s", "<close>")],
        "the camera closed the connection instead of answering OPTIONS",
    );
    fails(
        PLAIN,
        &[ASK_OPTIONS, ("DESCRIBE rtsp://cam/s", "<close>"), ("DESCRIBE rtsp://cam/s", "<close>")],
        "the camera closed the connection instead of answering DESCRIBE",
    );
    fails(
        PLAIN,
        &[ASK_OPTIONS, ASK_DESCRIBE, (SETUP, SETUP_OK), ("PLAY rtsp://cam/s [77]", "<close>")],
        "the camera closed the connection instead of answering PLAY",
    );
    let mut run = playing(OPTIONS_OK);
    run.note(|dialog, now| dialog.disconnected(now));
    run.ended("the camera closed the connection");
}

#[test]
fn a_camera_that_ends_the_stream_is_believed() {
    for (request, text) in [
        (
            "TEARDOWN rtsp://cam/s RTSP/1.0\r\nCSeq: 9\r\n\r\n",
            "the camera ended the session (TEARDOWN)",
        ),
        (
            "REDIRECT rtsp://cam/s RTSP/1.0\r\nCSeq: 9\r\nLocation: rtsp://a:b@other/\r\n\r\n",
            "the camera redirects the stream to other/",
        ),
    ] {
        let mut run = playing(OPTIONS_OK);
        run.feed(request.as_bytes());
        run.ended(text);
        assert_eq!(run.events.last().map(String::as_str), Some("answers 200 to 9"));
    }
}

#[test]
fn a_session_the_camera_forgot_is_over() {
    let mut run = playing(OPTIONS_OK);
    run.wait();
    let cseq = run.next_request().cseq().unwrap();
    run.answer("RTSP/1.0 454 Session Not Found\nCSeq: *\n", cseq);
    run.ended("the camera has forgotten the session (454 Session Not Found)");
}

#[test]
fn nothing_to_set_up_is_said() {
    let mut run = Run::new(url(PLAIN)).script(&[ASK_OPTIONS]);
    run.dialog.setup(Vec::new(), run.now);
    run.wait();
    assert_eq!(run.error, Some(DialogError::NoMedia));
}

#[test]
fn the_password_is_in_no_message() {
    let options = url("rtsp://admin:hunter2@cam/s");
    let shown = format!("{options:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let run = Run::new(options);
    assert!(!run.dialog.url().to_string().contains("hunter2"));
}
