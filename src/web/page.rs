//! The page, and what it loads: all of it is in the program, and nothing comes from elsewhere.

use super::response::HttpResponse;

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Name, type and content.
const ASSETS: &[(&str, &str, &str)] = &[
    ("", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("style.css", "text/css; charset=utf-8", include_str!("page/style.css")),
    ("page.js", JAVASCRIPT, include_str!("page/page.js")),
    ("api.js", JAVASCRIPT, include_str!("page/api.js")),
    ("details.js", JAVASCRIPT, include_str!("page/details.js")),
    ("edge.js", JAVASCRIPT, include_str!("page/edge.js")),
    ("keys.js", JAVASCRIPT, include_str!("page/keys.js")),
    ("manage.js", JAVASCRIPT, include_str!("page/manage.js")),
    ("mp4.js", JAVASCRIPT, include_str!("page/mp4.js")),
    ("player.js", JAVASCRIPT, include_str!("page/player.js")),
    ("plot.js", JAVASCRIPT, include_str!("page/plot.js")),
    ("tile.js", JAVASCRIPT, include_str!("page/tile.js")),
    ("words.js", JAVASCRIPT, include_str!("page/words.js")),
    ("icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
];

/// The names of the files.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ASSETS.iter().map(|(name, ..)| *name)
}

/// A file of the page.
pub(super) fn asset(name: &str) -> HttpResponse {
    match ASSETS.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, content)) => HttpResponse::new(200, kind, content.as_bytes()),
        None => HttpResponse::message(404, "nothing is here"),
    }
}
