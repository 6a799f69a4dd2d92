//! The cases of `cases.toml`, each told in one line.

#![expect(clippy::expect_used, reason = "a case that cannot be read is broken")]

mod mapping;
mod merging;

use std::{collections::BTreeMap, fmt::Debug, fs};

use hymnal::{
    mapping::{FieldMap, FieldType},
    merge::Pair,
};
use serde::Deserialize;

use crate::{
    mapping::{ImageCase, KeyCase, ReadCase, WriteCase},
    merging::MergeCase,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    merge: Vec<MergeCase>,
    read: Vec<ReadCase>,
    write: Vec<WriteCase>,
    image: Vec<ImageCase>,
    key: Vec<KeyCase>,
}

fn cases() -> Cases {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/cases.toml");
    toml::from_str(&fs::read_to_string(path).expect("the file is there")).expect("the cases are well formed")
}

/// Compares all of them and tells every one that is wrong.
fn check<C, T: PartialEq + Debug>(cases: &[C], what: fn(&C) -> &str, got_and_wanted: fn(&C) -> (T, T)) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let (got, wanted) = got_and_wanted(case);
            (got != wanted).then(|| format!("{}\n     got {got:?}\n  wanted {wanted:?}", what(case)))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn there_are_many() {
    let cases = cases();
    let total = cases.merge.len() + cases.read.len() + cases.write.len() + cases.image.len() + cases.key.len();
    assert!(total >= 250, "{total} cases");
}

fn map(kind: FieldType, region: Option<&str>) -> FieldMap {
    FieldMap {
        name: "field".to_owned(),
        kind,
        region: region.map(str::to_owned),
        native: Pair::new(BTreeMap::new(), BTreeMap::new()),
    }
}
