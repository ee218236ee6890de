//! The restore points of an instance in the preview: walking through them.

use crate::console::{
    action::Go,
    model::{Model, tree::Node},
    view::{instance, preview},
};

/// Moves the keys to another restore point of the selected instance; `false` where there is none further that way, and
/// the page is scrolled instead.
pub(super) fn go(model: &mut Model, go: Go) -> bool {
    let Node::Instance(key) = model.tree.selected() else { return false };
    let Some(one) = key.find(&model.shown.catalog) else { return false };
    let at = model.point_at(one);
    let to = go.from(at, one.rows.len(), usize::from(model.size().1 / 2).max(1));
    if to == at {
        return false;
    }
    model.preview.point = one.rows.get(to).map(|row| row.label().to_owned());
    let area = preview::page_area(model, &model.layout());
    if let Some(line) = instance::point_line(model, usize::from(area.width)) {
        let height = usize::from(area.height);
        model.preview.scroll = model.preview.scroll.min(line).max((line + 1).saturating_sub(height));
    }
    true
}
