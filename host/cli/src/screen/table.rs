//! Rows with columns that stand below each other.

/// A table of plain cells; the last column is not padded.
#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<const N: usize>(head: [&str; N]) -> Self {
        Self { rows: vec![head.map(str::to_owned).to_vec()] }
    }

    pub fn push<const N: usize>(&mut self, row: [String; N]) {
        self.rows.push(row.to_vec());
    }

    /// Whether there is nothing but the head.
    pub fn is_empty(&self) -> bool {
        self.rows.len() <= 1
    }

    /// One line per row; `paint` gets the row (0 is the head), the column and the padded cell.
    pub fn render(&self, paint: impl Fn(usize, usize, String) -> String) -> String {
        let columns = self.rows.first().map_or(0, Vec::len);
        let widths: Vec<usize> =
            (0..columns).map(|column| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
        let mut text = String::new();
        for (at, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let last = column + 1 == columns;
                let padded = if last { cell.clone() } else { format!("{cell:<width$}", width = widths[column]) };
                line.push_str(&paint(at, column, padded));
                if !last {
                    line.push_str("  ");
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}
