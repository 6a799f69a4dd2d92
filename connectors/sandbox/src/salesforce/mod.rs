//! The Salesforce-like face.
