//! Nobody sees it, nobody pulls it.

use std::time::{Duration, Instant};

use super::browser::{Browser, Page};
use super::seen::seen;
use super::support::wait_until;
use super::{DESKTOP, House, SOON, TRIES};

const LINGER: &str = "source_idle_timeout_s=1";
/// The linger, and two seconds.
const LET_GO: Duration = Duration::from_secs(3);

fn plays(page: &Page<'_>, stream: &str) -> bool {
    let before = seen(page, stream).len();
    wait_until(SOON, || seen(page, stream).len() >= before + 10)
}

/// How long it takes until the camera has so many sessions.
fn until_sessions(house: &House, sessions: u64) -> Duration {
    let begun = Instant::now();
    let open = || house.camera.stats().sessions_open;
    assert!(wait_until(SOON, || open() == sessions), "{} instead of {sessions}", open());
    println!("{sessions} sessions after {:.1} s", begun.elapsed().as_secs_f64());
    begun.elapsed()
}

/// What `act` does lets go of cameras in time, so many times in a row at the most until it does.
fn expect_let_go(what: &str, mut act: impl FnMut() -> Duration) {
    let mut took = Vec::new();
    while took.len() < TRIES {
        took.push(act());
        if took.last().is_some_and(|last| *last <= LET_GO) {
            return;
        }
    }
    panic!("{what} lets go only after {took:.1?}");
}

#[test]
fn a_hidden_tab_and_a_closed_one_let_go_of_the_cameras() {
    let house = House::new(2, (320, 180), LINGER);
    let browser = Browser::start();
    let page = browser.open(&house.page(""), DESKTOP);
    assert!(plays(&page, "cam0") && plays(&page, "cam1"));
    assert_eq!(house.camera.stats().sessions_open, 2);

    let other = browser.open("about:blank", DESKTOP);
    expect_let_go("a hidden tab", || {
        other.to_front();
        assert!(page.becomes("document.hidden", SOON));
        let took = until_sessions(&house, 0);
        page.to_front();
        assert!(plays(&page, "cam0") && plays(&page, "cam1"), "it plays again by itself");
        took
    });
    page.expect_no_errors();
    let mut page = Some(page);
    expect_let_go("a closed page", || {
        let page = page.take().unwrap_or_else(|| browser.open(&house.page(""), DESKTOP));
        assert!(plays(&page, "cam0"));
        page.close();
        until_sessions(&house, 0)
    });
}

#[test]
fn only_what_is_on_the_screen_is_pulled() {
    let house = House::new(4, (320, 180), LINGER);
    let browser = Browser::start();
    let page = browser.open(&house.page(""), (390, 420));
    assert!(plays(&page, "cam0"));
    let below = "document.querySelectorAll('article')[3].getBoundingClientRect().top > innerHeight";
    assert_eq!(page.eval(below), true);
    assert!(seen(&page, "cam3").is_empty(), "what is below the screen is not pulled");
    page.eval("scrollTo(0, document.body.scrollHeight)");
    assert!(plays(&page, "cam3"));
    page.picture("phone");
    // What was scrolled away lingers for a second in the page before it does so in the relay.
    let visible = "[...document.querySelectorAll('article')].filter((article) => { const box = \
                   article.getBoundingClientRect(); return box.bottom > 0 && box.top < innerHeight }).length";
    let visible = page.eval(visible).as_u64().unwrap();
    assert!(visible < 4);
    until_sessions(&house, visible);

    expect_let_go("a large picture", || {
        page.eval("location.hash = '#cam0'");
        assert!(plays(&page, "cam0"));
        let took = until_sessions(&house, 1);
        page.eval("location.hash = ''");
        assert!(page.becomes("document.querySelector('#details').hidden", SOON));
        page.eval("scrollTo(0, document.body.scrollHeight)");
        assert!(plays(&page, "cam3"));
        took
    });
    page.expect_no_errors();
}
