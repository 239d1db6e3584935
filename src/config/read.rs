//! From documents to drafts: every key is looked up in the table and its value read by its rule.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{Document, Entry, Format, Section, SectionKind, Value};
use super::draft::{GlobalDraft, StreamDraft, UserDraft};
use super::keys::{self, GLOBAL, Key, KeyInfo, SHARED, STREAM, Scope, USER};
use super::nearest::nearest;
use super::place::{Findings, Place, quoted};

/// More sections than this are a mistake, and would only cost memory.
const MAX_SECTIONS: usize = 10_000;

/// Everything read, not yet held against each other.
pub(super) struct Drafts {
    pub(super) global: Placed<GlobalDraft>,
    /// In the order of the source.
    pub(super) streams: Vec<Placed<StreamDraft>>,
    pub(super) users: Vec<Placed<UserDraft>>,
}

/// A draft that remembers where its values came from.
pub(super) struct Placed<T> {
    pub(super) draft: T,
    /// Where its section begins.
    pub(super) place: Place,
    given: BTreeMap<&'static str, Place>,
    /// Given, but with a value that was refused.
    refused: BTreeSet<&'static str>,
}

impl<T> Placed<T> {
    fn new(draft: T, place: Place) -> Self {
        Self { draft, place, given: BTreeMap::new(), refused: BTreeSet::new() }
    }

    /// Where `key` was given last; where the section begins when it was not.
    pub(super) fn at(&self, key: &str) -> &Place {
        self.given.get(key).unwrap_or(&self.place)
    }

    /// Whether `key` stands there, with whatever value.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.given.contains_key(key)
    }

    /// Whether `key` has the value that was meant: a complaint about one that was refused
    /// already would only confuse.
    pub(super) fn is_sound(&self, key: &str) -> bool {
        !self.refused.contains(key)
    }
}

/// Reads all `documents`, a later one overriding the global keys of an earlier one.
pub(super) fn read(documents: &[Document], findings: &mut Findings) -> Drafts {
    let names = keys::all();
    let first = documents.first().and_then(|document| document.sections.first());
    let place = first.map_or(Place::Option("command line".to_owned()), |s| s.place.clone());
    let mut global = Placed::new(GlobalDraft::defaults(), place);
    let sections = |kind: SectionKind| {
        documents.iter().flat_map(move |document| {
            let sections = document.sections.iter().filter(move |section| section.kind == kind);
            sections.map(|section| (document.format, section))
        })
    };

    // Global keys first, since JSON may have them behind the streams that inherit them.
    for (format, section) in sections(SectionKind::Global) {
        let reader = Reader { format, section, names: &names };
        reader.read(&mut global, findings, |draft, entry| {
            set(GLOBAL, draft, entry).or_else(|| set(SHARED, &mut draft.shared, entry))
        });
    }
    let mut streams = Vec::new();
    for (format, section) in sections(SectionKind::Stream).take(MAX_SECTIONS) {
        let draft = StreamDraft::defaults(global.draft.shared.clone());
        let mut stream = Placed::new(draft, section.place.clone());
        let reader = Reader { format, section, names: &names };
        reader.read(&mut stream, findings, |draft, entry| {
            set(STREAM, draft, entry).or_else(|| set(SHARED, &mut draft.shared, entry))
        });
        streams.push(stream);
    }
    let mut users = Vec::new();
    for (format, section) in sections(SectionKind::User).take(MAX_SECTIONS) {
        let mut user = Placed::new(UserDraft::defaults(), section.place.clone());
        let reader = Reader { format, section, names: &names };
        reader.read(&mut user, findings, |draft, entry| set(USER, draft, entry));
        users.push(user);
    }
    for kind in [SectionKind::Stream, SectionKind::User] {
        if let Some((_, section)) = sections(kind).nth(MAX_SECTIONS) {
            let message = format!("there are more than {MAX_SECTIONS} sections of one kind");
            findings.error(&section.place, message);
        }
    }
    Drafts { global, streams, users }
}

/// What became of an entry: the table's name for its key, and whether its value was accepted.
type Set = (&'static str, Result<(), String>);

/// Sets the field that `entry` names, if `keys` has it.
fn set<T>(keys: &[Key<T>], draft: &mut T, entry: &Entry) -> Option<Set> {
    let key = keys.iter().find(|key| key.name == entry.key)?;
    Some((key.name, key.field.set(draft, &entry.value)))
}

struct Reader<'a> {
    format: Format,
    section: &'a Section,
    names: &'a [KeyInfo],
}

impl Reader<'_> {
    fn read<T>(
        &self,
        target: &mut Placed<T>,
        findings: &mut Findings,
        set: impl Fn(&mut T, &Entry) -> Option<Set>,
    ) {
        let mut seen = BTreeMap::new();
        for entry in &self.section.entries {
            if let Some(first) = seen.insert(&entry.key, &entry.place) {
                let message = format!("{} is given twice, first at {first}", quoted(&entry.key));
                findings.error(&entry.place, message);
                seen.insert(&entry.key, first);
                continue;
            }
            match set(&mut target.draft, entry) {
                None => findings.error(&entry.place, self.unknown(&entry.key)),
                Some((key, result)) => {
                    target.given.insert(key, entry.place.clone());
                    match result {
                        Ok(()) => {
                            target.refused.remove(key);
                            warn_of_quotes(key, entry, findings);
                        }
                        Err(rule) => {
                            target.refused.insert(key);
                            if entry.value != Value::Unusable {
                                findings.error(&entry.place, format!("{key} {rule}"));
                            }
                        }
                    }
                }
            }
        }
    }

    /// What to say of a key that may not stand here: that it stands elsewhere, or which one was
    /// probably meant.
    fn unknown(&self, key: &str) -> String {
        let here = self.section.kind;
        if let Some(known) = self.names.iter().find(|known| known.name == key) {
            let belongs = format!("'{key}' {}", self.belongs(known.scope));
            return match self.format {
                Format::CommandLine => format!("--set takes global keys; {belongs}"),
                Format::Ini | Format::Json => belongs,
            };
        }
        if key == "streams" || key == "users" {
            let section = if key == "streams" { "[stream]" } else { "[user]" };
            return format!("'{key}' is for JSON; here each of them has a {section} section");
        }
        // A key that may stand here wins over an equally near one that may not.
        let (near, far): (Vec<_>, Vec<_>) =
            self.names.iter().partition(|known| known.scope.covers(here));
        let arrays: &[&str] = match (self.format, here) {
            (Format::Json, SectionKind::Global) => &["streams", "users"],
            _ => &[],
        };
        let near = near.iter().map(|known| known.name).chain(arrays.iter().copied());
        let near = nearest(key, near);
        let anywhere = nearest(key, self.names.iter().map(|known| known.name));
        let unknown = format!("unknown key {}", quoted(key));
        match (near, anywhere) {
            (Some((name, true)), _) => format!("{unknown}, did you mean '{name}'?"),
            (_, Some((name, true))) => {
                let scope = far.iter().find(|known| known.name == name).map(|known| known.scope);
                let belongs = scope.map(|scope| self.belongs(scope)).unwrap_or_default();
                format!("{unknown}, did you mean '{name}'? It {belongs}")
            }
            (Some((name, false)), _) => format!("{unknown}; the nearest known key is '{name}'"),
            (None, _) => unknown,
        }
    }

    /// Where a key of `scope` may stand, in the words of the format.
    fn belongs(&self, scope: Scope) -> String {
        let (stream, user) = match self.format {
            Format::Json => ("an object of the array 'streams'", "an object of the array 'users'"),
            Format::Ini | Format::CommandLine => ("a [stream] section", "a [user] section"),
        };
        let global = match self.format {
            Format::Json => "at the top level",
            Format::Ini | Format::CommandLine => "before the first section",
        };
        match scope {
            Scope::Global => format!("is a global key and belongs {global}"),
            Scope::GlobalAndStream => format!("belongs {global} or in {stream}"),
            Scope::Stream => format!("belongs in {stream}"),
            Scope::User => format!("belongs in {user}"),
        }
    }
}

/// Quotes around a password are part of it, which is rarely meant.
fn warn_of_quotes(key: &str, entry: &Entry, findings: &mut Findings) {
    let Value::Text(text) = &entry.value else { return };
    let quoted = |sign: char| text.len() >= 2 && text.starts_with(sign) && text.ends_with(sign);
    if key.ends_with("password") && (quoted('"') || quoted('\'')) {
        let message = format!("{key} is taken literally, with the quotes around it");
        findings.warn(&entry.place, message);
    }
}
