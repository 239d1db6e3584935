//! Sessions: the one of a connection, and the count of all.

use super::delivery::Delivery;
use super::faults::Switches;
use super::feed::Feed;
use super::pulse::Pulse;
use super::stats::{Counters, add, sub};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What SETUP makes and TEARDOWN ends. Dropping it ends it as a lost connection does.
#[derive(Debug)]
pub struct Session {
    /// As the client knows it.
    pub id: String,
    /// As the feed knows it.
    pub number: u64,
    /// What it shows.
    pub feed: Arc<Feed>,
    /// Where each track goes, by the feed's track numbers.
    pub tracks: Vec<Option<Delivery>>,
    /// Media is being sent.
    pub playing: bool,
    /// Its signs of life.
    pub pulse: Arc<Pulse>,
    /// It was torn down in order.
    pub ended: bool,
    /// Where it is counted.
    all: Arc<Sessions>,
}

impl Session {
    /// Sends no more media.
    pub fn pause(&mut self) {
        self.feed.unsubscribe(self.number);
        self.playing = false;
    }

    /// Sets where a track goes, in place of where it went.
    pub fn set(&mut self, track: usize, delivery: Delivery) {
        if let Delivery::Udp { udp, rtcp, .. } = &delivery {
            udp.listen_to(*rtcp, Arc::clone(&self.pulse));
        }
        if let Some(slot) = self.tracks.get_mut(track) {
            *slot = Some(delivery);
        }
    }

    /// Whether a channel belongs to a track other than `but`.
    pub fn uses(&self, channel: u8, but: usize) -> bool {
        let others = self.tracks.iter().enumerate().filter(|&(track, _)| track != but);
        others.flat_map(|(_, delivery)| delivery).any(|delivery| match delivery {
            Delivery::Tcp { rtp, rtcp, .. } => [*rtp, *rtcp].contains(&channel),
            Delivery::Udp { .. } => false,
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.pause();
        for delivery in self.tracks.iter().flatten() {
            if let Delivery::Udp { udp, rtcp, .. } = delivery {
                udp.forget(*rtcp);
            }
        }
        self.all.close(self.ended);
    }
}

/// All sessions of a camera, with those it has not yet forgotten.
#[derive(Debug)]
pub struct Sessions {
    counters: Arc<Counters>,
    switches: Arc<Switches>,
    /// When each session that lost its connection is forgotten.
    remembered: Mutex<Vec<Instant>>,
}

impl Sessions {
    /// None yet.
    pub fn new(counters: Arc<Counters>, switches: Arc<Switches>) -> Self {
        Self { counters, switches, remembered: Mutex::default() }
    }

    /// A new session; `None` if there are as many as the camera takes.
    pub fn open(self: &Arc<Self>, id: String, feed: &Arc<Feed>) -> Option<Session> {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        remembered.retain(|&until| until > now);
        let open = self.counters.sessions_open.load(Ordering::Relaxed) as usize;
        if open + remembered.len() >= self.switches.max_sessions() {
            add(&self.counters.sessions_refused);
            return None;
        }
        add(&self.counters.sessions_open);
        self.counters.sessions_max.fetch_max(open as u64 + 1, Ordering::Relaxed);
        let number = self.counters.sessions_total.fetch_add(1, Ordering::Relaxed);
        Some(Session {
            id,
            number,
            feed: Arc::clone(feed),
            tracks: feed.ssrcs().iter().map(|_| None).collect(),
            playing: false,
            pulse: Arc::new(Pulse::new()),
            ended: false,
            all: Arc::clone(self),
        })
    }

    fn close(&self, ended: bool) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        sub(&self.counters.sessions_open);
        let forget_after = self.switches.forget_after(ended);
        if !forget_after.is_zero() {
            remembered.push(Instant::now() + forget_after);
        }
    }
}
