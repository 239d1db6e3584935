//! No password leaves the relay in any form, whatever happens and however much it logs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use rtsp_relay_testing as support;
use rtsp_relay_testing::sim;

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rtsp_proto::Method;
use rtsp_proto::auth::{Algorithm, ha1};
use rustix::process::Signal;
use sim::{Auth, Camera, Fault, Options};
use support::{Program, Relay, RtspClient, leave};

const SOON: Duration = Duration::from_secs(10);

const CAMERA_PASSWORD: &str = "kam-Geheim%/@7 x";
const VIEWER_PASSWORD: &str = "sesam:oeffne-dich";
const WRONG_PASSWORD: &str = "fast-sesam-richtig";
const HASHED_PASSWORD: &str = "nur-als-hash-da";
const ADMIN_PASSWORD: &str = "chef-weiss-alles";
const REDIRECT_PASSWORD: &str = "umleitung-geheim";

/// Every form in which a login could show up.
fn forms() -> Vec<String> {
    let mut forms = Vec::new();
    for (user, password) in [
        ("admin", CAMERA_PASSWORD),
        ("eve", VIEWER_PASSWORD),
        ("eve", WRONG_PASSWORD),
        ("hash", HASHED_PASSWORD),
        ("boss", ADMIN_PASSWORD),
        ("admin", REDIRECT_PASSWORD),
    ] {
        forms.push(password.to_owned());
        forms.push(escaped(password));
        forms.push(STANDARD.encode(format!("{user}:{password}")).trim_end_matches('=').to_owned());
        forms.push(STANDARD.encode(password).trim_end_matches('=').to_owned());
        for realm in ["rtsp-relay", "Simulated camera"] {
            forms.push(ha1(user, realm, password, Algorithm::Md5));
            forms.push(ha1(user, realm, password, Algorithm::Sha256));
        }
    }
    forms
}

fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => out.push(char::from(b)),
            b => write!(out, "%{b:02X}").unwrap(),
        }
        out
    })
}

fn assert_clean(what: &str, text: &str) {
    for form in forms() {
        let line = text.lines().find(|line| line.contains(&form));
        assert_eq!(line, None, "{what} shows {form}");
    }
    // Answers to challenges can be tried against word lists.
    for part in ["response=", "uthorization: Basic", "uthorization: Digest"] {
        assert!(!text.contains(part), "{what} shows {part}");
    }
}

/// A camera that answers DESCRIBE with a redirect to a URL with a login in it; ends with the test.
fn redirecting_camera(to: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/main", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut text, mut buffer) = (String::new(), [0; 2048]);
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                text.push_str(&String::from_utf8_lossy(&buffer[..count]));
                while let Some((request, rest)) = text.split_once("\r\n\r\n") {
                    let cseq = request.lines().find_map(|line| line.strip_prefix("CSeq: "));
                    let (status, more) = match request.starts_with("DESCRIBE") {
                        true => ("302 Found", format!("Location: {to}\r\n")),
                        false => ("200 OK", "Public: DESCRIBE, SETUP, PLAY\r\n".to_owned()),
                    };
                    let cseq = cseq.unwrap_or_default();
                    let answer = format!("RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n{more}\r\n");
                    text = rest.to_owned();
                    if stream.write_all(answer.as_bytes()).is_err() {
                        break;
                    }
                }
            }
        }
    });
    url
}

fn camera(auth: Auth) -> Camera {
    let password = CAMERA_PASSWORD.to_owned();
    Camera::start(Options { auth, password, ..Options::default() }).unwrap()
}

/// What a client reads until the relay is silent or closes.
fn read_all(client: &mut RtspClient, into: &mut String) {
    let deadline = Instant::now() + Duration::from_millis(300);
    while let Ok(incoming) = client.next(deadline) {
        match incoming {
            support::Incoming::End => break,
            support::Incoming::Frame(_) => {}
            support::Incoming::Response(response) => {
                let body = String::from_utf8_lossy(&response.body).into_owned();
                writeln!(into, "{response:?}\n{body}").unwrap();
            }
            other => writeln!(into, "{other:?}").unwrap(),
        }
    }
}

#[test]
fn a_log_of_everything_with_logins_right_and_wrong_tells_no_password() {
    let cameras = [
        camera(Auth::Basic),
        camera(Auth::Digest { sha256: false, qop: false }),
        camera(Auth::Digest { sha256: true, qop: true }),
    ];
    let redirect = redirecting_camera(format!(
        "rtsp://admin:{REDIRECT_PASSWORD}@{}/main",
        cameras[0].address()
    ));
    let hash = ha1("hash", "rtsp-relay", HASHED_PASSWORD, Algorithm::Md5);
    let mut config = format!(
        "log_level=trace\nauth_methods=digest,basic\nsource_idle_timeout_s=0\n\
         admin_username=boss\nadmin_password={ADMIN_PASSWORD}\n\
         [user]\nname=eve\npassword={VIEWER_PASSWORD}\n\
         [user]\nname=hash\npassword_hash=md5:{hash}\n\
         [stream]\nname=inside\nrtsp_url={}\n\
         [stream]\nname=redirected\nrtsp_url={redirect}\nusername=admin\npassword={CAMERA_PASSWORD}\n\
         [stream]\nname=wrong\nrtsp_url={}\nusername=admin\npassword={WRONG_PASSWORD}\n\
         [stream]\nname=gone\nrtsp_url=rtsp://admin:{}@127.0.0.1:1/x\n\
         [stream]\nname=nowhere\nrtsp_url=rtsp://admin:{}@camera.invalid/x\n",
        cameras[0].url_with_login("main"),
        cameras[1].url("main"),
        escaped(CAMERA_PASSWORD),
        escaped(CAMERA_PASSWORD),
    );
    for (number, camera) in cameras.iter().enumerate() {
        let url = camera.url("main");
        write!(
            config,
            "[stream]\nname=cam{number}\nrtsp_url={url}\nusername=admin\npassword={CAMERA_PASSWORD}\n"
        )
        .unwrap();
    }
    let mut relay = Relay::start(&config);
    let mut answers = String::new();
    let login = |login: &str, stream: &str| {
        RtspClient::watch(&format!("rtsp://{login}@127.0.0.1:{}/{stream}", relay.port()))
    };
    let eve = format!("eve:{}", escaped(VIEWER_PASSWORD));
    for stream in ["inside", "cam0", "cam1", "cam2"] {
        let mut viewer = login(&eve, stream).unwrap_or_else(|error| panic!("{stream}: {error}"));
        assert!(viewer.read_frame(SOON).unwrap().is_some());
        viewer.teardown().unwrap();
    }
    for stream in ["redirected", "wrong", "gone", "nowhere"] {
        let error = login(&eve, stream).err().expect("no such camera").to_string();
        writeln!(answers, "{error}").unwrap();
    }
    let hashed = login(&format!("hash:{HASHED_PASSWORD}"), "cam0").unwrap();
    for wrong in ["eve", "hash", "nobody"] {
        let error = login(&format!("{wrong}:{WRONG_PASSWORD}"), "cam0").err().unwrap();
        writeln!(answers, "{error}").unwrap();
    }

    // What a clumsy client may send.
    let basic = STANDARD.encode(format!("eve:{VIEWER_PASSWORD}"));
    let plain = format!("rtsp://eve:{VIEWER_PASSWORD}@127.0.0.1:{}/cam0", relay.port());
    for request in [
        format!("DESCRIBE {plain} RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Basic {basic}\r\n"),
        format!("DESCRIBE {plain} RTSP/1.0\r\nCSeq: 1\r\n"),
        format!("DESCRIBE {plain}/nothing RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Basic {basic}\r\n"),
        format!("SETUP {plain} RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Basic {basic}\r\n"),
        format!("DANCE {plain} RTSP/1.0\r\nCSeq: 1\r\n"),
        format!("DESCRIBE {plain}%4 RTSP/1.0\r\nCSeq: 1\r\n"),
        format!("DESCRIBE {plain} x RTSP/1.0\r\nCSeq: 1\r\n"),
        format!("{plain} RTSP/1.0\r\nCSeq: 1\r\n"),
        format!("DESCRIBE rtsp://eve:{VIEWER_PASSWORD} x@h/ RTSP/1.0\r\nCSeq: 1\r\n"),
        format!("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nAuthorization : Basic {basic}\r\n"),
        format!("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nAuthorization Basic {basic}\r\n"),
        format!("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Basic\r\n {basic}\r\n"),
        format!("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Basic {basic}\u{1}\r\n"),
        format!("OPTIONS * RTSP/1.0\r\nAuthorization: Basic {basic}\r\n"),
        format!("DESCRIBE {plain} RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Basic {basic}=x\r\n"),
        format!("DESCRIBE {plain} RTSP/1.0\r\nCSeq: 1\r\nAuthorization: {basic}\r\n"),
    ] {
        let mut client = RtspClient::connect(&relay.url("cam0")).unwrap();
        client.send_raw(format!("{request}\r\n").as_bytes()).unwrap();
        read_all(&mut client, &mut answers);
    }

    // Cameras that change their mind, and the table of everything.
    cameras[0].fault(Fault::WrongPassword(true)).unwrap();
    cameras[0].fault(Fault::Die).unwrap();
    assert!(relay.wait_log("stream=cam0 retry_in=", SOON).is_some());
    let error = login(&eve, "cam0").err().map(|error| error.to_string());
    writeln!(answers, "{error:?}").unwrap();
    drop(hashed);
    relay.process().signal(Signal::USR1);
    assert!(relay.wait_log("status stream=wrong", SOON).is_some());
    let process = relay.process();
    assert_clean("the command line", &process.command_line());
    assert_clean("a thread's name", &process.thread_names().join("\n"));
    let (status, _) = relay.terminate();
    assert_eq!(status.code(), Some(0));
    let log = relay.log().join("\n");
    assert!(log.contains("TRACE"), "the log is one of everything");
    assert_clean("the log", &log);
    assert_clean("stdout", &relay.stdout.text());
    assert_clean("an answer", &answers);
}

#[test]
fn a_login_in_an_argument_is_shown_nowhere_else() {
    let camera = camera(Auth::Digest { sha256: false, qop: false });
    let stream = format!("door={}", camera.url_with_login("main"));
    let set = format!("client_password={VIEWER_PASSWORD}");
    let mut relay = Relay::with_args(&[
        "-vv",
        "--stream",
        &stream,
        "--set",
        "client_username=eve",
        "--set",
        &set,
    ]);
    let url = relay.url("door").replace("://", &format!("://eve:{}@", escaped(VIEWER_PASSWORD)));
    let mut viewer = RtspClient::watch(&url).unwrap();
    assert!(viewer.read_frame(SOON).unwrap().is_some());
    camera.fault(Fault::NoAnswer { method: Method::Describe }).unwrap();
    camera.fault(Fault::CloseAll).unwrap();
    assert!(relay.wait_log("camera offline", SOON).is_some());
    relay.process().signal(Signal::USR1);
    assert!(relay.wait_log("status stream=door", SOON).is_some());
    relay.terminate();
    assert!(relay.wait_log("DEBUG", SOON).is_some(), "-vv tells more");
    assert_clean("the log", &relay.log().join("\n"));
}

/// A configuration as a file that only we can read; removed with the value.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = leave(&format!("secrets-{}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.0);
    }
}

fn run(args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rtsp-relay"));
    let finished = Program::run(command.args(args), SOON);
    let code = finished.status.and_then(|status| status.code());
    (code, format!("{}\n{}", finished.stdout, finished.stderr))
}

#[test]
fn neither_check_nor_print_config_shows_a_password() {
    let password_file = File::new("password", CAMERA_PASSWORD);
    let hash = ha1("hash", "rtsp-relay", HASHED_PASSWORD, Algorithm::Sha256);
    let config = File::new(
        "whole.conf",
        &format!(
            "client_username=eve\nclient_password={VIEWER_PASSWORD}\nauth_methods=digest-sha256,basic\n\
             admin_username=boss\nadmin_password={ADMIN_PASSWORD}\n\
             [user]\nname=hash\npassword_hash=sha256:{hash}\n\
             [stream]\nname=a\nrtsp_url=rtsp://admin:{}@h/a\n\
             [stream]\nname=b\nrtsp_url=rtsp://h/b\nusername=admin\npassword={CAMERA_PASSWORD}\n\
             [stream]\nname=c\nrtsp_url=rtsp://h/c\nusername=admin\npassword_file={}\n",
            escaped(CAMERA_PASSWORD),
            password_file.0.display(),
        ),
    );
    let path = config.0.to_str().unwrap();
    for option in ["--check", "--print-config"] {
        let (code, output) = run(&["-c", path, option]);
        assert_eq!(code, Some(0), "{output}");
        assert!(output.contains("rtsp://h/a"), "{output}");
        assert_clean(option, &output);
    }
}

#[test]
fn no_complaint_about_a_configuration_repeats_a_password() {
    let key = CAMERA_PASSWORD;
    let url = escaped(CAMERA_PASSWORD);
    let stream = "[stream]\nname=a\nrtsp_url=rtsp://h/a\n";
    let hash = ha1("hash", "rtsp-relay", HASHED_PASSWORD, Algorithm::Md5);
    for (number, text) in [
        format!("{stream}pasword={key}\n"),
        format!("{stream}username=admin\npassword\n{key}\n"),
        format!("{stream}{key}\n"),
        format!("{stream}password={key}\n"),
        format!("{stream}username=admin\npassword={key}\npassword={WRONG_PASSWORD}\n"),
        format!("{stream}username=admin\npassword_file=/{key}/{WRONG_PASSWORD}\nport=1\n")
            .replace(key, "x")
            .replace(WRONG_PASSWORD, "y"),
        format!("[stream]\nname=a\nrtsp_url=rtsp://admin:{url}@h:99999/a\n"),
        format!("[stream]\nname=a\nrtsp_url=http://admin:{url}@h/a\n"),
        format!("[stream]\nname=a\nrtsp_url=admin:{url}@h/a\n"),
        format!("[stream]\nname=a\nrtsp_url=rtsp:/admin:{url}@h/a\n"),
        format!("[stream]\nname=a\nrtsp_url=rtsp://admin:{url}@/a\n"),
        format!("[stream]\nname=a\nrtsp_url=rtsp://admin:{url}@h h/a\n"),
        format!("[stream]\nname=a\nrtsp_url=rtsp://admin:{url}@[::1/a\n"),
        format!("[stream]\nname=a\nrtsp_url=rtsp://admin:{url}@h/a\nusername=u\npassword={key}\n"),
        format!("[stream]\nname=rtsp://admin:{url}@h/a\nrtsp_url=rtsp://h/\n"),
        format!("{stream}fallback=rtsp://admin:{url}@h/a\n"),
        format!("client_password={key}\n{stream}"),
        format!("admin_password={key}\n{stream}"),
        format!("{stream}[user]\nname=hash\npassword_hash={hash}\n"),
        format!("{stream}[user]\nname=hash\npassword_hash=md5:{hash}0\n"),
        format!("{stream}[user]\nname=hash\npassword_hash=sha256:{hash}\n"),
        format!("{stream}[user]\nname=hash\npassword={key}\npassword_hash=md5:{hash}\n"),
        format!("{stream}[user]\npassword={key}\n"),
        format!("{stream}[user]\nname=u\nname=v\npasswd={key}\n"),
        format!("[strem]\npassword={key}\n"),
        format!("{{\"streams\":[{{\"name\":\"a\",\"rtsp_url\":\"rtsp://h/\",\"password\":[\"{key}\"]}}]}}"),
        format!("{{\"streams\":[{{\"name\":\"a\",\"rtsp_url\":\"rtsp://h/\",\"password\":{{\"{key}\":1}}}}]}}"),
        format!("{{\"streams\":[{{\"name\":\"a\",\"rtsp_url\":\"rtsp://h:x/\",\"password\":\"{key}\"}}]}}"),
        format!("{{\"streams\":[{{\"password\":\"{key}\" \"name\":\"a\"}}]}}"),
        format!("{{\"streams\":[{{\"password\":\"{key}}}]}}"),
        format!("{{\"client_password\":\"{key}\\x\"}}"),
        format!("{{\"streams\":\"{key}\"}}"),
        format!("{{\"streams\":[\"{key}\"]}}"),
        format!("{{\"users\":[{{\"name\":\"u\",\"password_hash\":\"md5:{key}\"}}]}}"),
    ]
    .iter()
    .enumerate()
    {
        let file = File::new(&format!("broken-{number}"), text);
        let (code, output) = run(&["-c", file.0.to_str().unwrap(), "--check"]);
        assert_eq!(code, Some(1), "{text}\n{output}");
        assert_clean(text, &output);
    }
    for args in [
        &["--stream", &format!("door=http://admin:{url}@h/a")][..],
        &["--stream", &format!("door=rtsp://admin:{url}@h:0x/a")],
        &["--stream", &format!("rtsp://admin:{url}@h/a")],
        &["--set", &format!("client_pasword={key}"), "--stream", "a=rtsp://h/"],
        &["--set", &format!("client_password={key}"), "--stream", "a=rtsp://h/"],
        &["--set", &format!("password={key}"), "--stream", "a=rtsp://h/"],
        &["--client-password", key],
        &[&format!("--client-password={key}")],
        &["--stream", "a=rtsp://h/", &format!("rtsp://admin:{url}@h/a")],
        &["probe", &format!("http://admin:{url}@h/a")],
    ] {
        let (code, output) = run(&[args, &["--check"]].concat());
        assert!(matches!(code, Some(1 | 2)), "{args:?}: {code:?}\n{output}");
        assert_clean(&args.join(" "), &output);
    }
}

#[test]
fn the_system_writes_no_core_dump_of_the_relay_and_shows_its_memory_to_nobody() {
    let relay = Relay::start("");
    let read = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", relay.process().0));
    let limits = read("limits").unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let values: Vec<_> = core.split_whitespace().skip(4).take(2).collect();
    let root = rustix::process::geteuid().is_root();
    // Who is not root could not run these tests beside it: see `Relay`.
    assert!(!root || values == ["0", "0"], "{core}");
}

#[test]
fn every_log_of_the_whole_suite_is_swept_for_each_form_of_a_secret() {
    let config = "client_password=sesam:oeffne-dich\n[user]\npassword_hash=md5:0123456789abcdef\n\
                  [stream]\nrtsp_url=rtsp://admin:kam%2FGeheim@h/a\n--stream\ndoor=rtsp://u:argument@h/\n";
    let sweep = support::Sweep::of(config);
    for shown in [
        "x sesam:oeffne-dich y".to_owned(),
        "sesam%3Aoeffne-dich".to_owned(),
        STANDARD.encode("eve:sesam:oeffne-dich"),
        STANDARD.encode("adam:sesam:oeffne-dich"),
        STANDARD.encode("ev:sesam:oeffne-dich"),
        "0123456789abcdef".to_owned(),
        "rtsp://admin:kam%2FGeheim@h".to_owned(),
        "kam/Geheim".to_owned(),
        "argument".to_owned(),
        "Digest username=\"a\", response=\"0\"".to_owned(),
    ] {
        assert!(sweep.find(std::slice::from_ref(&shown)).is_some(), "{shown}");
    }
    assert_eq!(sweep.find(&["login failed address=1.2.3.4:5 user=\"eve\"".to_owned()]), None);
}

#[test]
fn the_forms_that_are_searched_for_are_the_right_ones() {
    let forms = forms();
    assert!(forms.contains(&"c2VzYW06b2VmZm5lLWRpY2g".to_owned()));
    assert!(forms.contains(&"kam-Geheim%25%2F%407%20x".to_owned()));
}
