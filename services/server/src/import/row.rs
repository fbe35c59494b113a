//! One line of a table as texts, in the order of the columns a mapping asked for.

/// Texts that mean "not there".
#[derive(Debug, Clone)]
pub struct Missing(Vec<String>);

impl Default for Missing {
    fn default() -> Self {
        Self(vec![String::new()])
    }
}

impl From<Vec<String>> for Missing {
    fn from(texts: Vec<String>) -> Self {
        Self(texts)
    }
}

/// The place of a column in a [`Row`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column(pub usize);

/// The cells of one line. Reused from line to line, so that reading allocates nothing.
#[derive(Debug)]
pub struct Row {
    cells: Vec<(String, bool)>,
    missing: Missing,
}

impl Row {
    /// A row of `width` missing cells.
    pub fn new(width: usize, missing: Missing) -> Self {
        Self { cells: vec![(String::new(), false); width], missing }
    }

    /// Makes every cell missing.
    pub fn clear(&mut self) {
        self.cells.iter_mut().for_each(|(_, there)| *there = false);
    }

    /// Writes a cell, without blanks around it; it stays missing where the text means that.
    pub fn set(&mut self, Column(at): Column, text: &str) {
        let text = text.trim();
        let there = !self.missing.0.iter().any(|missing| missing == text);
        if let Some((cell, is_there)) = self.cells.get_mut(at) {
            cell.clear();
            cell.push_str(text);
            *is_there = there;
        }
    }

    /// The text of a cell, unless it is missing.
    pub fn get(&self, Column(at): Column) -> Option<&str> {
        self.cells.get(at).and_then(|(text, there)| there.then_some(text.as_str()))
    }
}
