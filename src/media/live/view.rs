//! Where the viewers of one stream come who want MP4: the mux exists while there is one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Mux;
use crate::media::subscriber::Viewer;
use crate::media::{Hub, Presentation};

/// One stream's mux, when there is one.
#[derive(Debug)]
pub struct LiveView {
    hub: Arc<Hub>,
    current: Mutex<Option<Current>>,
}

#[derive(Debug)]
struct Current {
    mux: Arc<Mux>,
    passes: usize,
}

/// One viewer's share in the mux.
#[derive(Debug)]
pub struct LivePass {
    view: Arc<LiveView>,
    mux: Arc<Mux>,
}

impl LiveView {
    /// Of the stream whose pictures are published in this hub.
    pub fn new(hub: Arc<Hub>) -> Arc<Self> {
        Arc::new(Self { hub, current: Mutex::default() })
    }

    /// The mux for a viewer. The first one begins it; `gop_limit` bounds what is then cached of the
    /// fragments, in bytes, and `wall` is `now` since 1970.
    ///
    /// # Errors
    /// Why nothing of it can be played, in words.
    pub fn enter(
        self: &Arc<Self>,
        presentation: &Presentation,
        gop_limit: usize,
        now: Instant,
        wall: Duration,
    ) -> Result<LivePass, String> {
        let mut current = self.lock();
        // One that has ended serves nobody new.
        if current.as_ref().is_none_or(|current| current.mux.is_over()) {
            let begin = self.hub.cached_since().unwrap_or(now);
            let mux = Mux::new(presentation, gop_limit, begin, now, wall)?;
            let mux = Arc::new(mux);
            mux.begin(|| self.hub.attach(Arc::clone(&mux) as Arc<dyn Viewer>));
            *current = Some(Current { mux, passes: 0 });
        }
        let current = current.as_mut().ok_or("the relay failed internally")?;
        current.passes += 1;
        Ok(LivePass { view: Arc::clone(self), mux: Arc::clone(&current.mux) })
    }

    /// The mux, if somebody watches.
    pub fn mux(&self) -> Option<Arc<Mux>> {
        self.lock().as_ref().map(|current| Arc::clone(&current.mux))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LivePass {
    /// The mux.
    pub fn mux(&self) -> &Arc<Mux> {
        &self.mux
    }
}

impl Drop for LivePass {
    fn drop(&mut self) {
        let mut current = self.view.lock();
        let Some(own) = current.as_mut().filter(|own| Arc::ptr_eq(&own.mux, &self.mux)) else {
            return;
        };
        own.passes -= 1;
        if own.passes == 0 {
            self.view.hub.detach(self.mux.id());
            *current = None;
        }
    }
}
