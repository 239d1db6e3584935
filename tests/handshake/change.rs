//! What is done to a header.

use super::record::Recording;

/// One change of one header line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Removed,
    First,
    Last,
    Repeated,
    LowerCased,
    Blanked,
}

const ALL: [Change; 6] = [
    Change::Removed,
    Change::First,
    Change::Last,
    Change::Repeated,
    Change::LowerCased,
    Change::Blanked,
];

/// A header line of an answer.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) answer: usize,
    /// Among the header lines, from 0.
    pub(super) line: usize,
    pub(super) header: String,
}

impl Place {
    /// The request that the answer is given to.
    pub(super) fn of<'a>(&self, recording: &'a Recording) -> &'a str {
        &recording.answers[self.answer].to.0
    }
}

/// Every change of every header of every answer.
pub(super) fn cases(recording: &Recording) -> Vec<(Place, Change)> {
    let mut cases = Vec::new();
    for (answer, recorded) in recording.answers.iter().enumerate() {
        for (line, text) in header_lines(&recorded.wire).iter().enumerate() {
            let header = text.split(':').next().unwrap().to_owned();
            let place = Place { answer, line, header };
            cases.extend(ALL.map(|change| (place.clone(), change)));
        }
    }
    cases
}

fn header_lines(wire: &str) -> Vec<&str> {
    wire.split("\r\n\r\n").next().unwrap().split("\r\n").skip(1).collect()
}

impl Change {
    /// An answer with the change applied to its header line.
    pub(super) fn apply(self, wire: &str, line: usize) -> String {
        let (head, body) = wire.split_once("\r\n\r\n").unwrap();
        let status = head.split("\r\n").next().unwrap();
        let mut lines: Vec<String> = header_lines(wire).into_iter().map(str::to_owned).collect();
        let text = lines[line].clone();
        let (name, value) = text.split_once(':').unwrap();
        match self {
            Self::Removed => drop(lines.remove(line)),
            Self::First => {
                lines.remove(line);
                lines.insert(0, text);
            }
            Self::Last => {
                lines.remove(line);
                lines.push(text);
            }
            Self::Repeated => lines.insert(line, text),
            Self::LowerCased => lines[line] = format!("{}:{value}", name.to_lowercase()),
            Self::Blanked => lines[line] = format!("{name}:"),
        }
        lines.insert(0, status.to_owned());
        format!("{}\r\n\r\n{body}", lines.join("\r\n"))
    }
}
