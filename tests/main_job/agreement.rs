//! Whether both services hold the same people with the same values, judged without a line of Hymnal's own code.

use std::collections::{BTreeMap, BTreeSet};

use crate::world::World;

/// Mapped fields: canonical name, marketing's, sales'.
const PAIRS: [(&str, &str, &str); 6] = [
    ("email", "email", "Email"),
    ("first_name", "firstname", "FirstName"),
    ("last_name", "lastname", "LastName"),
    ("phone", "phone", "Phone"),
    ("company", "company", "Company"),
    ("job_title", "jobtitle", "Title"),
];

type Records = BTreeMap<String, BTreeMap<String, String>>;

impl World {
    /// Everybody stands once on each side, the same on both, and nobody but those expected.
    #[track_caller]
    pub(crate) fn assert_same_people(&self, expected: usize) {
        let contacts = by_email(self.contacts());
        let sales = by_email(self.sales_records());
        let left: BTreeSet<&String> = contacts.keys().collect();
        let right: BTreeSet<&String> = sales.keys().collect();
        let missing: Vec<_> = left.symmetric_difference(&right).collect();
        assert!(missing.is_empty(), "{} people stand on one side only: {missing:?}", missing.len());
        assert_eq!(contacts.len(), expected, "people on each side");
        let mut differing = Vec::new();
        for (email, contact) in &contacts {
            differing.extend(differences(contact, &sales[email]).map(|difference| format!("{email} {difference}")));
        }
        assert!(differing.is_empty(), "{} fields differ:\n{}", differing.len(), differing.join("\n"));
    }
}

fn differences<'a>(
    contact: &'a BTreeMap<String, String>,
    record: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = String> + 'a {
    let get = |from: &BTreeMap<String, String>, name: &str| from.get(name).cloned().unwrap_or_default();
    PAIRS.iter().filter_map(move |(field, hub, crm)| {
        if *field == "company" && record["object"] == "Contact" {
            return None;
        }
        let (left, right) = (get(contact, hub), get(record, crm));
        (canonical(field, &left) != canonical(field, &right)).then(|| format!("{field}: {left:?} and {right:?}"))
    })
}

/// The normal form of a value; what a creation had to say where nothing is known reads as blank.
fn canonical(field: &str, value: &str) -> String {
    let value = value.trim();
    match field {
        "email" => value.to_lowercase(),
        "phone" => {
            let digits: String = value.chars().filter(char::is_ascii_digit).collect();
            if digits.len() == 10 { format!("1{digits}") } else { digits }
        }
        _ if value == "(unknown)" => String::new(),
        _ => value.to_owned(),
    }
}

#[track_caller]
fn by_email(records: Vec<BTreeMap<String, String>>) -> Records {
    let mut found = Records::new();
    for record in records {
        let email =
            record.get(if record.contains_key("email") { "email" } else { "Email" }).cloned().unwrap_or_default();
        if let Some(other) = found.insert(email.to_lowercase(), record.clone()) {
            panic!("two records of {email} in one service: {other:?} and {record:?}");
        }
    }
    found
}
