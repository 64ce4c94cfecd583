//! Files that the process may have open: each connection is one.

/// Files of the process's own: its database, its log, what it asks others.
#[cfg(unix)]
const OWN: u64 = 256;

/// How many connections there is room for, `wanted` at most. Where the process may have more files open than it has asked for so far, it asks.
/// A server without a file to spare takes no connection at all, whosever it is.
#[cfg(unix)]
#[must_use]
pub fn room_for(wanted: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let files = u64::try_from(wanted).unwrap_or(u64::MAX).saturating_add(OWN);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let possible = maximum.map_or(files, |maximum| maximum.min(files));
    let raised = Rlimit {
        current: Some(possible),
        maximum,
    };
    let has = match current {
        Some(current) if current < possible => match setrlimit(Resource::Nofile, raised) {
            Ok(()) => possible,
            Err(_) => current,
        },
        Some(current) => current,
        None => files,
    };
    let room = usize::try_from(has.saturating_sub(OWN)).unwrap_or(usize::MAX);
    room.clamp(1, wanted)
}

/// As many as are wanted: this system has no such bound.
#[cfg(not(unix))]
#[must_use]
pub fn room_for(wanted: usize) -> usize {
    wanted
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::process::{Resource, getrlimit};

    use super::{OWN, room_for};

    #[test]
    fn no_more_connections_are_taken_than_there_may_be_files() {
        assert_eq!(room_for(100), 100);
        let room = room_for(usize::MAX);
        match getrlimit(Resource::Nofile).current {
            Some(files) => assert_eq!(room as u64, files.saturating_sub(OWN).max(1)),
            None => assert_eq!(room, usize::MAX),
        }
    }
}
