//! What the camera sends on its RTSP connection, from bytes to where each piece of it belongs.

use std::io;
use std::time::Instant;

use rtsp_proto::decoder::Event;

use super::{Connection, READ_SIZE, State, lost};
use crate::source::carrier::Carrier;
use crate::source::dial::speaks_tls;
use crate::source::feed::Fed;
use crate::source::{Cause, Offline, OfflineKind};

impl Connection<'_> {
    /// Reads what is there, and feeds it.
    pub(super) fn receive(&mut self) -> Result<(), Offline> {
        loop {
            let room = self.decoder.spare(READ_SIZE);
            let size = room.len();
            let count = match self.stream.read(room) {
                Ok(0) => return self.hung_up(),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.dialog.disconnected(Instant::now()).map_err(|_| lost(&error))?;
                    return Ok(());
                }
            };
            if std::mem::take(&mut self.fresh) && speaks_tls(room.get(..count).unwrap_or_default())
            {
                let text = "the camera speaks TLS on this port: the URL must begin with rtsps://";
                return Err(Offline::new(OfflineKind::Refused, text).at(Cause::SpeaksTls));
            }
            self.decoder.advance(count);
            self.last_heard = Instant::now();
            self.decode()?;
            if count < size {
                return Ok(());
            }
        }
    }

    fn hung_up(&mut self) -> Result<(), Offline> {
        if self.state == State::Leaving {
            self.state = State::Left;
            return Ok(());
        }
        let now = Instant::now();
        self.finish_body(now)?;
        self.dialog.disconnected(now)?;
        Ok(())
    }

    /// Takes what there is of a body as the whole of it.
    pub(super) fn finish_body(&mut self, now: Instant) -> Result<(), Offline> {
        while let Ok(Some(event)) = self.decoder.finish() {
            if let Event::Response(response) = event {
                self.dialog.response(&response, now)?;
            }
        }
        Ok(())
    }

    fn decode(&mut self) -> Result<(), Offline> {
        let now = Instant::now();
        let mut meant = Fed::Nothing;
        loop {
            let event = self.decoder.next().map_err(|error| {
                Offline::new(
                    OfflineKind::Lost,
                    format!("the camera's stream cannot be read: {error}"),
                )
            })?;
            match event {
                None => return self.fed(meant, Carrier::Tcp, now),
                Some(Event::Response(response)) => {
                    self.fed(std::mem::replace(&mut meant, Fed::Nothing), Carrier::Tcp, now)?;
                    (self.only_media, self.route) = (false, None);
                    self.dialog.response(&response, now)?;
                }
                Some(Event::Request(request)) => {
                    (self.only_media, self.route) = (false, None);
                    self.dialog.request(&request, now)?;
                }
                Some(Event::Frame(mut frame)) => {
                    let channel = frame.channel;
                    let known = self.route.filter(|&(of, _)| of == channel).map(|(_, route)| route);
                    let route = known.or_else(|| {
                        let Some((index, rtcp)) = self.dialog.track_of_channel(channel) else {
                            self.oddities.note(rtsp_proto::Oddity::UnknownChannel);
                            return None;
                        };
                        let media = self.dialog.tracks().get(index).map(|track| track.media);
                        Some((self.feed.track_of_media(media?)?, rtcp))
                    });
                    let Some((track, rtcp)) = route else { continue };
                    self.route = Some((channel, (track, rtcp)));
                    let fed = if rtcp {
                        self.feed.rtcp(track, frame.payload(), now, &mut self.oddities)
                    } else {
                        self.feed.rtp(track, frame.wire_mut(), now, &mut self.oddities)
                    };
                    meant = meant.max(fed);
                }
            }
        }
    }
}
