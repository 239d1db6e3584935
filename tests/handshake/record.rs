//! The answers and the first frames of a real handshake.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rtsp_proto::decoder::{Decoder, Event, Peer};
use rtsp_proto::dialog::{Dialog, DialogOptions, Output, TrackRequest};
use rtsp_proto::headers::TransportSpec;
use rtsp_proto::{Limits, Url};

use super::change::{Change, Place};
use super::replay::Seen;

/// Frames behind the handshake: some pictures of each track.
const FRAMES: usize = 60;

/// What a camera answered, and what it showed.
#[derive(Clone)]
pub(super) struct Recording {
    pub(super) url: String,
    /// In order.
    pub(super) answers: Vec<Answer>,
    /// The media as it came, frame by frame, prefixes included.
    pub(super) media: Vec<u8>,
    /// What a viewer must see of it.
    pub(super) frames: Vec<Seen>,
}

/// One answer.
#[derive(Clone)]
pub(super) struct Answer {
    /// Method and URI that it was given to.
    pub(super) to: (String, String),
    /// With [`CSEQ`] for the number of the request.
    pub(super) wire: String,
}

/// Stands for the number of the request.
pub(super) const CSEQ: &str = "@CSEQ@";

/// Asks for each media, in order, over the RTSP connection.
pub(super) fn requests(media: usize) -> Vec<TrackRequest> {
    let track = |media: usize| TrackRequest {
        media,
        transport: TransportSpec::interleaved(2 * media as u8),
    };
    (0..media).map(track).collect()
}

impl Recording {
    /// Shakes hands with the camera behind the URL.
    pub(super) fn of(url: &str) -> Self {
        let parsed = Url::parse(url).unwrap();
        let mut stream = TcpStream::connect((parsed.host(), parsed.port())).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let now = Instant::now();
        let mut dialog = Dialog::new(DialogOptions::new(parsed, "test/1"), 7, now);
        dialog.connected(now);
        let mut decoder = Decoder::new(Peer::Camera, Limits::CAMERA);
        let mut recording = Self {
            url: url.to_owned(),
            answers: Vec::new(),
            media: Vec::new(),
            frames: Vec::new(),
        };
        let (mut raw, mut asked) = (Vec::new(), None);
        while recording.frames.len() < FRAMES {
            while let Some(output) = dialog.output() {
                match output {
                    Output::Send(bytes) => {
                        asked = Some(request_line(&bytes));
                        stream.write_all(&bytes).unwrap();
                    }
                    Output::Described(sdp) => dialog.setup(requests(sdp.media.len()), now),
                    Output::Playing => {}
                    other => panic!("{other:?}"),
                }
            }
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            raw.extend_from_slice(&byte);
            decoder.push(&byte);
            match decoder.next().unwrap() {
                None => {}
                Some(Event::Response(response)) => {
                    let number = format!("CSeq: {}\r\n", response.cseq().unwrap());
                    let text = String::from_utf8(std::mem::take(&mut raw)).unwrap();
                    let wire = text.replacen(&number, &format!("CSeq: {CSEQ}\r\n"), 1);
                    recording.answers.push(Answer { to: asked.take().unwrap(), wire });
                    dialog.response(&response, now).unwrap();
                }
                Some(Event::Frame(frame)) => {
                    let (track, rtcp) = dialog.track_of_channel(frame.channel).unwrap();
                    let payload = frame.payload().to_vec();
                    recording.frames.push(Seen { track, rtcp, payload });
                    recording.media.append(&mut raw);
                }
                Some(Event::Request(request)) => panic!("{request:?}"),
            }
        }
        recording
    }

    /// The same with one header changed.
    pub(super) fn with(&self, place: &Place, change: Change) -> Self {
        let mut changed = self.clone();
        changed.answers[place.answer].wire =
            change.apply(&self.answers[place.answer].wire, place.line);
        changed
    }
}

/// Method and URI of a request.
pub(super) fn request_line(bytes: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(bytes);
    let mut words = text.split_whitespace();
    let mut next = || words.next().unwrap_or_default().to_owned();
    (next(), next())
}
