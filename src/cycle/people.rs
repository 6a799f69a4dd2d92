//! Who is who, by a person's word: remembered, journalled, and reversible by the opposite word.
