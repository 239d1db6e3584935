//! The page, and what it loads: all of it is in the program, and nothing comes from elsewhere.

use super::response::HttpResponse;

/// Name, type and content.
const ASSETS: &[(&str, &str, &str)] = &[
    ("", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("style.css", "text/css; charset=utf-8", include_str!("page/style.css")),
    ("page.js", "text/javascript; charset=utf-8", include_str!("page/page.js")),
    ("icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
];

/// A file of the page.
pub(super) fn asset(name: &str) -> HttpResponse {
    match ASSETS.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, content)) => HttpResponse::new(200, kind, content.as_bytes()),
        None => HttpResponse::message(404, "nothing is here"),
    }
}
