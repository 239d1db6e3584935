//! RTSP through HTTP, for clients behind proxies ([Apple's dispatch 28]; there is no RFC).
//!
//! A client opens two connections with the same `x-sessioncookie`: the answer to a GET carries
//! everything toward the client, as it is; the body of a POST, base64, everything from it. Neither
//! ends by its Content-Length, which is a number that pleases proxies (32767), and a POST is
//! never answered. It may come before the GET, and when it ends, another one may take its place.
//!
//! - [`Opening`]: the head of either request
//! - [`Base64Decoder`]: the body of the POST
//!
//! [Apple's dispatch 28]: http://mirror.informatimago.com/next/developer.apple.com/quicktime/icefloe/dispatch028.html

mod base64_decoder;
mod opening;

pub use base64_decoder::{Base64Decoder, Base64Error};
pub use opening::{FirstBytes, Half, MAX_COOKIE, Opening, OpeningError};
