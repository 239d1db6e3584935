//! SETUP, one track after the other: cameras do not cope with several at once.

use std::time::Instant;

use super::step::{Phase, Step};
use super::{Dialog, DialogError, Output, TrackRequest, TrackSetup, transport};
use crate::headers::{Lower, TransportSpec};
use crate::{Method, Oddity, Request, Response, StatusCode, Version};

/// The tracks that are set up, and how far that is.
#[derive(Debug, Default)]
pub(super) struct Series {
    /// What the caller asked for; empty until it did.
    pub(super) wanted: Vec<TrackRequest>,
    /// The URI of each wanted track; `None` for one the presentation does not have.
    uris: Vec<Option<String>>,
    /// The wanted track whose turn it is.
    next: usize,
    /// What the camera granted.
    pub(super) tracks: Vec<TrackSetup>,
    /// The media descriptions that were left out.
    pub(super) skipped: Vec<usize>,
    pub(super) ambiguous: bool,
    /// Some Hikvision cameras want a DESCRIBE before each series.
    pub(super) describe_first: bool,
}

impl Series {
    /// Back to the first track.
    pub(super) fn restart(&mut self) {
        self.next = 0;
        self.tracks.clear();
        self.skipped.clear();
        self.ambiguous = false;
        self.pass_over_missing();
    }

    /// The track whose turn it is.
    fn current(&self) -> Option<(&TrackRequest, &str)> {
        Some((self.wanted.get(self.next)?, self.uris.get(self.next)?.as_deref()?))
    }

    /// Leaves out what the presentation does not have.
    fn pass_over_missing(&mut self) {
        while let (Some(wanted), Some(None)) =
            (self.wanted.get(self.next), self.uris.get(self.next))
        {
            self.skipped.push(wanted.media);
            self.next += 1;
        }
    }
}

/// The caller's choice of tracks: a first series, or another one instead of the last.
pub(super) fn choose(
    dialog: &mut Dialog,
    tracks: Vec<TrackRequest>,
    now: Instant,
) -> Result<(), DialogError> {
    if matches!(dialog.phase, Phase::Closing | Phase::Over) {
        return Ok(());
    }
    if tracks.is_empty() {
        return Err(DialogError::NoMedia);
    }
    let describe_first = dialog.series.describe_first;
    dialog.series = Series { wanted: tracks, describe_first, ..Series::default() };
    if dialog.presentation.is_none() {
        return Ok(()); // DESCRIBE is on its way; the series follows it
    }
    dialog.exchanges.give_up();
    dialog.keepalive.stop();
    dialog.announced = false;
    if dialog.session.open {
        dialog.ask(Step::Release, 0, now)
    } else if describe_first {
        dialog.ask(Step::Describe, 0, now)
    } else {
        begin(dialog, now)
    }
}

/// Begins the series over the presentation that is known.
pub(super) fn begin(dialog: &mut Dialog, now: Instant) -> Result<(), DialogError> {
    let Some(presentation) = &dialog.presentation else {
        return dialog.ask(Step::Describe, 0, now);
    };
    let oddities = &mut dialog.oddities;
    dialog.series.uris = dialog
        .series
        .wanted
        .iter()
        .map(|track| presentation.controls.get(track.media))
        .map(|control| Some(presentation.base.resolve(control?.as_deref(), oddities)))
        .collect();
    dialog.series.restart();
    dialog.series.describe_first = true;
    go_on(dialog, now)
}

/// The next track, or PLAY after the last.
fn go_on(dialog: &mut Dialog, now: Instant) -> Result<(), DialogError> {
    dialog.series.pass_over_missing();
    if dialog.series.current().is_some() {
        return dialog.ask(Step::Setup, 0, now);
    }
    if dialog.series.tracks.is_empty() {
        return Err(DialogError::NoMedia);
    }
    dialog.ask(Step::Play, 0, now)
}

pub(super) fn setup(dialog: &Dialog) -> Option<Request> {
    let (track, uri) = dialog.series.current()?;
    let request = dialog
        .in_session(dialog.new_request(Method::Setup, uri))
        .with("Transport", offer(&track.transport, dialog.version));
    Some(match dialog.version {
        Version::V2_0 => request.with("Accept-Ranges", "npt"),
        _ => request,
    })
}

/// Ports in the words of both versions with RTSP 2.0, those of 1.0 first: GStreamer grants what
/// says `dest_addr`, too, and then sends nothing there.
fn offer(transport: &TransportSpec, version: Version) -> String {
    let own = transport.encode(version);
    match (version, transport.lower) {
        (Version::V2_0, Lower::Udp) if !transport.is_multicast() => format!("{transport},{own}"),
        _ => own,
    }
}

pub(super) fn setup_answered(
    dialog: &mut Dialog,
    response: &Response,
    now: Instant,
) -> Result<(), DialogError> {
    if response.status.is_success() {
        return granted(dialog, response, now);
    }
    let is_first = dialog.series.tracks.is_empty();
    let asked_tcp =
        dialog.series.current().is_some_and(|(track, _)| track.transport.lower == Lower::Tcp);
    match response.status {
        // A camera that took TCP for one track and not for the next has no better transport.
        StatusCode::UNSUPPORTED_TRANSPORT if is_first || !asked_tcp => {
            transport_refused(dialog);
            Ok(())
        }
        StatusCode::SESSION_NOT_FOUND => Err(DialogError::refused(Step::Setup.name(), response)),
        _ if is_first => Err(DialogError::refused(Step::Setup.name(), response)),
        _ => skip(dialog, now),
    }
}

fn granted(dialog: &mut Dialog, response: &Response, now: Instant) -> Result<(), DialogError> {
    dialog.session.open = true;
    dialog.granted = true;
    dialog.dismissed = false;
    dialog.session.learn(&response.headers, &mut dialog.oddities);
    let Some((track, uri)) = dialog.series.current() else {
        return go_on(dialog, now);
    };
    let (media, uri) = (track.media, uri.to_owned());
    let Ok(transport) = transport::agree(&track.transport, &response.headers, &mut dialog.oddities)
    else {
        transport_refused(dialog);
        return Ok(());
    };
    let series = &mut dialog.series;
    if series.tracks.iter().any(|other| transport::overlap(&other.transport, &transport)) {
        series.ambiguous = true;
        dialog.oddities.note(Oddity::OddChannels);
    }
    series.tracks.push(TrackSetup { media, uri, transport });
    series.next += 1;
    go_on(dialog, now)
}

/// Leaves out a track the camera lists but does not give; the picture matters more.
fn skip(dialog: &mut Dialog, now: Instant) -> Result<(), DialogError> {
    if let Some((track, _)) = dialog.series.current() {
        let media = track.media;
        dialog.series.skipped.push(media);
    }
    dialog.series.next += 1;
    go_on(dialog, now)
}

/// Hands the choice of transport back to the caller.
fn transport_refused(dialog: &mut Dialog) {
    let track = dialog.series.next;
    dialog.series = Series { describe_first: true, ..Series::default() };
    dialog.phase = Phase::Described;
    dialog.outputs.push_back(Output::TransportRefused { track });
}
