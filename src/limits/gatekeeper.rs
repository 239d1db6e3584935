//! Whether another viewer may come in: one door for all kinds of viewers.

use std::net::IpAddr;
use std::sync::Arc;

use super::logins::Logins;
use super::places::{Full, Place, Places};
use super::pressure::Pressure;
use super::refusal::{Reason, Refusal, Refusals};
use crate::config::model::Limits;

/// Who is in, and what is known of the room there is.
#[derive(Debug)]
pub struct Gatekeeper {
    viewers: Arc<Places>,
    /// Whether the process is at the limit of memory or processor.
    pub pressure: Pressure,
    /// How often somebody was refused, by reason.
    pub refusals: Refusals,
    /// Who gave wrong logins.
    pub logins: Arc<Logins>,
}

/// A viewer's place, in the relay and with its stream; dropping it frees both.
#[derive(Debug)]
pub struct Seat {
    _relay: Place,
    _stream: Place,
    /// It has a part of what the stream may send.
    share: Option<Place>,
}

impl Gatekeeper {
    /// Everybody is out.
    pub fn new(limits: &Limits) -> Self {
        Self {
            viewers: Places::new(limits.max_clients, limits.max_clients_per_ip),
            pressure: Pressure::new(limits.max_memory_bytes, limits.max_cpu_percent),
            refusals: Refusals::default(),
            logins: Arc::default(),
        }
    }

    /// Lets a viewer in, to one of the stream's places; a refusal has been counted.
    ///
    /// Who comes when nobody is there is not refused for want of memory or processor: it would not
    /// become less of it.
    pub fn admit(&self, address: IpAddr, stream: &Arc<Places>) -> Result<Seat, Refusal> {
        let admit = || {
            let all = self.viewers.take(Some(address)).map_err(|full| match full {
                Full::All(max) => refusal(Reason::Clients, max),
                Full::Address(max) => refusal(Reason::ClientsPerAddress, max),
            })?;
            let stream = stream.take(None).map_err(|full| match full {
                Full::All(max) | Full::Address(max) => refusal(Reason::ClientsPerStream, max),
            })?;
            match self.pressure.refusal().filter(|_| self.viewers.taken() > 1) {
                Some(refusal) => Err(refusal),
                None => Ok(Seat { _relay: all, _stream: stream, share: None }),
            }
        };
        admit().inspect_err(|refusal| self.refusals.count(refusal.reason))
    }

    /// Other limits from now on. Who is in stays in.
    pub fn change(&self, limits: &Limits) {
        self.viewers.change(limits.max_clients, limits.max_clients_per_ip);
        self.pressure.change(limits.max_memory_bytes, limits.max_cpu_percent);
    }

    /// Viewers that are in.
    pub fn viewers(&self) -> u32 {
        self.viewers.taken()
    }
}

impl Seat {
    /// Gives the viewer one of `most` parts of what its stream may send, if it has none yet.
    pub fn share(&mut self, parts: &Arc<Places>, most: u32) -> Result<(), Full> {
        if self.share.is_none() {
            self.share = Some(parts.take_within(most)?);
        }
        Ok(())
    }
}

fn refusal(reason: Reason, max: u32) -> Refusal {
    Refusal { reason, limit: max.into() }
}

#[cfg(test)]
mod tests {
    use super::super::pressure::Usage;
    use super::*;

    fn gatekeeper() -> Gatekeeper {
        Gatekeeper::new(&Limits {
            max_clients: 3,
            max_clients_per_ip: Some(2),
            max_memory_bytes: 100,
            max_cpu_percent: 80,
            max_camera_connections: 1,
        })
    }

    #[test]
    fn at_each_limit_the_next_is_refused_and_a_place_is_free_when_one_leaves() {
        let gatekeeper = gatekeeper();
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        let (door, yard) = (Places::new(2, None), Places::new(9, None));
        let refused = |address, stream: &Arc<Places>| {
            let refusal = gatekeeper.admit(address, stream).unwrap_err();
            (refusal.to_string(), gatekeeper.refusals.get(refusal.reason))
        };
        let first = gatekeeper.admit(address(1), &door).unwrap();
        let second = gatekeeper.admit(address(1), &door).unwrap();
        assert_eq!(refused(address(1), &door), ("max_clients_per_ip=2".into(), 1));
        assert_eq!(refused(address(2), &door), ("max_clients_per_stream=2".into(), 1));
        let third = gatekeeper.admit(address(2), &yard).unwrap();
        assert_eq!(refused(address(2), &yard), ("max_clients=3".into(), 1));
        assert_eq!(refused(address(2), &yard), ("max_clients=3".into(), 2));
        drop(first);
        let fourth = gatekeeper.admit(address(2), &door).unwrap();
        assert_eq!(gatekeeper.viewers(), 3);
        drop((second, third, fourth));
        assert_eq!((gatekeeper.viewers(), door.taken(), yard.taken()), (0, 0, 0));
    }

    #[test]
    fn without_memory_left_one_is_served_and_no_second() {
        let gatekeeper = gatekeeper();
        let stream = Places::new(9, None);
        let address = IpAddr::from([192, 0, 2, 1]);
        gatekeeper.pressure.update(&Usage { memory_bytes: 99, cpu_percent: 0.0 });
        let first = gatekeeper.admit(address, &stream).unwrap();
        let refusal = gatekeeper.admit(address, &stream).unwrap_err();
        assert_eq!(refusal.reason, Reason::Memory);
        assert_eq!(stream.taken(), 1, "nothing is kept of who was refused");
        drop(first);
        gatekeeper.admit(address, &stream).unwrap();
    }

    #[test]
    fn a_viewer_takes_one_part_of_what_its_stream_may_send_however_often_it_asks() {
        let gatekeeper = gatekeeper();
        let (stream, parts) = (Places::new(9, None), Places::new(u32::MAX, None));
        let mut one = gatekeeper.admit(IpAddr::from([192, 0, 2, 1]), &stream).unwrap();
        let mut other = gatekeeper.admit(IpAddr::from([192, 0, 2, 1]), &stream).unwrap();
        one.share(&parts, 1).unwrap();
        one.share(&parts, 1).unwrap();
        assert_eq!(other.share(&parts, 1).unwrap_err(), Full::All(1));
        drop(one);
        other.share(&parts, 1).unwrap();
    }
}
