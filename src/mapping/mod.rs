//! Native values to canonical ones and back.
//!
//! Pure. A canonical [`Value`] is typed and in normal form: two values are equal exactly when people would call them
//! the same, whatever each service's spelling.

pub mod field;
pub mod value;

pub use field::{FieldMap, FieldType, NativeField, Problem, Unmapped};
pub use value::{Email, Value};
use hymnal_sdk::{Forms, Native, SchemaField};
pub fn read(_m: &FieldMap, _p: &NativeField, _n: &Native) -> Result<Value, Problem> { Ok(Value::Blank) }
pub fn write(_m: &FieldMap, _p: &NativeField, _f: &Forms, _s: Option<&SchemaField>, _v: &Value) -> Result<Native, Problem> { Ok(Native::Null) }
pub fn same_native(_m: &FieldMap, _p: &NativeField, a: &Native, b: &Native) -> bool { a == b }
pub fn image_of(a: &Native, b: &Native) -> bool { a == b }
pub fn key(_v: &Value) -> Option<String> { None }
