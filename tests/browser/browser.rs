//! Chromium without a window, driven by the DevTools protocol over its standard input and output:
//! <https://chromedevtools.github.io/devtools-protocol/>. It ends with its value, and, as the pipe closes, with
//! the test.

use std::cell::{Cell, RefCell};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::support::{leave, wait_until};

/// How long an answer may take; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a browser would otherwise do besides: ask its maker, use a display that is not there.
const ARGUMENTS: &str = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
    --disable-background-networking --disable-component-update --disable-sync --mute-audio \
    --disable-dev-shm-usage --remote-debugging-pipe";

/// Where it is about milliseconds, one browser at a time: it takes all of a small machine.
static TURN: RwLock<()> = RwLock::new(());

/// Together with others, or while no other runs.
enum Turn {
    Any { _held: RwLockReadGuard<'static, ()> },
    Only { _held: RwLockWriteGuard<'static, ()> },
}

impl Turn {
    fn any() -> Self {
        Self::Any { _held: TURN.read().unwrap_or_else(PoisonError::into_inner) }
    }

    fn only() -> Self {
        Self::Only { _held: TURN.write().unwrap_or_else(PoisonError::into_inner) }
    }
}

/// A running browser with a profile of its own.
pub(crate) struct Browser {
    child: Child,
    stdin: RefCell<ChildStdin>,
    messages: Receiver<Value>,
    next: Cell<u64>,
    /// The login that is given when one is asked for.
    login: RefCell<Option<(String, String)>>,
    profile: PathBuf,
    _turn: Turn,
}

impl Browser {
    /// One whose times are not what counts: others may run beside it.
    pub(crate) fn start() -> Self {
        Self::with("", Turn::any())
    }

    /// One whose times are.
    pub(crate) fn alone() -> Self {
        Self::with("", Turn::only())
    }

    /// It takes any certificate.
    pub(crate) fn trusting() -> Self {
        Self::with(" --ignore-certificate-errors", Turn::any())
    }

    fn with(more: &str, turn: Turn) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let profile = leave(&format!("chromium-{}-{count}", std::process::id()));
        // It reads from descriptor 3 and writes to 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec chromium $0 --user-data-dir=\"$1\" 3<&0 4>&1 1>&2"])
            .arg(format!("{ARGUMENTS}{more}"))
            .arg(&profile)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromium is installed by tests/tools/install");
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for message in stdout.split(0).map_while(Result::ok) {
                let Ok(message) = serde_json::from_slice(&message) else { continue };
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            stdin: RefCell::new(stdin),
            messages,
            next: Cell::new(1),
            login: RefCell::default(),
            profile,
            _turn: turn,
        }
    }

    /// A tab of this size, in pixels, in front of all others, with the watcher in it.
    pub(crate) fn open(&self, url: &str, (width, height): (u32, u32)) -> Page<'_> {
        let target = self.call(None, "Target.createTarget", json!({ "url": "about:blank" }));
        let target = target["targetId"].as_str().unwrap().to_owned();
        let attach = json!({ "targetId": target, "flatten": true });
        let session = self.call(None, "Target.attachToTarget", attach);
        let session = session["sessionId"].as_str().unwrap().to_owned();
        let page = Page { browser: self, target, session };
        page.call("Page.enable", json!({}));
        page.resize(width, height);
        let source = include_str!("watcher.js");
        page.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source }));
        page.go(url);
        page
    }

    fn send(&self, session: Option<&str>, method: &str, params: Value) -> u64 {
        let id = self.next.replace(self.next.get() + 1);
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut text = message.to_string();
        text.push('\0');
        self.stdin.borrow_mut().write_all(text.as_bytes()).expect("chromium has ended");
        id
    }

    fn call(&self, session: Option<&str>, method: &str, params: Value) -> Value {
        let id = self.send(session, method, params);
        let mut answer = self.wait_message(method, |message| message["id"] == id);
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].take()
    }

    fn wait_event(&self, session: &str, event: &str) {
        self.wait_message(event, |message| {
            message["method"] == event && message["sessionId"] == session
        });
    }

    /// The first message that is wanted; what comes before it is dealt with.
    fn wait_message(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(message) = self.messages.recv_timeout(left) else {
                panic!("chromium does not answer {what}");
            };
            if wanted(&message) {
                return message;
            }
            self.happened(&message);
        }
    }

    /// What the browser tells by itself: here, that a request waits for a decision about its login.
    fn happened(&self, message: &Value) {
        let session = message["sessionId"].as_str();
        let request = &message["params"]["requestId"];
        match message["method"].as_str() {
            Some("Fetch.requestPaused") => {
                self.send(session, "Fetch.continueRequest", json!({ "requestId": request }));
            }
            Some("Fetch.authRequired") => {
                let response = match &*self.login.borrow() {
                    Some((user, password)) => json!({ "response": "ProvideCredentials",
                        "username": user, "password": password }),
                    None => json!({ "response": "CancelAuth" }),
                };
                let params = json!({ "requestId": request, "authChallengeResponse": response });
                self.send(session, "Fetch.continueWithAuth", params);
            }
            _ => {}
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let quit = json!({ "id": 0, "method": "Browser.close" }).to_string() + "\0";
        let _gone = self.stdin.borrow_mut().write_all(quit.as_bytes());
        let ended = wait_until(Duration::from_secs(5), || {
            self.child.try_wait().is_ok_and(|status| status.is_some())
        });
        if !ended {
            let _gone = self.child.kill();
            let _status = self.child.wait();
        }
        let _not_there = std::fs::remove_dir_all(&self.profile);
    }
}

/// A tab.
pub(crate) struct Page<'a> {
    browser: &'a Browser,
    target: String,
    session: String,
}

impl Page<'_> {
    pub(crate) fn call(&self, method: &str, params: Value) -> Value {
        self.browser.call(Some(&self.session), method, params)
    }

    /// Loads an address, with all that belongs to it.
    pub(crate) fn go(&self, url: &str) {
        let answer = self.call("Page.navigate", json!({ "url": url }));
        assert!(answer["errorText"].is_null(), "{url}: {answer}");
        self.browser.wait_event(&self.session, "Page.loadEventFired");
    }

    /// The value of an expression of JavaScript.
    pub(crate) fn eval(&self, expression: &str) -> Value {
        let params =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", params);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// The value of an expression as text.
    pub(crate) fn text(&self, expression: &str) -> String {
        self.eval(expression).as_str().unwrap_or_default().to_owned()
    }

    /// Whether an expression becomes true in time.
    pub(crate) fn becomes(&self, expression: &str, timeout: Duration) -> bool {
        wait_until(timeout, || self.eval(expression) == true)
    }

    /// Whether a condition outside of the page becomes true, while what the browser asks is answered.
    pub(crate) fn wait(&self, timeout: Duration, mut condition: impl FnMut() -> bool) -> bool {
        wait_until(timeout, || {
            self.eval("null");
            condition()
        })
    }

    /// The text of the first element of a selector becomes one with `part` in it; fails with what it is instead.
    pub(crate) fn expect_text(&self, selector: &str, part: &str, timeout: Duration) {
        let expression = format!("document.querySelector({})?.textContent ?? ''", json!(selector));
        let there = wait_until(timeout, || self.text(&expression).contains(part));
        assert!(there, "{selector}: {:?} instead of {part:?}", self.text(&expression));
    }

    /// Presses a key.
    pub(crate) fn key(&self, key: &str) {
        let code = match key {
            "Escape" => 27,
            "Enter" => 13,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            _ => 0,
        };
        let text = if key == "Enter" { "\r" } else { key };
        let mut down = json!({ "type": "keyDown", "key": key, "windowsVirtualKeyCode": code });
        if text.len() == 1 {
            down["text"] = text.into();
        }
        self.call("Input.dispatchKeyEvent", down);
        let up = json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": code });
        self.call("Input.dispatchKeyEvent", up);
    }

    /// Clicks the first element of a selector.
    pub(crate) fn click(&self, selector: &str) {
        self.eval(&format!("document.querySelector({}).click()", json!(selector)));
    }

    pub(crate) fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1,
            "mobile": width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// The login that is given from now on when the relay asks this page for one.
    pub(crate) fn login(&self, user: &str, password: &str) {
        *self.browser.login.borrow_mut() = Some((user.to_owned(), password.to_owned()));
        self.call("Fetch.enable", json!({ "handleAuthRequests": true }));
    }

    /// Puts the tab in front of the others, which are hidden by it.
    pub(crate) fn to_front(&self) {
        self.call("Page.bringToFront", json!({}));
    }

    /// Closes the tab.
    pub(crate) fn close(self) {
        self.browser.call(None, "Target.closeTarget", json!({ "targetId": self.target }));
    }

    /// Leaves a picture of the page for a person to look at.
    pub(crate) fn picture(&self, name: &str) {
        let answer = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        let bytes = STANDARD.decode(answer["data"].as_str().unwrap()).unwrap();
        std::fs::write(leave(&format!("browser-{name}.png")), bytes).unwrap();
    }

    /// What went wrong in the page's scripts, or against its policy.
    pub(crate) fn expect_no_errors(&self) {
        assert_eq!(self.eval("errors"), json!([]));
    }
}
