//! How many there are, kept as they change: nobody counts half a million people to show a status.

use serde::{Deserialize, Serialize};

use crate::merge::{Context, Entity, Pair, Side, scope::ScopeRule};

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// People.
    pub people: u64,
    /// People linked in both systems.
    pub linked: u64,
    /// People who are left out by `include`.
    pub left_out: u64,
    /// People who are not created on a side, by its `create_when`.
    pub not_created: Pair<u64>,
    /// Counts each commit that changed a person.
    pub edition: u64,
    /// Lines of the conflict log.
    pub lines: u64,
    /// Pages of the journal.
    pub pages: u64,
}

impl Counts {
    /// The numbers of lines and pages, which go on; nobody is counted.
    #[must_use]
    pub fn of_nobody(self) -> Self {
        Self { lines: self.lines, pages: self.pages, edition: self.edition, ..Self::default() }
    }

    /// Counts an entity that took the place of another.
    pub(super) fn replace(&mut self, before: Option<&Entity>, after: Option<&Entity>, context: &Context<'_>) {
        let (was, is) = (counted(before, context), counted(after, context));
        // Who could not be read when everybody was counted anew was not counted, and may be replaced later.
        let moved = |count: u64, is: u64, was: u64| (count + is).saturating_sub(was);
        self.people = moved(self.people, is.people, was.people);
        self.linked = moved(self.linked, is.linked, was.linked);
        self.left_out = moved(self.left_out, is.left_out, was.left_out);
        for side in Side::BOTH {
            self.not_created[side] = moved(self.not_created[side], is.not_created[side], was.not_created[side]);
        }
    }
}

/// What one entity adds to the counts.
fn counted(entity: Option<&Entity>, context: &Context<'_>) -> Counts {
    let Some(entity) = entity else { return Counts::default() };
    let lives = entity.members.iter().any(|(_, member)| member.is_some());
    let bars = |side: Side| {
        let creates = context.rules.systems[side].create.is_some() && entity.members[side].is_none();
        lives && creates && entity.scope.bars(side) == Some(ScopeRule::Create(side))
    };
    Counts {
        people: 1,
        linked: u64::from(entity.is_linked()),
        left_out: u64::from(lives && !entity.scope.is_in()),
        not_created: Pair::from_fn(|side| u64::from(bars(side))),
        ..Counts::default()
    }
}
