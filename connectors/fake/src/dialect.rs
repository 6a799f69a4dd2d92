//! The services there are, and what each does with a request.

mod dynamics;
mod insightly;
mod marketo;
mod mautic;
mod pipedrive;

use crate::{
    asked::{Answer, Asked},
    world::World,
};

/// A service that can be stood in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Dynamics 365, Dataverse Web API v9.2.
    Dynamics,
    /// Insightly, API v3.1.
    Insightly,
    /// Marketo Engage.
    Marketo,
    /// Mautic 5.
    Mautic,
    /// Pipedrive, API v2 and v1.
    Pipedrive,
}

impl Service {
    pub(crate) fn answer(self, world: &mut World, asked: &Asked) -> Answer {
        match self {
            Self::Dynamics => dynamics::answer(world, asked),
            Self::Marketo => marketo::answer(world, asked),
            Self::Pipedrive => pipedrive::answer(world, asked),
            Self::Insightly => insightly::answer(world, asked),
            Self::Mautic => mautic::answer(world, asked),
        }
    }

    /// How the service says that it had too many requests.
    pub(crate) fn throttled(self) -> Answer {
        match self {
            Self::Dynamics => dynamics::throttled(),
            Self::Marketo => marketo::throttled(),
            Self::Pipedrive => pipedrive::throttled(),
            Self::Insightly => insightly::throttled(),
            Self::Mautic => mautic::throttled(),
        }
    }

    pub(crate) fn new_id(self, world: &mut World, object: &str) -> String {
        match self {
            Self::Dynamics => dynamics::new_id(world),
            Self::Pipedrive => pipedrive::new_id(world, object),
            Self::Insightly | Self::Marketo | Self::Mautic => world.number().to_string(),
        }
    }

    /// Whether the request opens a session.
    pub(crate) fn is_login(self, asked: &Asked) -> bool {
        match self {
            Self::Dynamics => dynamics::is_login(asked),
            Self::Marketo => marketo::is_login(asked),
            Self::Insightly | Self::Pipedrive => false,
            Self::Mautic => mautic::is_login(asked),
        }
    }

    /// Whether a request that is no `GET` may change something.
    pub(crate) fn is_write(self, asked: &Asked) -> bool {
        !self.is_login(asked)
    }
}
