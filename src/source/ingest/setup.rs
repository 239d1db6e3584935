//! Which tracks are asked for, what carries them, and what is tried when that does not work.

use std::time::Instant;

use rtsp_proto::dialog::{DialogOptions, TrackRequest};
use rtsp_proto::headers::TransportSpec;
use rtsp_proto::sdp::{MediaKind, SessionDescription};

use super::{Ingest, is_udp};
use crate::config::model::MediaSelection;
use crate::media::Presentation;
use crate::source::announced::Announced;
use crate::source::carrier::{Carrier, UDP_SILENCE};
use crate::source::slot::Slot;
use crate::source::{Cause, Offline, OfflineKind};

const USER_AGENT: &str = concat!("rtsp-relay/", env!("CARGO_PKG_VERSION"));

/// What the dialog with the slot's camera begins with.
pub(super) fn options(slot: &Slot, now: Instant) -> DialogOptions {
    let config = slot.stream.now();
    DialogOptions {
        url: config.url.clone(),
        credentials: config.credentials.clone(),
        user_agent: USER_AGENT.to_owned(),
        version: slot.newest_version(now),
        request_timeout: config.source_start_timeout,
        refused_keepalives: slot.facts().map(|facts| facts.refused_keepalives).unwrap_or_default(),
    }
}

impl Ingest<'_> {
    /// The camera told its tracks: those that are to be asked for.
    pub(super) fn described(
        &mut self,
        sdp: &SessionDescription,
        now: Instant,
    ) -> Result<Vec<usize>, Offline> {
        let wanted = self.slot.stream.now().media;
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
        self.announced = Announced::new(sdp);
        if let Err(reason) = self.feed.begin(presentation, now) {
            log::warn!("viewers cannot go on: {reason} stream={}", self.slot.stream.name);
            self.slot.hub.end(&reason);
        }
        Ok(self.feed.media())
    }

    /// Asks for the media by what is the choice now: on the connection, to these ports, or to
    /// groups of the camera's choice.
    pub(in crate::source) fn set_up(
        &mut self,
        media: impl Iterator<Item = (usize, Option<u16>)>,
        now: Instant,
    ) {
        self.silent_at = None;
        let channels = (0u8..).step_by(2);
        let multicast = self.choice.current() == Carrier::Multicast;
        let tracks = media.zip(channels).map(|((media, port), channel)| TrackRequest {
            media,
            transport: match port {
                None => TransportSpec::interleaved(channel),
                Some(_) if multicast => TransportSpec::multicast(),
                Some(port) => TransportSpec::udp(port),
            },
        });
        self.dialog.setup(tracks.collect(), now);
    }

    /// Goes on with the other carrier, if there is one: what is to be asked for.
    pub(super) fn change_carrier(&mut self, why: &str) -> Result<Vec<usize>, Offline> {
        let refused = |text: String| Offline::new(OfflineKind::Refused, text).at(Cause::Transport);
        let next = self.choice.change().map_err(refused)?;
        log::info!("{why}, trying {next} stream={}", self.slot.stream.name);
        Ok(self.feed.media())
    }

    /// Nothing comes over UDP: what is to be asked for on the connection.
    pub(in crate::source) fn give_up_udp(&mut self) -> Result<Vec<usize>, Offline> {
        self.slot.remember(None);
        let (seconds, carrier) = (UDP_SILENCE.as_secs(), self.carried());
        self.change_carrier(&format!("nothing came over {carrier} for {seconds} s"))
    }

    pub(super) fn playing(&mut self, now: Instant) {
        self.slot.granted();
        let skipped = self.dialog.skipped();
        if !skipped.is_empty() {
            let skipped = skipped.to_vec();
            self.feed.skip(&skipped);
        }
        if self.choice.is_replaceable() && self.dialog.tracks().iter().any(is_udp) {
            self.silent_at = Some(now + UDP_SILENCE);
        }
    }
}
