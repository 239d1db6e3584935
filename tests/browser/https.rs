//! The page over TLS.

use super::browser::Browser;
use super::seen::seen;
use super::support::Certificate;
use super::{DESKTOP, House, SOON};

#[test]
fn a_page_that_came_over_tls_plays_and_manages_over_tls() {
    let certificate = Certificate::new();
    let admin = "admin_username=root\nadmin_password=hunter2";
    let house = House::new(1, (320, 180), &format!("{}{admin}", certificate.config()));
    let browser = Browser::trusting();
    let own = house.page("").replace("http://", "https://");
    let page = browser.open(&format!("{own}#cam0"), DESKTOP);
    page.login("root", "hunter2");
    assert!(page.wait(SOON, || seen(&page, "cam0").len() > 10), "it does not play");
    assert_eq!(page.text("location.protocol"), "https:");
    // Its WebSocket is what a page that came so may open: one with TLS.
    assert!(page.becomes("isSecureContext", SOON));
    page.expect_text(".urls", &format!("{own}live/cam0.mp4"), SOON);
    page.expect_text(".viewers", "127.0.0.1", SOON);

    let sessions = house.camera.stats().sessions_total;
    page.click(".restart");
    page.expect_text("#question-text", "Restart cam0?", SOON);
    page.click("#question .yes");
    assert!(page.wait(SOON, || house.camera.stats().sessions_total > sessions));
    let before = seen(&page, "cam0").len();
    assert!(page.wait(SOON, || seen(&page, "cam0").len() > before + 10), "it plays again");
    page.expect_no_errors();
}
