//! A viewer of fragments for the fuzzer, as a browser is one, who checks them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::reader::{Init, fragment, init, media};
use crate::media::burst::Item;
use crate::media::live::start::{Start, still};
use crate::media::live::{LivePass, LiveView, message};
use crate::media::{Batch, Kind, Outlet, Presentation, Progress, Subscriber};
use crate::net::Waker;

/// The cached fragments.
const CACHE: usize = 64 * 1024;
/// Not of any viewer else.
const ID: u64 = 8;

/// One that watches.
pub(crate) struct Browser {
    pass: LivePass,
    viewer: Arc<Subscriber<Screen>>,
}

impl Browser {
    /// `None` if there is nothing that it could be shown.
    pub(crate) fn come(
        view: &Arc<LiveView>,
        presentation: &Presentation,
        waker: &Arc<Waker>,
        now: Instant,
    ) -> Option<Self> {
        let pass = view.enter(presentation, CACHE, now, Duration::from_secs(1 << 30)).ok()?;
        let screen = Screen::default();
        let viewer = Arc::new(Subscriber::new(ID, screen, Arc::clone(waker), true));
        let mut outbox = viewer.outbox();
        pass.mux().join(&viewer, &mut outbox, true);
        drop(outbox);
        let browser = Self { pass, viewer };
        browser.look();
        Some(browser)
    }

    /// Takes what waits.
    pub(crate) fn look(&self) {
        let busy = || self.viewer.pump() == Progress::Clear && !self.viewer.may_sleep();
        while self.viewer.ended().is_none() && busy() {}
    }

    /// Whether the stream has ended for it.
    pub(crate) fn is_over(&self) -> bool {
        self.pass.mux().is_over()
    }

    /// What is kept for those who come.
    pub(crate) fn cached_bytes(&self) -> usize {
        self.pass.mux().hub().cached_bytes()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.pass.mux().leave(&self.viewer);
    }
}

/// Shows nothing, and looks at everything.
#[derive(Debug, Default)]
struct Screen {
    start: Start,
    init: Option<(Arc<Batch>, Init)>,
    /// Of each track: number of the last fragment, and when its samples end or, of video, the last
    /// of them is decoded.
    last: [Option<(u32, u64)>; 2],
}

impl Outlet for Screen {
    fn begin_with(&mut self, burst: &[Item]) {
        self.start = Start::new(burst);
    }

    fn send(&mut self, item: &Item) -> Progress {
        let mut wire = item.batch.wire.to_vec();
        if let Some((head, _)) = self.start.head(item) {
            wire[..head.len()].copy_from_slice(&head);
        }
        let mut rest = &*wire;
        let mut told = None;
        let mut messages = 0;
        while !rest.is_empty() {
            let bounds = message::bounds(rest).filter(|&(_, end)| end <= rest.len());
            let (header, end) = bounds.unwrap_or_else(|| unreachable!("no message: {rest:?}"));
            assert!(matches!(rest[0], 0x81 | 0x82), "a text or bytes, and whole");
            let (payload, more) = (&rest[header..end], &rest[end..]);
            match (rest[0], item.batch.kind) {
                (0x81, Kind::Control) => told = Some(media(payload)),
                (0x82, Kind::Control) => {
                    let init = init(payload);
                    assert_eq!(
                        told.as_ref(),
                        Some(&init),
                        "the page is told what is in the segment"
                    );
                    self.init = Some((Arc::clone(&item.batch), init));
                }
                (0x82, _) => self.fragment(payload, &item.batch),
                other => unreachable!("{other:?}"),
            }
            messages += 1;
            rest = more;
        }
        assert!(messages > 0, "an empty batch");
        Progress::Clear
    }

    fn flush(&mut self) -> Progress {
        Progress::Clear
    }

    fn is_clear(&self) -> bool {
        true
    }
}

impl Screen {
    fn fragment(&mut self, bytes: &[u8], batch: &Batch) {
        let Some((introduced, known)) = &self.init else {
            unreachable!("a fragment before the initialization segment");
        };
        let fragment = fragment(bytes);
        let place = fragment.track as usize - 1;
        assert!(place < known.codecs.len(), "track {} is not described", fragment.track);
        assert_eq!(place, usize::from(batch.track), "the place in the hub is that in the file");
        let is_video = known.picture.is_some() && place == 0;
        let first = fragment.decode_time;
        if let Some((number, until)) = self.last[place] {
            assert!(fragment.number.wrapping_sub(number) as i32 > 0, "the order is kept");
            assert!(first >= until, "decoded at {first}, after {until}");
        }
        let durations: u64 = fragment.samples.iter().map(|sample| u64::from(sample.duration)).sum();
        let until = if is_video { first } else { first + durations };
        self.last[place] = Some((fragment.number, until));
        assert!(!is_video || fragment.samples.len() == 1, "a picture is a sample");
        for sample in &fragment.samples {
            if is_video {
                assert!(sample.duration > 0 && !sample.data.is_empty(), "nothing is shown");
                units(sample.data);
            }
        }
        if batch.kind == Kind::RandomAccess {
            // What a snapshot is.
            let file = still(&introduced.wire, &batch.wire);
            let end = file.len() - message::last_payload(&batch.wire).len();
            assert_eq!(init(&file[..end]), *known);
            let picture = self::fragment(&file[end..]);
            assert_eq!((picture.decode_time, picture.samples[0].offset), (0, 0));
            assert_eq!(picture.samples[0].data, fragment.samples[0].data);
        }
    }
}

/// NAL units, each with its length in four bytes, and nothing else.
fn units(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let length = u32::from_be_bytes(*bytes.first_chunk().expect("a length")) as usize;
        assert!(length > 0 && length <= bytes.len() - 4, "a unit of {length} in {}", bytes.len());
        bytes = &bytes[4 + length..];
    }
}
