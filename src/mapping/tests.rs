//! Whatever a service sends: nothing panics, and what can be read survives being written and read again.

#![expect(clippy::unwrap_used, reason = "tests")]

mod expressions;

use std::collections::BTreeMap;

use hymnal_sdk::{
    Forms, Native,
    capability::{BlankForm, BoolForm, DateForm, DatetimeForm, NumberForm, SetForm},
};
use proptest::prelude::*;

use super::*;
use crate::merge::Pair;

const KINDS: [FieldType; 12] = [
    FieldType::Text,
    FieldType::Email,
    FieldType::Phone,
    FieldType::Url,
    FieldType::Bool,
    FieldType::Integer,
    FieldType::Decimal,
    FieldType::Date,
    FieldType::Datetime,
    FieldType::Choice,
    FieldType::Set,
    FieldType::User,
];

fn map(kind: FieldType, region: Option<&str>) -> FieldMap {
    FieldMap {
        name: "field".to_owned(),
        kind,
        region: region.map(str::to_owned),
        native: Pair::new(BTreeMap::new(), BTreeMap::new()),
    }
}

fn forms() -> [Forms; 2] {
    let spelled = Forms {
        bool: BoolForm::Digit,
        number: NumberForm::String,
        date: DateForm::EpochMs,
        datetime: DatetimeForm::EpochMs,
        set: SetForm::Joined(";".to_owned()),
        blank: BlankForm::Empty,
    };
    [Forms::default(), spelled]
}

/// Anything at all, and things that are nearly what they should be.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,40}",
        "[\\x00-\\x1f\u{200b}-\u{200f}\u{202a}-\u{202e}a-c]{0,12}",
        "[+(]?[0-9 ()./x#;=ext-]{1,24}",
        "\\+[1-9][0-9]{6,14}( ?(ext\\.|x|;ext=) ?[0-9]{1,7})?",
        "[+-]?[0-9]{0,30}[.,]?[0-9]{0,30}([eE][+-]?[0-9]{1,3})?",
        "-?[0-9]{1,20}",
        "[0-9]{4}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9](:[0-6][0-9](\\.[0-9]{1,9})?)?(Z|[+-][01][0-9]:?[0-9]{2})?)?",
        "[A-Za-zäÖß.+\"]{1,12}@[A-Za-zäÖß-]{1,8}(\\.[a-z]{1,4}){0,2}\\.?",
        "(https?://|HTTP://)?[A-Za-z0-9@:.-]{1,20}(/[ -~]{0,10})?",
        "[a-cA-C;]{0,10}",
    ]
}

fn natives() -> impl Strategy<Value = Native> {
    prop_oneof![
        4 => texts().prop_map(Native::Text),
        1 => texts().prop_map(Native::Number),
        1 => any::<bool>().prop_map(Native::Bool),
        1 => prop::collection::vec(texts().prop_map(Native::Text), 0..4).prop_map(Native::List),
        1 => texts().prop_map(Native::Object),
    ]
}

fn regions() -> impl Strategy<Value = Option<&'static str>> {
    prop::sample::select(vec![
        None,
        Some("US"),
        Some("DE"),
        Some("GB"),
        Some("IT"),
        Some("RU"),
        Some("MX"),
        Some("no such"),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_survives_writing(native in natives(), kind in prop::sample::select(&KINDS[..]), region in regions()) {
        let (map, place) = (map(kind, region), NativeField::default());
        let Ok(value) = read(&map, &place, &native) else { return Ok(()) };
        for forms in forms() {
            let written = match write(&map, &place, &forms, None, &value) {
                Ok(written) => written,
                // The one thing a joined set cannot hold.
                Err(problem) => {
                    prop_assert!(kind == FieldType::Set && forms.set != SetForm::List, "{problem:?}");
                    continue;
                }
            };
            prop_assert_eq!(&read(&map, &place, &written).unwrap(), &value);
            prop_assert!(same_native(&map, &place, &native, &written));
            // Written again it is spelled the same: a service that echoes us is not edited for ever.
            prop_assert_eq!(write(&map, &place, &forms, None, &read(&map, &place, &written).unwrap()).unwrap(), written);
        }
    }

    #[test]
    fn equal_values_have_equal_keys(a in texts(), b in texts(), kind in prop::sample::select(&KINDS[..])) {
        let map = map(kind, Some("US"));
        let read = |text: String| read(&map, &NativeField::default(), &Native::Text(text));
        if let (Ok(a), Ok(again), Ok(b)) = (read(a.clone()), read(format!(" {a} ")), read(b)) {
            prop_assert_eq!(key(&a), key(&again));
            prop_assert!(a != b || key(&a) == key(&b));
        }
    }

    #[test]
    fn everything_is_an_image_of_itself(sent in natives(), read in natives()) {
        prop_assert!(image_of(&sent, &sent));
        // Must not panic, and a blank is never made of something.
        prop_assert!(!image_of(&sent, &read) || sent.is_blank() == read.is_blank());
    }

    #[test]
    fn a_cut_is_an_image(text in "[a-z][a-zäß ]{0,30}", keep in 1_usize..30) {
        let cut: String = text.chars().take(keep).collect();
        prop_assert!(image_of(&Native::text(text), &Native::text(cut)));
    }

    #[test]
    fn problems_are_short_and_printable(native in natives(), kind in prop::sample::select(&KINDS[..])) {
        if let Err(problem) = read(&map(kind, None), &NativeField::default(), &native) {
            prop_assert!(problem.message.chars().count() < 800);
            prop_assert!(!problem.message.chars().any(problem::unseen));
        }
    }
}

#[test]
fn megabytes_are_read_or_refused() {
    for text in ["7".repeat(10_000_000), "ä b;".repeat(200_000), format!("a@{}", "b.".repeat(500_000))] {
        let native = Native::Text(text);
        for kind in KINDS {
            let value = read(&map(kind, Some("US")), &NativeField::default(), &native);
            assert!(value.is_ok() || kind != FieldType::Text, "{kind:?}");
        }
    }
}

/// Google's own example of each kind of number in each country: with its country code, as it is dialled at home, and
/// with the prefix that is dialled before it there.
#[test]
fn the_numbers_of_all_countries_are_read_or_refused_but_never_changed() {
    let (mut asked, mut refused) = (0, Vec::new());
    for country in phonenumber::metadata::DATABASE.iter() {
        let numbers = country.descriptors();
        let kinds = [numbers.fixed_line(), numbers.mobile(), numbers.toll_free(), numbers.voip(), numbers.uan()];
        for example in kinds.into_iter().flatten().filter_map(|kind| kind.example()) {
            let e164 = format!("+{}{example}", country.country_code());
            let at_home = format!("{}{example}", country.national_prefix().unwrap_or_default());
            let spellings = [("", e164.clone()), (country.id(), example.to_owned()), (country.id(), at_home)];
            for (region, text) in spellings {
                let map = map(FieldType::Phone, Some(region).filter(|region| !region.is_empty()));
                asked += 1;
                match read(&map, &NativeField::default(), &Native::text(&text)) {
                    Ok(value) => assert_eq!(value, Value::Phone(e164.clone()), "{text} in {region}"),
                    Err(_) => refused.push(text),
                }
            }
        }
    }
    assert!(asked > 2_000 && refused.len() * 200 < asked, "{} of {asked}: {refused:?}", refused.len());
}

/// The fallback stands for who is nobody there, and for nothing else: not for a blank, nor in a field of another kind.
#[test]
fn a_fallback_stands_for_a_user_whom_nobody_there_is() {
    let user = |id: &str, email: &str| hymnal_sdk::User {
        id: id.into(),
        name: id.into(),
        email: Some(email.into()),
        active: true,
        kind: hymnal_sdk::UserKind::Person,
    };
    let people = People::of(&[user("1", "ann@example.com"), user("2", "desk@example.com")]);
    let place = NativeField { fallback: Some("desk@example.com".into()), people, ..NativeField::default() };
    let text = |text: &str| Value::Text(text.into());
    for (kind, value, id, stands) in [
        (FieldType::User, text("ben@example.com"), "2", true),
        (FieldType::User, text("ben@example.com"), "1", false),
        (FieldType::User, text("ann@example.com"), "1", true),
        (FieldType::User, text("ann@example.com"), "2", false),
        (FieldType::User, Value::Blank, "2", false),
        (FieldType::Text, text("ben@example.com"), "2", false),
    ] {
        assert_eq!(stands_for(&map(kind, None), &place, &Native::text(id), &value), stands, "{kind:?} {value} {id}");
    }
}
