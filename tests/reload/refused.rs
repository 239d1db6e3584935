//! A configuration that is not valid changes nothing, and is told with file and line.

use super::{House, SOON};
use crate::support::{Relay, RtspClient};

#[test]
fn a_broken_file_changes_nothing_and_is_told_in_log_answer_and_status() {
    let house = House::new("");
    let mut viewer = RtspClient::watch(&house.relay.url("door")).unwrap();
    let file = house.relay.file().display().to_string();
    let before = house.curl("api/v1/status", &[]).1;
    assert_eq!(before["reload"]["taken"], true);
    house.relay.rewrite("max_clients=none\n[stream]\nname=new\nrtsp_url=http://x/\nnam=y");
    let (code, answer) = house.reload();
    assert_eq!((code, &answer["taken"]), (422, &false.into()), "{answer}");
    let errors: Vec<_> =
        answer["errors"].as_array().unwrap().iter().map(|e| e.as_str().unwrap()).collect();
    assert_eq!(errors.len(), 3, "{errors:?}");
    for (error, line) in errors.iter().zip([3, 6, 7]) {
        assert!(error.starts_with(&format!("{file}:{line}: ")), "{error}");
        assert!(house.relay.wait_log(error, SOON).is_some());
    }
    let status = house.curl("api/v1/status", &[]).1;
    assert_eq!(status["reload"]["errors"], answer["errors"]);
    assert_eq!(
        (&status["streams"][0]["name"], &status["max_clients"]),
        (&"door".into(), &16.into())
    );
    assert!(viewer.read_frame(SOON).unwrap().is_some());

    house.relay.process().signal(rustix::process::Signal::HUP);
    let again = |n| house.relay.stderr.wait_count(errors[0], n, SOON);
    assert!(again(2), "a signal tells the same");
    std::fs::remove_file(house.relay.file()).unwrap();
    let (code, answer) = house.reload();
    assert!(code == 422 && answer["errors"][0].as_str().unwrap().contains("cannot be read"));
    house.relay.rewrite(&house.text("", &house.near.url("sub")));
    assert_eq!(house.reload().0, 200);
    assert_eq!(house.curl("api/v1/status", &[]).1["reload"]["taken"], true);
}

#[test]
fn only_the_administrator_reloads_and_only_by_post_from_the_own_page() {
    let house =
        House::new("[user]\nname=all\npassword=one\n[user]\nname=some\npassword=two\nstreams=d*");
    let post =
        |arguments: &[&str]| house.curl("api/v1/reload", &[&["-X", "POST"], arguments].concat()).0;
    assert_eq!(post(&[]), 401);
    assert_eq!(post(&["-u", "all:one"]), 401);
    assert_eq!(post(&["-u", "root:wrong"]), 401);
    for header in ["Origin: http://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"] {
        assert_eq!(post(&["-u", "root:x", "-H", header]), 403, "{header}");
    }
    assert_eq!(house.curl("api/v1/reload", &["-u", "root:x"]).0, 405);
    assert_eq!(post(&["-u", "root:x"]), 200);
    // What is wrong with the file may be about streams of others.
    let shown = |login| house.curl("api/v1/status", &["-u", login]).1["reload"].is_object();
    assert!(shown("all:one") && shown("root:x") && !shown("some:two"));
}

#[test]
fn what_the_command_line_says_goes_on_to_hold() {
    let relay =
        Relay::with_args(&["--stream", "door=rtsp://127.0.0.1:9/x", "--set", "log_level=debug"]);
    relay.process().signal(rustix::process::Signal::HUP);
    assert!(relay.wait_log("configuration read again from the command line", SOON).is_some());
    assert!(relay.wait_log("configuration unchanged", SOON).is_some());
}
