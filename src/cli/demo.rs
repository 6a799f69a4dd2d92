//! `demo`
use super::{Exit, args};
pub async fn demo(_: &args::Demo) -> Result<u8, Exit> {
    Ok(0)
}
