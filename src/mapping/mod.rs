//! Native values to canonical ones and back.
//!
//! Pure. A canonical [`Value`] is typed and in normal form: two values are equal exactly when people would call them
//! the same, whatever each service's spelling.

//!
//! | file | what |
//! |---|---|
//! | [`field`] | one mapped field: its type, and where it lives on each side |
//! | [`value`] | what a field is read to |
//! | `read`, `write` | native to canonical, and back |
//! | `email`, `phone`, `web`, `number`, `moment` | the types that have a form of their own |
//! | [`user`] | whom records belong to |
//! | `image` | what a service made of what we wrote |
//! | `key` | when two people are one |
//! | [`expression`], [`flaws`] | who is meant: an expression over canonical fields, and what is wrong with one |
//! | [`problem`] | what could not be read or written, and why |

mod email;
pub mod expression;
pub mod field;
pub mod flaws;
mod image;
mod key;
mod moment;
mod number;
mod phone;
pub mod problem;
mod read;
#[cfg(test)]
mod tests;
pub mod user;
pub mod value;
mod web;
mod write;

pub use expression::Expression;
pub use field::{FieldMap, FieldType, NativeField, Problem, Unmapped};
pub use image::image_of;
pub use key::key;
pub use read::{read, same_native};
pub use user::People;
pub use value::{Email, Value};
pub use write::{stands_for, write};
