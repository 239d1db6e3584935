//! The bodies of the fuzz targets in `rtsp-proto/fuzz`. Each asserts a property of one parser for
//! any bytes; `cargo test` runs them over the committed corpus.

mod auth;
pub mod codec;
mod decoder;
pub mod depacketizer;
mod dialog;
mod headers;
pub mod rtcp;
pub mod rtp;
pub mod script;
pub mod sdp;
mod tunnel;
mod url;

use std::path::Path;

pub use self::auth::auth;
pub use self::codec::codec;
pub use self::decoder::{Seen, SeenEvent, decode, decoder_any_split, messages_round_trip};
pub use self::depacketizer::depacketizer;
pub use self::dialog::dialog;
pub use self::headers::headers;
pub use self::rtcp::rtcp;
pub use self::rtp::rtp;
pub use self::sdp::sdp;
pub use self::tunnel::tunnel;
pub use self::url::{control_url, url};

/// A body of a fuzz target.
pub type Body = fn(&[u8]);

/// Each target's name, which is its corpus's folder, and its bodies.
pub const TARGETS: &[(&str, &[Body])] = &[
    ("auth", &[auth]),
    ("codec", &[codec]),
    ("decoder", &[decoder_any_split, messages_round_trip]),
    ("depacketizer", &[depacketizer]),
    ("dialog", &[dialog]),
    ("headers", &[headers]),
    ("rtcp", &[rtcp]),
    ("rtp", &[rtp]),
    ("sdp", &[sdp]),
    ("tunnel", &[tunnel]),
    ("url", &[url, control_url]),
];

/// Runs bodies over each file of a corpus, and over its beginnings: cut short, each is one more
/// case.
///
/// # Panics
/// When a body does; and without a corpus.
pub fn over_corpus(corpus: &Path, bodies: &[Body]) {
    let files = std::fs::read_dir(corpus).into_iter().flatten().flatten();
    let seeds: Vec<_> = files.filter_map(|file| std::fs::read(file.path()).ok()).collect();
    assert!(!seeds.is_empty(), "{} has no seeds", corpus.display());
    for bytes in seeds {
        for end in [bytes.len(), bytes.len() / 2, bytes.len().saturating_sub(1)] {
            bodies.iter().for_each(|body| body(&bytes[..end]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_holds_for_its_corpus() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        for (target, bodies) in TARGETS {
            over_corpus(&corpus.join(target), bodies);
        }
    }
}
