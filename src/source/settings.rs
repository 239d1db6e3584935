//! What the operator wrote of a stream; all but its name may change while it is pulled.

use std::sync::Arc;

use crate::config::model::Stream;
use crate::current::Current;

/// A stream's settings. Whoever needs one asks when it is needed, and not before.
#[derive(Debug)]
pub struct Settings {
    /// The stream's name.
    pub name: String,
    current: Current<Stream>,
}

impl Settings {
    pub(super) fn new(stream: Stream) -> Self {
        Self { name: stream.name.clone(), current: Current::new(stream) }
    }

    /// As they are at this moment.
    pub fn now(&self) -> Arc<Stream> {
        self.current.get()
    }

    pub(super) fn replace(&self, stream: Stream) {
        self.current.replace(stream);
    }
}
