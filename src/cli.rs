//! The command line, read by hand: a few options do not need a parser of their own.
//!
//! Options may be written `-c FILE`, `-cFILE`, `--config FILE` and `--config=FILE`; letters
//! without a value may stand together, `-vvc FILE`; after `--` nothing is an option.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use log::LevelFilter;

use crate::config::model::TransportPolicy;
use crate::config::nearest::nearest;
use crate::config::{DEFAULT_FILE, Sources};
use crate::probe::ProbeOptions;

/// What `--help` prints.
pub const HELP: &str = include_str!("cli/help.txt");

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Run(RunOptions),
    Probe(ProbeOptions),
    Version,
    Help,
}

/// To relay, or to say what would be relayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    pub sources: Sources,
    /// Say whether the configuration is valid, and exit.
    pub check: bool,
    /// Print the effective configuration, and exit.
    pub print_config: bool,
    /// How many steps more (or, below 0, less) to log than `log_level` says.
    pub verbosity: i8,
}

impl RunOptions {
    /// The level to log at when the configuration says `configured`; errors are always logged.
    pub fn log_level(&self, configured: LevelFilter) -> LevelFilter {
        const LEVELS: [LevelFilter; 5] = [
            LevelFilter::Error,
            LevelFilter::Warn,
            LevelFilter::Info,
            LevelFilter::Debug,
            LevelFilter::Trace,
        ];
        let at = LEVELS.iter().position(|level| *level == configured).unwrap_or(0);
        let at = at.saturating_add_signed(self.verbosity.into()).min(LEVELS.len() - 1);
        LEVELS.get(at).copied().unwrap_or(configured)
    }
}

/// What is wrong with the command line, on one line that leads to the help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageError(String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (try 'rtsp-relay --help')", self.0)
    }
}

impl std::error::Error for UsageError {}

/// An option as it is looked up.
struct Flag {
    letter: Option<u8>,
    name: &'static str,
    takes_value: bool,
}

const fn flag(letter: Option<u8>, name: &'static str, takes_value: bool) -> Flag {
    Flag { letter, name, takes_value }
}

const RUN_FLAGS: &[Flag] = &[
    flag(Some(b'c'), "config", true),
    flag(None, "set", true),
    flag(None, "stream", true),
    flag(None, "check", false),
    flag(None, "print-config", false),
    flag(Some(b'v'), "verbose", false),
    flag(Some(b'q'), "quiet", false),
    flag(Some(b'V'), "version", false),
    flag(Some(b'h'), "help", false),
];

const PROBE_FLAGS: &[Flag] = &[
    flag(None, "username", true),
    flag(None, "password-file", true),
    flag(None, "transport", true),
    flag(None, "json", false),
    flag(Some(b'V'), "version", false),
    flag(Some(b'h'), "help", false),
];

/// Reads the arguments, the program's own name not among them.
///
/// # Errors
///
/// One sentence about the first argument that is wrong. It never shows a value, which may hold a
/// login.
pub fn parse<A: Into<OsString>>(args: impl IntoIterator<Item = A>) -> Result<Command, UsageError> {
    let mut args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    if args.first().is_some_and(|first| first == "probe") {
        args.remove(0);
        probe(&args)
    } else {
        run(&args)
    }
}

fn run(args: &[OsString]) -> Result<Command, UsageError> {
    let mut options = RunOptions::default();
    let (mut louder, mut quieter) = (0_i8, 0_i8);
    for item in Items::new(args, RUN_FLAGS) {
        match item? {
            Item::Option("config", file) => {
                if options.sources.file.is_some() {
                    return Err(wrong("--config is given twice"));
                }
                if file.is_empty() {
                    return Err(wrong("--config needs the name of a file"));
                }
                options.sources.file = Some(PathBuf::from(file));
                options.sources.explicit = true;
            }
            Item::Option("set", pair) => {
                options.sources.set.push(split_pair(pair, "--set needs KEY=VALUE")?);
            }
            Item::Option("stream", pair) => {
                let rule = "--stream needs NAME=URL, as in --stream door=rtsp://192.168.1.100/";
                options.sources.streams.push(split_pair(pair, rule)?);
            }
            Item::Option("check", _) => options.check = true,
            Item::Option("print-config", _) => options.print_config = true,
            Item::Option("verbose", _) => louder = louder.saturating_add(1),
            Item::Option("quiet", _) => quieter = quieter.saturating_add(1),
            Item::Option("version", _) => return Ok(Command::Version),
            Item::Option(..) => return Ok(Command::Help),
            Item::Other(argument) => return Err(unexpected(&argument)),
        }
    }
    if louder > 0 && quieter > 0 {
        return Err(wrong("-v and -q contradict each other"));
    }
    options.verbosity = louder - quieter;
    if options.sources.file.is_none() && options.sources.streams.is_empty() {
        options.sources.file = Some(PathBuf::from(DEFAULT_FILE));
    }
    Ok(Command::Run(options))
}

fn probe(args: &[OsString]) -> Result<Command, UsageError> {
    let mut url = None;
    let (mut username, mut password_file) = (None, None);
    let (mut transport, mut json) = (TransportPolicy::Auto, false);
    for item in Items::new(args, PROBE_FLAGS) {
        match item? {
            Item::Option("username", name) => username = Some(utf8(name, "--username")?),
            Item::Option("password-file", file) => password_file = Some(PathBuf::from(file)),
            Item::Option("transport", word) => {
                transport = match word.as_bytes() {
                    b"auto" => TransportPolicy::Auto,
                    b"tcp" => TransportPolicy::Tcp,
                    b"udp" => TransportPolicy::Udp,
                    b"multicast" => TransportPolicy::Multicast,
                    _ => return Err(wrong("--transport needs auto, tcp, udp or multicast")),
                }
            }
            Item::Option("json", _) => json = true,
            Item::Option("version", _) => return Ok(Command::Version),
            Item::Option(..) => return Ok(Command::Help),
            Item::Other(_) if url.is_some() => return Err(wrong("probe takes one URL")),
            Item::Other(argument) => url = Some(utf8(argument, "the URL")?),
        }
    }
    let Some(url) = url else { return Err(wrong("probe needs the URL of a camera")) };
    Ok(Command::Probe(ProbeOptions { url, username, password_file, transport, json }))
}

fn wrong(message: impl Into<String>) -> UsageError {
    UsageError(message.into())
}

fn utf8(text: OsString, what: &str) -> Result<String, UsageError> {
    text.into_string().map_err(|_| wrong(format!("{what} is not UTF-8")))
}

/// `A=B` with something before the `=`; else `rule` is what is wrong.
fn split_pair(pair: OsString, rule: &str) -> Result<(String, String), UsageError> {
    let pair = utf8(pair, rule.split(' ').next().unwrap_or_default())?;
    match pair.split_once('=') {
        // An '=' behind a scheme belongs to a URL whose name is missing.
        Some((key, value)) if !key.trim().is_empty() && !key.contains("://") => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err(wrong(rule)),
    }
}

/// An argument that is no option: what was probably meant. A URL is not shown for its login.
fn unexpected(argument: &OsStr) -> UsageError {
    let text = argument.to_string_lossy();
    if text.contains("://") {
        return wrong("a URL needs a name: --stream NAME=URL");
    }
    let shown = text.escape_debug();
    match text.as_ref() {
        "probe" => wrong("'probe' must be the first argument"),
        "help" | "version" => {
            wrong(format!("unexpected argument '{shown}', did you mean --{text}?"))
        }
        _ if text.ends_with(".conf") || text.ends_with(".json") => {
            wrong(format!("unexpected argument '{shown}', did you mean --config {shown}?"))
        }
        _ => wrong(format!("unexpected argument '{shown}'")),
    }
}

/// One step through the arguments.
enum Item {
    /// The option's long name, and its value if it takes one.
    Option(&'static str, OsString),
    Other(OsString),
}

/// Goes through the arguments and knows which of them belong together.
struct Items<'a> {
    args: std::slice::Iter<'a, OsString>,
    flags: &'static [Flag],
    /// The rest of a group of letters.
    letters: &'a [u8],
    only_others: bool,
}

impl<'a> Items<'a> {
    fn new(args: &'a [OsString], flags: &'static [Flag]) -> Self {
        Self { args: args.iter(), flags, letters: &[], only_others: false }
    }

    fn letter(&mut self, letter: u8) -> Result<Item, UsageError> {
        let Some(flag) = self.flags.iter().find(|flag| flag.letter == Some(letter)) else {
            return Err(wrong(format!("unknown option '-{}'", char::from(letter).escape_debug())));
        };
        if !flag.takes_value {
            return Ok(Item::Option(flag.name, OsString::new()));
        }
        let rest = std::mem::take(&mut self.letters);
        let attached = (!rest.is_empty()).then(|| OsString::from_vec(rest.to_vec()));
        self.value(flag, attached)
    }

    fn long(&mut self, name: &'a [u8]) -> Result<Item, UsageError> {
        let mut parts = name.splitn(2, |byte| *byte == b'=');
        let name = parts.next().unwrap_or_default();
        let attached = parts.next().map(|value| OsString::from_vec(value.to_vec()));
        let Some(flag) = self.flags.iter().find(|flag| flag.name.as_bytes() == name) else {
            let name = String::from_utf8_lossy(name);
            let meant = match nearest(&name, self.flags.iter().map(|flag| flag.name)) {
                Some((near, true)) => format!(", did you mean '--{near}'?"),
                _ => String::new(),
            };
            return Err(wrong(format!("unknown option '--{}'{meant}", name.escape_debug())));
        };
        if flag.takes_value {
            return self.value(flag, attached);
        }
        match attached {
            None => Ok(Item::Option(flag.name, OsString::new())),
            Some(_) => Err(wrong(format!("--{} takes no value", flag.name))),
        }
    }

    /// The value behind the option, or the argument after it.
    fn value(&mut self, flag: &Flag, attached: Option<OsString>) -> Result<Item, UsageError> {
        let value = attached.or_else(|| self.args.next().cloned());
        match value {
            Some(value) => Ok(Item::Option(flag.name, value)),
            None => Err(wrong(format!("--{} needs a value", flag.name))),
        }
    }
}

impl Iterator for Items<'_> {
    type Item = Result<Item, UsageError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some((&letter, rest)) = self.letters.split_first() {
            self.letters = rest;
            return Some(self.letter(letter));
        }
        let argument = self.args.next()?;
        match argument.as_bytes() {
            _ if self.only_others => Some(Ok(Item::Other(argument.clone()))),
            b"--" => {
                self.only_others = true;
                self.next()
            }
            [b'-', b'-', name @ ..] => Some(self.long(name)),
            [b'-', letter, rest @ ..] => {
                self.letters = rest;
                Some(self.letter(*letter))
            }
            _ => Some(Ok(Item::Other(argument.clone()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> RunOptions {
        match parse(line.split_whitespace()) {
            Ok(Command::Run(options)) => options,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn error(line: &str) -> String {
        parse(line.split_whitespace()).unwrap_err().0
    }

    #[test]
    fn without_arguments_the_file_of_the_system_is_read() {
        let options = run("");
        assert_eq!(options.sources.file.as_deref(), Some(DEFAULT_FILE.as_ref()));
        assert!(!options.sources.explicit);
    }

    #[test]
    fn one_stream_on_the_command_line_needs_no_file() {
        let sources = run("--stream door=rtsp://cam/s?a=b").sources;
        assert_eq!(sources.file, None);
        assert_eq!(sources.streams, [("door".to_owned(), "rtsp://cam/s?a=b".to_owned())]);
        let sources = run("-c f --stream a=b --stream=c=d").sources;
        assert_eq!(sources.file.as_deref(), Some("f".as_ref()));
        assert_eq!(sources.streams.len(), 2);
    }

    #[test]
    fn every_way_to_write_an_option_is_understood() {
        for line in ["-c f", "-cf", "--config f", "--config=f", "--check -c f", "-vvc f", "-c f --"]
        {
            let options = run(line);
            assert_eq!(options.sources.file.as_deref(), Some("f".as_ref()), "{line}");
            assert!(options.sources.explicit);
        }
        assert_eq!(run("-vv -v").verbosity, 3);
        assert_eq!(run("-qq").verbosity, -2);
        let sources = run("--set a=b=c --set d=").sources;
        assert_eq!(
            sources.set,
            [("a".to_owned(), "b=c".to_owned()), ("d".to_owned(), String::new())]
        );
        assert!(run("--print-config").print_config);
        assert_eq!(parse(["--version"]), Ok(Command::Version));
        assert_eq!(parse(["--check", "-h", "--nonsense"]), Ok(Command::Help));
    }

    #[test]
    fn wrong_usage_is_one_sentence_that_helps() {
        for (line, expected) in [
            ("--chek", "unknown option '--chek', did you mean '--check'?"),
            ("--nonsense", "unknown option '--nonsense'"),
            ("-x", "unknown option '-x'"),
            ("--check=yes", "--check takes no value"),
            ("-c", "--config needs a value"),
            ("-c a -c b", "--config is given twice"),
            ("--config=", "--config needs the name of a file"),
            ("--set max_clients", "--set needs KEY=VALUE"),
            ("--set =7", "--set needs KEY=VALUE"),
            ("-v -q", "-v and -q contradict each other"),
            ("relay.conf", "unexpected argument 'relay.conf', did you mean --config relay.conf?"),
            ("-v probe", "'probe' must be the first argument"),
            ("-- -v", "unexpected argument '-v'"),
            ("probe", "probe needs the URL of a camera"),
            ("probe a b", "probe takes one URL"),
            ("probe a --transport quic", "--transport needs auto, tcp, udp or multicast"),
            ("probe a --jsom", "unknown option '--jsom', did you mean '--json'?"),
        ] {
            assert_eq!(error(line), expected, "{line}");
        }
    }

    #[test]
    fn a_login_on_the_command_line_is_not_shown_in_an_error() {
        for line in [
            "rtsp://admin:hunter2@cam/",
            "--stream rtsp://admin:hunter2@cam/?a=b",
            "--stream hunter2",
            "--set hunter2",
            "probe rtsp://admin:hunter2@cam/ rtsp://admin:hunter2@cam/",
        ] {
            assert!(!error(line).contains("hunter2"), "{line}");
        }
        let probe = parse(["probe", "rtsp://admin:hunter2@cam/"]).unwrap();
        assert!(!format!("{probe:?}").contains("hunter2"));
    }

    #[test]
    fn a_camera_is_probed_as_asked() {
        let line = "probe --json --username admin rtsp://cam/ --password-file=pw --transport udp";
        let expected = ProbeOptions {
            url: "rtsp://cam/".into(),
            username: Some("admin".into()),
            password_file: Some("pw".into()),
            transport: TransportPolicy::Udp,
            json: true,
        };
        assert_eq!(parse(line.split(' ')), Ok(Command::Probe(expected)));
    }

    #[test]
    fn the_log_is_louder_or_quieter_than_configured_and_never_silent() {
        let options = |verbosity| RunOptions { verbosity, ..RunOptions::default() };
        assert_eq!(options(1).log_level(LevelFilter::Info), LevelFilter::Debug);
        assert_eq!(options(9).log_level(LevelFilter::Info), LevelFilter::Trace);
        assert_eq!(options(-1).log_level(LevelFilter::Info), LevelFilter::Warn);
        assert_eq!(options(-9).log_level(LevelFilter::Info), LevelFilter::Error);
    }

    #[test]
    fn the_help_names_every_option_and_fits_a_terminal() {
        for flag in RUN_FLAGS.iter().chain(PROBE_FLAGS) {
            let letter = flag.letter.map(|letter| format!("-{}", char::from(letter)));
            let named = HELP.contains(&format!("--{}", flag.name));
            assert!(named || letter.is_some_and(|letter| HELP.contains(&letter)), "{}", flag.name);
        }
        assert!(HELP.contains(DEFAULT_FILE));
        for line in HELP.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
