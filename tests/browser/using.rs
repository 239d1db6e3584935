//! The page in use: by keyboard, in the dark, and by somebody who manages the relay.

use serde_json::json;

use super::browser::Browser;
use super::seen::{Sent, seen};
use super::support::wait_until;
use super::{DESKTOP, House, SOON};

#[test]
fn the_keyboard_reaches_every_stream_and_back() {
    let house = House::new(6, (320, 180), "");
    let browser = Browser::start();
    let page = browser.open(&house.page(""), DESKTOP);
    assert!(page.becomes("document.querySelectorAll('article').length === 6", SOON));
    let focused = "document.activeElement.closest('article')?.dataset.stream ?? ''";
    for (key, stream) in [
        ("ArrowRight", "cam0"),
        ("ArrowRight", "cam1"),
        ("ArrowDown", "cam4"),
        ("ArrowLeft", "cam3"),
        ("ArrowUp", "cam0"),
        ("ArrowUp", "cam0"),
    ] {
        page.key(key);
        assert_eq!(page.text(focused), stream, "{key}");
    }
    let ring = "getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(page.text(ring), "solid", "the focus is seen");
    page.key("Enter");
    assert!(page.becomes("location.hash === '#cam0'", SOON));
    page.expect_text("#details h2", "cam0", SOON);
    page.key("ArrowRight");
    page.expect_text("#details h2", "cam1", SOON);
    assert!(wait_until(SOON, || seen(&page, "cam1").len() > 10));
    page.key("f");
    assert!(page.becomes("document.fullscreenElement !== null", SOON));
    page.key("f");
    assert!(page.becomes("document.fullscreenElement === null", SOON));
    page.key("?");
    assert!(page.becomes("document.querySelector('#help').open", SOON));
    page.picture("help");
    page.key("Escape");
    assert!(page.becomes("!document.querySelector('#help').open", SOON));
    assert_eq!(page.text("location.hash"), "#cam1", "Escape closed the help alone");
    page.key("Escape");
    assert!(page.becomes("location.hash === ''", SOON));
    assert!(page.becomes(&format!("({focused}) === 'cam1'"), SOON), "the focus is where one was");
    let label = "document.activeElement.getAttribute('aria-label')";
    let told = page.wait(SOON, || page.text(label).contains("320×180"));
    assert!(told && page.text(label).starts_with("cam1: Live"), "{}", page.text(label));
    page.expect_no_errors();
}

#[test]
fn the_administrator_ends_a_viewer_after_a_login_and_a_question() {
    let house = House::new(1, (640, 360), "admin_username=root\nadmin_password=hunter2");
    let viewer = Sent::watching(&house.relay.url("cam0"));
    let browser = Browser::start();
    let page = browser.open(&house.page("#cam0"), DESKTOP);
    page.login("root", "hunter2");
    let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    page.call("Emulation.setEmulatedMedia", dark);
    page.expect_text(".viewers", "127.0.0.1", SOON);
    assert!(page.becomes("document.querySelector('.line').getAttribute('d').includes('L')", SOON));
    page.picture("dark");
    let url = house.relay.url("cam0");
    page.expect_text(".urls", &url, SOON);
    page.click(&format!("button[aria-label*='{}']", viewer.address()));
    assert!(page.becomes("document.querySelector('#question').open", SOON));
    page.picture("question");
    page.click("#question .yes");
    // The browser asks for the login meanwhile.
    let ended = page.wait(SOON, || viewer.is_over());
    assert!(
        ended,
        "the viewer is not ended: {}",
        page.text("document.querySelector('#question').innerText")
    );
    assert!(house.relay.wait_log("viewer ended over HTTP", SOON).is_some());
    page.expect_no_errors();
}

#[test]
fn a_stream_is_disabled_enabled_and_restarted() {
    let house = House::new(1, (320, 180), "admin_username=root\nadmin_password=hunter2");
    let browser = Browser::start();
    let page = browser.open(&house.page("#cam0"), DESKTOP);
    page.login("root", "hunter2");
    assert!(page.wait(SOON, || seen(&page, "cam0").len() > 10));
    page.click(".able");
    page.expect_text("#question-text", "Disable cam0?", SOON);
    page.click("#question .yes");
    page.expect_text("#details .state", "Disabled", SOON);
    page.expect_text("article .words", "Disabled", SOON);
    page.picture("disabled");
    assert!(page.wait(SOON, || house.camera.stats().sessions_open == 0));
    page.expect_text(".able", "Enable", SOON);
    let before = seen(&page, "cam0").len();
    page.click(".able");
    assert!(page.wait(SOON, || seen(&page, "cam0").len() > before + 10), "it plays again");

    page.click(".restart");
    page.expect_text("#question-text", "Restart cam0?", SOON);
    let sessions = house.camera.stats().sessions_total;
    page.click("#question .yes");
    assert!(page.wait(SOON, || house.camera.stats().sessions_total > sessions));
    let before = seen(&page, "cam0").len();
    assert!(page.wait(SOON, || seen(&page, "cam0").len() > before + 10), "it plays again");
    page.expect_no_errors();
}
