//! Places that are few: of viewers, of cameras. Taken by one thread, free again when dropped.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A bounded number of places, and optionally a bound for each address.
#[derive(Debug)]
pub struct Places {
    taken: Mutex<Taken>,
}

#[derive(Debug)]
struct Taken {
    max: u32,
    max_per_address: Option<u32>,
    all: u32,
    by_address: HashMap<IpAddr, u32>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// All places are taken; the number of them.
    All(u32),
    /// This address has as many as it may have.
    Address(u32),
}

/// One place; dropping it frees it.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    address: Option<IpAddr>,
}

impl Places {
    /// `max` places in all, and so many for one address (`None`: as many as there are).
    pub fn new(max: u32, max_per_address: Option<u32>) -> Arc<Self> {
        let by_address = HashMap::new();
        let taken = Taken { max, max_per_address, all: 0, by_address };
        Arc::new(Self { taken: Mutex::new(taken) })
    }

    /// From now on there are so many. Who has a place keeps it.
    pub fn change(&self, max: u32, max_per_address: Option<u32>) {
        let mut taken = self.lock();
        (taken.max, taken.max_per_address) = (max, max_per_address);
    }

    /// Takes a place, for a peer if it has an address.
    pub fn take(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Place, Full> {
        let address = address.map(|address| address.to_canonical());
        self.take_of(u32::MAX, address)
    }

    /// Takes a place if fewer than `most` are taken.
    pub fn take_within(self: &Arc<Self>, most: u32) -> Result<Place, Full> {
        self.take_of(most, None)
    }

    fn take_of(self: &Arc<Self>, most: u32, address: Option<IpAddr>) -> Result<Place, Full> {
        let mut taken = self.lock();
        let most = most.min(taken.max);
        let max_per_address = taken.max_per_address;
        if taken.all >= most {
            return Err(Full::All(most));
        }
        if let Some(address) = address {
            let own = taken.by_address.entry(address).or_default();
            if let Some(max) = max_per_address.filter(|&max| *own >= max) {
                return Err(Full::Address(max));
            }
            *own += 1;
        }
        taken.all += 1;
        Ok(Place { places: Arc::clone(self), address })
    }

    /// How many are taken.
    pub fn taken(&self) -> u32 {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        let Some(address) = self.address else { return };
        if let Some(own) = taken.by_address.get_mut(&address) {
            *own -= 1;
            if *own == 0 {
                taken.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_holder_is_gone() {
        let places = Places::new(2, None);
        let first = places.take(None).unwrap();
        let _second = places.take(None).unwrap();
        assert_eq!(places.take(None).unwrap_err(), Full::All(2));
        drop(first);
        assert_eq!(places.taken(), 1);
        assert_eq!(places.take_within(1).unwrap_err(), Full::All(1));
        places.take(None).unwrap();
    }

    #[test]
    fn fewer_places_end_nobody_and_let_nobody_in_until_enough_have_gone() {
        let places = Places::new(3, None);
        let mut held: Vec<_> = (0..3).map(|_| places.take(None).unwrap()).collect();
        places.change(2, None);
        assert_eq!((places.taken(), places.take(None).unwrap_err()), (3, Full::All(2)));
        held.truncate(1);
        held.push(places.take(None).unwrap());
        assert_eq!(places.take(None).unwrap_err(), Full::All(2));
        places.change(3, None);
        places.take(None).unwrap();
    }

    #[test]
    fn one_address_cannot_take_the_places_of_all() {
        let places = Places::new(10, Some(1));
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let held = places.take(Some(one)).unwrap();
        let mapped = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(places.take(Some(mapped)).unwrap_err(), Full::Address(1));
        places.take(Some("192.0.2.2".parse().unwrap())).unwrap();
        drop(held);
        places.take(Some(one)).unwrap();
        assert!(places.lock().by_address.is_empty());
    }
}
