//! A stream that is live without a camera, for whoever tries viewers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtsp_proto::Oddities;
use rtsp_proto::sdp::SessionDescription;

use super::device::{Device, Picture};
use super::frame;
use crate::media::Presentation;
use crate::net::Waker;
use crate::source::feed::Feed;
use crate::source::{Registry, Slot, SourceGuard};

/// Keeps a stream live as long as it exists; nothing is published but on demand.
pub struct Studio {
    slot: Arc<Slot>,
    feed: Feed,
    device: Device,
    now: Instant,
    _guard: SourceGuard,
}

impl Studio {
    /// The stream of this name, described and with a picture to begin with; `kind` says what the
    /// camera has. `None` if there is no such stream, or it is pulled already.
    pub fn open(registry: &Registry, name: &str, kind: u8) -> Option<Self> {
        let slot = registry.find(name)?;
        let waker = Arc::new(Waker::new().ok()?);
        let reader = Arc::clone(&waker);
        let guard = slot.acquire::<()>(&waker, || Ok(reader)).ok()?.ok()?;
        let now = Instant::now();
        let device = Device::new(kind, now);
        let mut feed = Feed::new(Arc::clone(&slot), now);
        let mut oddities = Oddities::new();
        let sdp = SessionDescription::parse(device.sdp().as_bytes(), &mut oddities).ok()?;
        feed.begin(Presentation::new(&sdp, |_| true, &mut oddities), now).ok()?;
        slot.live();
        let mut studio = Self { slot, feed, device, now, _guard: guard };
        studio.show(true);
        Some(studio)
    }

    /// The stream.
    pub fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// Publishes a picture, and sound if there is any.
    pub fn show(&mut self, key: bool) {
        self.now += Duration::from_millis(40);
        let kind = if key { Picture::Key } else { Picture::Reference };
        let mut oddities = Oddities::new();
        for packet in self.device.picture(kind, 0, self.now) {
            self.feed.rtp(0, &mut frame(0, &packet), self.now, &mut oddities);
        }
        let sound = self.device.sound(self.now);
        self.feed.rtp(1, &mut frame(2, &sound), self.now, &mut oddities);
    }
}
