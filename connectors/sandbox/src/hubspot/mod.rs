//! The HubSpot-like face.
