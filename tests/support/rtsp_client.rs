//! A small blocking RTSP client.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine};
use rtsp_proto::auth::{ClientAuth, Credentials};
use rtsp_proto::decoder::{Decoder, Event, Peer};
use rtsp_proto::headers::TransportSpec;
use rtsp_proto::sdp::SessionDescription;
use rtsp_proto::url::{ControlBase, Scheme};
use rtsp_proto::{Limits, Method, Oddities, Request, Response, StatusCode, Url, Version};
use rtsp_relay::tls::certificate::Fingerprint;
use rtsp_relay::tls::{Caller, Trust};
use rustls::{ClientConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

/// How long a client waits for an answer unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(15);
const READ_SIZE: usize = 16 * 1024;

/// A frame with its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedFrame {
    pub channel: u8,
    pub payload: Vec<u8>,
}

/// The next thing that came.
#[derive(Debug)]
pub enum Incoming {
    Response(Response),
    Request(Request),
    Frame(OwnedFrame),
    /// The relay closed the connection.
    End,
}

/// With or without TLS.
enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// Through HTTP.
    Tunnel {
        get: TcpStream,
        post: TcpStream,
    },
}

impl Wire {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => &tls.sock,
            Self::Tunnel { get, .. } => get,
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
            Self::Tunnel { get, .. } => get.read(buffer),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.write_all(bytes),
            Self::Tls(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
            Self::Tunnel { post, .. } => post.write_all(BASE64_STANDARD.encode(bytes).as_bytes()),
        }
    }
}

/// A viewer. Errors are of the kinds `TimedOut`, `UnexpectedEof` (the relay closed) and `Other`
/// (an answer that is no 200, with its text).
pub struct RtspClient {
    stream: Wire,
    decoder: Decoder,
    url: Url,
    control: Option<ControlBase>,
    sdp: Option<SessionDescription>,
    session: Option<String>,
    auth: ClientAuth,
    cseq: u32,
    frames: VecDeque<OwnedFrame>,
    /// Requests of the relay that nobody looked at yet.
    pub requests: Vec<Request>,
    /// The version of our requests.
    pub version: Version,
    /// How long to wait for an answer.
    pub patience: Duration,
}

impl RtspClient {
    /// Connects to the URL's host, with TLS and without checking anything if it is `rtsps://`; a login in the URL is used when the relay asks.
    pub fn connect(url: &str) -> io::Result<Self> {
        Self::connect_from(None, url)
    }

    /// The same from this address of the loopback.
    pub fn connect_from(own: Option<Ipv4Addr>, url: &str) -> io::Result<Self> {
        let url = Url::parse(url).map_err(|error| io::Error::other(error.to_string()))?;
        let stream = match own {
            Some(own) => tcp_from(own, url.port())?,
            None => TcpStream::connect((url.host(), url.port()))?,
        };
        stream.set_nodelay(true)?;
        let stream = match url.scheme() {
            Scheme::Rtsp => Wire::Plain(stream),
            Scheme::Rtsps => {
                let caller = Caller::new(&Trust::Insecure, url.host()).map_err(io::Error::other)?;
                Wire::Tls(Box::new(StreamOwned::new(caller.session, stream)))
            }
        };
        let credentials = url.username().map(|username| Credentials {
            username: username.to_owned(),
            password: url.password().cloned().unwrap_or_default(),
        });
        Ok(Self {
            stream,
            decoder: Decoder::new(Peer::Client, Limits::CAMERA),
            url: url.without_login(),
            control: None,
            sdp: None,
            session: None,
            auth: ClientAuth::new(credentials),
            cseq: 0,
            frames: VecDeque::new(),
            requests: Vec::new(),
            version: Version::V1_0,
            patience: PATIENCE,
        })
    }

    /// The same through HTTP: opens the GET and, once that is answered, the POST.
    pub fn through_http(url: &str) -> io::Result<Self> {
        let mut client = Self::connect(url)?;
        let mut get = client.stream.socket().try_clone()?;
        get.write_all(format!("GET / HTTP/1.1\r\n{}\r\n", client.cookie()).as_bytes())?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            get.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        if !head.starts_with(b"HTTP/1.0 200 ") {
            return Err(io::Error::other(String::from_utf8_lossy(&head)));
        }
        client.open_post()?;
        Ok(client)
    }

    /// The header that the halves of the tunnel have in common.
    pub fn cookie(&self) -> String {
        let port = self.stream.socket().local_addr().map_or(0, |address| address.port());
        format!("x-sessioncookie: test{port}\r\n")
    }

    /// Opens a POST, in the place of the one before.
    pub fn open_post(&mut self) -> io::Result<()> {
        let get = self.stream.socket().try_clone()?;
        let mut post = TcpStream::connect(get.peer_addr()?)?;
        post.set_nodelay(true)?;
        let cookie = self.cookie();
        let head = format!("POST / HTTP/1.1\r\n{cookie}Content-Length: 32767\r\n\r\n");
        post.write_all(head.as_bytes())?;
        self.stream = Wire::Tunnel { get, post };
        Ok(())
    }

    /// Ends the POST of a tunnel.
    pub fn close_post(&mut self) {
        if let Wire::Tunnel { post, .. } = &self.stream {
            let _gone = post.shutdown(Shutdown::Both);
        }
    }

    /// Connects, and does all up to PLAY with every track interleaved on channels 0, 1, 2…
    pub fn watch(url: &str) -> io::Result<Self> {
        let mut client = Self::connect(url)?;
        let tracks = client.describe()?.media.len();
        for track in 0..tracks {
            let channel = u8::try_from(2 * track).map_err(io::Error::other)?;
            client.setup(track, TransportSpec::interleaved(channel))?;
        }
        client.play()?;
        Ok(client)
    }

    /// The connection itself, for socket options and for closing it rudely.
    pub fn stream(&self) -> &TcpStream {
        self.stream.socket()
    }

    /// The fingerprint of the certificate that the relay shows.
    pub fn certificate(&mut self) -> io::Result<String> {
        let Wire::Tls(tls) = &mut self.stream else { return Err(ErrorKind::Unsupported.into()) };
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock)?;
        }
        let shown = tls.conn.peer_certificates().and_then(|chain| chain.first());
        shown.map(|first| Fingerprint::of(first).to_string()).ok_or(ErrorKind::InvalidData.into())
    }

    /// The session's id, once SETUP was answered.
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// The URI of PLAY, PAUSE, TEARDOWN and keepalives.
    pub fn aggregate(&self) -> String {
        self.control.as_ref().map_or_else(|| self.url.request_uri(), |c| c.aggregate().to_owned())
    }

    /// Bytes as they are, right or wrong.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// An RTCP packet or whatever else on an interleaved channel.
    pub fn send_frame(&mut self, channel: u8, payload: &[u8]) -> io::Result<()> {
        let length = u16::try_from(payload.len()).map_err(io::Error::other)?.to_be_bytes();
        let mut wire = vec![b'$', channel, length[0], length[1]];
        wire.extend_from_slice(payload);
        self.stream.write_all(&wire)
    }

    /// Sends a request with CSeq, Session and Authorization added; gives its CSeq.
    pub fn send(&mut self, method: Method, uri: &str, headers: &[(&str, &str)]) -> io::Result<u32> {
        self.cseq += 1;
        let authorization = self.auth.authorize(&method, uri, &[], u64::from(self.cseq));
        let mut request =
            Request::new(method, uri, self.version).with("CSeq", self.cseq.to_string());
        if let Some(value) = authorization {
            request = request.with("Authorization", value);
        }
        if let Some(session) = &self.session {
            request = request.with("Session", session);
        }
        for (name, value) in headers {
            request = request.with(name, *value);
        }
        let mut wire = Vec::new();
        request.encode(&mut wire);
        self.stream.write_all(&wire)?;
        Ok(self.cseq)
    }

    /// Sends a request and waits for its answer, whatever it is; logs in once when asked. Frames
    /// that come meanwhile are kept.
    pub fn request(
        &mut self,
        method: Method,
        uri: &str,
        headers: &[(&str, &str)],
    ) -> io::Result<Response> {
        let cseq = self.send(method.clone(), uri, headers)?;
        let response = self.answer(cseq)?;
        if response.status != StatusCode::UNAUTHORIZED
            || self.auth.unauthorized(&response.headers, &mut Oddities::default()).is_err()
        {
            self.auth.accepted();
            return Ok(response);
        }
        let cseq = self.send(method, uri, headers)?;
        let response = self.answer(cseq)?;
        if response.status != StatusCode::UNAUTHORIZED {
            self.auth.accepted();
        }
        Ok(response)
    }

    /// The answer to the request with this CSeq.
    pub fn answer(&mut self, cseq: u32) -> io::Result<Response> {
        let deadline = Instant::now() + self.patience;
        loop {
            match self.next(deadline)? {
                Incoming::Response(response) if response.cseq() == Some(cseq) => {
                    return Ok(response);
                }
                Incoming::Response(_) => {}
                Incoming::Request(request) => self.requests.push(request),
                Incoming::Frame(frame) => self.frames.push_back(frame),
                Incoming::End => return Err(ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    pub fn options(&mut self) -> io::Result<Response> {
        self.request(Method::Options, &self.aggregate(), &[])
    }

    pub fn describe(&mut self) -> io::Result<SessionDescription> {
        let uri = self.url.request_uri();
        let response = self.request(Method::Describe, &uri, &[("Accept", "application/sdp")])?;
        let response = success("DESCRIBE", response)?;
        let mut oddities = Oddities::default();
        let sdp = SessionDescription::parse(&response.body, &mut oddities)
            .map_err(|error| io::Error::other(error.to_string()))?;
        self.control =
            Some(ControlBase::of(&self.url, &response.headers, sdp.control(), &mut oddities));
        self.sdp = Some(sdp.clone());
        Ok(sdp)
    }

    /// SETUP of the `track`th medium of the description.
    pub fn setup(&mut self, track: usize, transport: TransportSpec) -> io::Result<Response> {
        let mut oddities = Oddities::default();
        let medium = self.sdp.as_ref().and_then(|sdp| sdp.media.get(track));
        let (Some(medium), Some(control)) = (medium, &self.control) else {
            return Err(io::Error::other(format!("SETUP of track {track} before its DESCRIBE")));
        };
        let uri = control.resolve(medium.control(), &mut oddities);
        let value = transport.encode(self.version);
        let mut headers = vec![("Transport", value.as_str())];
        if self.version == Version::V2_0 {
            headers.push(("Accept-Ranges", "npt"));
        }
        let response = self.request(Method::Setup, &uri, &headers)?;
        let response = success("SETUP", response)?;
        let session = response.headers.get("Session").and_then(|value| value.split(';').next());
        self.session = session.map(|id| id.trim().to_owned());
        Ok(response)
    }

    pub fn play(&mut self) -> io::Result<Response> {
        let response = self.request(Method::Play, &self.aggregate(), &[("Range", "npt=0.000-")])?;
        success("PLAY", response)
    }

    pub fn pause(&mut self) -> io::Result<Response> {
        let response = self.request(Method::Pause, &self.aggregate(), &[])?;
        success("PAUSE", response)
    }

    pub fn keep_alive(&mut self) -> io::Result<Response> {
        let response = self.request(Method::GetParameter, &self.aggregate(), &[])?;
        success("GET_PARAMETER", response)
    }

    pub fn teardown(&mut self) -> io::Result<Response> {
        let response = self.request(Method::Teardown, &self.aggregate(), &[])?;
        self.session = None;
        success("TEARDOWN", response)
    }

    /// The next frame, RTP or RTCP; `None` when the relay closed the connection.
    pub fn read_frame(&mut self, timeout: Duration) -> io::Result<Option<OwnedFrame>> {
        if let Some(frame) = self.frames.pop_front() {
            return Ok(Some(frame));
        }
        let deadline = Instant::now() + timeout;
        loop {
            match self.next(deadline)? {
                Incoming::Frame(frame) => return Ok(Some(frame)),
                Incoming::Request(request) => self.requests.push(request),
                Incoming::Response(_) => {}
                Incoming::End => return Ok(None),
            }
        }
    }

    /// Reads until the relay closes the connection; gives the frames that came before.
    pub fn read_to_end(&mut self, timeout: Duration) -> io::Result<Vec<OwnedFrame>> {
        let deadline = Instant::now() + timeout;
        let mut frames = Vec::new();
        while let Some(frame) =
            self.read_frame(deadline.saturating_duration_since(Instant::now()))?
        {
            frames.push(frame);
        }
        Ok(frames)
    }

    /// The next thing that comes, or an error of kind `TimedOut`.
    pub fn next(&mut self, deadline: Instant) -> io::Result<Incoming> {
        loop {
            let event = self.decoder.next().map_err(|e| io::Error::other(e.to_string()))?;
            match event {
                Some(Event::Response(response)) => return Ok(Incoming::Response(response)),
                Some(Event::Request(request)) => return Ok(Incoming::Request(request)),
                Some(Event::Frame(frame)) => {
                    let payload = frame.payload().to_vec();
                    return Ok(Incoming::Frame(OwnedFrame { channel: frame.channel, payload }));
                }
                None => {}
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            self.stream.socket().set_read_timeout(Some(left))?;
            match self.stream.read(self.decoder.spare(READ_SIZE)) {
                Ok(0) => return Ok(Incoming::End),
                Ok(count) => self.decoder.advance(count),
                Err(error) => match error.kind() {
                    // The relay's last word in TLS may be lost when it closes in a hurry.
                    ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => {
                        return Ok(Incoming::End);
                    }
                    ErrorKind::WouldBlock => return Err(ErrorKind::TimedOut.into()),
                    ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
    }
}

/// A connection to a port of the loopback, from any address of it.
pub fn tcp_from(own: Ipv4Addr, port: u16) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((own, 0)).into())?;
    socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    Ok(socket.into())
}

fn success(step: &str, response: Response) -> io::Result<Response> {
    if response.status == StatusCode::OK {
        return Ok(response);
    }
    let code = response.status.code();
    Err(io::Error::other(format!("{step} is answered with {code} {}", response.reason)))
}
