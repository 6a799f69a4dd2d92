//! `sandbox`
use super::{Exit, args};
pub async fn sandbox(_: &args::Sandbox) -> Result<u8, Exit> { Ok(0) }
