//! The bodies of the fuzz targets in `rtsp-proto/fuzz`. Each asserts a property of one parser for
//! any bytes; `cargo test` runs them over the committed corpus.

mod auth;
mod camera;
pub mod codec;
mod decoder;
mod dialog;
mod headers;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
mod tunnel;
mod url;

pub use self::auth::auth;
pub use self::camera::camera;
pub use self::codec::codec;
pub use self::decoder::{Seen, SeenEvent, decode, decoder_any_split, messages_round_trip};
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
    ("camera", &[camera]),
    ("codec", &[codec]),
    ("decoder", &[decoder_any_split, messages_round_trip]),
    ("dialog", &[dialog]),
    ("headers", &[headers]),
    ("rtcp", &[rtcp]),
    ("rtp", &[rtp]),
    ("sdp", &[sdp]),
    ("tunnel", &[tunnel]),
    ("url", &[url, control_url]),
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_target_holds_for_its_corpus() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        for (target, bodies) in TARGETS {
            let mut seeds = 0;
            for entry in std::fs::read_dir(corpus.join(target)).unwrap() {
                let bytes = std::fs::read(entry.unwrap().path()).unwrap();
                // Cut short, each seed is one more case.
                for end in [bytes.len(), bytes.len() / 2, bytes.len().saturating_sub(1)] {
                    bodies.iter().for_each(|body| body(&bytes[..end]));
                }
                seeds += 1;
            }
            assert!(seeds > 0, "{target} has no seeds");
        }
    }
}
