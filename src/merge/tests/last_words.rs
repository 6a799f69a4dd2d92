//! What a record says of consent in the reading that shows where it went.

use super::*;
use crate::merge::{
    entity::Sent,
    last_word::hear_last_word,
    secondary::{Secondary, fold_secondary},
};

const ANN: (&str, &str) = ("email", "ann@example.com");

/// Where a person who refused just before was heard, as the journal has it: the side, and who.
fn heard(bench: &mut Bench, entity: &mut Entity, address: &Address) -> Vec<(Option<Side>, Option<String>)> {
    bench.events.clear();
    let shown = Record { address: address.clone(), ..record(&[ANN, ("optout", "yes")], bench.now) };
    bench.decide(|context, ledger| hear_last_word(entity, Side::Right, &shown, context, ledger));
    let decided = |event: &Event| match event {
        Event::Decided { rule, side, by, .. } if rule == "last word" => {
            Some((*side, by.as_ref().map(|actor| actor.name.clone())))
        }
        _ => None,
    };
    bench.events.iter().filter_map(decided).collect()
}

/// Of the member, and of a further record.
fn both(bench: &mut Bench) -> [(Entity, Address); 2] {
    let entity = bench.linked(&[ANN, ("optout", "no")]);
    let mut further = entity.clone();
    let address = Address::new(OBJECT, "7");
    further.secondaries.right.push(Secondary::unread(address.clone(), bench.now));
    let shown = Record { address: address.clone(), ..record(&[ANN, ("optout", "no")], bench.now) };
    let reading = Reading { record: &shown, requested_at: bench.now, source: Source::Read };
    bench.decide(|context, ledger| fold_secondary(&mut further, Side::Right, reading, context, ledger));
    [(entity, Address::new(OBJECT, "1")), (further, address)]
}

#[test]
fn who_refused_on_a_record_that_leaves_is_heard_once() {
    let mut bench = Bench::new();
    for (mut entity, address) in both(&mut bench) {
        let told = heard(&mut bench, &mut entity, &address);
        assert_eq!(told, [(Some(Side::Right), Some("eve".to_owned()))], "{address:?}");
        assert_eq!(entity.fields["optout"].golden, text("yes"), "{address:?}");
        // Rightly loosened since; the record that left is shown again.
        entity.fields.get_mut("optout").expect("read").golden = text("no");
        assert_eq!(heard(&mut bench, &mut entity, &address), [], "{address:?}");
        assert_eq!(entity.fields["optout"].golden, text("no"), "{address:?}");
    }
}

/// We wrote it there, and it was loosened before anybody saw that it had arrived.
#[test]
fn what_we_wrote_to_a_record_that_leaves_is_nobodys_word() {
    let mut bench = Bench::new();
    let [(mut entity, address), _] = both(&mut bench);
    let holding = &mut entity.fields.get_mut("optout").expect("read").sides.right;
    holding.sent = Some(Sent { native: Native::text("yes"), golden: text("yes"), in_doubt: true, followed: false });
    assert_eq!(heard(&mut bench, &mut entity, &address), []);
    assert_eq!(entity.fields["optout"].golden, text("no"));
}

#[test]
fn a_record_that_is_not_the_persons_has_no_word() {
    let mut bench = Bench::new();
    for (mut entity, _) in both(&mut bench) {
        assert_eq!(heard(&mut bench, &mut entity, &Address::new(OBJECT, "8")), []);
        assert_eq!(entity.fields["optout"].golden, text("no"));
    }
}
