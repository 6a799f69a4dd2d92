//! How to lay out a million people and their indexes in the store: three layouts, one job, figures side by side.
//!
//! `HYMNAL_PEOPLE=1000000 cargo bench --bench index_layouts`
//!
//! Each layout runs in a process of its own, since memory is half of the question, and again in a fresh one for what
//! a restart, look-ups and updates cost. Every person has one entity value, two addresses and one match key. The job:
//! load them in commits of 200 (a page), open again, verify, look up by address and by key, change one per cent.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark that fails should stop")]
#![expect(clippy::cast_precision_loss, reason = "rates are rounded anyway")]

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use hymnal::store::{
    Batch, Kv, OpenOptions, SledKv,
    format::{open, seal},
};
use serde::{Deserialize, Serialize};

const PAGE: u64 = 200;

fn main() {
    let people = env::var("HYMNAL_PEOPLE").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000);
    if let (Ok(layout), Ok(dir)) = (env::var("HYMNAL_LAYOUT"), env::var("HYMNAL_DIR")) {
        let layout: Box<dyn Layout> = match layout.as_str() {
            "entries" => Box::new(Entries),
            "buckets" => Box::new(Buckets),
            "hashes" => Box::new(Hashes),
            "blocks" => Box::new(Blocks),
            other => panic!("no layout `{other}`"),
        };
        return match env::var("HYMNAL_PHASE").as_deref() {
            Ok("load") => load(layout.as_ref(), Path::new(&dir), people),
            _ => work(layout.as_ref(), Path::new(&dir), people),
        };
    }
    let wanted = env::var("HYMNAL_ONLY").unwrap_or_else(|_| "entries hashes buckets blocks".to_owned());
    println!(
        "{people} people; an entity is {} bytes of postcard, {} sealed",
        plain_length(),
        seal(&person(77, 0)).len()
    );
    for layout in wanted.split_whitespace() {
        let root = env::var_os("HYMNAL_BENCH_DIR").map_or_else(env::temp_dir, PathBuf::from);
        let dir = root.join(format!("hymnal-layout-{layout}-{}", std::process::id()));
        println!("\n{layout}");
        for phase in ["load", "work"] {
            let mut child = Command::new(env::current_exe().unwrap());
            child.env("HYMNAL_LAYOUT", layout).env("HYMNAL_PHASE", phase).env("HYMNAL_DIR", &dir);
            assert!(child.status().unwrap().success(), "{layout} failed in its {phase} phase");
        }
        fs::remove_dir_all(dir).unwrap();
    }
}

fn load(layout: &dyn Layout, dir: &Path, people: u64) {
    let store = store(dir);
    let clock = Clock::start();
    for first in (0..people).step_by(usize::try_from(PAGE).unwrap()) {
        let mut batch = Batch::default();
        for who in first..(first + PAGE).min(people) {
            layout.add(&store, &mut batch, who);
        }
        store.commit(batch).unwrap();
    }
    clock.rate("load, people", people);
    report_memory("after load");
}

fn work(layout: &dyn Layout, dir: &Path, people: u64) {
    let clock = Clock::start();
    let store = store(dir);
    clock.total("open");
    report_memory("after open");
    let clock = Clock::start();
    let pairs = store.verify().unwrap().pairs;
    clock.total(&format!("verify {pairs} pairs"));
    let mut dice = Dice(1);
    let lookups = people.min(100_000);
    let clock = Clock::start();
    for _ in 0..lookups {
        let who = dice.below(people);
        let found = layout.by_address(&store, &right_address(who)).unwrap();
        assert_eq!(layout.entity(&store, found).id, entity_id(who));
    }
    clock.rate("address -> person", lookups);
    let clock = Clock::start();
    for _ in 0..lookups {
        let who = dice.below(people);
        assert_eq!(layout.by_key(&store, &email(who)), Some(entity_id(who)));
    }
    clock.rate("e-mail -> id", lookups);
    let updates = (people / 20).max(PAGE);
    let clock = Clock::start();
    for round in 0..updates / PAGE {
        let mut batch = Batch::default();
        for _ in 0..PAGE {
            let who = dice.below(people);
            let found = layout.by_address(&store, &right_address(who)).unwrap();
            let mut person = layout.entity(&store, found);
            person.fields[4] = format!("+1555{round:07}");
            layout.change(&store, &mut batch, &person);
        }
        store.commit(batch).unwrap();
    }
    clock.rate("updates, people", updates);
    report_memory("after updates");
    println!("  {:<28}{:>12}", "disk", format!("{} MB", bytes_below(dir) >> 20));
}

/// What is stored of a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Person {
    id: [u8; 16],
    addresses: Vec<String>,
    fields: Vec<String>,
    shadows: Vec<Vec<(u16, String)>>,
    times: Vec<i64>,
}

trait Layout {
    fn add(&self, store: &dyn Kv, batch: &mut Batch, who: u64);
    fn by_address(&self, store: &dyn Kv, address: &str) -> Option<[u8; 16]>;
    fn by_key(&self, store: &dyn Kv, key: &str) -> Option<[u8; 16]>;
    fn change(&self, store: &dyn Kv, batch: &mut Batch, person: &Person);

    fn entity(&self, store: &dyn Kv, id: [u8; 16]) -> Person {
        let key = [b"e", &id[..]].concat();
        open(&key, &store.get(&key).unwrap().unwrap()).unwrap()
    }
}

/// One key an entity, one an address, one a match key: plain text, values are whole ids.
struct Entries;

impl Layout for Entries {
    fn add(&self, _: &dyn Kv, batch: &mut Batch, who: u64) {
        let person = person(who, 0);
        batch.put([b"e", &person.id[..]].concat(), seal(&person));
        for address in &person.addresses {
            batch.put([b"a", address.as_bytes()].concat(), person.id);
        }
        batch.put([b"k", email(who).as_bytes()].concat(), person.id);
    }

    fn by_address(&self, store: &dyn Kv, address: &str) -> Option<[u8; 16]> {
        store.get(&[b"a", address.as_bytes()].concat()).unwrap()?.try_into().ok()
    }

    fn by_key(&self, store: &dyn Kv, key: &str) -> Option<[u8; 16]> {
        store.get(&[b"k", key.as_bytes()].concat()).unwrap()?.try_into().ok()
    }

    fn change(&self, _: &dyn Kv, batch: &mut Batch, person: &Person) {
        batch.put([b"e", &person.id[..]].concat(), seal(person));
    }
}

/// One key an entry, but short: 8 bytes of hash, and the entity (which is read anyway) tells whether it is meant.
struct Hashes;

impl Layout for Hashes {
    fn add(&self, _: &dyn Kv, batch: &mut Batch, who: u64) {
        let person = person(who, 0);
        batch.put([b"e", &person.id[..]].concat(), seal(&person));
        for text in person.addresses.iter().chain([&email(who)]) {
            batch.put([b"i", &hash(text).to_be_bytes()[..]].concat(), person.id);
        }
    }

    fn by_address(&self, store: &dyn Kv, address: &str) -> Option<[u8; 16]> {
        store.get(&[b"i", &hash(address).to_be_bytes()[..]].concat()).unwrap()?.try_into().ok()
    }

    fn by_key(&self, store: &dyn Kv, key: &str) -> Option<[u8; 16]> {
        self.by_address(store, key)
    }

    fn change(&self, store: &dyn Kv, batch: &mut Batch, person: &Person) {
        Entries.change(store, batch, person);
    }
}

/// One key an entity; index entries (6 bytes of hash, 16 of id) packed into 65,536 buckets by hash.
struct Buckets;

impl Buckets {
    fn insert(store: &dyn Kv, batch: &mut Batch, text: &str, id: [u8; 16]) {
        let hash = hash(text).to_be_bytes();
        let key = [b"b", &hash[..2]].concat();
        let mut bucket = match batch.change(&key) {
            Some(waiting) => waiting.unwrap_or_default().to_vec(),
            None => store.get(&key).unwrap().unwrap_or_default(),
        };
        bucket.extend_from_slice(&hash[2..]);
        bucket.extend_from_slice(&id);
        batch.put(key, bucket);
    }
}

impl Layout for Buckets {
    fn add(&self, store: &dyn Kv, batch: &mut Batch, who: u64) {
        let person = person(who, 0);
        batch.put([b"e", &person.id[..]].concat(), seal(&person));
        for text in person.addresses.iter().chain([&email(who)]) {
            Self::insert(store, batch, text, person.id);
        }
    }

    fn by_address(&self, store: &dyn Kv, address: &str) -> Option<[u8; 16]> {
        let hash = hash(address).to_be_bytes();
        let bucket = store.get(&[b"b", &hash[..2]].concat()).unwrap()?;
        bucket.chunks_exact(22).find(|entry| entry[..6] == hash[2..]).and_then(|entry| entry[6..].try_into().ok())
    }

    fn by_key(&self, store: &dyn Kv, key: &str) -> Option<[u8; 16]> {
        self.by_address(store, key)
    }

    fn change(&self, store: &dyn Kv, batch: &mut Batch, person: &Person) {
        Entries.change(store, batch, person);
    }
}

/// As buckets, and entities too share keys: those made one after the other, eight at a time.
struct Blocks;

type Block = BTreeMap<[u8; 16], Vec<u8>>;

impl Blocks {
    fn key(id: [u8; 16]) -> Vec<u8> {
        let number = u64::from_be_bytes(id[..8].try_into().unwrap()) / 8;
        [b"e", &number.to_be_bytes()[..]].concat()
    }

    fn block(store: &dyn Kv, batch: &Batch, key: &[u8]) -> Block {
        let bytes = match batch.change(key) {
            Some(waiting) => waiting.map(<[u8]>::to_vec),
            None => store.get(key).unwrap(),
        };
        bytes.map_or_else(Block::new, |bytes| postcard::from_bytes(&bytes).unwrap())
    }
}

impl Layout for Blocks {
    fn add(&self, store: &dyn Kv, batch: &mut Batch, who: u64) {
        let person = person(who, 0);
        self.change(store, batch, &person);
        for text in person.addresses.iter().chain([&email(who)]) {
            Buckets::insert(store, batch, text, person.id);
        }
    }

    fn by_address(&self, store: &dyn Kv, address: &str) -> Option<[u8; 16]> {
        Buckets.by_address(store, address)
    }

    fn by_key(&self, store: &dyn Kv, key: &str) -> Option<[u8; 16]> {
        Buckets.by_address(store, key)
    }

    fn change(&self, store: &dyn Kv, batch: &mut Batch, person: &Person) {
        let key = Self::key(person.id);
        let mut block = Self::block(store, batch, &key);
        block.insert(person.id, seal(person));
        batch.put(key, postcard::to_stdvec(&block).unwrap());
    }

    fn entity(&self, store: &dyn Kv, id: [u8; 16]) -> Person {
        let key = Self::key(id);
        open(&key, &Self::block(store, &Batch::default(), &key)[&id]).unwrap()
    }
}

fn person(who: u64, round: u64) -> Person {
    let mut dice = Dice(who.wrapping_mul(0x9e37_79b9) + round);
    let mut pick = |from: &[&str]| from[usize::try_from(dice.below(from.len() as u64)).unwrap()].to_owned();
    let first =
        pick(&["Ann", "Bertrand", "Chiara", "Dimitri", "Eleni", "Farid", "Grace", "Hiroshi", "Ingrid", "Jamal"]);
    let last =
        pick(&["Smith", "Okonkwo", "García", "Müller", "Tanaka", "Novák", "Kowalski", "Nguyen", "Rossi", "Silva"]);
    let company = pick(&["Northwind Traders", "Contoso", "Fabrikam Holdings", "Acme GmbH", "Initech", "Umbrella Ltd"]);
    let title = pick(&["Head of Marketing", "CTO", "Account Executive", "Buyer", "VP Sales", "Office Manager"]);
    let city = pick(&["Berlin", "Rotterdam", "São Paulo", "Leeds", "Osaka", "Brno", "Gdańsk", "Denver", "Lyon"]);
    let stage = pick(&["lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer"]);
    let fields = vec![
        email(who),
        first.clone(),
        last,
        company,
        format!("+1555{:07}", dice.below(10_000_000)),
        title,
        city,
        stage,
        format!("https://www.example-{}.com/{}", dice.below(5000), dice.below(1_000_000)),
        format!("{} {} Street", dice.below(900), first),
    ];
    // Half of the shadow's fields differ from the golden record in form, as with two services.
    let shadow = |side: u16| {
        let differing = fields.iter().enumerate().filter(|(at, _)| (at + usize::from(side)) % 2 == 0);
        differing.map(|(at, value)| (u16::try_from(at).unwrap(), value.to_uppercase())).collect()
    };
    Person {
        id: entity_id(who),
        addresses: vec![left_address(who), right_address(who)],
        shadows: vec![shadow(0), shadow(1)],
        times: (0..6).map(|at| 1_760_000_000_000 + i64::try_from(who * 97 + at * 1009).unwrap()).collect(),
        fields,
    }
}

fn plain_length() -> usize {
    postcard::to_stdvec(&person(77, 0)).unwrap().len()
}

/// Ids grow with time, as version 7 UUIDs do.
fn entity_id(who: u64) -> [u8; 16] {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&(who + 0x0193_0000_0000_0000).to_be_bytes());
    id[8..].copy_from_slice(&mix(who).to_be_bytes());
    id
}

fn left_address(who: u64) -> String {
    format!("people/left/contacts/{}", 150_000_000_000 + mix(who) % 90_000_000_000)
}

fn right_address(who: u64) -> String {
    format!("people/right/Lead/00Q{:015X}", mix(who ^ 0xabcd) >> 4)
}

fn email(who: u64) -> String {
    format!(
        "{}.{who}@example-{}.com",
        ["ann", "b.smith", "info", "chiara"][usize::try_from(who % 4).unwrap()],
        who % 977
    )
}

fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| mix(hash ^ u64::from(byte)))
}

fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = mix(self.0);
        self.0 % bound
    }
}

fn store(dir: &Path) -> SledKv {
    SledKv::open(dir, OpenOptions::new(uuid::Uuid::from_u128(1))).unwrap()
}

/// Wall time and the process's own CPU time.
struct Clock(Instant, f64);

impl Clock {
    fn start() -> Self {
        Self(Instant::now(), cpu_seconds())
    }

    fn rate(&self, what: &str, number: u64) {
        let wall = number as f64 / self.0.elapsed().as_secs_f64();
        let cpu = (cpu_seconds() - self.1) * 1e6 / number as f64;
        println!("  {what:<28}{:>12}{:>16}", format!("{wall:.0}/s"), format!("{cpu:.1} CPU us"));
    }

    fn total(&self, what: &str) {
        let (wall, cpu) = (self.0.elapsed().as_secs_f64(), cpu_seconds() - self.1);
        println!("  {what:<28}{:>12}{:>16}", format!("{wall:.2} s"), format!("{cpu:.2} CPU s"));
    }
}

fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let ticks = stat.rsplit(") ").next().unwrap().split(' ').skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

fn report_memory(when: &str) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let megabytes = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    };
    let text = format!("{} MB", megabytes("VmRSS:"));
    println!("  {:<28}{text:>12}{:>16}", format!("memory {when}"), format!("peak {} MB", megabytes("VmHWM:")));
}

fn bytes_below(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    let sizes = entries.map(|entry| match entry.metadata().unwrap() {
        meta if meta.is_dir() => bytes_below(&entry.path()),
        meta => meta.len(),
    });
    sizes.sum()
}
