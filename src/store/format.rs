//! How a value is written: one byte that says how, a checksum, and postcard, compressed where that pays.
//!
//! ```text
//! byte 0      version (high four bits) and packing (low four bits)
//! bytes 1-4   CRC-32 (IEEE) of byte 0 and of all bytes from 5 on, little endian
//! bytes 5-    plain: the postcard bytes. Packed: their length as a postcard varint, then one zstd frame
//! ```
//!
//! A frame is compressed with a dictionary that is a part of this program: a value is short, and most of it is said
//! in every other value too (names of fields, objects and rules, hosts, time zones). The dictionary was made from
//! invented people by `benches/dictionary.rs`, never from anybody's data. It must never change, since stored values
//! need it; a better one is added beside it, with a packing of its own.

use std::{cell::RefCell, io};

use serde::{Serialize, de::DeserializeOwned};
use zstd::bulk::{Compressor, Decompressor};

use super::kv::StoreError;

const VERSION: u8 = 1 << 4;
const HEADER: usize = 5;

/// Below this length a frame's own header eats what compression saves.
const WORTH_PACKING: usize = 48;

/// Nothing Hymnal stores is longer. A length beyond it is damage, not a reason to allocate.
const LONGEST: usize = 256 << 20;

/// Higher levels cost several times the time for a few per cent.
const LEVEL: i32 = 3;

static DICTIONARY_1: &[u8] = include_bytes!("format/dictionary-1");

/// How the bytes behind the header are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Plain = 0,
    Dictionary1 = 1,
}

/// The bytes of a value, for the store.
///
/// # Panics
/// If `T` cannot be written as postcard: a sequence of unknown length, or `serde(flatten)`. Stored types derive
/// `Serialize` plainly, so a test that seals one of each kind excludes it.
pub fn seal<T: Serialize>(value: &T) -> Vec<u8> {
    let plain = postcard::to_stdvec(value).expect("stored types derive `Serialize` plainly");
    let (packing, body) = pack(plain);
    let mut sealed = Vec::with_capacity(HEADER + body.len());
    sealed.push(VERSION | packing as u8);
    sealed.extend_from_slice(&checksum(sealed[0], &body).to_le_bytes());
    sealed.extend_from_slice(&body);
    sealed
}

/// The value that [`seal`] made these bytes of. `key` is only for the error.
///
/// # Errors
/// [`StoreError::BadValue`] for bytes that are damaged, of a newer format, or of another type. Never panics.
pub fn open<T: DeserializeOwned>(key: &[u8], sealed: &[u8]) -> Result<T, StoreError> {
    read(sealed).map_err(|reason| StoreError::BadValue { key: hexadecimal(key), reason })
}

/// The same for what can be done without: a value that does not read is said in the log, and is `None`.
pub fn open_readable<T: DeserializeOwned>(key: &[u8], sealed: &[u8]) -> Option<T> {
    read(sealed)
        .inspect_err(|reason| {
            tracing::error!(key = hexadecimal(key), reason, "A stored value does not read, and is passed over");
        })
        .ok()
}

fn read<T: DeserializeOwned>(sealed: &[u8]) -> Result<T, String> {
    let Some((header, body)) = sealed.split_at_checked(HEADER) else {
        return Err(format!("it is cut off after {} bytes", sealed.len()));
    };
    if checksum(header[0], body).to_le_bytes() != header[1..] {
        return Err("its checksum is wrong".to_owned());
    }
    let plain = match header[0] ^ VERSION {
        how if how == Packing::Plain as u8 => return decode(body),
        how if how == Packing::Dictionary1 as u8 => unpack(body)?,
        _ => return Err(format!("its format {:#04x} is unknown: a newer Hymnal may have written it", header[0])),
    };
    decode(&plain)
}

fn decode<T: DeserializeOwned>(plain: &[u8]) -> Result<T, String> {
    match postcard::take_from_bytes(plain) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(format!("{} bytes are left over", rest.len())),
        Err(error) => Err(error.to_string()),
    }
}

thread_local! {
    // Tables of some hundred kilobytes, and the dictionary digested: made once a thread, not once a value.
    static PACKER: RefCell<io::Result<Compressor<'static>>> =
        RefCell::new(Compressor::with_dictionary(LEVEL, DICTIONARY_1));
    static UNPACKER: RefCell<io::Result<Decompressor<'static>>> =
        RefCell::new(Decompressor::with_dictionary(DICTIONARY_1));
}

fn pack(plain: Vec<u8>) -> (Packing, Vec<u8>) {
    if plain.len() < WORTH_PACKING {
        return (Packing::Plain, plain);
    }
    let frame = PACKER.with_borrow_mut(|packer| packer.as_mut().ok().and_then(|packer| packer.compress(&plain).ok()));
    let Some(frame) = frame else { return (Packing::Plain, plain) };
    let mut body = postcard::to_stdvec(&plain.len()).unwrap_or_default();
    if body.is_empty() || body.len() + frame.len() >= plain.len() {
        return (Packing::Plain, plain);
    }
    body.extend_from_slice(&frame);
    (Packing::Dictionary1, body)
}

fn unpack(body: &[u8]) -> Result<Vec<u8>, String> {
    let (length, frame) = postcard::take_from_bytes::<usize>(body).map_err(|error| error.to_string())?;
    if length > LONGEST {
        return Err(format!("it claims to be {length} bytes long"));
    }
    let plain = UNPACKER.with_borrow_mut(|unpacker| match unpacker {
        Ok(unpacker) => unpacker.decompress(frame, length).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    })?;
    if plain.len() == length { Ok(plain) } else { Err(format!("{} bytes instead of {length}", plain.len())) }
}

fn checksum(first: u8, body: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&[first]);
    crc.update(body);
    crc.finalize()
}

/// A key as people and logs can show it.
pub(super) fn hexadecimal(key: &[u8]) -> String {
    key.iter().fold(String::with_capacity(key.len() * 2), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('?'));
        }
        text
    })
}

#[cfg(test)]
mod tests;
