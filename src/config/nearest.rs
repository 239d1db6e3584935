//! Finds the word that somebody meant.

/// The candidate nearest to `word`, and whether it is so near that it was probably meant: a few
/// letters apart, or one part of the candidate, as `port` is of `listen_port`. Case and the kind
/// of dash do not count. The first of several equally near ones wins; `None` only
/// without candidates.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<(&'a str, bool)> {
    // The time grows with the square of the length, and no name we know is that long.
    const MAX_CHARS: usize = 40;
    let word: Vec<char> = word.chars().map(fold).take(MAX_CHARS).collect();
    let near = (word.len() / 3).clamp(1, 4);
    let spelled: String = word.iter().collect();
    let (candidate, distance) = candidates
        .into_iter()
        .map(|candidate| {
            let distance = distance(&word, candidate);
            let is_part = candidate.split('_').any(|part| part == spelled);
            (candidate, if is_part { distance.min(near) } else { distance })
        })
        .min_by_key(|&(_, distance)| distance)?;
    Some((candidate, distance <= near))
}

fn fold(character: char) -> char {
    if character == '-' || character == ' ' { '_' } else { character.to_ascii_lowercase() }
}

/// Letters to insert, remove, replace, or swap with their neighbour.
fn distance(from: &[char], to: &str) -> usize {
    let to: Vec<char> = to.chars().map(fold).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (row, &a) in from.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, &b) in to.iter().enumerate() {
            let replaced = above[column] + usize::from(a != b);
            let mut best = replaced.min(above[column + 1] + 1).min(line[column] + 1);
            let swapped = row > 0 && column > 0 && a == to[column - 1] && from[row - 1] == b;
            if swapped && a != b {
                best = best.min(before[column - 1] + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut above, line);
    }
    above.last().copied().unwrap_or(from.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        let known = ["listen_port", "listen_address", "log_level", "name"];
        for (typed, meant) in [
            ("lisen_port", "listen_port"),
            ("listen-port", "listen_port"),
            ("LogLevel", "log_level"),
            ("listen_adress", "listen_address"),
            ("nmae", "name"),
            ("address", "listen_address"),
        ] {
            assert_eq!(nearest(typed, known), Some((meant, true)), "{typed}");
        }
        assert!(matches!(nearest("bitrate", known), Some((_, false))));
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn an_endless_word_costs_little() {
        assert!(nearest(&"x".repeat(4_000_000), ["listen_port"]).is_some());
    }
}
