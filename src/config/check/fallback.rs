//! Fallbacks lead to streams that exist, and never back to where they began.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::draft::StreamDraft;
use crate::config::nearest::nearest;
use crate::config::place::{Findings, quoted};
use crate::config::read::Placed;

/// `by_name` holds every stream with a valid name; `complete` says that none is missing in it.
pub(super) fn check(
    by_name: &BTreeMap<&str, &Placed<StreamDraft>>,
    streams: &[Placed<StreamDraft>],
    complete: bool,
    findings: &mut Findings,
) {
    let mut in_circle = BTreeSet::new();
    for stream in streams {
        let Some(fallback) = stream.draft.fallback.as_deref() else { continue };
        let place = stream.at("fallback");
        match by_name.get(fallback) {
            None if complete => {
                let near = match nearest(fallback, by_name.keys().copied()) {
                    Some((near, true)) => format!(", did you mean '{near}'?"),
                    _ => String::new(),
                };
                let message = format!("fallback {} is not a stream{near}", quoted(fallback));
                findings.error(place, message);
            }
            None => {}
            Some(other) if !other.draft.enabled => {
                let message = format!("fallback {} is not enabled", quoted(fallback));
                findings.warn(place, message);
            }
            Some(_) => {}
        }
        let Some(name) = stream.draft.name.as_deref() else { continue };
        if in_circle.contains(name) {
            continue;
        }
        if let Some(circle) = circle(name, by_name) {
            // Of a large circle only its beginning fits on a line.
            let shown: Vec<&str> = circle.iter().copied().take(8).collect();
            let more = if circle.len() > shown.len() { " -> ..." } else { "" };
            let message =
                format!("fallback makes a circle: {}{more} -> {name}", shown.join(" -> "));
            findings.error(place, message);
            in_circle.extend(circle);
        }
    }
}

/// The names from `start` back to it, if the fallbacks lead there.
fn circle<'a>(
    start: &'a str,
    by_name: &BTreeMap<&str, &'a Placed<StreamDraft>>,
) -> Option<Vec<&'a str>> {
    let mut path = vec![start];
    let mut seen = BTreeSet::from([start]);
    loop {
        let next = by_name.get(path.last()?)?.draft.fallback.as_deref()?;
        if next == start {
            return Some(path);
        }
        // A circle that does not pass here is told by its own members.
        if !seen.insert(next) {
            return None;
        }
        path.push(next);
    }
}
