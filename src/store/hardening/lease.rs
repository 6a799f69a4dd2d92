//! A copied state directory must not run beside its original: each has a lock of its own, so the locks do not tell.
//! The id of the store does: whoever runs it holds a name made of it, for the whole machine.

use std::{
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
    path::Path,
};

use uuid::Uuid;

use super::failed;
use crate::store::kv::StoreError;

/// Held for as long as a store runs. The name is an abstract socket address (unix(7)): it ends with the process,
/// however that ends, and needs no place on a disk. It reaches as far as the network namespace: two containers, or two
/// machines, each have their own names.
#[derive(Debug)]
pub struct Lease {
    _name: UnixListener,
}

impl Lease {
    /// Takes the lease of a store, which lies in `dir`.
    ///
    /// # Errors
    /// `Copied` where a process holds it over another directory.
    pub fn take(store: Uuid, dir: &Path) -> Result<Self, StoreError> {
        let address = SocketAddr::from_abstract_name(format!("hymnal/{}", store.as_simple()));
        let bound = address.and_then(|address| UnixListener::bind_addr(&address));
        match bound {
            Ok(name) => Ok(Self { _name: name }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                Err(StoreError::Copied { path: dir.to_owned(), store })
            }
            Err(error) => Err(failed(dir, error)),
        }
    }
}
