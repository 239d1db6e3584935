//! 401: the login, at any step and as often as the camera asks anew, but never in a loop.
//!
//! A login that was rejected is not sent again: cameras lock accounts. A second attempt is made
//! only for a reason the first one could not know: `stale=true`; a nonce that was used for
//! earlier requests; or, once the login was accepted for another request, a camera that computes
//! Digest with the base URL instead of the request's own (HappyTime).

use std::time::Instant;

use super::exchange::Exchange;
use super::{Dialog, DialogError, error};
use crate::auth::{AuthError, Challenge, challenges};
use crate::{Oddities, Response};

/// Challenges answered for one request, whatever reasons the camera finds.
const MAX_LOGINS: u8 = 3;

/// Answers the challenge by asking again.
pub(super) fn challenged(
    dialog: &mut Dialog,
    exchange: &Exchange,
    response: &Response,
    now: Instant,
) -> Result<(), DialogError> {
    match accept_challenge(dialog, exchange, response) {
        Ok(()) => dialog.ask(exchange.step, exchange.logins + 1, now),
        Err(error) if exchange.step.is_handshake() => Err(error),
        Err(_) => (exchange.step.row().answered)(dialog, response, now),
    }
}

fn accept_challenge(
    dialog: &mut Dialog,
    exchange: &Exchange,
    response: &Response,
) -> Result<(), DialogError> {
    let step = exchange.step.name();
    let refused = DialogError::LoginRefused { step, scheme: dialog.auth.scheme_name() };
    let rejected = exchange.authorized && exchange.logins > 0 && !is_stale(response);
    let answerable = match dialog.auth.unauthorized(&response.headers, &mut dialog.oddities) {
        Ok(()) => Ok(()),
        Err(AuthError::NoLogin) => return Err(login_needed(dialog, step)),
        Err(AuthError::NoKnownScheme(schemes)) => {
            return Err(DialogError::UnknownLogin(error::quote(&schemes.join(", "))));
        }
        Err(_) => Err(refused.clone()),
    };
    if exchange.logins >= MAX_LOGINS {
        return Err(refused);
    }
    if answerable.is_ok() && !rejected {
        return Ok(());
    }
    // The login is right, so it must be the URI inside the answer that is not.
    let other_uri = dialog.presentation.is_some() && dialog.aggregate() != exchange.uri;
    if dialog.login_proven && !dialog.digest_with_base && other_uri {
        dialog.digest_with_base = true;
        return Ok(());
    }
    Err(refused)
}

fn login_needed(dialog: &Dialog, step: &'static str) -> DialogError {
    if !dialog.login_withheld {
        return DialogError::LoginNeeded;
    }
    let what = format!(
        "the camera redirected to {}, which asks for a login; logins are not taken to other hosts",
        dialog.url.authority()
    );
    DialogError::Unsupported { step, what }
}

fn is_stale(response: &Response) -> bool {
    challenges(&response.headers, &mut Oddities::new())
        .iter()
        .any(|challenge| matches!(challenge, Challenge::Digest(digest) if digest.stale))
}
