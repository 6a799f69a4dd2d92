//! The layers around a [`Transport`](hymnal_sdk::Transport): a request of a connector goes through all of them, in this order.
//!
//! | file | what |
//! |---|---|
//! | `login` | a session: one login for all who wait, renewed when it ends or is refused |
//! | `address` | the complete URL; never another origin than the session's |
//! | `gate` | admission, higher lanes first, by `allowance`: pauses the service asked for, slots, our `share` of the daily quota, rate `window`s with `pace` |
//! | `answer` | what an answer means, and whether the remote may have changed |
//! | `remembered` | a pause that the service asked for, over restarts |
//! | `retry` | whether and when a read is sent again; writes never are |
//! | `reqwest` | one transport: sockets and TLS |
//!
//! Nothing here knows a service: what it allows, how it is logged in to and what its answers mean is handed in.

mod address;
mod allowance;
mod answer;
mod gate;
mod layers;
mod login;
mod offset;
mod pace;
mod remembered;
pub mod reqwest;
mod retry;
mod share;
mod window;

use std::time::Duration;

pub use layers::{Layers, LayersConfig};
pub use reqwest::{ReqwestTransport, TransportOptions};

/// How long a request may take altogether. Long, since the answer to a large batch of writes can take a minute, and an
/// answer that is not waited for leaves every item of the batch in doubt.
const TIMEOUT: Duration = Duration::from_mins(2);
