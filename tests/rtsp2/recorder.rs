//! Stands between a client and a server, and keeps what both say.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rtsp_proto::decoder::{Decoder, Event, Peer};
use rtsp_proto::{Limits, Request, Response};

/// What both sides have said, connection by connection.
#[derive(Clone, Default)]
pub(crate) struct Recorder {
    connections: Arc<Mutex<Vec<[Said; 2]>>>,
    port: u16,
}

/// What one side of a connection has said, byte by byte.
type Said = Arc<Mutex<Vec<u8>>>;

/// A request with its answer, if there was one.
pub(crate) type Exchange = (Request, Option<Response>);

impl Recorder {
    /// Listens on a port of its own, and hands every connection on to this one.
    pub(crate) fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let recorder = Self { port, ..Self::default() };
        let shared = recorder.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let said = [(), ()].map(|()| Arc::default());
                let both = [client.try_clone(), server.try_clone()].map(Result::unwrap);
                shared.connections.lock().unwrap().push(said.clone());
                let [to_server, to_client] = said;
                let [client_end, server_end] = both;
                thread::spawn(move || hand_on(client, server_end, &to_server));
                thread::spawn(move || hand_on(server, client_end, &to_client));
            }
        });
        recorder
    }

    /// The URL of a path behind this.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("rtsp://127.0.0.1:{}/{path}", self.port)
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.connections.lock().unwrap().len()
    }

    /// What the client asked on a connection, each with its answer.
    pub(crate) fn exchanges(&self, connection: usize) -> Vec<Exchange> {
        let (requests, _) = messages(&self.said(connection, 0));
        let (_, responses) = messages(&self.said(connection, 1));
        let answer = |request: &Request| {
            responses.iter().find(|response| response.cseq() == request.cseq()).cloned()
        };
        requests.into_iter().map(|request| (request.clone(), answer(&request))).collect()
    }

    fn said(&self, connection: usize, side: usize) -> Vec<u8> {
        let said = self.connections.lock().unwrap()[connection][side].clone();
        let said = said.lock().unwrap();
        said.clone()
    }
}

fn hand_on(mut from: TcpStream, mut to: TcpStream, said: &Mutex<Vec<u8>>) {
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        said.lock().unwrap().extend_from_slice(&chunk[..count]);
        if to.write_all(&chunk[..count]).is_err() {
            break;
        }
    }
    let _gone = to.shutdown(Shutdown::Write);
    let _gone = from.shutdown(Shutdown::Read);
}

/// The messages in these bytes, without the frames between them.
fn messages(bytes: &[u8]) -> (Vec<Request>, Vec<Response>) {
    let mut decoder = Decoder::new(Peer::Client, Limits::CAMERA);
    let (mut requests, mut responses) = (Vec::new(), Vec::new());
    for chunk in bytes.chunks(16 * 1024) {
        decoder.spare(chunk.len())[..chunk.len()].copy_from_slice(chunk);
        decoder.advance(chunk.len());
        while let Some(event) = decoder.next().expect("what was said can be read") {
            match event {
                Event::Request(request) => requests.push(request),
                Event::Response(response) => responses.push(response),
                Event::Frame(_) => {}
            }
        }
    }
    (requests, responses)
}
