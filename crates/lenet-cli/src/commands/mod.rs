//! The subcommands, a file each.

pub(crate) mod completions;
pub(crate) mod data;
pub(crate) mod eval;
pub(crate) mod export;
pub(crate) mod lr_find;
pub(crate) mod predict;
pub(crate) mod report;
pub(crate) mod serve;
pub(crate) mod summary;
pub(crate) mod sweep;
pub(crate) mod train;
