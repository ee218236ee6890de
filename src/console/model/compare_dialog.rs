//! A table of an open restore point beside the live one: which server, how far it is, what was found.

use crate::{
    console::{
        keymap::KeyContext,
        message::{CompareWish, RequestId},
    },
    domain::{ItemName, browse::TableComparison},
};
use tui_input::Input;

/// The dialog.
#[derive(Debug, Clone)]
pub struct CompareDialog {
    /// The table.
    pub item: ItemName,
    /// Its rows as the server estimates them.
    pub about: Option<u64>,
    /// What is asked for; the live server is in it once it was chosen.
    pub wish: CompareWish,
    /// The connection string of the live server.
    pub to: Input,
    /// What is wrong with it, or why the last comparison did not come to its end.
    pub problem: Option<String>,
    /// How far it is.
    pub stage: CompareStage,
    /// Lines scrolled down.
    pub scroll: usize,
}

/// How far a comparison is.
#[derive(Debug, Clone)]
pub enum CompareStage {
    /// The live server is asked for.
    Asking,
    /// It goes on, and has found so much.
    Going(RequestId, TableComparison),
    /// All of it.
    Ended(TableComparison),
}

impl CompareDialog {
    /// Where keys go.
    pub const fn context(&self) -> KeyContext {
        match self.stage {
            CompareStage::Asking => KeyContext::Destination,
            CompareStage::Going(..) | CompareStage::Ended(_) => KeyContext::TextView,
        }
    }
}
