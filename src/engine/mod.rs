//! The engines that bring files back.

pub mod native;
