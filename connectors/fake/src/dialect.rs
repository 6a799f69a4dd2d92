//! The services there are, and what each does with a request.

mod insightly;

use crate::{
    asked::{Answer, Asked},
    world::World,
};

/// A service that can be stood in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Insightly, API v3.1.
    Insightly,
}

impl Service {
    pub(crate) fn answer(self, world: &mut World, asked: &Asked) -> Answer {
        match self {
            Self::Insightly => insightly::answer(world, asked),
        }
    }

    /// How the service says that it had too many requests.
    pub(crate) fn throttled(self) -> Answer {
        match self {
            Self::Insightly => insightly::throttled(),
        }
    }

    pub(crate) fn new_id(self, world: &mut World) -> String {
        match self {
            Self::Insightly => world.number().to_string(),
        }
    }

    /// Whether the request opens a session.
    pub(crate) fn is_login(self, _asked: &Asked) -> bool {
        match self {
            Self::Insightly => false,
        }
    }

    /// Whether a request that is no `GET` may change something.
    pub(crate) fn is_write(self, asked: &Asked) -> bool {
        !self.is_login(asked)
    }
}
