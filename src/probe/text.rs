//! The report for people.

use std::fmt::{self, Display, Write};

use rtsp_proto::sdp::MediaKind;

use super::Report;
use super::attempt::Attempt;
use super::meter::Rates;
use crate::media::presentation::Track;
use crate::source::Carrier;

/// A viewer that joins needs a key frame; beyond this many seconds between them it shows.
const RARE_KEY_FRAMES_S: f64 = 4.0;
/// Of a line of text.
const WIDTH: usize = 79;
/// Room for the longest word in front.
const LABEL: usize = 13;

/// Of a certificate that was taken for this look.
const UNVOUCHED: &str = "The section pins the camera's certificate. Nobody known to this system \
    vouches for it: compare the fingerprint (SHA-256) with the one that the camera's web page shows \
    before you use it.";

/// The report as text, with the `[stream]` section at its end.
pub fn text(report: &Report) -> String {
    let mut out = Page(String::new());
    if let Some(pin) = report.pin.filter(|_| report.best().is_some()) {
        out.line("Certificate", format_args!("not trusted, {pin}"));
    }
    if let Some(attempt) = report.told() {
        out.camera(attempt);
    }
    out.media(report);
    out.transports(report);
    if let Some(attempt) = report.told() {
        out.session(attempt);
        let odd: Vec<_> =
            attempt.oddities.iter().map(|(odd, count)| format!("{odd} ({count})")).collect();
        out.lines("Tolerated", &odd);
    }
    let mut parts = vec![format!("Camera {}\n", report.url), out.0];
    if let Some(failure) = report.failure() {
        let what = wrapped(&failure.message, "  ", "  ");
        parts.push(format!("No picture. It failed at {}:\n{what}", failure.step));
        let advice: Vec<_> =
            failure.advice.iter().map(|advice| wrapped(advice, "  - ", "    ")).collect();
        parts.push(format!("What to try:\n{}", advice.concat()));
    }
    if let Some(section) = report.stream_section() {
        if report.pin.is_some() && report.best().is_some() {
            parts.push(wrapped(UNVOUCHED, "", ""));
        }
        parts.push("For the configuration (/etc/rtsp-relay.conf):\n".to_owned());
        parts.push(section);
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// Text in lines that fit a terminal, `first` in front of the first and `others` of the others.
fn wrapped(text: &str, first: &str, others: &str) -> String {
    let mut out = String::new();
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split(' ') {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = others.to_owned();
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    out + &line + "\n"
}

/// Lines with a word in front.
struct Page(String);

impl Page {
    fn line(&mut self, label: &str, value: impl Display) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{label:LABEL$}{value}");
    }

    /// One line each, the word in front of the first only.
    fn lines(&mut self, label: &str, values: &[String]) {
        for (at, value) in values.iter().enumerate() {
            self.line(if at == 0 { label } else { "" }, value);
        }
    }

    fn camera(&mut self, attempt: &Attempt) {
        let Some(facts) = &attempt.facts else { return };
        if let Some(server) = &facts.server {
            self.line("Server", server);
        }
        if !facts.methods.is_empty() {
            let methods: Vec<_> = facts.methods.iter().map(ToString::to_string).collect();
            self.line("Methods", methods.join(", "));
        }
        match facts.login {
            Some(scheme) if attempt.is_login_refused() => {
                self.line("Login", format_args!("{scheme}, refused"));
            }
            Some(scheme) => self.line("Login", format_args!("{scheme}, accepted")),
            None if attempt.presentation.is_some() => self.line("Login", "none asked for"),
            None => {}
        }
    }

    fn media(&mut self, report: &Report) {
        let Some(attempt) = report.told() else { return };
        for (index, track) in
            attempt.presentation.iter().flat_map(|presentation| &presentation.tracks).enumerate()
        {
            let rates = attempt.rates.get(index).copied().unwrap_or_default();
            self.line(kind(&track.kind), Described { track, rates });
        }
        let Some(rates) = report.rates() else { return };
        match rates.gop.map(|gop| gop.as_secs_f64()) {
            Some(gop) if gop > RARE_KEY_FRAMES_S => self.line(
                "Key frames",
                format_args!("every {gop:.1} s: rare. 1 or 2 s let viewers start sooner"),
            ),
            Some(gop) => self.line("Key frames", format_args!("every {gop:.1} s")),
            None if rates.fps.is_some() => {
                let seen = ["none", "one only"][rates.key_frames.min(1) as usize];
                self.line(
                    "Key frames",
                    format_args!("{seen} while it was watched: set their interval to 1 or 2 s"),
                );
            }
            None => {}
        }
        if let Some(time) = report.best().and_then(|best| best.started_after) {
            self.line("Start", format_args!("media after {:.1} s", time.as_secs_f64()));
        }
    }

    fn transports(&mut self, report: &Report) {
        let mut values = Vec::new();
        for carrier in [Carrier::Tcp, Carrier::Udp, Carrier::Multicast] {
            let Some(attempt) = report.over(carrier) else { continue };
            if report.best().is_none() && report.attempts.len() == 1 {
                // The failure is told anyway.
                continue;
            }
            values.push(match attempt.reason() {
                _ if attempt.works() => match attempt.carried() {
                    Some(Carrier::Multicast) if carrier == Carrier::Udp => {
                        format!("{carrier} works by multicast alone")
                    }
                    _ => format!("{carrier} works"),
                },
                Some(reason) if attempt.is_busy() => {
                    format!("{carrier} not tried to the end: {reason}")
                }
                Some(reason) => format!("{carrier} does not work: {reason}"),
                None => format!("{carrier} does not work: the camera answers with another one"),
            });
        }
        self.lines("Transports", &values);
    }

    fn session(&mut self, attempt: &Attempt) {
        let Some(facts) = attempt.facts.as_ref().filter(|_| attempt.works()) else { return };
        let interval = facts.keepalive_interval.as_secs();
        match &facts.keepalive {
            Some(method) => self.line(
                "Keepalive",
                format_args!(
                    "{method} every {interval} s, receiver reports every 5 s (sessions live {} s)",
                    facts.session_timeout.as_secs()
                ),
            ),
            None => self.line("Keepalive", "receiver reports every 5 s; all methods are refused"),
        }
    }
}

/// A track in a line.
struct Described<'a> {
    track: &'a Track,
    rates: Rates,
}

impl Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { track, rates } = self;
        let encoding = if track.encoding.is_empty() { "unnamed" } else { track.encoding.as_str() };
        write!(f, "{}", encoding.escape_debug())?;
        if let Some((width, height)) = track.parameter_sets.resolution() {
            write!(f, " {width}x{height}")?;
        }
        if let Some(fps) = rates.fps.filter(|_| track.is_video()) {
            write!(f, ", {fps:.1} pictures/s")?;
        }
        if let Some(kbps) = rates.kbps {
            write!(f, ", {kbps:.0} kbit/s")?;
        }
        write!(f, ", clock {} Hz, payload type {}", track.clock_rate, track.payload_type)?;
        if !track.offered {
            f.write_str(": the camera refuses to set it up, it is left out")?;
        }
        Ok(())
    }
}

/// What a kind of media is called.
fn kind(kind: &MediaKind) -> &'static str {
    match kind {
        MediaKind::Video => "Video",
        MediaKind::Audio => "Audio",
        _ => "Other",
    }
}
