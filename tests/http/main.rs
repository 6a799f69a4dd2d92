//! The layers around a transport, against scripted services in virtual time and small real servers on loopback.
#![expect(clippy::unwrap_used, reason = "tests")]

mod lanes;
mod login;
mod logs;
mod permits;
mod rates;
mod reads;
mod share;
mod signed;
mod throttle;
mod wire;
mod world;
mod writes;
