//! The multicast groups of all streams; each exists while a session has it set up.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::group::Group;
use crate::config::model::{Config, Multicast, Stream};
use crate::current::Current;
use crate::media::Place;
use crate::net::multicast::way_to;
use crate::net::udp_out::PortPair;
use crate::source::Slot;

/// Why members go behind a change of the configuration.
const NO_GROUP: &str = "the stream is not to be had by multicast any more";
const OTHER_GROUP: &str = "the stream has another multicast group now";
const OTHER_WAY: &str = "multicast leaves by another interface now";

/// The groups that exist.
#[derive(Debug)]
pub struct Groups {
    multicast: Current<Multicast>,
    handoff: bool,
    open: Mutex<BTreeMap<String, Weak<Group>>>,
}

impl Groups {
    /// No groups yet. With `handoff` a source writes to them itself.
    pub fn new(config: &Config, handoff: bool) -> Self {
        let multicast = Current::new(config.multicast.clone());
        Self { multicast, handoff, open: Mutex::default() }
    }

    /// The configuration has changed, that of the streams already. A group that is not what it would
    /// be made now is told so and ended: another stream may have its place. The others go on.
    pub fn change(&self, multicast: &Multicast) {
        let rerouted = self.multicast.get().interface != multicast.interface;
        self.multicast.replace(multicast.clone());
        let open: Vec<_> = self.groups().values().filter_map(Weak::upgrade).collect();
        for group in open {
            let reason = match self.place(&group.slot.stream.now()) {
                None => NO_GROUP,
                Some(place) if place != group.place => OTHER_GROUP,
                Some(_) if !rerouted => continue,
                Some(place) => match self.way_to(place) {
                    Ok(local) if local == group.local => continue,
                    Ok(_) => OTHER_WAY,
                    Err(error) => {
                        let stream = &group.slot.stream.name;
                        log::warn!("a multicast group stays where it is: {error} stream={stream}");
                        continue;
                    }
                },
            };
            group.close(&Arc::from(reason));
        }
    }

    /// Where a stream may be had by multicast; `None` if it may not.
    pub(super) fn place(&self, stream: &Stream) -> Option<Place> {
        let Multicast { port, ttl, .. } = *self.multicast.get();
        stream.multicast.map(|group| Place { group, port, ttl })
    }

    /// The group of a stream at `place`, for as long as somebody holds it. `id` is its own among
    /// the viewers' if it is new.
    ///
    /// # Errors
    /// No way leads to the group, see [`way_to`], or there are no ports.
    pub(super) fn open(&self, slot: &Arc<Slot>, place: Place, id: u64) -> io::Result<Arc<Group>> {
        let mut open = self.groups();
        open.retain(|_, group| group.strong_count() > 0);
        let known = open.get(&slot.stream.name).and_then(Weak::upgrade);
        if let Some(group) = known.filter(|group| group.place == place && !group.is_closed()) {
            return Ok(group);
        }
        let local = self.way_to(place)?;
        let pair = PortPair::open_for_groups(local, place.ttl)?;
        let group = Arc::new(Group::new(id, Arc::clone(slot), place, local, pair, self.handoff));
        open.insert(slot.stream.name.clone(), Arc::downgrade(&group));
        Ok(group)
    }

    /// The address from which packets leave for there.
    fn way_to(&self, place: Place) -> io::Result<Ipv4Addr> {
        way_to(place.group, self.multicast.get().interface.as_deref())
    }

    fn groups(&self) -> MutexGuard<'_, BTreeMap<String, Weak<Group>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
