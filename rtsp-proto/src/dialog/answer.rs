//! Answers on their way in.

use std::time::Instant;

use super::exchange::Exchange;
use super::step::Phase;
use super::{Dialog, DialogError, connection, login};
use crate::{Response, StatusCode};

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
        let ask_in_1_0 = step.is_handshake() && self.judge_version(response);
        if status == StatusCode::UNAUTHORIZED {
            return login::challenged(self, exchange, response, now);
        }
        if exchange.authorized {
            self.auth.accepted();
            self.login_proven |= status.is_success();
        }
        if ask_in_1_0 {
            return self.ask(step, 0, now);
        }
        if status.is_redirect() && step.is_handshake() {
            return connection::redirected(self, step, response);
        }
        (step.row().answered)(self, response, now)
    }
}
