//! Plausible invented people, some in both services, spelled differently in each.
//!
//! Nobody can be harmed by a mail or a call: the addresses are under `example.com`, `.org` and `.net` (RFC 2606), the
//! telephone numbers among those that North America keeps for fiction (555-0100 to 555-0199).

use hymnal_sdk::{Actor, ActorKind, Fields, Native};

use crate::{
    control::{NotDone, Side},
    hubspot::scatter,
    server::Sandbox,
};

/// Invented people, as each service would hold them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct People {
    /// Contacts of the HubSpot-like service. The first ones are also in the Salesforce-like one.
    pub hubspot: Vec<Fields>,
    /// Records of the Salesforce-like service with their object, `Lead` or `Contact`; the first ones are also in the
    /// HubSpot-like one, in the same order.
    pub salesforce: Vec<(&'static str, Fields)>,
}

/// The ids that seeding gave, in the order of [`People`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seeded {
    /// Ids in the HubSpot-like service.
    pub hubspot: Vec<String>,
    /// Ids in the Salesforce-like service.
    pub salesforce: Vec<String>,
}

/// Invents people: so many on each side, `overlap` of them on both. The same seed gives the same people.
pub fn people(hubspot: usize, salesforce: usize, overlap: usize, seed: u64) -> People {
    let both = overlap.min(hubspot).min(salesforce);
    let person = |number: usize| Person::invent(number, &mut Dice::new(seed, number));
    let only_right = (hubspot..hubspot + salesforce - both).map(person);
    People {
        hubspot: (0..hubspot).map(|number| person(number).in_hubspot(&mut Dice::new(seed ^ 1, number))).collect(),
        salesforce: (0..both)
            .map(person)
            .chain(only_right)
            .map(|person| {
                let mut dice = Dice::new(seed ^ 2, person.number);
                if person.number < both {
                    person.retold(&mut dice).in_salesforce(&mut dice)
                } else {
                    person.in_salesforce(&mut dice)
                }
            })
            .collect(),
    }
}

impl Sandbox {
    /// Imports people into both services.
    ///
    /// # Errors
    /// A record that its service refuses, such as an e-mail address that is already there.
    pub fn seed(&self, people: &People) -> Result<Seeded, NotDone> {
        let by = Actor { name: "1001".to_owned(), kind: ActorKind::Import };
        let left = self.control(Side::Hubspot);
        let right = self.control(Side::Salesforce);
        let mut seeded = Seeded::default();
        for fields in &people.hubspot {
            seeded.hubspot.push(left.create(&by, "contacts", fields.clone())?);
        }
        for (object, fields) in &people.salesforce {
            seeded.salesforce.push(right.create(&by, object, fields.clone())?);
        }
        Ok(seeded)
    }
}

const FIRST: [&str; 40] = [
    "Ada", "Amara", "Anouk", "Arjun", "Beatriz", "Bjørn", "Carlos", "Chiara", "Daniel", "Dmitri", "Elif", "Emma",
    "Farid", "Fiona", "Grace", "Hana", "Hugo", "Imani", "Ingrid", "Jamal", "José", "Kaori", "Keanu", "Lars", "Leila",
    "Luca", "Maeve", "Mateo", "Mei", "Nadia", "Noah", "Olivia", "Priya", "Quentin", "Renée", "Samuel", "Søren", "Tara",
    "Yusuf", "Zoë",
];
const LAST: [&str; 40] = [
    "Abara",
    "Almeida",
    "Andersson",
    "Baker",
    "Bianchi",
    "Brown",
    "Castillo",
    "Chen",
    "Dubois",
    "Edwards",
    "Eriksen",
    "Fischer",
    "García",
    "Haddad",
    "Hughes",
    "Ito",
    "Jansen",
    "Kaya",
    "Kim",
    "Kowalski",
    "Lindqvist",
    "MacDonald",
    "Mbeki",
    "Moreau",
    "Müller",
    "Nakamura",
    "Nguyen",
    "O'Brien",
    "Okafor",
    "Patel",
    "Petrov",
    "Quinn",
    "Rossi",
    "Schmidt",
    "Silva",
    "Singh",
    "Smith",
    "Tanaka",
    "van der Berg",
    "Yılmaz",
];
const COMPANIES: [&str; 24] = [
    "Alder & Finch",
    "Blue Harbor Logistics",
    "Bright Loom",
    "Cedar Ridge Foods",
    "Copperline",
    "Driftwood Media",
    "Eastgate Dental",
    "Fernhill Farms",
    "Granite Peak Outdoor",
    "Halcyon Labs",
    "Ironbridge Tools",
    "Juniper Health",
    "Kestrel Analytics",
    "Larkspur Hotels",
    "Maple & Main",
    "Northwind Bicycles",
    "Orchard Lane",
    "Pinecrest Realty",
    "Quarry Stone Works",
    "Riverside Robotics",
    "Sundial Energy",
    "Tidewater Travel",
    "Umber Design",
    "Willow Street Books",
];
const TITLES: [&str; 12] = [
    "Account Manager",
    "Buyer",
    "CEO",
    "CTO",
    "Director of Operations",
    "Head of Marketing",
    "IT Manager",
    "Marketing Specialist",
    "Office Manager",
    "Owner",
    "Procurement Lead",
    "VP Sales",
];
const CITIES: [(&str, &str, &str); 12] = [
    ("Austin", "TX", "512"),
    ("Boise", "ID", "208"),
    ("Boston", "MA", "617"),
    ("Chicago", "IL", "312"),
    ("Denver", "CO", "303"),
    ("Madison", "WI", "608"),
    ("Miami", "FL", "305"),
    ("New York", "NY", "212"),
    ("Phoenix", "AZ", "602"),
    ("Portland", "OR", "503"),
    ("San Jose", "CA", "408"),
    ("Seattle", "WA", "206"),
];
const INTERESTS: [&str; 7] = ["Analytics", "Events", "Integrations", "Newsletter", "Pricing", "Security", "Training"];

/// The stages of the two services: lifecycle stage, status of a lead, stage of a contact.
const STAGES: [(&str, &str, &str); 4] = [
    ("lead", "New", "Lead"),
    ("marketingqualifiedlead", "MQL", "MQL"),
    ("salesqualifiedlead", "Working", "SQL"),
    ("customer", "Working", "Customer"),
];

/// A row of dice for one person.
struct Dice {
    state: u64,
}

impl Dice {
    fn new(seed: u64, number: usize) -> Self {
        Self { state: scatter(seed).wrapping_add(scatter(number as u64 ^ 0x5eed)) }
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.state = self.state.wrapping_add(1);
        usize::try_from(scatter(self.state) % (sides as u64).max(1)).unwrap_or(0)
    }

    /// True once in so many rolls.
    fn once_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len())]
    }
}

#[derive(Clone)]
struct Person {
    number: usize,
    first: String,
    last: String,
    email: String,
    area: &'static str,
    line: usize,
    company: &'static str,
    title: &'static str,
    city: &'static str,
    state: &'static str,
    stage: usize,
    interests: Vec<&'static str>,
    opted_out: bool,
}

impl Person {
    fn invent(number: usize, dice: &mut Dice) -> Self {
        let (first, last, company) = (*dice.pick(&FIRST), *dice.pick(&LAST), *dice.pick(&COMPANIES));
        let (city, state, area) = *dice.pick(&CITIES);
        let domain = ["com", "org", "net"][dice.roll(3)];
        let mut interests: Vec<&str> = INTERESTS.into_iter().filter(|_| dice.once_in(4)).collect();
        interests.sort_unstable();
        Self {
            number,
            first: first.to_owned(),
            last: last.to_owned(),
            email: format!("{}.{}{number}@{}.example.{domain}", plain(first), plain(last), plain(company)),
            area,
            line: dice.roll(100),
            company,
            title: TITLES[dice.roll(TITLES.len())],
            city,
            state,
            stage: dice.roll(STAGES.len()),
            interests,
            opted_out: dice.once_in(20),
        }
    }

    /// The same person, as somebody else wrote them down.
    fn retold(mut self, dice: &mut Dice) -> Self {
        match dice.roll(16) {
            0 => self.email = self.email.to_uppercase(),
            1 => self.first = self.first.to_uppercase(),
            2 => self.title = TITLES[dice.roll(TITLES.len())],
            3 => self.stage = dice.roll(STAGES.len()),
            4 => self.opted_out = !self.opted_out,
            5 => self.last = plain_case(&self.last),
            _ => {}
        }
        self
    }

    fn in_hubspot(self, dice: &mut Dice) -> Fields {
        let (area, line) = (self.area, self.line);
        let phone = [format!("({area}) 555-01{line:02}"), format!("{area}.555.01{line:02}")][dice.roll(2)].clone();
        let mut fields = vec![
            ("email", self.email),
            ("firstname", self.first),
            ("lastname", self.last),
            ("phone", phone),
            ("company", self.company.to_owned()),
            ("jobtitle", self.title.to_owned()),
            ("city", self.city.to_owned()),
            ("state", self.state.to_owned()),
            ("lifecyclestage", STAGES[self.stage].0.to_owned()),
            ("interests", self.interests.join(";")),
            ("hubspotscore", dice.roll(100).to_string()),
        ];
        if self.opted_out {
            fields.push(("hs_email_optout", "true".to_owned()));
        }
        fields.retain(|(name, _)| !matches!(*name, "phone" | "jobtitle" | "city" | "company") || !dice.once_in(10));
        fields.into_iter().map(|(name, value)| (name.to_owned(), Native::Text(value))).collect()
    }

    fn in_salesforce(self, dice: &mut Dice) -> (&'static str, Fields) {
        let (area, line) = (self.area, self.line);
        let phone = [format!("+1 {area}-555-01{line:02}"), format!("1 {area} 555 01{line:02}")][dice.roll(2)].clone();
        let is_lead = dice.roll(10) < 6;
        let mut fields = vec![
            ("Email", self.email),
            ("FirstName", self.first),
            ("LastName", self.last),
            ("Phone", phone),
            ("Title", self.title.to_owned()),
            ("Interests__c", self.interests.join(";")),
        ];
        if is_lead {
            fields.extend([("Company", self.company.to_owned()), ("Status", STAGES[self.stage].1.to_owned())]);
        } else {
            fields.push(("Stage__c", STAGES[self.stage].2.to_owned()));
        }
        fields.retain(|(name, value)| !value.is_empty() && (!matches!(*name, "Phone" | "Title") || !dice.once_in(10)));
        let texts = fields.into_iter().map(|(name, value)| (name.to_owned(), Native::Text(value)));
        let mut fields: Fields = texts.collect();
        fields.insert("HasOptedOutOfEmail".to_owned(), Native::Bool(self.opted_out));
        (if is_lead { "Lead" } else { "Contact" }, fields)
    }
}

/// A name as an address has it: its letters, in lower case, without accents.
fn plain(name: &str) -> String {
    let letters = name.chars().map(|sign| match sign {
        'é' | 'ë' => 'e',
        'ø' => 'o',
        'í' | 'ı' => 'i',
        'ü' => 'u',
        other => other.to_ascii_lowercase(),
    });
    letters.filter(char::is_ascii_alphanumeric).collect()
}

/// A name in the case of somebody in a hurry.
fn plain_case(name: &str) -> String {
    name.to_lowercase()
}
