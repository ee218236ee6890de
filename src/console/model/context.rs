//! Where the keys go.

use super::{Focus, Model, dialog::Overlay, wizard::WizardPage};
use crate::console::keymap::KeyContext;

impl Model {
    /// Where keys go.
    pub fn key_context(&self) -> KeyContext {
        match self.overlays.last() {
            Some(Overlay::Menu(_) | Overlay::Copy(_)) => return KeyContext::Menu,
            Some(
                Overlay::Cancel(_)
                | Overlay::Confirm(_)
                | Overlay::StopRun(_)
                | Overlay::StartJob(_)
                | Overlay::Plan(_),
            ) => {
                return KeyContext::Confirmation;
            }
            Some(Overlay::Report(_) | Overlay::Help(_)) => return KeyContext::TextView,
            Some(Overlay::Compare(state)) => return state.context(),
            Some(Overlay::Palette(_)) => return KeyContext::Palette,
            Some(Overlay::TypeName(_)) => return KeyContext::TypeName,
            Some(Overlay::Take(_)) => return KeyContext::Destination,
            Some(Overlay::Goal(page)) if page.takes_text() => return KeyContext::GoalText,
            Some(Overlay::Goal(_)) => return KeyContext::Goal,
            None => {}
        }
        if let Some(wizard) = &self.wizard {
            return match wizard.page {
                WizardPage::Instances => KeyContext::Instances,
                WizardPage::Points { .. } => KeyContext::Points,
                WizardPage::Plan => KeyContext::Plan,
                WizardPage::Form if wizard.form.field().is_text() => KeyContext::FormText,
                WizardPage::Form => KeyContext::Form,
            };
        }
        if self.typing.is_some() {
            return KeyContext::Filter;
        }
        if self.on_log() && self.preview.page.typed.is_some() { KeyContext::LogInput } else { self.main_context() }
    }

    /// Where the actions of the action bar, a menu and the palette are carried out.
    pub fn main_context(&self) -> KeyContext {
        match self.focus {
            Focus::Tree => KeyContext::Tree,
            Focus::Preview if self.on_log() => KeyContext::Log,
            Focus::Preview => KeyContext::Preview,
        }
    }
}
