//! Makes the dictionary that stored values are compressed with, and says what it is worth.
//!
//! `cargo bench --bench dictionary -- DIRECTORY` writes synthetic values into files below `DIRECTORY/samples`; then
//!
//! ```text
//! zstd --train -r DIRECTORY/samples --maxdict=16384 -o src/store/format/dictionary-N
//! ```
//!
//! The people are invented here, from short lists: no customer's value may ever enter a dictionary, since it is in
//! the program that everybody has. A dictionary that is in use is never changed, since values need the one they were
//! written with: a better one gets the next number.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark that fails should stop")]
#![expect(clippy::cast_precision_loss, reason = "rates are rounded anyway")]

use std::{collections::BTreeMap, env, fs, path::Path, time::Instant};

use hymnal::{
    mapping::{Value, value::Email},
    merge::{Evidence, Pair, Side},
    store::format::{open, seal},
};
use hymnal_sdk::{Actor, ActorKind, Address, Native, Timestamp};
use serde::{Deserialize, Serialize};

fn main() {
    let people: Vec<Entity> = (0..20_000).map(person).collect();
    if let Some(dir) = env::args().skip(1).find(|argument| !argument.starts_with("--")) {
        write_samples(&Path::new(&dir).join("samples"), &people[..6000]);
    }
    // Those that no sample was made of.
    let people = &people[6000..];
    let plain: usize = people.iter().map(|person| postcard::to_stdvec(person).unwrap().len()).sum();
    let clock = Instant::now();
    let sealed: Vec<_> = people.iter().map(seal).collect();
    let sealing = clock.elapsed();
    let clock = Instant::now();
    for (sealed, person) in sealed.iter().zip(people) {
        assert!(open::<Entity>(b"", sealed).unwrap() == *person);
    }
    let opening = clock.elapsed();
    let each = |total: usize| total as f64 / people.len() as f64;
    println!("a person linked on both sides: {:.0} B of postcard", each(plain));
    println!("sealed: {:.0} B", each(sealed.iter().map(Vec::len).sum()));
    println!(
        "seal {:.1} us, open {:.1} us",
        each(1) * sealing.as_secs_f64() * 1e6,
        each(1) * opening.as_secs_f64() * 1e6
    );
}

fn write_samples(dir: &Path, people: &[Entity]) {
    fs::create_dir_all(dir).unwrap();
    for (number, person) in people.iter().enumerate() {
        fs::write(dir.join(number.to_string()), postcard::to_stdvec(person).unwrap()).unwrap();
    }
}

/// An invented person, linked on both sides, as a cycle stores it.
fn person(who: u64) -> Entity {
    let mut dice = Dice(who);
    let first = dice.pick(&FIRST);
    let last = dice.pick(&LAST);
    let company = dice.pick(&COMPANIES);
    let host =
        format!("{}.{}", company.to_lowercase().replace([' ', '&', '.'], ""), dice.pick(&["com", "de", "co.uk", "io"]));
    let email = match dice.below(3) {
        0 => format!("{first}.{last}@{host}"),
        1 => format!("{}{last}@{host}", &first[..1]),
        _ => format!(
            "{first}{}@{}",
            dice.below(100),
            dice.pick(&["gmail.com", "outlook.com", "yahoo.com", "icloud.com"])
        ),
    };
    let email = Email { folded: email.to_lowercase(), written: email };
    let text = |text: &str| Value::Text(text.to_owned());
    let rows = [
        ("email", Value::Email(email)),
        ("first_name", text(first)),
        ("last_name", text(last)),
        ("company", text(company)),
        ("phone", Value::Phone(format!("+{}{:09}", dice.pick(&["1", "44", "49", "33"]), dice.below(1_000_000_000)))),
        ("title", text(dice.pick(&TITLES))),
        ("city", text(dice.pick(&CITIES))),
        ("country", text(dice.pick(&COUNTRIES))),
        ("website", text(&format!("https://www.{host}"))),
        ("stage", text(dice.pick(&STAGES))),
        ("source", text(dice.pick(&["Web", "Referral", "ORGANIC_SEARCH", "PAID_SOCIAL", "Trade Show", "Partner"]))),
        ("email_opt_out", Value::Bool(dice.below(5) == 0)),
        (
            "notes",
            if dice.below(3) == 0 { text(dice.pick(&["Met at the fair", "Call back in Q2"])) } else { Value::Blank },
        ),
    ];
    let at = |dice: &mut Dice| Timestamp::from_millisecond(1_735_689_600_000 + dice.number(90_000_000_000)).unwrap();
    let fields = rows.map(|(name, value)| (name.to_owned(), field(&mut dice, value, at)));
    let object = ["Lead", "Lead", "Contact"][usize::try_from(dice.below(3)).unwrap()];
    let left =
        Address { object: "contacts".to_owned(), id: (150_000_000_000 + dice.below(90_000_000_000)).to_string() };
    let prefix = if object == "Lead" { "00Q5g00000" } else { "0035g00000" };
    let right = Address { object: object.to_owned(), id: format!("{prefix}{:08X}", dice.below(1 << 32)) };
    let members = Pair::new(left, right).map(|address| {
        let read_at = at(&mut dice);
        let modified_at = Some(at(&mut dice));
        Some(Member {
            address,
            created_at: Some(at(&mut dice)),
            modified_at,
            read_at,
            written_at: None,
            rest: (false, 0, None),
        })
    });
    let id =
        (u128::from(1_760_000_000_000 + who) << 80) | 0x7000 << 64 | 0x8000 << 48 | u128::from(dice.below(1 << 48));
    Entity { id: uuid::Uuid::from_u128(id), members, empty: Default::default(), fields: fields.into() }
}

fn field(dice: &mut Dice, value: Value, at: impl Fn(&mut Dice) -> Timestamp) -> Field {
    let native = match &value {
        Value::Blank => Native::Null,
        Value::Bool(value) => Native::Bool(*value),
        value => Native::Text(value.to_string()),
    };
    let until = at(dice);
    let evidence = match dice.below(4) {
        0 => Evidence::Field { at: until },
        1 => Evidence::Record { after: Some(at(dice)), until },
        2 => Evidence::Record { after: None, until },
        _ => Evidence::None,
    };
    let by = (dice.below(3) == 0)
        .then(|| Actor { name: dice.pick(&["CRM_UI", "IMPORT", "FORM"]).to_owned(), kind: ActorKind::Person });
    let rule = dice.pick(&["only edit", "first link", "first link", "latest", "prefer"]).to_owned();
    let side = Some(if dice.below(2) == 0 { Side::Left } else { Side::Right });
    Field {
        agreed: Some(value.clone()),
        golden: value,
        linked: true,
        origin: Some(Origin { side, evidence, by, rule }),
        sides: Pair::new((Some(native.clone()), None, None, None), (Some(native), None, None, None)),
        rest: (None, Vec::new(), None, false),
    }
}

// The shape of what a cycle stores, field by field, for postcard writes no names.

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Entity {
    id: uuid::Uuid,
    members: Pair<Option<Member>>,
    empty: [u8; 12],
    fields: BTreeMap<String, Field>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Member {
    address: Address,
    created_at: Option<Timestamp>,
    modified_at: Option<Timestamp>,
    read_at: Timestamp,
    written_at: Option<Timestamp>,
    rest: (bool, u8, Option<String>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Field {
    golden: Value,
    agreed: Option<Value>,
    linked: bool,
    origin: Option<Origin>,
    sides: Pair<Holding>,
    rest: (Option<u8>, Vec<u8>, Option<u8>, bool),
}

type Holding = (Option<Native>, Option<u8>, Option<u8>, Option<u8>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Origin {
    side: Option<Side>,
    evidence: Evidence,
    by: Option<Actor>,
    rule: String,
}

const FIRST: [&str; 20] = [
    "Ann",
    "Bertrand",
    "Chiara",
    "Dimitri",
    "Eleni",
    "Farid",
    "Grace",
    "Hiroshi",
    "Ingrid",
    "Jamal",
    "Katarzyna",
    "Liam",
    "Maria",
    "Nadia",
    "Oliver",
    "Priya",
    "Quentin",
    "Rosa",
    "Stefan",
    "Thomas",
];
const LAST: [&str; 20] = [
    "Smith", "Okonkwo", "Garcia", "Mueller", "Tanaka", "Novak", "Kowalski", "Nguyen", "Rossi", "Silva", "Johnson",
    "Brown", "Andersen", "Dubois", "Ivanova", "Kim", "Lopez", "Patel", "Schmidt", "Williams",
];
const COMPANIES: [&str; 12] = [
    "Northwind Traders",
    "Contoso Ltd",
    "Fabrikam Holdings",
    "Acme GmbH",
    "Initech Inc.",
    "Umbrella & Sons",
    "Globex",
    "Stark Industries",
    "Wayne Enterprises",
    "Tailspin Toys",
    "Adventure Works",
    "Blue Yonder Airlines",
];
const TITLES: [&str; 12] = [
    "Head of Marketing",
    "CTO",
    "CEO",
    "Account Executive",
    "Buyer",
    "VP Sales",
    "Office Manager",
    "Software Engineer",
    "Marketing Manager",
    "Director of Operations",
    "Consultant",
    "Sales Manager",
];
const CITIES: [&str; 12] = [
    "Berlin",
    "Rotterdam",
    "São Paulo",
    "Leeds",
    "Osaka",
    "Brno",
    "Gdańsk",
    "Denver",
    "Lyon",
    "London",
    "New York",
    "Paris",
];
const COUNTRIES: [&str; 8] =
    ["United States", "United Kingdom", "Germany", "France", "Canada", "Netherlands", "US", "DE"];
const STAGES: [&str; 8] = [
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "Open - Not Contacted",
    "Working - Contacted",
];

/// splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn number(&mut self, bound: u64) -> i64 {
        i64::try_from(self.below(bound)).unwrap()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}
