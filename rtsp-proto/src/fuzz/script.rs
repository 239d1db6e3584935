//! Bytes as a script: what is done next, and the mistakes in it.

/// The next byte; 0 at the end.
pub fn take(script: &mut &[u8]) -> u8 {
    let Some((&first, rest)) = script.split_first() else { return 0 };
    *script = rest;
    first
}

/// The next two bytes as a number.
pub fn take_u16(script: &mut &[u8]) -> u16 {
    u16::from_be_bytes([take(script), take(script)])
}

/// A byte is wrong, missing, doubled or new; or a stretch is missing or comes twice.
pub fn mistake(wire: &mut Vec<u8>, script: &mut &[u8]) {
    if wire.is_empty() {
        return;
    }
    let at = usize::from(take_u16(script)) % wire.len();
    let end = (at + 1 + usize::from(take(script) % 32)).min(wire.len());
    match take(script) % 6 {
        0 => wire[at] ^= 1 << (take(script) % 8),
        1 => wire[at] = take(script),
        2 => wire.insert(at, take(script)),
        3 => drop(wire.drain(at..end)),
        4 => {
            let again = wire[at..end].to_vec();
            wire.splice(at..at, again);
        }
        _ => wire.truncate(at),
    }
}
