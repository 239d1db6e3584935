//! Answers on their way in.

use std::time::Instant;

use super::exchange::Exchange;
use super::step::Phase;
use super::{Dialog, DialogError, connection, login};
use crate::{Response, StatusCode, Version};

impl Dialog {
    pub(super) fn answered(
        &mut self,
        response: &Response,
        now: Instant,
    ) -> Result<(), DialogError> {
        if self.phase == Phase::Over || response.status.code() < 200 {
            return Ok(());
        }
        let Some(exchange) = self.exchanges.answered(response.cseq(), &mut self.oddities) else {
            return Ok(());
        };
        self.patience.answered = true;
        connection::note_closing(self, &exchange, response);
        self.judged(&exchange, response, now)?;
        connection::reconnect_if_closing(self)
    }

    /// Deals with what any step may be answered, then with what is the step's own.
    fn judged(
        &mut self,
        exchange: &Exchange,
        response: &Response,
        now: Instant,
    ) -> Result<(), DialogError> {
        let (step, status) = (exchange.step, response.status);
        if status == StatusCode::UNAUTHORIZED {
            return login::challenged(self, exchange, response, now);
        }
        if exchange.authorized {
            self.auth.accepted();
            self.login_proven |= status.is_success();
        }
        if self.version == Version::V2_0 && step.is_handshake() {
            let unwilling =
                matches!(status, StatusCode::BAD_REQUEST | StatusCode::VERSION_NOT_SUPPORTED);
            if unwilling || response.version == Version::V1_0 {
                self.version = Version::V1_0;
            }
            if unwilling {
                return self.ask(step, 0, now);
            }
        }
        if status.is_redirect() && step.is_handshake() {
            return connection::redirected(self, step, response);
        }
        (step.row().answered)(self, response, now)
    }
}
