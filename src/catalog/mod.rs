//! What can be restored: repositories, instances, restore points.
