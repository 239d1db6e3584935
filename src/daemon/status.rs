//! The table that SIGUSR1 asks for: a line for the whole, one a stream, one a client.

use crate::limits::Reason;
use crate::logging::Quoted;
use crate::server::Server;

/// Writes it into the log.
pub(super) fn tell(server: &Server) {
    log::info!(
        "status clients={} viewers={} cameras={}",
        server.clients.count(),
        server.gatekeeper.viewers(),
        server.registry.cameras()
    );
    let refused = |reason: Reason| match server.gatekeeper.refusals.get(reason) {
        0 => None,
        times => Some(format!(" {}={times}", reason.label())),
    };
    let refused: String = Reason::ALL.into_iter().filter_map(refused).collect();
    if !refused.is_empty() {
        log::info!("status refused{refused}");
    }
    for slot in server.registry.slots() {
        let status = slot.status();
        let showing = status.showing.map(|what| format!(" showing={what}"));
        let transport = status.carrier.map(|carrier| format!(" transport={}", carrier.word()));
        let reason = status.reason.map(|reason| format!(" reason={}", Quoted(&reason)));
        let retry = status.retry_in.map(|time| format!(" retry_in={:.1}s", time.as_secs_f64()));
        let odd: Vec<_> = status.oddities.iter().map(|(odd, n)| format!("{odd}: {n}")).collect();
        let odd = Some(odd).filter(|odd| !odd.is_empty());
        let odd = odd.map(|odd| format!(" tolerated=\"{}\"", odd.join(", ")));
        log::info!(
            "status stream={} state={} since={:.1}s viewers={} bytes_in={} bytes_out={} packets_lost={} packets_late={} packets_reordered={} packets_duplicate={} pictures={} frames_skipped={} frames_thinned={} bitrate_kbps={}{}{}{}{}{}",
            slot.stream.name,
            status.state,
            status.since.as_secs_f64(),
            status.viewers,
            slot.stats.bytes_in.get(),
            slot.stats.bytes_out.get(),
            slot.stats.packets_lost.get(),
            slot.stats.packets_late.get(),
            slot.stats.packets_reordered.get(),
            slot.stats.packets_duplicate.get(),
            slot.stats.pictures.get(),
            slot.stats.frames_skipped.get(),
            slot.hub.thinned(),
            slot.hub.bits_per_second().unwrap_or(0) / 1000,
            showing.unwrap_or_default(),
            transport.unwrap_or_default(),
            reason.unwrap_or_default(),
            retry.unwrap_or_default(),
            odd.unwrap_or_default(),
        );
    }
    for client in server.clients.list() {
        let details = client.details();
        log::info!(
            "status client={} address={} stream={} playing={} since={:.1}s agent={}",
            client.id,
            client.address,
            details.stream.as_deref().unwrap_or("-"),
            if details.playing { "yes" } else { "no" },
            client.since.elapsed().as_secs_f64(),
            Quoted(&details.agent),
        );
    }
}
