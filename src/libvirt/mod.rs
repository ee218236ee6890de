//! Virtual machines of libvirt: the restore points that jobs make of them, and the programs that are asked and told,
//! `virsh` and `qemu-img`.
//!
//! Promises: what a record or a description says is believed as far as it was looked at; each call of a program ends within
//! its limit. Never: knows sessions, or decides what becomes of a machine.

pub(crate) mod clone;
pub(crate) mod domain;
pub(crate) mod image;
pub(crate) mod job_info;
pub mod listing;
pub(crate) mod machine;
pub(crate) mod point;
pub(crate) mod qcow2;
pub(crate) mod virsh;
pub(crate) mod wording;
pub(crate) mod xml;
