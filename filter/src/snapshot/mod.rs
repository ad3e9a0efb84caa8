//! How policy, key records and revoked tokens travel from the node to its gates.
//!
//! A gate in another process takes a *snapshot*: text of two lines. The first, the [`Seal`], is a DSSE
//! envelope around a [`Statement`]: what the second line must hash to, whom it is for, and until when
//! it is good. The second is the [`Content`]. A gate that has the content already asks for the seal
//! alone, so that being current costs 600 bytes a minute, however many keys there are.
//!
//! What several VMs of one host read of it lies in that host's shared data, as [`buckets`] says.

pub mod buckets;
mod content;
mod news;
mod seal;

pub use buckets::{
    BUCKETS, Bucket, Damaged, EPOCH, Kind, POLICY, Term, all, contains, fill, find, imported, keys,
    tokens, write,
};
pub use content::{Content, KEYS_MAX, LENGTH_MAX, write_content};
pub use news::{News, Trust, path};
pub use seal::{LIFETIME, Refused, Seal, SnapshotKey, SnapshotSigner, Statement};

#[cfg(test)]
mod tests;
