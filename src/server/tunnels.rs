//! Tunnels of RTSP through HTTP: which GET and which POST belong together.
//!
//! The thread of the GET is the viewer's; that of a POST finds it, or waits until it comes, gives
//! its connection away and ends. Each half that waits is a connection with a thread and a time limit, so
//! there are never more than connections.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clients::Registered;
use crate::net::{Stream, Waker};

/// POSTs of one tunnel that may wait to be read.
const MAX_POSTS: usize = 4;

/// The halves that somebody may look for, by their cookies.
#[derive(Debug, Default)]
pub struct Tunnels(Mutex<HashMap<String, Half>>);

#[derive(Debug)]
enum Half {
    /// A viewer, as long as it is there: its POST may come at any time, and come again.
    Get(Arc<Inbox>),
    /// POSTs whose GET is still to come, oldest first.
    Posts { address: IpAddr, waiting: Vec<(Post, Arc<Waker>)> },
}

/// A connection that a viewer's requests come from.
#[derive(Debug)]
pub(super) struct Post {
    /// The connection.
    pub(super) stream: Arc<Stream>,
    /// What was read of its body with its head.
    pub(super) rest: Vec<u8>,
    /// Keeps it in the list.
    pub(super) _registered: Option<Registered>,
}

/// Where a viewer finds its POST.
#[derive(Debug)]
struct Inbox {
    address: IpAddr,
    waker: Arc<Waker>,
    /// Those that were not taken yet, oldest first: a client that opens one for each request may
    /// have opened the next before we have looked.
    posts: Mutex<VecDeque<Post>>,
}

/// The cookie is in use from another address, or too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken;

/// A viewer that listens; its cookie is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Listening {
    tunnels: Arc<Tunnels>,
    cookie: String,
    inbox: Arc<Inbox>,
}

/// A POST that waits; it is taken back when this is dropped.
#[derive(Debug)]
pub(super) struct Waiting {
    tunnels: Arc<Tunnels>,
    cookie: String,
    stream: Arc<Stream>,
}

impl Tunnels {
    /// A GET came from `address`; `waker` is its thread's. A GET before it from the same address loses the
    /// cookie: the client has lost that connection, whether we know it or not.
    pub(super) fn listen(
        self: &Arc<Self>,
        cookie: String,
        address: IpAddr,
        waker: &Arc<Waker>,
    ) -> Result<Listening, Taken> {
        let address = address.to_canonical();
        let inbox = Arc::new(Inbox { address, waker: Arc::clone(waker), posts: Mutex::default() });
        let listening = Half::Get(Arc::clone(&inbox));
        let mut halves = self.lock();
        match halves.entry(cookie.clone()) {
            Entry::Occupied(known) if known.get().address() != address => return Err(Taken),
            Entry::Occupied(mut known) => {
                if let Half::Posts { waiting, .. } = known.insert(listening) {
                    for (post, waker) in waiting {
                        inbox.lock().push_back(post);
                        // Its thread has nothing to do any more.
                        waker.wake();
                    }
                }
            }
            Entry::Vacant(free) => {
                free.insert(listening);
            }
        }
        drop(halves);
        Ok(Listening { tunnels: Arc::clone(self), cookie, inbox })
    }

    /// A POST came from `address`: given to its GET (`None`), or kept until that comes, which wakes `waker`.
    pub(super) fn speak(
        self: &Arc<Self>,
        cookie: String,
        address: IpAddr,
        post: Post,
        waker: &Arc<Waker>,
    ) -> Result<Option<Waiting>, Taken> {
        let address = address.to_canonical();
        let stream = Arc::clone(&post.stream);
        match self.lock().entry(cookie.clone()) {
            Entry::Occupied(mut known) => match known.get_mut() {
                Half::Get(inbox) if inbox.address == address => {
                    let mut posts = inbox.lock();
                    if posts.len() >= MAX_POSTS {
                        return Err(Taken);
                    }
                    posts.push_back(post);
                    inbox.waker.wake();
                    return Ok(None);
                }
                Half::Posts { address: known, waiting }
                    if *known == address && waiting.len() < MAX_POSTS =>
                {
                    waiting.push((post, Arc::clone(waker)));
                }
                _ => return Err(Taken),
            },
            Entry::Vacant(free) => {
                let waiting = vec![(post, Arc::clone(waker))];
                free.insert(Half::Posts { address, waiting });
            }
        }
        Ok(Some(Waiting { tunnels: Arc::clone(self), cookie, stream }))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Half>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Half {
    fn address(&self) -> IpAddr {
        match self {
            Self::Get(inbox) => inbox.address,
            Self::Posts { address, .. } => *address,
        }
    }

    /// The place of a connection among the POSTs that wait.
    fn place_of(&self, stream: &Arc<Stream>) -> Option<usize> {
        let Self::Posts { waiting, .. } = self else { return None };
        waiting.iter().position(|(post, _)| Arc::ptr_eq(&post.stream, stream))
    }
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Post>> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listening {
    /// Whether a POST has come that was not taken yet.
    pub(super) fn has_post(&self) -> bool {
        !self.inbox.lock().is_empty()
    }

    /// The oldest POST that has come.
    pub(super) fn take_post(&self) -> Option<Post> {
        self.inbox.lock().pop_front()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut halves = self.tunnels.lock();
        let own = |half: &Half| matches!(half, Half::Get(inbox) if Arc::ptr_eq(inbox, &self.inbox));
        if halves.get(&self.cookie).is_some_and(own) {
            halves.remove(&self.cookie);
        }
    }
}

impl Waiting {
    /// Whether the GET has not come yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.tunnels
            .lock()
            .get(&self.cookie)
            .is_some_and(|half| half.place_of(&self.stream).is_some())
    }

    /// Waits no longer; `false` when the GET has the connection already.
    pub(super) fn take_back(&self) -> bool {
        let mut halves = self.tunnels.lock();
        let Some(half) = halves.get_mut(&self.cookie) else { return false };
        let (Some(place), Half::Posts { waiting, .. }) = (half.place_of(&self.stream), half) else {
            return false;
        };
        waiting.remove(place);
        if waiting.is_empty() {
            halves.remove(&self.cookie);
        }
        true
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.take_back();
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn post(rest: &str) -> Post {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        Post { stream: Arc::new(stream.into()), rest: rest.into(), _registered: None }
    }

    fn waker() -> Arc<Waker> {
        Arc::new(Waker::new().unwrap())
    }

    #[test]
    fn the_halves_find_each_other_whichever_comes_first_and_as_often_as_they_like() {
        let tunnels = Arc::new(Tunnels::default());
        let get = tunnels.listen("a".into(), HOME, &waker()).unwrap();
        assert!(get.take_post().is_none());
        for body in ["one", "two"] {
            let given = tunnels.speak("a".into(), HOME, post(body), &waker()).unwrap();
            assert!(given.is_none());
            assert_eq!(get.take_post().unwrap().rest, body.as_bytes());
        }
        let waiting = tunnels.speak("b".into(), HOME, post("three"), &waker()).unwrap().unwrap();
        assert!(waiting.is_waiting());
        let get = tunnels.listen("b".into(), HOME, &waker()).unwrap();
        assert!(!waiting.is_waiting());
        drop(waiting);
        assert_eq!(get.take_post().unwrap().rest, b"three");
        assert!(tunnels.speak("b".into(), HOME, post("four"), &waker()).unwrap().is_none());
        assert!(get.has_post());
    }

    #[test]
    fn a_cookie_opens_nothing_from_another_address() {
        let tunnels = Arc::new(Tunnels::default());
        let get = tunnels.listen("a".into(), HOME, &waker()).unwrap();
        assert_eq!(tunnels.listen("a".into(), ELSEWHERE, &waker()).unwrap_err(), Taken);
        assert_eq!(tunnels.speak("a".into(), ELSEWHERE, post(""), &waker()).unwrap_err(), Taken);
        assert!(!get.has_post());
        let waiting = tunnels.speak("b".into(), HOME, post(""), &waker()).unwrap().unwrap();
        assert_eq!(tunnels.listen("b".into(), ELSEWHERE, &waker()).unwrap_err(), Taken);
        assert_eq!(tunnels.speak("b".into(), ELSEWHERE, post(""), &waker()).unwrap_err(), Taken);
        assert!(waiting.is_waiting());
    }

    #[test]
    fn posts_in_quick_succession_are_all_kept_up_to_a_few_before_and_behind_their_get() {
        let tunnels = Arc::new(Tunnels::default());
        let speak = |body| tunnels.speak("a".into(), HOME, post(body), &waker());
        let bodies = ["1", "2", "3", "4"];
        let waiting = bodies.map(|body| speak(body).unwrap().unwrap());
        assert_eq!(speak("5").unwrap_err(), Taken);
        assert!(waiting[1].take_back() && !waiting[1].is_waiting() && waiting[2].is_waiting());
        let get = tunnels.listen("a".into(), HOME, &waker()).unwrap();
        assert!(waiting.iter().all(|waiting| !waiting.take_back()));
        for body in ["5", "6"] {
            assert_eq!(
                speak(body).map(|waiting| waiting.is_none()),
                if body == "5" { Ok(true) } else { Err(Taken) }
            );
        }
        let taken: Vec<_> = std::iter::from_fn(|| get.take_post()).map(|post| post.rest).collect();
        assert_eq!(taken, [b"1", b"3", b"4", b"5"]);
    }

    #[test]
    fn nothing_is_kept_of_those_that_left() {
        let tunnels = Arc::new(Tunnels::default());
        drop(tunnels.listen("a".into(), HOME, &waker()).unwrap());
        drop(tunnels.speak("b".into(), HOME, post(""), &waker()).unwrap().unwrap());
        assert!(tunnels.lock().is_empty());
        // A client that came back before the loss of its old connection was noticed.
        let old = tunnels.listen("a".into(), HOME, &waker()).unwrap();
        let new = tunnels.listen("a".into(), HOME, &waker()).unwrap();
        drop(old);
        tunnels.speak("a".into(), HOME, post(""), &waker()).unwrap();
        assert!(new.has_post());
        drop(new);
        assert!(tunnels.lock().is_empty());
    }
}
