//! A client whose every byte may be wrong, toward all that serves it: requests, login, session,
//! places, the way out, the hub; with a live stream behind it, and a model that checks the answers.
//! The connection is a pair of sockets in this process; nothing waits, and no thread is started but
//! that of UDP.

mod ask;
mod model;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};

use rtsp_proto::Limits;
use rtsp_proto::decoder::{Decoder, Event, Peer};
use rtsp_proto::fuzz::script::{mistake, take};
use rtsp_proto::tunnel::FirstBytes;

use self::ask::LOGIN;
use self::model::Model;
use super::client::Client;
use super::farewell::Farewell;
use super::{Groups, Server, Tunnels, UdpPorts, Wanted};
use crate::access::Access;
use crate::clients::Clients;
use crate::config::model::Config;
use crate::config::{Sources, Surroundings, load_in};
use crate::current::Current;
use crate::limits::Gatekeeper;
use crate::media::Progress;
use crate::net::{Stream, Waker};
use crate::source::Registry;
use crate::source::fuzz::Studio;

/// Of a request that is sent with mistakes.
const MAX_MISTAKES: u8 = 4;
/// A client that asks for no more than this is served at once.
const MAX_TURNS: usize = 64;
/// The largest that can be waited for.
const MAX_BUFFERED: usize = Limits::CLIENT.head + Limits::CLIENT.body + u16::MAX as usize + 4;
const CLIENT: ([u8; 4], u16) = ([127, 9, 9, 9], 40_000);
const RELAY: ([u8; 4], u16) = ([127, 9, 9, 8], 8554);
const REPORT: &[u8] = b"$\x01\x00\x08\x80\xc9\x00\x01\x1a\x2b\x3c\x4d";
const OWN_ANSWER: &[u8] = b"RTSP/2.0 200 OK\r\nCSeq: 1\r\n\r\n";

/// Takes `data` as a script: what the client asks, and the mistakes in it; and what the camera does
/// meanwhile.
///
/// # Panics
/// When anything panics; a request is answered twice, out of turn, without its number or not at all;
/// an answer is one that the state of the session does not allow, or says anything about streams to a
/// stranger; media comes without PLAY, or inside of an answer; what is held is beyond its limits; or
/// when, after the client has gone, a guard, a place, a port or a viewer is left.
pub fn client(data: &[u8]) {
    visit(data);
}

fn visit(data: &[u8]) -> (u64, u64) {
    let mut script = data;
    let flags = take(&mut script);
    let server = server(flags & 1 != 0, flags & 2 == 0);
    let studio = Studio::open(&server.registry, "door", flags >> 2);
    let mut studio = studio.unwrap_or_else(|| unreachable!("there is such a stream"));
    let visit = Visit::new(&server, flags & 1 != 0);
    let visit = visit.unwrap_or_else(|| unreachable!("there are descriptors"));
    let seen = visit.run(&mut studio, &mut script);
    let slot = studio.slot();
    assert_eq!(server.clients.count(), 0, "connections");
    assert_eq!(server.gatekeeper.viewers(), 0, "places");
    assert_eq!((slot.places.taken(), slot.shares.taken()), (0, 0), "places of the stream");
    assert_eq!((slot.status().guards, slot.hub.viewers()), (1, 0), "guards and viewers");
    assert!(server.udp.is_idle(), "ports");
    seen
}

/// One connection, with the client at its far end.
struct Visit {
    client: Box<Client>,
    decoder: Decoder,
    far: UnixStream,
    answers: Decoder,
    model: Model,
    cseq: u32,
    wrong_logins: u8,
    /// What the client has not sent yet.
    unsent: Vec<u8>,
    /// What it has sent first, as far as that tells RTSP from HTTP. What begins a tunnel would have this
    /// thread wait for the rest of it, and is answered in HTTP; the target `tunnel` is for those.
    first: Vec<u8>,
}

impl Visit {
    fn new(server: &Arc<Server>, guarded: bool) -> Option<Self> {
        let (near, far) = UnixStream::pair().ok()?;
        near.set_nonblocking(true).ok()?;
        far.set_nonblocking(true).ok()?;
        // To the relay a connection is a descriptor that can be read, written and waited for.
        let stream: Stream = TcpStream::from(OwnedFd::from(near)).into();
        let waker = Arc::new(Waker::new().ok()?);
        let id = server.clients.next_id();
        let (local, peer) = (SocketAddr::from(RELAY), SocketAddr::from(CLIENT));
        let client = Client::new(server, id, Arc::new(stream), local, peer, waker);
        Some(Self {
            client: Box::new(client),
            decoder: Decoder::new(Peer::Client, Limits::CLIENT),
            far,
            answers: Decoder::new(Peer::Client, Limits::CAMERA),
            model: Model::new(guarded),
            cseq: 0,
            wrong_logins: 0,
            unsent: Vec::new(),
            first: Vec::new(),
        })
    }

    /// Gives frames and granted requests, as [`Model::seen`] does.
    fn run(mut self, studio: &mut Studio, script: &mut &[u8]) -> (u64, u64) {
        let mut farewell = None;
        while !script.is_empty() && farewell.is_none() {
            if self.step(studio, script) {
                return self.end(&Farewell::Gone, false);
            }
            farewell = self.turns();
        }
        match farewell {
            Some(farewell) => self.end(&farewell, false),
            None => self.end(&Farewell::Gone, true),
        }
    }

    /// One thing that happens; `true` when the script is not for this target.
    fn step(&mut self, studio: &mut Studio, script: &mut &[u8]) -> bool {
        let kind = take(script);
        let mut wire = Vec::new();
        match kind % 16 {
            0..=9 => {
                self.cseq += 1;
                let session = self.model.session().map(str::to_owned);
                let wrong = &mut self.wrong_logins;
                let (asked, bytes) = ask::request(script, self.cseq, session.as_deref(), wrong);
                self.model.ask(asked);
                wire = bytes;
            }
            10 => studio.show(true),
            11 => studio.show(false),
            12 => wire = REPORT.into(),
            13 => wire = OWN_ANSWER.into(),
            14 => {
                self.model.confused = true;
                wire = (0..take(script)).map(|_| take(script)).collect();
            }
            _ => {
                self.model.unsure = true;
                studio.slot().hub.end(&Arc::from("the camera is gone"));
            }
        }
        if !wire.is_empty() {
            for _ in 0..(kind >> 4) % (MAX_MISTAKES + 1) {
                self.model.confused = true;
                mistake(&mut wire, script);
            }
        }
        self.unsent.extend_from_slice(&wire);
        // Some requests come in one go, some in pieces.
        let now = match kind >> 4 {
            15 => 0,
            10 => self.unsent.len() / 2,
            _ => self.unsent.len(),
        };
        self.send(now)
    }

    fn send(&mut self, count: usize) -> bool {
        let bytes: Vec<u8> = self.unsent.drain(..count).collect();
        if FirstBytes::of(&self.first) == FirstBytes::Undecided {
            self.first.extend_from_slice(&bytes);
        }
        if FirstBytes::of(&self.first) == FirstBytes::Http {
            return true;
        }
        match self.far.write(&bytes) {
            Ok(written) => assert_eq!(written, bytes.len(), "the client is always read"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::BrokenPipe),
        }
        false
    }

    /// What the client's thread does until there is nothing more to do.
    fn turns(&mut self) -> Option<Farewell> {
        for _ in 0..MAX_TURNS {
            let progress = self.client.pump();
            if let Some(farewell) = self.client.must_end(progress) {
                return Some(farewell);
            }
            let before = self.decoder.buffered();
            let outcome = self.client.receive(&mut self.decoder);
            let heard = self.read();
            if let Err(farewell) = outcome {
                return Some(farewell);
            }
            let buffered = self.decoder.buffered();
            assert!(buffered <= MAX_BUFFERED, "{buffered} bytes are held");
            if progress == Progress::Clear && before == buffered && heard == 0 {
                return None;
            }
        }
        None
    }

    /// The client reads what is there, and looks at it; how much it was.
    fn read(&mut self) -> usize {
        let mut count = 0;
        let mut buffer = [0; 16 * 1024];
        while let Ok(read @ 1..) = self.far.read(&mut buffer) {
            count += read;
            self.answers.push(&buffer[..read]);
            loop {
                match self.answers.next() {
                    Ok(None) => break,
                    Ok(Some(Event::Response(response))) => self.model.answer(&response),
                    Ok(Some(Event::Frame(frame))) => self.model.frame(&frame),
                    // PLAY_NOTIFY and TEARDOWN of RTSP 2.0.
                    Ok(Some(Event::Request(request))) => {
                        assert!(request.cseq().is_some(), "{request:?}");
                    }
                    Err(error) => unreachable!("a client is sent what cannot be read: {error}"),
                }
            }
        }
        count
    }

    fn end(mut self, farewell: &Farewell, complete: bool) -> (u64, u64) {
        if complete && !self.model.confused && self.unsent.is_empty() {
            assert!(self.model.is_quiet(), "requests without an answer: {:?}", self.model);
        }
        self.read();
        // Whoever waits for the last words to be read waits in vain.
        let _closed = self.far.shutdown(Shutdown::Write);
        self.client.leave(farewell);
        self.read();
        self.model.seen
    }
}

fn server(guarded: bool, handoff: bool) -> Arc<Server> {
    static CONFIGS: OnceLock<[Arc<Config>; 2]> = OnceLock::new();
    let configs = CONFIGS.get_or_init(|| [config(false), config(true)]);
    let config = Arc::clone(&configs[usize::from(guarded)]);
    let gatekeeper = Arc::new(Gatekeeper::new(&config.limits));
    Arc::new(Server {
        registry: Arc::new(Registry::new(&config)),
        access: Current::new(Access::new(&config, Arc::clone(&gatekeeper.logins))),
        gatekeeper,
        clients: Arc::<Clients>::default(),
        udp: UdpPorts::new(&config),
        groups: Groups::new(&config, handoff),
        tunnels: Arc::<Tunnels>::default(),
        keyring: Arc::new(Current::new(None)),
        tick: Arc::new(Wanted::new().unwrap_or_else(|error| unreachable!("{error}"))),
        most_connections: 1000.into(),
        handoff,
        config: Arc::new(Current::new(Config::clone(&config))),
    })
}

fn config(guarded: bool) -> Arc<Config> {
    let mut set = vec![("listen_address", "127.9.9.8")];
    if guarded {
        let (username, password) = LOGIN;
        set.push(("client_username", username));
        set.push(("client_password", password));
        set.push(("auth_methods", "digest,digest-sha256,basic"));
    }
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    let sources = Sources {
        set: set.into_iter().map(owned).collect(),
        streams: vec![owned(("door", "rtsp://cam/s"))],
        ..Sources::default()
    };
    let loaded = load_in(&sources, Surroundings::default());
    Arc::new(loaded.unwrap_or_else(|errors| unreachable!("{errors:?}")).config)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_client_without_mistakes_plays() {
        let seed = |name: &str| {
            let path = format!("{}/tests/fuzz/corpus/client/{name}", env!("CARGO_MANIFEST_DIR"));
            std::fs::read(path).unwrap()
        };
        for (name, frames, granted) in [
            ("plays", 20, 9),
            ("login", 5, 5),
            ("udp", 0, 5),
            ("queue", 30, 5),
            ("second", 5, 7),
            ("pipelined", 5, 3),
            ("pieces", 5, 5),
            ("ended", 5, 3),
        ] {
            let seen = visit(&seed(name));
            assert!(seen.0 >= frames && seen.1 >= granted, "{name}: {seen:?}");
        }
    }

    #[test]
    fn the_corpus_and_every_finding_hold() {
        let corpus =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/client");
        rtsp_proto::fuzz::over_corpus(&corpus, &[client]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn a_client_that_makes_mistakes_harms_nobody(
            data in prop::collection::vec(any::<u8>(), 0..500)
        ) {
            client(&data);
        }
    }
}
