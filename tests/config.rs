//! What an operator writes, and what the relay makes of it or says to it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers are tests too")]

use std::ffi::OsStr;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rtsp_relay::config::keys::{self, Scope};
use rtsp_relay::config::model::{CameraTls, OnOffline, StreamPattern, UserPassword};
use rtsp_relay::config::{
    Config, Loaded, Sources, Surroundings, load_in, print, reference, summary,
};

/// A directory of its own for each test.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rtsp-relay-{}-{test}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn file(path: &Path) -> Sources {
    Sources { file: Some(path.to_owned()), explicit: true, ..Sources::default() }
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn load(sources: &Sources) -> Result<Loaded, Vec<String>> {
    load_in(sources, Surroundings::default())
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

/// The configuration that `text` is, with the warnings it gets.
fn load_text(test: &str, text: &str) -> (Config, Vec<String>) {
    let directory = Directory::new(test);
    let path = directory.write("c", text);
    let loaded = load(&file(&path)).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let prefix = format!("{}:", path.display());
    let warnings = loaded.warnings.iter().map(|line| line.replace(&prefix, "")).collect();
    (loaded.config, warnings)
}

#[test]
fn both_examples_of_the_plan_are_the_same_configuration() {
    let ini = load(&file(&repository("examples/config/simple.conf"))).unwrap().config;
    let json = load(&file(&repository("examples/config/simple.json"))).unwrap().config;
    assert_eq!(ini, json);
    assert_eq!(ini.streams.keys().collect::<Vec<_>>(), ["cam1_main", "cam1_sub", "cam2_main"]);
    let camera = &ini.streams["cam1_sub"];
    assert_eq!(camera.url.to_string(), "rtsp://192.168.1.100:554/stream2");
    assert_eq!(camera.camera_id.as_deref(), Some("cam1"));
    let login = camera.credentials.as_ref().unwrap();
    assert_eq!((login.username.as_str(), login.password.expose()), ("admin", "mypassword"));
    assert_eq!(ini.streams["cam2_main"].credentials, None);
}

#[test]
fn the_examples_with_all_keys_are_the_same_configuration_and_leave_no_key_out() {
    let ini = load(&file(&repository("examples/config/full.conf"))).unwrap();
    let json = load(&file(&repository("examples/config/full.json"))).unwrap();
    assert_eq!(ini.config, json.config);

    let ini_text = fs::read_to_string(repository("examples/config/full.conf")).unwrap();
    let json_text = fs::read_to_string(repository("examples/config/full.json")).unwrap();
    let section_of = |section: &str| -> String {
        let mut here = section.is_empty();
        let in_section = |line: &&str| {
            if line.starts_with('[') {
                here = *line == section;
            }
            here
        };
        ini_text.lines().filter(in_section).map(|line| format!("{line}\n")).collect()
    };
    for key in keys::all() {
        let section = match key.scope {
            Scope::Global | Scope::GlobalAndStream => section_of(""),
            Scope::Stream => section_of("[stream]"),
            Scope::User => section_of("[user]"),
        };
        let line = format!("{}=", key.name);
        assert!(section.lines().any(|l| l.starts_with(&line)), "{} in {:?}", key.name, key.scope);
        assert!(json_text.contains(&format!("\"{}\":", key.name)), "{} in JSON", key.name);
    }
}

/// The shipped file is made from the table. After a change of the table, write it anew with
/// `UPDATE_REFERENCE=1 cargo test --test config`.
#[test]
fn the_shipped_configuration_documents_every_key_with_its_default() {
    let path = repository("etc/rtsp-relay.conf");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        fs::write(&path, reference()).unwrap();
    }
    let shipped = fs::read_to_string(&path).unwrap();
    assert_eq!(shipped, reference(), "etc/rtsp-relay.conf is not what the table of keys says");
    for key in keys::all() {
        assert!(shipped.contains(&format!("\n#{}={}\n", key.name, key.default)), "{}", key.name);
        assert!(shipped.contains(&format!("Example: {}={}\n", key.name, key.example)));
    }
    assert!(shipped.lines().all(|line| line.is_empty() || line.starts_with('#')));
}

#[test]
fn the_shipped_configuration_is_valid_and_serves_nothing_yet() {
    let loaded = load(&file(&repository("etc/rtsp-relay.conf"))).unwrap();
    assert!(loaded.config.streams.is_empty());
    assert_eq!(loaded.warnings.len(), 1, "{:?}", loaded.warnings);
    assert!(loaded.warnings[0].ends_with(":1: there is no stream: nothing can be watched"));
}

/// Each file of `tests/broken-configs` has its messages beside it, `FILE` for its own name; the
/// arguments after a `$` on the first line of those are `--set` and `--stream`.
#[test]
fn every_mistake_is_named_with_its_line() {
    let directory = repository("tests/broken-configs");
    let mut count = 0;
    let mut failures = String::new();
    let mut paths: Vec<_> =
        fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.is_file()) {
        if path.extension() == Some(OsStr::new("expected")) {
            continue;
        }
        count += 1;
        let mut expected_path = path.clone().into_os_string();
        expected_path.push(".expected");
        let expected = fs::read_to_string(&expected_path).unwrap_or_default();
        let mut sources = file(path);
        let arguments = expected.lines().next().and_then(|line| line.strip_prefix("$ "));
        for pair in arguments.unwrap_or_default().split(' ').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap();
            sources.set.push((key.to_owned(), value.to_owned()));
        }
        let expected: String = expected
            .lines()
            .filter(|line| !line.starts_with('$'))
            .map(|line| format!("{line}\n"))
            .collect();
        let found: String = match load(&sources) {
            Ok(_) => "valid\n".to_owned(),
            Err(errors) => errors.iter().map(|error| format!("{error}\n")).collect(),
        };
        let found = found
            .replace(&path.display().to_string(), "FILE")
            .replace(&directory.display().to_string(), "DIRECTORY");
        assert!(!found.contains("hunter2"), "{}: shows a secret:\n{found}", path.display());
        if std::env::var_os("UPDATE_BROKEN_CONFIGS").is_some() {
            let arguments = arguments.map(|line| format!("$ {line}\n")).unwrap_or_default();
            fs::write(&expected_path, arguments + &found).unwrap();
        } else if found != expected {
            failures += &format!("{}:\n{found}instead of\n{expected}\n", path.display());
        }
    }
    assert!(failures.is_empty(), "{failures}");
    assert!(count >= 30, "only {count} files were found");
}

#[test]
fn what_is_printed_loads_to_the_same_configuration() {
    let directory = Directory::new("print");
    let made = rcgen::generate_simple_self_signed(vec!["relay.lan".to_owned()]).unwrap();
    let pems = made.cert.pem() + &made.key_pair.serialize_pem();
    let certificate = directory.write("both.pem", pems);
    let text = format!(
        "rtsps_port=322\ntls_certificate={0}\ntls_key={0}\nrtp_port=6970\nhttp_port=8080\n\
         multicast_interface=eth0\nretry_max_attempts=3\nmax_clients_per_ip=2\n\
         [stream]\nname=a/b\nrtsp_url=rtsps://cam:322/s?x=1\nfallback=c\nmulticast=yes\n\
         tls_fingerprint={1}\nallow=10.0.0.0/8,::1\nmedia=video\non_offline=hold\n\
         [stream]\nname=c\nrtsp_url=rtsp://cam/s\nenabled=no\ntransport=udp\nhold_timeout_s=7\n",
        certificate.display(),
        "ab".repeat(32)
    );
    let config = load(&file(&directory.write("c", text))).unwrap().config;
    let printed = print(&config);
    let again = load(&file(&directory.write("printed", &printed))).unwrap().config;
    assert_eq!(config, again, "{printed}");
    assert_eq!(printed, print(&again));
}

#[test]
fn secrets_are_neither_printed_nor_summarised_and_a_copy_without_them_does_not_load() {
    let hash = "0123456789abcdef0123456789abcdef";
    let text = format!(
        "admin_username=root\nadmin_password=hunter2-1\nclient_username=u\n\
         client_password=hunter2-2\n[stream]\nname=a\nrtsp_url=rtsp://c/\nusername=x\n\
         password=hunter2-3\n[stream]\nname=b\nrtsp_url=rtsp://y:hunter2-4@c/s\n[user]\nname=v\n\
         password_hash=md5:{hash}\n[user]\nname=w\npassword=hunter2-5\nstreams=a,b*\n"
    );
    let (config, _) = load_text("secrets", &text);
    let printed = print(&config);
    for text in [&printed, &summary(&config), &format!("{config:?}")] {
        assert!(!text.contains("hunter2") && !text.contains(hash), "{text}");
    }
    let directory = Directory::new("secrets-again");
    let errors = load(&file(&directory.write("c", &printed))).unwrap_err();
    assert_eq!(errors.len(), 6, "{errors:#?}");

    // With the secrets filled in where the stars are, it is the same configuration.
    let mut secrets =
        ["hunter2-1", "hunter2-3", "hunter2-4", "hunter2-2", hash, "hunter2-5"].into_iter();
    let filled: String = printed
        .lines()
        .map(|line| match line.strip_prefix('#').filter(|line| line.ends_with("***")) {
            Some(line) => line.replace("***", secrets.next().unwrap()) + "\n",
            None => format!("{line}\n"),
        })
        .collect();
    assert_eq!(load_text("secrets-filled", &filled).0, config, "{filled}");
}

#[test]
fn a_summary_says_what_will_be_served() {
    let text = "max_clients_per_ip=4\nhttp_port=8080\nclient_username=u\nclient_password=p\n\
                [stream]\nname=door\nrtsp_url=rtsp://admin:pw@10.0.0.2/1\nfallback=yard\n\
                [stream]\nname=yard\nrtsp_url=rtsps://10.0.0.3/\nenabled=no\ntransport=tcp\n\
                tls_insecure=yes\n";
    let (config, _) = load_text("summary", text);
    let expected = "\
rtsp       0.0.0.0:8554, [::]:8554
http       127.0.0.1:8080
limits     16 clients (4 from one address), 8 camera connections, 512 MB memory, 80 % CPU
logins     1 user by digest
streams    2, 1 of them disabled
  door  rtsp://10.0.0.2/1, with login, fallback yard
  yard  rtsps://10.0.0.3/, disabled, over TCP, any certificate
";
    assert_eq!(summary(&config), expected);
}

#[test]
fn a_certificate_is_for_rtsps_and_for_http_and_without_both_for_nothing() {
    let directory = Directory::new("pems");
    let made = rcgen::generate_simple_self_signed(vec!["relay.lan".to_owned()]).unwrap();
    let pems = made.cert.pem() + &made.key_pair.serialize_pem();
    let file = directory.write("both.pem", pems).display().to_string();
    let tls = format!("tls_certificate={file}\ntls_key={file}\n");
    let idle = "tls_certificate has no effect without rtsps_port or http_port";
    for (ports, https, warned) in
        [("", false, true), ("rtsps_port=322\n", false, false), ("http_port=8080\n", true, false)]
    {
        let text = format!("{ports}{tls}[stream]\nname=a\nrtsp_url=rtsp://c/\n");
        let (config, warnings) = load_text("certificate", &text);
        let told = warnings.iter().any(|warning| warning.to_string().contains(idle));
        assert_eq!(told, warned, "{ports}: {warnings:?}");
        let line = "\nhttps      127.0.0.1:8080\n";
        assert_eq!(summary(&config).contains(line), https, "{}", summary(&config));
    }
}

#[test]
fn groups_are_handed_out_in_the_order_of_the_file_and_kept_when_printed() {
    let stream = |name: &str, more: &str| {
        format!("[stream]\nname={name}\nrtsp_url=rtsp://cam/{name}\n{more}\n")
    };
    let text = [
        "multicast_range=239.1.2.0/30\n".to_owned(),
        stream("yard", "multicast=yes\nenabled=no"),
        stream("barn", ""),
        stream("door", "multicast=yes"),
        stream("attic", "multicast=yes"),
    ];
    let (config, _) = load_text("groups", &text.concat());
    let group = |name: &str| config.streams[name].multicast;
    assert_eq!(group("yard"), Some(Ipv4Addr::new(239, 1, 2, 0)));
    assert_eq!(group("barn"), None);
    assert_eq!(group("door"), Some(Ipv4Addr::new(239, 1, 2, 1)));
    assert_eq!(group("attic"), Some(Ipv4Addr::new(239, 1, 2, 2)));
    assert!(summary(&config).contains("multicast 239.1.2.2"), "{}", summary(&config));
    assert_eq!(load_text("groups-printed", &print(&config)).0, config);
}

#[test]
fn one_stream_on_the_command_line_is_a_working_relay() {
    let streams = vec![("door".to_owned(), "rtsp://192.168.1.100/stream1".to_owned())];
    let set = vec![
        ("max_clients".to_owned(), "3".to_owned()),
        ("max_clients".to_owned(), "5".to_owned()),
        ("transport".to_owned(), "udp".to_owned()),
    ];
    let loaded = load(&Sources { streams, set, ..Sources::default() }).unwrap();
    assert_eq!(loaded.warnings, [""; 0]);
    assert_eq!(loaded.origin.to_string(), "the command line");
    let config = loaded.config;
    assert_eq!((config.listen_port, config.limits.max_clients), (8554, 5));
    assert_eq!(config.streams["door"].transport, rtsp_relay::config::model::TransportPolicy::Udp);
}

#[test]
fn options_win_over_the_file_and_their_mistakes_come_last() {
    let directory = Directory::new("options");
    let path = directory.write("c", "max_clients=0\nlisten_port=1\n");
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let mut sources = file(&path);
    sources.set = vec![pair("max_clients", "7"), pair("name", "x"), pair("lisen_port", "2")];
    sources.streams = vec![pair("a b", "rtsp://cam/"), pair("ok", "http://u:hunter2@cam/")];
    let errors = load(&sources).unwrap_err();
    let expected = [
        &format!(
            "{}:1: max_clients must be a whole number from 1 to 100000, not '0'",
            path.display()
        ),
        "--set lisen_port: unknown key 'lisen_port', did you mean 'listen_port'?",
        "--set name: --set takes global keys; 'name' belongs in a [stream] section",
        "--stream a b: name may contain letters A-Z, digits, '-', '_', '.' and '/', not ' ': 'a b'",
        "--stream ok: rtsp_url must begin with rtsp:// or rtsps://",
    ];
    assert_eq!(errors, expected);
}

#[test]
fn a_missing_file_says_what_to_do() {
    let directory = Directory::new("missing");
    let path = directory.0.join("none.conf");
    let errors = load(&file(&path)).unwrap_err();
    assert_eq!(
        errors,
        [format!("{}:1: cannot be read: No such file or directory", path.display())]
    );
    let sources = Sources { explicit: false, ..file(&path) };
    let errors = load(&sources).unwrap_err();
    assert!(errors[0].ends_with(
        "; write one, name another with --config FILE, or do without: --stream NAME=URL"
    ));
    let errors = load(&file(&directory.0)).unwrap_err();
    assert!(errors[0].contains(":1: cannot be read: "), "{errors:?}");
}

#[test]
fn streams_inherit_what_stands_before_them_even_behind_them_in_json() {
    let ini = "source_timeout_s=30\non_offline=hold\n[stream]\nname=a\nrtsp_url=rtsp://c/\n\
               [stream]\nname=b\nrtsp_url=rtsp://c/\nsource_timeout_s=3\n";
    let json = r#"{"streams": [{"name": "a", "rtsp_url": "rtsp://c/"},
        {"name": "b", "rtsp_url": "rtsp://c/", "source_timeout_s": "3"}],
        "on_offline": "hold", "source_timeout_s": 30}"#;
    let (config, _) = load_text("inherit-ini", ini);
    assert_eq!(config, load_text("inherit-json", json).0);
    assert_eq!(config.streams["a"].source_timeout, Duration::from_secs(30));
    assert_eq!(config.streams["b"].source_timeout, Duration::from_secs(3));
    assert_eq!(config.streams["b"].on_offline, OnOffline::Hold);
}

#[test]
fn json_takes_values_as_they_are_natural_there() {
    let json = r#"{"listen_address": ["127.0.0.1", "::1"], "auth_methods": ["digest", "basic"],
        "listen_port": 9000, "max_clients": "9", "instant_start": false,
        "streams": [{"name": "a", "rtsp_url": "rtsp://c/", "username": "u", "password": 1234,
                     "multicast": true, "enabled": 1, "allow": ["10.0.0.0/8", "::1"]}],
        "users": [{"name": "v", "password": "a \"b\" #\u00e9", "streams": ["a", "b*"]}]}"#;
    let (config, _) = load_text("natural", json);
    assert_eq!(config.listen_address.len(), 2);
    assert_eq!((config.listen_port, config.limits.max_clients), (9000, 9));
    let stream = &config.streams["a"];
    assert!(stream.enabled && !stream.instant_start);
    assert_eq!(stream.multicast, Some(Ipv4Addr::new(239, 255, 42, 0)));
    assert_eq!(stream.credentials.as_ref().unwrap().password.expose(), "1234");
    let user = &config.users[0];
    assert!(matches!(&user.password, UserPassword::Plain(p) if p.expose() == "a \"b\" #é"));
    assert_eq!(user.streams[1], StreamPattern::Prefix("b".into()));
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_do_no_harm() {
    let ini = "\u{feff}listen_port=9000\r\n[stream]\r\nname=a\r\nrtsp_url=rtsp://c/\r\n";
    let json = "\u{feff} {\"listen_port\": 9000,\r\n\"streams\": [{\"name\": \"a\", \
                \"rtsp_url\": \"rtsp://c/\"}]}\r\n";
    assert_eq!(load_text("crlf-ini", ini).0, load_text("crlf-json", json).0);
}

#[test]
fn a_login_may_stand_in_the_url_in_keys_or_in_a_file() {
    let directory = Directory::new("login");
    directory.write("pw", "from file \n");
    let credentials = directory.0.join("credentials");
    fs::create_dir(&credentials).unwrap();
    directory.write("credentials/cred", "from systemd\n");
    directory.write("cred", "beside the file");
    let path = directory.write(
        "c",
        "[stream]\nname=url\nrtsp_url=rtsp://ad%40min:p%23w@c/\n\
         [stream]\nname=keys\nrtsp_url=rtsp://c/\nusername=a\npassword=x #=\" y\n\
         [stream]\nname=empty\nrtsp_url=rtsp://c/\nusername=a\npassword=\n\
         [stream]\nname=blank\nrtsp_url=rtsp://c/\nusername=\npassword=\npassword_file=\n\
         [stream]\nname=file\nrtsp_url=rtsp://c/\nusername=a\npassword_file=pw\n\
         [stream]\nname=cred\nrtsp_url=rtsp://c/\nusername=a\npassword_file=cred\n",
    );
    let surroundings =
        Surroundings { credentials_directory: Some(credentials), ..Surroundings::default() };
    let config = load_in(&file(&path), surroundings).unwrap().config;
    let password = |name: &str| {
        let login = config.streams[name].credentials.as_ref();
        login.map(|login| format!("{} {}", login.username, login.password.expose()))
    };
    assert_eq!(password("url").unwrap(), "ad@min p#w");
    assert_eq!(config.streams["url"].url.to_string(), "rtsp://c/");
    assert_eq!(password("keys").unwrap(), "a x #=\" y");
    assert_eq!(password("empty").unwrap(), "a ");
    assert_eq!(password("blank"), None);
    assert_eq!(password("file").unwrap(), "a from file ");
    assert_eq!(password("cred").unwrap(), "a from systemd");
    let config = load(&file(&path)).unwrap().config;
    let login = config.streams["cred"].credentials.as_ref().unwrap();
    assert_eq!(login.password.expose(), "beside the file");
}

#[test]
fn what_is_allowed_but_hardly_meant_is_warned_of() {
    let stream = "[stream]\nname=a\nrtsp_url=rtsp://c/\n";
    for (name, text, expected) in [
        (
            "clients",
            format!("max_clients=5000\n{stream}"),
            vec![
                "1: max_clients is 5000: each viewer takes a thread and up to three descriptors; see \
             that the system allows as many (LimitNOFILE=, TasksMax=)",
            ],
        ),
        (
            "basic",
            format!("auth_methods=basic\n{stream}"),
            vec![
                "1: auth_methods offers basic without rtsps_port: passwords cross the network readable",
            ],
        ),
        (
            "sha",
            format!("auth_methods=digest,digest-sha256\n{stream}"),
            vec![
                "1: auth_methods offers digest-sha256: ffmpeg and players built on it cannot log in \
             then",
            ],
        ),
        (
            "cache",
            format!("max_memory_mb=20\n{stream}{}", stream.replace("=a", "=b")),
            vec![
                "1: the cached pictures of all streams (gop_cache_kb) may take 32 MB, more than \
             max_memory_mb (20)",
            ],
        ),
        (
            "quotes",
            format!("{stream}username=u\npassword=\"x\"\n"),
            vec!["5: password is taken literally, with the quotes around it"],
        ),
        (
            "tls",
            format!("{stream}tls_insecure=yes\n"),
            vec!["4: tls_insecure has no effect: rtsp_url is not rtsps://"],
        ),
        (
            "readable",
            format!("{}transport=multicast\n", stream.replace("rtsp:", "rtsps:")),
            vec![
                "4: transport=multicast has the media of an rtsps:// camera cross the network readable",
            ],
        ),
        (
            "http",
            format!("http_port=80\nhttp_address=0.0.0.0\n{stream}"),
            vec![
                "2: whoever reaches http_address sees all streams and their status: there is no [user]",
            ],
        ),
        (
            "user",
            format!("{stream}[user]\nname=u\npassword=p\nstreams=b,a*\n"),
            vec!["7: streams: 'b' names no stream"],
        ),
        ("none", String::new(), vec!["1: there is no stream: nothing can be watched"]),
    ] {
        assert_eq!(load_text(&format!("warn-{name}"), &text).1, expected);
    }
}

#[test]
fn a_file_with_passwords_that_everybody_can_read_is_warned_of() {
    let directory = Directory::new("readable");
    let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    let password = directory.write("pw", "x\n");
    let path = directory.write(
        "c",
        "[stream]\nname=a\nrtsp_url=rtsp://u:p@c/\n[stream]\nname=b\nrtsp_url=rtsp://c/\n\
         username=u\npassword_file=pw\n",
    );
    assert_eq!(load(&file(&path)).unwrap().warnings, [""; 0]);
    open(&path);
    open(&password);
    let expected = [
        format!(
            "{}:1: everybody on this machine can read this file, and it holds passwords: chmod \
             o-r mends that",
            path.display()
        ),
        format!(
            "{}:8: everybody on this machine can read password_file '{}': chmod o-r mends that",
            path.display(),
            password.display()
        ),
    ];
    assert_eq!(load(&file(&path)).unwrap().warnings, expected);
    let harmless = directory.write("d", "[stream]\nname=a\nrtsp_url=rtsp://c/\n");
    open(&harmless);
    assert_eq!(load(&file(&harmless)).unwrap().warnings, [""; 0]);
}

#[test]
fn a_login_in_the_list_of_processes_is_warned_of() {
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let streams = vec![pair("a", "rtsp://u:p@c/")];
    let set = vec![pair("client_username", "u"), pair("client_password", "p")];
    let loaded = load(&Sources { streams, set, ..Sources::default() }).unwrap();
    let message = "everybody on this machine can see this login in the list of processes";
    assert_eq!(
        loaded.warnings,
        [format!("--set client_password: {message}"), format!("--stream a: {message}")]
    );
}

#[test]
fn a_camera_proves_itself_as_configured() {
    let stream = "[stream]\nname=a\nrtsp_url=rtsps://c/\n";
    let tls =
        |text: &str| load_text("tls", &format!("{stream}{text}")).0.streams["a"].camera_tls.clone();
    assert_eq!(tls(""), CameraTls::SystemRoots);
    assert_eq!(tls("tls_insecure=yes"), CameraTls::Insecure);
    let fingerprint = format!("tls_fingerprint={}", ["0A"; 32].join(":"));
    assert_eq!(tls(&fingerprint), CameraTls::Fingerprint([10; 32]));
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    /// Lines of keys that exist, with values that may be right or wrong.
    fn line() -> impl Strategy<Value = String> {
        let names: Vec<&'static str> = keys::all().iter().map(|key| key.name).collect();
        let examples: Vec<&'static str> = keys::all().iter().map(|key| key.example).collect();
        let value = prop_oneof![
            proptest::sample::select(examples).prop_map(str::to_owned),
            any::<u32>().prop_map(|number| number.to_string()),
            "[ -~]{0,20}",
        ];
        prop_oneof![
            4 => (proptest::sample::select(names), value).prop_map(|(key, value)| format!("{key}={value}")),
            1 => Just("[stream]".to_owned()),
            1 => Just("[user]".to_owned()),
        ]
    }

    /// Whatever the file holds: no panic, and each error is one line that begins with its place.
    fn survives(test: &str, bytes: &[u8]) {
        let directory = Directory::new(test);
        let path = directory.write("c", bytes);
        if let Err(errors) = load(&file(&path)) {
            assert!(!errors.is_empty());
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
            for error in errors {
                let rest = error.strip_prefix(&format!("{}:", path.display())).unwrap();
                let line: usize = rest.split(':').next().unwrap().parse().unwrap();
                assert!((1..=lines).contains(&line) && !rest.contains('\n'), "{error}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

        #[test]
        fn any_text_is_answered(text in "\\PC*") {
            survives("any-text", text.as_bytes());
        }

        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            survives("any-bytes", &bytes);
        }

        #[test]
        fn any_json_is_answered(text in r#"\{("(streams|users|name|a)"|[\[\]{}:,]|[0-9]|true|null|\n| |"x"){0,40}\}"#) {
            survives("any-json", text.as_bytes());
        }

        #[test]
        fn any_lines_are_answered(lines in proptest::collection::vec(line(), 0..20)) {
            survives("any-lines", lines.join("\n").as_bytes());
        }

        /// INI, JSON and the printed form of one configuration are one configuration.
        #[test]
        fn a_configuration_is_the_same_however_it_is_written(
            port in 1024_u16..65535,
            seconds in 1_u32..300,
            hold in any::<bool>(),
            names in proptest::collection::btree_set("[a-z0-9_.-]{1,8}x(/[A-Z]{1,3})?", 1..5),
            password in "[ -~é#\"=;]{1,20}",
        ) {
            let password = password.trim();
            prop_assume!(!password.is_empty());
            let offline = if hold { "hold" } else { "disconnect" };
            let mut ini = format!("listen_port={port}\nsource_timeout_s={seconds}\n");
            let mut streams = Vec::new();
            for name in &names {
                ini += &format!("[stream]\nname={name}\nrtsp_url=rtsp://cam/{name}\n\
                                 on_offline={offline}\nusername=u\npassword={password}\n");
                streams.push(serde_json::json!({"name": name, "rtsp_url": format!("rtsp://cam/{name}"),
                    "on_offline": offline, "username": "u", "password": password}));
            }
            let json = serde_json::json!({"listen_port": port, "source_timeout_s": seconds,
                "streams": streams});
            let (config, _) = load_text("same-ini", &ini);
            let (from_json, _) = load_text("same-json", &serde_json::to_string_pretty(&json).unwrap());
            prop_assert_eq!(&config, &from_json);
            prop_assert_eq!(config.streams.len(), names.len());
            let login = config.streams.values().next().and_then(|s| s.credentials.as_ref());
            prop_assert_eq!(login.map(|login| login.password.expose()), Some(password));
            let printed = print(&config).replace("#password=***", &format!("password={password}"));
            prop_assert_eq!(&config, &load_text("same-print", &printed).0);
        }
    }
}
