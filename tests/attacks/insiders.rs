//! RTSP from somebody with a login, who may watch.

use std::io;
use std::time::{Duration, Instant};

use rtsp_proto::Method;
use rtsp_proto::headers::TransportSpec;

use crate::field::Field;
use crate::support::RtspClient;
use crate::{Attack, attack};

const SEATS: &str = "max_clients_per_ip";
const WRITE: &str = "write_timeout_s, and 0.75 s in the queue";
const CAMERAS: &str = "max_camera_connections, source_start_timeout_s";
const OWN: &str = "media goes to the address of the connection only (463)";
const OFFER: &str = "what is not offered is refused (461)";
const PORT: &str = "what is malformed ends the connection (400)";
const BODY: &str = "8 KiB of body (Limits::CLIENT)";

/// DESCRIBE and SETUP with this Transport: the status of the SETUP.
fn set_up(client: &mut RtspClient, transport: &str) -> io::Result<u16> {
    let uri = client.aggregate();
    let uri = format!("{}/trackID=0", uri.trim_end_matches('/'));
    Ok(client.request(Method::Setup, &uri, &[("Transport", transport)])?.status.code())
}

/// Is refused with this status, and nothing comes to the victim.
fn aim(field: &Field, transport: impl Fn(&str, u16) -> String, status: u16) {
    let victim = field.victim.local_addr().unwrap();
    let transport = transport(&victim.ip().to_string(), victim.port() & !1);
    field.inside("door", |field, client| {
        let code = set_up(client, &transport)?;
        assert_eq!(code, status, "{transport}");
        let _answered = client.request(Method::Play, &client.aggregate(), &[])?;
        field.strike();
        Ok(())
    });
    assert!(field.victim.recv_from(&mut [0; 64]).is_err(), "the victim got a datagram");
}

/// Several at once, each of whom does this until the attack is over.
fn crowd(field: &Field, count: usize, act: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(&act);
        }
    });
    field.strike();
}

/// Plays and sends this on channel 1.
fn reports(field: &Field, payload: &[u8]) {
    field.inside("door", |field, client| {
        if client.session().is_none() {
            *client = field.playing("door")?;
        }
        for _ in 0..16 {
            client.send_frame(1, payload)?;
        }
        while client.next(Instant::now() + Duration::from_micros(1)).is_ok() {}
        Ok(())
    });
}

pub(crate) const ATTACKS: &[Attack] = &[
    attack("DESCRIBE of cameras that are dead", CAMERAS, |f| {
        crowd(f, 8, || {
            f.inside("dead", |_, client| client.describe().map(drop));
        });
    }),
    attack("DESCRIBE of a camera that says nothing", CAMERAS, |f| {
        crowd(f, 8, || {
            f.inside("mute", |_, client| client.describe().map(drop));
        });
    }),
    attack("DESCRIBE of streams that do not exist", "the list of streams is fixed", |f| {
        f.inside("nothing", |_, client| {
            let uri = client.aggregate();
            client.request(Method::Describe, &uri, &[]).map(drop)
        });
    }),
    attack("all seats taken and none used", SEATS, |f| {
        let mut held = Vec::new();
        while !f.is_over() {
            if held.len() < 40 {
                held.extend(f.insider("door").and_then(|mut client| {
                    client.describe()?;
                    client.setup(0, TransportSpec::interleaved(0)).map(|_| client)
                }));
            }
            f.strike();
        }
    }),
    attack("SETUP and TEARDOWN in turn", SEATS, |f| {
        f.inside("door", |_, client| {
            client.describe()?;
            client.setup(0, TransportSpec::interleaved(0))?;
            client.teardown().map(drop)
        });
    }),
    attack("PLAY and PAUSE in turn", SEATS, |f| {
        f.inside("door", |_, client| {
            if client.session().is_none() {
                client.describe()?;
                client.setup(0, TransportSpec::interleaved(0))?;
            }
            client.play()?;
            client.pause().map(drop)
        });
    }),
    attack("viewers that come and vanish", SEATS, |f| {
        while !f.is_over() {
            let _came = f.playing("door");
            f.strike();
        }
    }),
    attack("viewers that read nothing", WRITE, |f| {
        let mut held = Vec::new();
        while !f.is_over() {
            if held.len() < 10 {
                held.extend(f.insider("door").and_then(|mut client| {
                    socket2::SockRef::from(client.stream()).set_recv_buffer_size(4096)?;
                    client.describe()?;
                    client.setup(0, TransportSpec::interleaved(0))?;
                    client.play().map(|_| client)
                }));
            }
            f.strike();
        }
    }),
    attack("viewers that read byte by byte", WRITE, |f| {
        let mut held = Vec::new();
        let mut byte = [0];
        while !f.is_over() {
            if held.len() < 10 {
                held.extend(f.playing("door"));
            }
            for client in &held {
                let _nothing = io::Read::read(&mut client.stream(), &mut byte);
            }
            f.strike();
        }
    }),
    attack("reports without end", "reports are read and forgotten", |f| {
        reports(f, &[0x80, 201, 0, 1, 0, 0, 0, 0])
    }),
    attack("reports of 64 KB", "a frame has 64 KiB; it is passed over", |f| {
        reports(f, &[0x81; 65535])
    }),
    attack("reports of nonsense", "reports are read and forgotten", |f| reports(f, &[0xFF; 37])),
    attack("keepalives without end", "64 KiB of answers owed (MAX_OWED)", |f| {
        f.inside("door", |_, client| {
            let uri = client.aggregate();
            (0..8).try_for_each(|_| client.send(Method::GetParameter, &uri, &[]).map(drop))?;
            while client.next(Instant::now() + Duration::from_micros(1)).is_ok() {}
            Ok(())
        });
    }),
    attack("parameters of 8 KB", BODY, |f| {
        f.inside("door", |_, client| {
            client.send_raw(
                b"SET_PARAMETER rtsp://h/door RTSP/1.0\r\nCSeq: 9\r\nContent-Length: 8000\r\n\r\n",
            )?;
            client.send_raw(&[b'a'; 8000])?;
            while client.next(Instant::now() + Duration::from_micros(1)).is_ok() {}
            Ok(())
        });
    }),
    attack("a thousand transports in one SETUP", "16 transports", |f| {
        let many = vec!["RTP/XYZ"; 900].join(",");
        f.inside("door", |_, client| set_up(client, &many).map(|code| assert_eq!(code, 400)));
    }),
    attack("media aimed at somebody else (destination)", OWN, |f| {
        aim(
            f,
            |host, port| {
                format!("RTP/AVP;unicast;destination={host};client_port={port}-{}", port + 1)
            },
            463,
        );
    }),
    attack("media aimed at somebody else (dest_addr)", OWN, |f| {
        aim(
            f,
            |host, port| {
                format!("RTP/AVP/UDP;unicast;dest_addr=\"{host}:{port}\"/\"{host}:{}\"", port + 1)
            },
            463,
        );
    }),
    attack("reports aimed at somebody else (second dest_addr)", OWN, |f| {
        aim(
            f,
            |host, port| format!("RTP/AVP/UDP;unicast;dest_addr=\":{port}\"/\"{host}:{port}\""),
            463,
        );
    }),
    attack("media aimed at everybody (broadcast)", OWN, |f| {
        aim(
            f,
            |_, port| {
                format!(
                    "RTP/AVP;unicast;destination=255.255.255.255;client_port={port}-{}",
                    port + 1
                )
            },
            463,
        );
    }),
    attack("media aimed at a group of their choice", OFFER, |f| {
        aim(
            f,
            |_, port| {
                format!("RTP/AVP;multicast;destination=239.1.2.3;port={port}-{};ttl=255", port + 1)
            },
            461,
        );
    }),
    attack("media aimed at port 0", PORT, |f| {
        f.inside("door", |_, client| {
            set_up(client, "RTP/AVP;unicast;client_port=0-1").map(|code| assert_eq!(code, 400))
        });
    }),
    attack("recording where nothing is recorded", OFFER, |f| {
        f.inside("door", |_, client| {
            set_up(client, "RTP/AVP;unicast;client_port=5000-5001;mode=record")
                .map(|code| assert_eq!(code, 461))
        });
    }),
    attack("ports of UDP opened and closed", "one pair of ports for all", |f| {
        f.inside("door", |_, client| {
            set_up(client, "RTP/AVP;unicast;client_port=50000-50001")?;
            let uri = client.aggregate();
            client.request(Method::Teardown, &uri, &[]).map(drop)
        });
    }),
    attack("viewers over UDP that are not there", "client_timeout_s, max_clients_per_ip", |f| {
        let mut held = Vec::new();
        while !f.is_over() {
            if held.len() < 10 {
                held.extend(f.insider("door").and_then(|mut client| {
                    client.describe()?;
                    client.setup(0, TransportSpec::udp(50002))?;
                    client.play().map(|_| client)
                }));
            }
            f.strike();
        }
    }),
];
