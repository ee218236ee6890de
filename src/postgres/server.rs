//! Starting, following, asking and stopping a server.
