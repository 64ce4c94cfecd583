//! What stands before a server: TLS, connections and how many there are, how long one may take to say what it wants, and what becomes of a
//! defect. It knows nothing of what is served.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test stops at the first thing that is not as promised"
    )
)]

mod body;
mod connections;
mod defect;
mod files;
mod places;
mod tls;

pub use body::{Late, Lateness, Pace, Patience, Rest, SILENCE, at_pace, with_rest};
pub use connections::{Bounds, Peer, serve};
pub use defect::{Defect, caught};
pub use files::room_for;
pub use places::{Place, Places};
pub use tls::{Tls, TlsListener};
