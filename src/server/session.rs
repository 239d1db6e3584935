//! What a client has set up.

use super::target::Target;
use crate::entropy;

/// A session; it lives and dies with its connection.
#[derive(Debug)]
pub(super) struct Session {
    /// Unguessable; hexadecimal, because dashes confuse some clients.
    pub id: String,
    /// The stream.
    pub stream: String,
    /// `scheme://authority` of its SETUP, for the URLs we give when a request names none.
    pub origin: String,
    /// For each track the RTP and RTCP channels, `None` for those not set up.
    pub channels: Vec<Option<(u8, u8)>>,
    /// Media flows, or is about to.
    pub playing: bool,
}

impl Session {
    /// A session of a stream with so many tracks, none of them set up.
    pub(super) fn new(target: &Target, tracks: usize) -> Self {
        let id = entropy::bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
        let Target { stream, origin, .. } = target.clone();
        Self { id, stream, origin, channels: vec![None; tracks], playing: false }
    }

    /// Sets up a track on the channels the client asked for, or, if it asked for none or for one
    /// that another track has, on the next free pair. `None` without a free pair or track.
    pub(super) fn set_up(&mut self, track: u8, wanted: Option<(u8, u8)>) -> Option<(u8, u8)> {
        let index = usize::from(track);
        self.channels.get(index)?;
        let used = |channel: u8| {
            let others = self.channels.iter().enumerate().filter(|&(other, _)| other != index);
            others.filter_map(|(_, pair)| *pair).any(|(a, b)| a == channel || b == channel)
        };
        let fits = |&(rtp, rtcp): &(u8, u8)| rtp != rtcp && !used(rtp) && !used(rtcp);
        let free = || (0..=254).step_by(2).map(|channel| (channel, channel + 1)).find(fits);
        let usual = (2 * track, 2 * track + 1);
        let pair = match wanted {
            Some(pair) => Some(pair).filter(fits).or_else(free)?,
            None => Some(usual).filter(fits).or_else(free)?,
        };
        *self.channels.get_mut(index)? = Some(pair);
        Some(pair)
    }

    /// Whether a track is set up.
    pub(super) fn is_set_up(&self) -> bool {
        self.channels.iter().any(Option::is_some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_the_channels_they_ask_for_and_never_the_same_twice() {
        let target = Target::parse("rtsp://relay.lan/door").unwrap();
        let mut session = Session::new(&target, 3);
        assert_eq!(session.set_up(0, Some((4, 5))), Some((4, 5)));
        assert_eq!(session.set_up(1, Some((4, 5))), Some((0, 1)));
        assert_eq!(session.set_up(2, None), Some((2, 3)), "the usual ones would be another's");
        assert_eq!(session.set_up(0, Some((4, 5))), Some((4, 5)), "set up once more");
        assert_eq!(session.set_up(3, None), None);
        assert_eq!(session.id.len(), 32);
    }
}
