//! The thread `s:NAME` of an active stream: one connection after another, while it is wanted.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::Builder;
use std::time::Instant;

use super::connection::Connection;
use super::feed::Feed;
use super::registry::Registry;
use super::slot::{Slot, Step};
use super::standin;
use crate::config::model::OnOffline;
use crate::limits::Place;
use crate::net::{Waker, wait};
use crate::{drill, entropy};

const STACK: usize = 256 * 1024;

/// Starts the reader of a stream; it ends by itself when nobody wants the stream any more.
pub(super) fn spawn(
    registry: Arc<Registry>,
    slot: Arc<Slot>,
    waker: Arc<Waker>,
    place: Place,
) -> io::Result<()> {
    let name = format!("s:{}", slot.stream.name);
    drill::may_spawn(&name)?;
    Builder::new().name(name).stack_size(STACK).spawn(move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| read(&registry, &slot, &waker, place)));
        if let Err(panic) = outcome {
            let reason = drill::reason(&*panic);
            log::error!("internal failure, the stream ends: {reason} stream={}", slot.stream.name);
            slot.hub.end(&Arc::from("the relay failed internally"));
            slot.abandoned();
        }
    })?;
    Ok(())
}

fn read(registry: &Arc<Registry>, slot: &Arc<Slot>, waker: &Waker, place: Place) {
    let mut feed = Feed::new(Arc::clone(slot), Instant::now());
    if slot.outage().is_some() {
        // The camera is not to be asked for now.
        standin::call(registry, slot);
    }
    let mut place = Some(place);
    loop {
        match slot.next_step(|| drop(place.take())) {
            Step::Exit => break,
            Step::WaitUntil(at) => {
                if wait::wait_woken(waker, at).is_err() {
                    break;
                }
            }
            Step::Dial => {
                let outcome = Connection::run(slot, waker, &mut feed);
                let stream = slot.stream.now();
                let stay = match outcome {
                    // The session was ended for the sake of a new one.
                    Ok(()) => slot.is_wanted(),
                    Err(_) => stream.on_offline == OnOffline::Hold || stream.fallback.is_some(),
                };
                feed.interrupt(stay);
                let Err(offline) = outcome else { continue };
                let pause = slot.failed(&offline, slot.relief(), entropy::number());
                let retry = pause.map_or("when asked".to_owned(), |pause| {
                    format!("{:.1}s", pause.as_secs_f64())
                });
                log::warn!("camera offline: {offline} stream={} retry_in={retry}", stream.name);
                if !standin::call(registry, slot) {
                    slot.hub.end(&offline.text);
                }
            }
        }
    }
    log::debug!("camera released stream={}", slot.stream.name);
}
