//! No secret of a configuration may show up in what the relay prints: looked for at the end of every
//! relay that a test has started, whatever the test was about.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Shorter ones stand in words that are none.
const MIN_LENGTH: usize = 6;

/// What must not be printed.
#[derive(Debug, Default)]
pub struct Sweep {
    forms: Vec<String>,
}

impl Sweep {
    /// The passwords, hashes and logins in URLs of this configuration, in each form they could take.
    pub fn of(config: &str) -> Self {
        let mut sweep = Self::default();
        for line in config.lines() {
            // What stands on a command line is written like this, too.
            let Some((key, value)) = line.trim().split_once('=') else { continue };
            match key.trim() {
                "password" | "client_password" | "admin_password" => sweep.add(value.trim()),
                "password_hash" => sweep.add(value.rsplit(':').next().unwrap_or_default()),
                _ => {}
            }
            let login = value.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
            if let Some((_, password)) = login.and_then(|(login, _)| login.split_once(':')) {
                sweep.add(password);
                sweep.add(&unescaped(password));
            }
        }
        sweep
    }

    fn add(&mut self, secret: &str) {
        if secret.len() < MIN_LENGTH {
            return;
        }
        self.forms.push(secret.to_owned());
        self.forms.push(secret.bytes().map(escaped).collect());
        // As a part of anything in base64: what stands before it shifts it by 0, 1 or 2 bytes.
        for shift in 0..3 {
            let text = STANDARD_NO_PAD.encode([&b"::"[..shift], secret.as_bytes()].concat());
            let whole = (shift * 8).div_ceil(6)..(shift + secret.len()) * 8 / 6;
            self.forms.extend(text.get(whole).map(str::to_owned));
        }
    }

    /// The first line that shows one, and which.
    pub fn find<'a>(&'a self, lines: &'a [String]) -> Option<(&'a str, &'a str)> {
        // Answers to challenges can be tried against lists of words.
        let always = ["response=\"", "uthorization: Basic", "uthorization: Digest"];
        let forms = self.forms.iter().map(String::as_str).chain(always);
        let mut shown = forms.flat_map(|form| lines.iter().map(move |line| (line.as_str(), form)));
        shown.find(|(line, form)| line.contains(form))
    }
}

fn escaped(byte: u8) -> String {
    match byte {
        b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    }
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let hex = (*first == b'%').then(|| behind.get(..2)).flatten();
        let byte = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
