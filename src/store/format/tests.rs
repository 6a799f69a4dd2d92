#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Person {
    name: String,
    notes: Vec<Option<String>>,
    born: i64,
}

fn person(length: usize) -> Person {
    Person { name: "Ann Example".repeat(length), notes: vec![None, Some("x".to_owned())], born: -86_400 }
}

#[test]
fn a_value_reads_back_whatever_its_length() {
    for length in [0, 1, 3, 4, 5, 100, 100_000] {
        let sealed = seal(&person(length));
        assert_eq!(open::<Person>(b"k", &sealed).unwrap(), person(length), "length {length}");
    }
}

#[test]
fn long_values_are_packed_and_short_ones_are_not() {
    assert_eq!(seal(&person(0))[0], VERSION | Packing::Plain as u8);
    assert_eq!(seal(&person(100))[0], VERSION | Packing::Dictionary1 as u8);
    assert!(seal(&person(100)).len() < 80);
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    for length in [0, 30] {
        let sealed = seal(&person(length));
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(open::<Person>(b"k", &damaged), Err(StoreError::BadValue { .. })), "bit {bit}");
        }
        for end in 0..sealed.len() {
            assert!(matches!(open::<Person>(b"k", &sealed[..end]), Err(StoreError::BadValue { .. })), "end {end}");
        }
    }
}

#[test]
fn a_bad_value_names_its_key_and_what_is_wrong() {
    let check = |sealed: &[u8], expected: &str| {
        let error = open::<Person>(&[0x0a, 0xff], sealed).unwrap_err().to_string();
        assert_eq!(error, format!("the stored value under `0aff` does not read: {expected}"));
    };
    check(b"", "it is cut off after 0 bytes");
    check(b"\x10abcdef", "its checksum is wrong");
    let with_checksum = |first: u8, body: &[u8]| [&[first][..], &checksum(first, body).to_le_bytes(), body].concat();
    check(&with_checksum(0x20, b""), "its format 0x20 is unknown: a newer Hymnal may have written it");
    check(&with_checksum(0x10, b"\0\0\0\0"), "1 bytes are left over");
    let length = postcard::to_stdvec(&(LONGEST + 1)).unwrap();
    check(&with_checksum(0x11, &length), "it claims to be 268435457 bytes long");
}

#[test]
fn a_value_of_another_type_is_bad_and_does_not_panic() {
    let sealed = seal(&"text that is no number at all".to_owned());
    assert!(open::<Vec<Person>>(b"k", &sealed).is_err());
}

#[test]
fn the_dictionary_is_the_one_that_stored_values_were_written_with() {
    // If this fails, every store in the world has become unreadable: add a dictionary, do not change this one.
    assert_eq!((DICTIONARY_1.len(), crc32fast::hash(DICTIONARY_1)), (16_384, 2_090_919_609));
}

proptest! {
    #[test]
    fn anything_may_be_opened(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = open::<Person>(b"k", &bytes);
        let mut valid = vec![VERSION | Packing::Dictionary1 as u8, 0, 0, 0, 0];
        valid.extend_from_slice(&bytes);
        let crc = checksum(valid[0], &bytes).to_le_bytes();
        valid[1..HEADER].copy_from_slice(&crc);
        let _ = open::<Person>(b"k", &valid);
    }
}
