//! No core dump: it would hold the passwords of cameras and viewers.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Set to `yes`, a core dump may be written and a debugger attached. For developers.
const SWITCH: &str = "RTSP_RELAY_CORE_DUMP";

/// From now on the kernel writes no core dump of this process, and no other process of the same
/// user may look into its memory (prctl(2), `PR_SET_DUMPABLE`).
///
/// # Errors
///
/// None that a kernel is known to give.
pub fn forbid() -> rustix::io::Result<()> {
    if std::env::var_os(SWITCH).is_some_and(|value| value == "yes") {
        return Ok(());
    }
    // A service manager may keep us from this, and then does it itself; the other call says all.
    let _done_already = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn the_kernel_is_told() {
        forbid().unwrap();
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
        assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
    }
}
