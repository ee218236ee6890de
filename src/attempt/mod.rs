//! Launching, following, adopting and stopping worker processes.
