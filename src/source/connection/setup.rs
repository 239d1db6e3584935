//! Which tracks are asked for, what carries them, and what is tried when that does not work.

use std::time::Instant;

use rtsp_proto::dialog::{DialogOptions, TrackRequest, TrackSetup};
use rtsp_proto::headers::{Lower, TransportSpec};
use rtsp_proto::sdp::{MediaKind, SessionDescription};

use super::{Connection, lost};
use crate::config::model::MediaSelection;
use crate::media::Presentation;
use crate::source::carrier::{Carrier, UDP_SILENCE};
use crate::source::datagrams::Datagrams;
use crate::source::slot::Slot;
use crate::source::{Cause, Offline, OfflineKind};

const USER_AGENT: &str = concat!("rtsp-relay/", env!("CARGO_PKG_VERSION"));

/// What the dialog with the slot's camera begins with.
pub(super) fn options(slot: &Slot) -> DialogOptions {
    let config = &slot.stream;
    DialogOptions {
        url: config.url.clone(),
        credentials: config.credentials.clone(),
        user_agent: USER_AGENT.to_owned(),
        version: slot.newest_version(),
        request_timeout: config.source_start_timeout,
        refused_keepalives: slot.facts().map(|facts| facts.refused_keepalives).unwrap_or_default(),
    }
}

impl Connection<'_> {
    /// The camera told its tracks: asks for those that are wanted.
    pub(super) fn described(
        &mut self,
        sdp: &SessionDescription,
        now: Instant,
    ) -> Result<(), Offline> {
        let wanted = self.slot.stream.media;
        let wants = |kind: &MediaKind| match wanted {
            MediaSelection::All => true,
            MediaSelection::Video => *kind == MediaKind::Video,
            MediaSelection::Audio => *kind == MediaKind::Audio,
        };
        let presentation = Presentation::new(sdp, wants, &mut self.oddities);
        if presentation.tracks.is_empty() {
            let text = "the camera describes no media that can be relayed";
            return Err(Offline::new(OfflineKind::Refused, text).at(Cause::NoMedia));
        }
        let media = presentation.tracks.iter().map(|track| track.media).collect();
        let continues = self.feed.begin(presentation);
        self.set_up(media, now)?;
        if let Err(reason) = continues {
            log::warn!("viewers cannot go on: {reason} stream={}", self.slot.stream.name);
            self.slot.hub.end(&reason);
        }
        Ok(())
    }

    /// Asks for the media by what is the choice now.
    fn set_up(&mut self, media: Vec<usize>, now: Instant) -> Result<(), Offline> {
        self.silent_at = None;
        self.readable.clear();
        self.datagrams = None;
        let request = |(media, transport)| TrackRequest { media, transport };
        let tracks = match self.choice.current() {
            Carrier::Tcp => {
                let specs = (0u8..).step_by(2).map(TransportSpec::interleaved);
                media.into_iter().zip(specs).map(request).collect()
            }
            Carrier::Udp => {
                let camera = self.stream.peer_addr().map_err(|error| lost(&error))?;
                let datagrams = Datagrams::bind(camera, media).map_err(|error| {
                    let text = format!("no UDP ports for the camera's media: {error}");
                    Offline::new(OfflineKind::Unreachable, text)
                })?;
                let specs =
                    datagrams.ports().map(|(media, port)| (media, TransportSpec::udp(port)));
                let tracks = specs.map(request).collect();
                self.datagrams = Some(datagrams);
                tracks
            }
        };
        self.dialog.setup(tracks, now);
        Ok(())
    }

    /// Goes on with the other carrier, if there is one.
    pub(super) fn change_carrier(&mut self, why: &str, now: Instant) -> Result<(), Offline> {
        let refused = |text: String| Offline::new(OfflineKind::Refused, text).at(Cause::Transport);
        let next = self.choice.change().map_err(refused)?;
        log::info!("{why}, trying {next} stream={}", self.slot.stream.name);
        self.set_up(self.feed.media(), now)
    }

    /// Nothing comes over UDP.
    pub(super) fn give_up_udp(&mut self, now: Instant) -> Result<(), Offline> {
        self.slot.remember(None);
        let seconds = UDP_SILENCE.as_secs();
        self.change_carrier(&format!("nothing came over UDP for {seconds} s"), now)
    }

    pub(super) fn playing(&mut self, now: Instant) {
        self.slot.granted();
        let skipped = self.dialog.skipped();
        if !skipped.is_empty() {
            let skipped = skipped.to_vec();
            self.feed.skip(&skipped);
        }
        let is_udp = |track: &TrackSetup| track.transport.lower == Lower::Udp;
        if self.choice.can_change() && self.dialog.tracks().iter().any(is_udp) {
            self.silent_at = Some(now + UDP_SILENCE);
        }
    }
}
