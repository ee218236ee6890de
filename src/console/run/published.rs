//! What the rest of the program publishes, as one stream of messages.
//!
//! Promises: of each thing the newest value comes and older ones are skipped; a thing that can never change again costs
//! nothing, and only the end of the session manager is told.

use crate::{
    console::{message::Message, model::tree::TreeData, ports::Ports},
    manager::OwnerState,
};
use futures_util::{Stream, StreamExt as _, stream};
use std::{future::ready, sync::Arc};
use tokio::sync::watch;

/// What is published when the screen opens.
pub(super) struct First {
    /// The sessions and instances.
    pub(super) data: TreeData,
    /// Where the owner is.
    pub(super) owner: OwnerState,
}

/// What is published now, and all that is published from now on.
pub(super) fn published(ports: &Ports) -> (First, impl Stream<Item = Message> + Unpin + use<>) {
    let (mut snapshots, mut catalog, mut owner) =
        (ports.manager.snapshots(), ports.catalog.clone(), ports.owner.clone());
    // It begins with nothing wrong: an owner does not start otherwise.
    let exposed = follow(ports.exposed.clone(), Message::Exposed);
    let data = TreeData::new(Arc::clone(&snapshots.borrow_and_update()), Arc::clone(&catalog.borrow_and_update()));
    let first = First { data, owner: owner.borrow_and_update().clone() };
    let snapshots = follow(snapshots, Message::Snapshot).chain(stream::once(ready(Message::ManagerGone)));
    let owner = follow(owner, Message::Owner);
    let later = [snapshots.boxed(), follow(catalog, Message::Catalog).boxed(), owner.boxed(), exposed.boxed()];
    (first, stream::select_all(later))
}

/// Each newer value, until nobody can publish one any more.
fn follow<T: Clone + Send + Sync + 'static>(
    receiver: watch::Receiver<T>,
    message: fn(T) -> Message,
) -> impl Stream<Item = Message> {
    stream::unfold(receiver, move |mut receiver| async move {
        receiver.changed().await.ok()?;
        let value = receiver.borrow_and_update().clone();
        Some((message(value), receiver))
    })
}
