//! Where logins are asked for, and what an administrator is told of a configuration.

use serde_json::json;

use super::browser::Browser;
use super::seen::seen;
use super::support::wait_until;
use super::{DESKTOP, House, SOON};

const USERS: &str = "client_username=family\nclient_password=watch me\nauth_methods=digest";

#[test]
fn a_wall_asks_for_the_login_of_digest_once_and_plays() {
    let house = House::new(3, (320, 180), USERS);
    let browser = Browser::start();
    let page = browser.open("about:blank", DESKTOP);
    let without = page.call("Page.navigate", json!({ "url": house.page("") }));
    assert_eq!(without["errorText"], "net::ERR_INVALID_AUTH_CREDENTIALS", "{without}");
    page.login("family", "watch me");
    page.go(&house.page(""));
    for name in ["cam0", "cam1", "cam2"] {
        assert!(page.wait(SOON, || seen(&page, name).len() > 25), "{name} does not play");
    }
    page.expect_text("#summary", "3 viewers", SOON);
    page.eval("location.hash = '#cam1'");
    page.expect_text(".viewers", "family", SOON);
    assert!(!house.relay.log_contains("login failed"));
    page.expect_no_errors();
}

#[test]
fn a_broken_configuration_is_shown_with_its_lines_and_a_good_one_is_taken() {
    let house = House::new(1, (320, 180), "admin_username=root\nadmin_password=hunter2");
    let good = std::fs::read_to_string(house.relay.file()).unwrap();
    let browser = Browser::start();
    let page = browser.open(&house.page(""), DESKTOP);
    page.login("root", "hunter2");
    assert!(page.wait(SOON, || seen(&page, "cam0").len() > 10));
    let lines = good.lines().count();
    house.relay.rewrite_whole(&format!("{good}\nmax_clientz=5\n"));
    let place = format!("{}:{}: ", house.relay.file().display(), lines + 2);
    page.click("#reload");
    page.expect_text("#question-text", "Not done: ", SOON);
    page.expect_text("#question-lines", &place, SOON);
    page.picture("broken-reload");
    page.click("#question .yes");
    assert!(page.becomes("!document.querySelector('#question').open", SOON));
    page.expect_text("#refused-title", "was not taken, the old one stays", SOON);
    page.expect_text("#refused pre", &place, SOON);
    page.picture("broken-configuration");
    let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    page.call("Emulation.setEmulatedMedia", dark);
    page.resize(390, 844);
    page.picture("broken-configuration-phone");
    page.resize(DESKTOP.0, DESKTOP.1);
    let before = seen(&page, "cam0").len();
    assert!(wait_until(SOON, || seen(&page, "cam0").len() > before + 25), "the old one plays on");

    let more = good.replace("name=cam0", "name=cam0\nmax_clients_per_stream=7");
    house.relay.rewrite_whole(&more);
    page.click("#reload");
    page.expect_text("#question-text", "The new configuration is in use", SOON);
    page.picture("good-reload");
    page.click("#question .yes");
    assert!(page.becomes("document.querySelector('#refused').hidden", SOON));
    page.expect_no_errors();
}
