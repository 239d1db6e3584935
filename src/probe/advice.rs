//! The step that failed, and what to try.

use std::io::ErrorKind;

use rtsp_proto::dialog::DialogError;
use rtsp_proto::url::Scheme;
use rtsp_proto::{Oddity, StatusCode, Url};

use super::attempt::Attempt;
use crate::source::{Carrier, Cause, Offline, OfflineKind};

/// Why there is no picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// `lookup`, `connect`, `TLS`, a method of RTSP, `media` or `handshake`.
    pub step: String,
    /// What happened, in a sentence.
    pub message: String,
    /// What to try, the most likely first.
    pub advice: Vec<String>,
}

/// Paths of well-known makers: a wrong path is the commonest mistake.
const PATHS: &str = "Usual paths: Hikvision /Streaming/Channels/101, Dahua and Amcrest \
    /cam/realmonitor?channel=1&subtype=0, Reolink /h264Preview_01_main, TP-Link and Tapo /stream1, \
    Axis /axis-media/media.amp, Foscam /videoMain.";
const BUSY: &str = "Close other viewers of this camera: its app, a recorder, another relay. Let \
    them watch through this relay instead.";
const FORGET: &str = "If a program that watched it has crashed, wait a minute: until then the \
    camera keeps the old session.";
const ACCOUNTS: &str = "Many cameras have a user of its own for RTSP or ONVIF, beside that of \
    their app or web page.";
const LOCKED: &str = "Do not try many passwords in a row: cameras lock the account for a while.";

/// Explains an attempt that failed; `alone` when no other transport was tried.
pub(super) fn of(attempt: &Attempt, url: &str, alone: bool) -> Advice {
    let (Some(failure), Some(reason)) = (&attempt.failure, attempt.reason()) else {
        // Media came, but not over the transport that was asked for.
        return Advice {
            step: "SETUP".into(),
            message: format!("the camera answers with another transport than {}", attempt.carrier),
            advice: vec!["Try --transport auto.".into()],
        };
    };
    let speaks_http = attempt.oddities.count(Oddity::HttpStatusLine) > 0;
    let place = Place { url: Url::parse(url).ok(), carrier: attempt.carrier, alone, speaks_http };
    let (step, advice) = place.explain(failure);
    let message = reason.strip_prefix(&format!("{step}: ")).unwrap_or(reason);
    Advice { message: message.to_owned(), step, advice }
}

struct Place {
    url: Option<Url>,
    carrier: Carrier,
    alone: bool,
    speaks_http: bool,
}

impl Place {
    fn explain(&self, failure: &Offline) -> (String, Vec<String>) {
        let (host, port) = self.url.as_ref().map_or(("", 0), |url| (url.host(), url.port()));
        let (step, advice): (&str, Vec<String>) = match &failure.cause {
            Cause::Lookup => (
                "lookup",
                vec![format!(
                    "Is the name {host} spelt right? Try the camera's IP address instead."
                )],
            ),
            Cause::Connect(ErrorKind::ConnectionRefused) => (
                "connect",
                vec![
                    format!(
                        "{host} is there, but nothing listens on port {port}. Is RTSP (or ONVIF) \
                         switched on in the camera's settings? Is {port} its RTSP port? 554 is \
                         usual."
                    ),
                    "A camera that has just been switched on needs a minute.".into(),
                ],
            ),
            Cause::Connect(_) => (
                "connect",
                vec![format!(
                    "There is no way to {host}: check the address, the camera's cable or Wi-Fi, \
                     and the route from here to its network."
                )],
            ),
            Cause::NoAnswer => (
                "connect",
                vec![
                    format!(
                        "Is the camera on, and is {host} its address? It may have got another one \
                         from the router."
                    ),
                    format!("Does a firewall drop connections to port {port}?"),
                ],
            ),
            Cause::SpeaksTls => ("TLS", vec![self.try_tls()]),
            Cause::Untrusted(_) => (
                "TLS",
                vec![
                    "Compare that fingerprint (SHA-256) with the one that the camera's web page \
                     shows of its certificate. If they are the same, use the section below, which \
                     pins it."
                        .into(),
                    "Nothing more was asked of the camera, so that nobody else gets your login. \
                     Without --username the probe goes on."
                        .into(),
                ],
            ),
            Cause::Tls => (
                "TLS",
                vec![
                    "Is it the camera's port for TLS? 322 is usual, and rtsp:// is without TLS."
                        .into(),
                    "Look for newer firmware: TLS 1.2 or 1.3 is needed.".into(),
                ],
            ),
            Cause::Transport => (
                "SETUP",
                vec![match self.alone {
                    true => "Try --transport auto.".into(),
                    false => "Try the camera's other stream, or newer firmware.".into(),
                }],
            ),
            Cause::Silence => ("media", self.silence()),
            Cause::NoMedia => (
                "DESCRIBE",
                vec!["Is this the path of the picture? The camera may have others.".into()],
            ),
            Cause::Dialog(error) => return self.dialog(error),
            Cause::Other if failure.kind == OfflineKind::StartTimeout => {
                let slow = "If it is only slow, a larger source_start_timeout_s gives it the time.";
                ("handshake", vec!["Restart the camera, then try again.".into(), slow.into()])
            }
            Cause::Other => ("handshake", vec!["Try again; restart the camera.".into()]),
        };
        (step.to_owned(), advice)
    }

    fn dialog(&self, error: &DialogError) -> (String, Vec<String>) {
        if self.speaks_http {
            let advice = "This port speaks HTTP: it is that of the camera's web page. RTSP usually \
                          has port 554.";
            return (step(error).to_owned(), vec![advice.into()]);
        }
        let path = self.url.as_ref().map_or("/", |url| url.path_and_query());
        let advice = match error {
            DialogError::LoginNeeded => vec![
                "Give the login: --username USER --password-file FILE, where the first line of \
                 FILE is the password."
                    .to_owned(),
                ACCOUNTS.to_owned(),
            ],
            DialogError::LoginRefused { .. } => vec![
                "Check user and password. In a URL, signs such as @ : / % # must be written as \
                 %40 and so on; --username and --password-file take them as they are."
                    .to_owned(),
                ACCOUNTS.to_owned(),
                LOCKED.to_owned(),
            ],
            DialogError::UnknownLogin(_) => {
                vec!["Choose Digest or Basic for RTSP in the camera's settings.".to_owned()]
            }
            DialogError::NotFound => vec![
                format!(
                    "Check the path, {path} here: the camera's manual or an ONVIF tool names it."
                ),
                PATHS.to_owned(),
            ],
            DialogError::Refused { status, .. }
                if matches!(
                    *status,
                    StatusCode::NOT_ENOUGH_BANDWIDTH | StatusCode::SERVICE_UNAVAILABLE
                ) =>
            {
                vec![BUSY.to_owned(), FORGET.to_owned()]
            }
            DialogError::Refused { status, .. } if *status == StatusCode::FORBIDDEN => vec![
                "May this user watch live video, and may this address? Look at the camera's users \
                 and its address filter."
                    .to_owned(),
            ],
            DialogError::Refused { .. } => vec![
                format!("Check the path, {path} here, and try the camera's other stream."),
                "Restart the camera; look for newer firmware.".to_owned(),
            ],
            DialogError::NoMedia | DialogError::BadPresentation(_) => {
                vec!["Try the camera's other stream, or newer firmware.".to_owned()]
            }
            DialogError::Timeout { step: "OPTIONS" } => vec![
                "Something takes connections there and says nothing: is it the RTSP port? 554 is \
                 usual."
                    .to_owned(),
                self.try_tls(),
                "Restart the camera.".to_owned(),
            ],
            DialogError::Timeout { .. } => {
                vec!["The camera hangs: restart it, then try again.".to_owned(), BUSY.to_owned()]
            }
            DialogError::Ended { reason } if reason.ends_with("OPTIONS") => vec![
                "It does not speak RTSP there, or has no connection left.".to_owned(),
                self.try_tls(),
                BUSY.to_owned(),
            ],
            DialogError::Ended { .. } => vec![BUSY.to_owned(), "Restart the camera.".to_owned()],
            DialogError::TooManyRedirects | DialogError::Unsupported { .. } => {
                vec!["Probe the URL that the camera redirects to.".to_owned()]
            }
            DialogError::Protocol { .. } => {
                vec!["Is it an RTSP camera? Look for newer firmware.".to_owned()]
            }
        };
        (step(error).to_owned(), advice)
    }

    fn silence(&self) -> Vec<String> {
        let other = match (self.alone, self.carrier) {
            (true, Carrier::Udp) => {
                "A firewall, or a router between two networks, may drop UDP: try --transport auto."
            }
            (_, Carrier::Multicast) => {
                "A firewall may drop the group, a router does not let it pass unless told to, and \
                 a switch may have forgotten who wants it (IGMP snooping without a querier)."
            }
            (true, Carrier::Tcp) => "Try --transport auto, or the camera's other stream.",
            (false, _) => "Try the camera's other stream.",
        };
        vec![other.to_owned(), "Restart the camera; too many viewers silence some.".to_owned()]
    }

    /// The same URL over TLS.
    fn try_tls(&self) -> String {
        match &self.url {
            Some(url) if url.scheme() == Scheme::Rtsp => {
                let (host, path) = (url.authority(), url.path_and_query());
                format!("If it is the camera's port for TLS, try rtsps://{host}{path}")
            }
            _ => "Is it the camera's port for TLS?".to_owned(),
        }
    }
}

/// The request that failed.
fn step(error: &DialogError) -> &'static str {
    match error {
        DialogError::LoginRefused { step, .. }
        | DialogError::Refused { step, .. }
        | DialogError::Timeout { step }
        | DialogError::Unsupported { step, .. }
        | DialogError::Protocol { step, .. } => step,
        DialogError::LoginNeeded | DialogError::UnknownLogin(_) => "login",
        DialogError::NotFound | DialogError::NoMedia | DialogError::BadPresentation(_) => {
            "DESCRIBE"
        }
        DialogError::TooManyRedirects | DialogError::Ended { .. } => "handshake",
    }
}
