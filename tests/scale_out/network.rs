//! Machines on one switch, each in a network namespace of its own.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::support::Namespace;
use super::support::namespace::ip;

/// The switch.
pub(crate) struct Network {
    switch: Namespace,
    plugs: Cell<usize>,
}

/// A machine with one address.
pub(crate) struct Host(Namespace);

impl Network {
    /// The calling thread is at the switch from now on.
    pub(crate) fn new() -> Self {
        let switch = Namespace::enter_new();
        ip("link add name switch type bridge");
        ip("link set switch up");
        Self { switch, plugs: Cell::new(0) }
    }

    /// One more machine. Everybody reaches it.
    pub(crate) fn host(&self, address: &str) -> Host {
        let number = self.plugs.get();
        self.plugs.set(number + 1);
        let host = std::thread::scope(|scope| scope.spawn(Namespace::enter_new).join().unwrap());
        within(&self.switch, || {
            ip(&format!("link add name plug{number} type veth peer name cable{number}"));
            host.take(&format!("cable{number}"));
            ip(&format!("link set plug{number} master switch up"));
        });
        within(&host, || {
            ip(&format!("link set cable{number} name eth0"));
            ip(&format!("addr add {address}/24 dev eth0"));
            ip("link set eth0 up");
        });
        Host(host)
    }
}

impl Host {
    /// Runs something on this machine. Threads and programs that it starts stay there.
    pub(crate) fn run<T: Send>(&self, run: impl FnOnce() -> T + Send) -> T {
        within(&self.0, run)
    }
}

/// The body of the answer to a GET on the machine that we are on, if there is one.
pub(crate) fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

fn within<T: Send>(place: &Namespace, run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            place.enter();
            run()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
