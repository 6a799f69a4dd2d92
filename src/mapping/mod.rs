//! Native values to canonical ones and back.
//!
//! Pure. A canonical [`Value`] is typed and in normal form: two values are equal exactly when people would call them
//! the same, whatever each service's spelling.

pub mod field;
pub mod value;

pub use field::{FieldMap, FieldType, NativeField, Problem, Unmapped};
pub use value::{Email, Value};
