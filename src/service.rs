//! What a service manager is told, and how often it wants to hear that all is well
//! ([sd_notify(3)], [sd_watchdog_enabled(3)]). Without one nothing is sent and nothing is due.
//!
//! [sd_notify(3)]: https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
//! [sd_watchdog_enabled(3)]: https://www.freedesktop.org/software/systemd/man/latest/sd_watchdog_enabled.html

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// The line to the service manager.
#[derive(Debug, Default)]
pub struct Service {
    socket: Option<UnixDatagram>,
    watchdog: Option<Watchdog>,
    /// The last text that was sent.
    status: String,
}

#[derive(Debug)]
struct Watchdog {
    interval: Duration,
    due: Instant,
}

impl Service {
    /// As the environment says: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    ///
    /// # Errors
    ///
    /// There is a socket, and it cannot be used.
    pub fn from_env() -> io::Result<Self> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let Some(path) = variable("NOTIFY_SOCKET") else { return Ok(Self::default()) };
        let number = |name| variable(name).and_then(|value| value.to_str()?.parse::<u64>().ok());
        let own = std::process::id();
        let ours = variable("WATCHDOG_PID").is_none() || number("WATCHDOG_PID") == Some(own.into());
        let interval = number("WATCHDOG_USEC").filter(|&us| us > 0 && ours);
        Self::new(&path, interval.map(Duration::from_micros))
    }

    fn new(path: &OsStr, watchdog: Option<Duration>) -> io::Result<Self> {
        let address = match path.as_bytes().split_first() {
            Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(path)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        // Never held up by a manager that does not read.
        socket.set_nonblocking(true)?;
        // In half the time allowed, as sd_watchdog_enabled(3) recommends.
        let watchdog = watchdog
            .map(|allowed| Watchdog { interval: allowed / 2, due: Instant::now() + allowed / 2 });
        Ok(Self { socket: Some(socket), watchdog, status: String::new() })
    }

    /// Everything is started.
    pub fn ready(&mut self) {
        self.tell("READY=1");
    }

    /// The configuration is being read again; [`Service::ready`] follows.
    pub fn reloading(&mut self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let now = Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32);
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={}", now.as_micros()));
    }

    /// The end has begun.
    pub fn stopping(&mut self) {
        self.tell("STOPPING=1");
    }

    /// One line on what is going on; sent when it is another than before.
    pub fn status(&mut self, text: &str) {
        if self.socket.is_some() && self.status != text {
            self.tell(&format!("STATUS={}", text.replace('\n', " ")));
            text.clone_into(&mut self.status);
        }
    }

    /// When [`Service::alive`] is to be called at the latest; `None` when nobody waits for it.
    pub fn due(&self) -> Option<Instant> {
        self.watchdog.as_ref().map(|watchdog| watchdog.due)
    }

    /// All is well.
    pub fn alive(&mut self) {
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.due = Instant::now() + watchdog.interval;
            self.tell("WATCHDOG=1");
        }
    }

    fn tell(&mut self, text: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = socket.send(text.as_bytes()) {
            log::warn!("cannot tell the service manager: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(manager: &UnixDatagram) -> String {
        let mut buffer = [0; 256];
        let count = manager.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..count].to_vec()).unwrap()
    }

    #[test]
    fn a_manager_hears_what_happens_once() {
        let folder = std::env::temp_dir().join(format!("rtsp-relay-notify-{}", std::process::id()));
        let _ = std::fs::remove_file(&folder);
        let manager = UnixDatagram::bind(&folder).unwrap();
        let mut service = Service::new(folder.as_os_str(), Some(Duration::from_secs(10))).unwrap();
        std::fs::remove_file(&folder).unwrap();
        service.ready();
        service.status("no viewers");
        service.status("no viewers");
        service.status("1 viewer");
        service.alive();
        service.reloading();
        service.stopping();
        assert_eq!(heard(&manager), "READY=1");
        assert_eq!(heard(&manager), "STATUS=no viewers");
        assert_eq!(heard(&manager), "STATUS=1 viewer");
        assert_eq!(heard(&manager), "WATCHDOG=1");
        let reloading = heard(&manager);
        let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(time.parse::<u64>().unwrap() > 0);
        assert_eq!(heard(&manager), "STOPPING=1");
    }

    #[test]
    fn an_abstract_socket_is_reached_and_the_watchdog_is_due_in_half_its_time() {
        let name = format!("rtsp-relay-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        let before = Instant::now();
        let path = format!("@{name}");
        let mut service = Service::new(path.as_ref(), Some(Duration::from_secs(60))).unwrap();
        let due = service.due().unwrap();
        assert!(due >= before + Duration::from_secs(30) && due < before + Duration::from_secs(60));
        service.alive();
        assert_eq!(heard(&manager), "WATCHDOG=1");
        assert!(service.due().unwrap() >= due);
    }

    #[test]
    fn without_a_manager_nothing_is_due() {
        let mut service = Service::default();
        service.ready();
        service.status("x");
        service.alive();
        assert_eq!(service.due(), None);
    }
}
