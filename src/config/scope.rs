//! `include` and `create_when`: expressions, each with what is wrong with it at its place.

use super::{
    between::Scope,
    diagnostics::Span,
    document::{Group, Item, Reading},
    field::Draft,
    nearest,
    sync::by_system,
};
use crate::{
    mapping::{
        Expression, FieldType,
        flaws::{Flaw, Hint, doubts},
    },
    merge::Pair,
};

/// Who is in the sync.
pub(super) fn include(cx: &mut Reading<'_>, group: &Group<'_>, fields: &[Draft]) -> Option<Expression> {
    let (item, _) = group.entry("include")?;
    expression(cx, item, fields)
}

/// Who is created where.
pub(super) fn create_when(
    cx: &mut Reading<'_>,
    group: &Group<'_>,
    scope: &Scope,
    (create, fields): (&Pair<Option<String>>, &[Draft]),
) -> Pair<Option<Expression>> {
    let mut rules = Pair::default();
    for (side, item) in by_system(cx, group, "create_when", scope) {
        if create[side].is_none() {
            let name = &scope.systems[side].connector;
            let message = format!("nobody is created in `{name}`, so that `create_when` says nothing there");
            let hint = format!("write `create = {{ {name} = \"…\" }}` with the object that people are created as");
            cx.error(item.key_at, message, hint);
        }
        rules[side] = expression(cx, item, fields);
    }
    rules
}

fn expression(cx: &mut Reading<'_>, item: Item<'_>, fields: &[Draft]) -> Option<Expression> {
    let source = cx.text(item)?;
    let known: Vec<(&str, FieldType)> =
        fields.iter().map(|draft| (draft.rule.map.name.as_str(), draft.rule.map.kind)).collect();
    let place = Place::of(cx, item, source);
    match Expression::compile(source, &known) {
        Ok(expression) => {
            for doubt in doubts(source, &known) {
                cx.warn(place.of_flaw(&doubt), doubt.message.clone(), said(&doubt));
            }
            Some(expression)
        }
        Err(flaws) => {
            for flaw in &flaws {
                cx.error(place.of_flaw(flaw), flaw.message.clone(), said(flaw));
            }
            None
        }
    }
}

fn said(flaw: &Flaw) -> String {
    match &flaw.hint {
        Hint::Say(hint) => hint.clone(),
        Hint::Nearest { word, valid } => nearest::suggest(word, valid.iter().map(String::as_str)),
    }
}

/// Where an expression stands in the file.
struct Place {
    whole: Span,
    /// Its first byte, where the file has it letter for letter; with escapes in it, it has not.
    start: Option<usize>,
}

impl Place {
    fn of(cx: &Reading<'_>, item: Item<'_>, source: &str) -> Self {
        let written = cx.text.get(item.at.start..item.at.end).unwrap_or_default();
        Self { whole: item.at, start: written.find(source).map(|at| item.at.start + at) }
    }

    fn of_flaw(&self, flaw: &Flaw) -> Span {
        match self.start {
            Some(start) => Span { start: start + flaw.range.start, end: start + flaw.range.end },
            None => self.whole,
        }
    }
}
