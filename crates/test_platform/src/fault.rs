//! Trouble on request.

use std::time::Duration;

use crate::call::Call;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// This status and a short text. Nothing is written.
    Status(u16),
    /// The usual answer, so much later.
    Delay(Duration),
    /// The connection is reset before any answer. Nothing is written.
    Reset,
    /// 200 with this body instead of the usual one. Nothing is written.
    Body(String),
    /// The usual answer, once [`crate::Platform::release`] is called.
    Hold,
    /// The connection ends in the middle of the usual answer, which was carried out.
    Truncated,
}

/// Trouble, and which calls it befalls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) call: Option<Call>,
    pub(crate) skip: usize,
    pub(crate) times: Option<usize>,
}

impl Fault {
    /// Befalls every call, for ever.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            call: None,
            skip: 0,
            times: None,
        }
    }

    /// Only this call.
    #[must_use]
    pub fn on(mut self, call: Call) -> Self {
        self.call = Some(call);
        self
    }

    /// Only after so many such calls.
    #[must_use]
    pub fn after(mut self, skip: usize) -> Self {
        self.skip = skip;
        self
    }

    /// Only so often.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = Some(times);
        self
    }
}

/// The trouble that befalls this call, if any; counts it.
pub(crate) fn strike(faults: &mut [Fault], call: Call) -> Option<FaultKind> {
    for fault in faults.iter_mut() {
        if fault.call.is_some_and(|own| own != call) || fault.times == Some(0) {
            continue;
        }
        if fault.skip > 0 {
            fault.skip -= 1;
            continue;
        }
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        return Some(fault.kind.clone());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Fault, FaultKind, strike};
    use crate::call::Call;

    #[test]
    fn trouble_befalls_its_call_after_some_and_so_often() {
        let mut faults = [Fault::new(FaultKind::Status(500))
            .on(Call::UpdateEntities)
            .after(1)
            .times(2)];
        let mut struck = |call| strike(&mut faults, call).is_some();
        assert!(!struck(Call::Configuration));
        let pattern = [(); 5].map(|()| struck(Call::UpdateEntities));
        assert_eq!(pattern, [false, true, true, false, false]);
    }
}
