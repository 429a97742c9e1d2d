//! Tables for people: columns as wide as what stands in them.

use crate::base::clock::show_interval;

/// No cell is wider.
const WIDEST: usize = 40;

/// Rows below a heading. A heading that begins with `>` has its column
/// aligned to the right.
pub(super) struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Rows that were left out.
    hidden: usize,
}

impl Table {
    pub(super) fn new<'h>(heads: impl IntoIterator<Item = &'h str>) -> Table {
        Table {
            heads: heads.into_iter().map(String::from).collect(),
            rows: Vec::new(),
            hidden: 0,
        }
    }

    /// Adds a row, a cell a column.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Has it no rows?
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Leaves out all rows but the first so many.
    pub(super) fn cut(&mut self, most: usize) {
        self.hidden += self.rows.len().saturating_sub(most);
        self.rows.truncate(most);
    }

    fn is_right(&self, column: usize) -> bool {
        let head = self.heads.get(column);
        head.is_some_and(|head| head.starts_with('>'))
    }

    /// The lines, the heading first.
    pub(super) fn lines(&self) -> Vec<String> {
        let width = |n: usize| {
            let cells = self
                .rows
                .iter()
                .filter_map(|row| row.get(n))
                .map(String::len);
            let head = self.heads[n].trim_start_matches('>').len();
            cells.chain([head]).max().unwrap_or(0).min(WIDEST)
        };
        let widths: Vec<_> = (0..self.heads.len()).map(width).collect();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut line = String::new();
            for (n, cell) in cells.take(self.heads.len()).enumerate() {
                let (cell, width) = (cut(cell, widths[n]), widths[n]);
                match self.is_right(n) {
                    true => line.push_str(&format!("{cell:>width$} ")),
                    false => line.push_str(&format!("{cell:<width$}  ")),
                }
                // Numbers stand close together.
                if self.is_right(n) && !self.is_right(n + 1) {
                    line.push(' ');
                }
            }
            line.trim_end().to_string()
        };
        let mut heads = self.heads.iter().map(|head| head.trim_start_matches('>'));
        let mut lines = vec![line(&mut heads)];
        if self.hidden > 0 {
            lines[0].push_str(&format!("  (+{})", self.hidden));
        }
        let rows = self.rows.iter();
        lines.extend(rows.map(|row| line(&mut row.iter().map(String::as_str))));
        lines
    }
}

/// A text that has at most so many octets, all of them ASCII.
pub(super) fn cut(text: &str, width: usize) -> String {
    match text.len() > width {
        true => format!("{}~", &text[..width.saturating_sub(1)]),
        false => text.to_string(),
    }
}

/// Two blocks of lines side by side; the left one has `width` columns.
pub(super) fn beside(left: &[String], right: &[String], width: usize) -> Vec<String> {
    let none = String::new();
    let line = |n: usize| {
        let (left, right) = (left.get(n).unwrap_or(&none), right.get(n).unwrap_or(&none));
        let left = cut(left, width.saturating_sub(2));
        format!("{left:<width$}{right}").trim_end().to_string()
    };
    (0..left.len().max(right.len())).map(line).collect()
}

/// A number in at most four or five characters.
pub(super) fn short(number: f64) -> String {
    let (mut number, mut unit) = (number, "");
    for next in ["k", "M", "G", "T"] {
        if number < 999.5 {
            break;
        }
        (number, unit) = (number / 1000.0, next);
    }
    match number {
        0.0 => "0".into(),
        n if n < 9.95 => format!("{n:.1}{unit}"),
        n => format!("{n:.0}{unit}"),
    }
}

/// A whole number.
pub(super) fn amount(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => short(number as f64),
    }
}

/// A rate, or a dash if there is none.
pub(super) fn rate(rate: Option<f64>) -> String {
    rate.map_or("-".into(), short)
}

/// How long something has lasted.
pub(super) fn age(seconds: u64) -> String {
    // Nobody counts the minutes of days.
    match seconds {
        0..3600 => show_interval(seconds),
        3600..86400 => show_interval(seconds / 60 * 60),
        _ => show_interval(seconds / 3600 * 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_needed() {
        let mut table = Table::new(["NAME", ">N"]);
        table.row(vec!["joe".into(), "7".into()]);
        table.row(vec!["a".repeat(50), "1000".into()]);
        table.row(vec!["x".into(), "1".into()]);
        table.cut(2);
        let lines = table.lines();
        assert_eq!(lines[0], format!("NAME{:>42}  (+1)", "N"));
        assert_eq!(lines[1], format!("joe{:>43}", "7"));
        assert_eq!(lines[2], format!("{}~  1000", "a".repeat(39)));
        let both = beside(&lines[..1], &["R".into(), "S".into()], 8);
        assert_eq!(both, ["NAME ~  R", "        S"]);
    }

    #[test]
    fn numbers_are_short() {
        for (number, text) in [
            (0.0, "0"),
            (0.42, "0.4"),
            (9.96, "10"),
            (999.4, "999"),
            (1000.0, "1.0k"),
            (123_456.0, "123k"),
            (9.9e9, "9.9G"),
        ] {
            assert_eq!(short(number), text);
        }
    }

    #[test]
    fn an_age_has_two_units_at_most() {
        assert_eq!(age(59), "59s");
        assert_eq!(age(3 * 3600 + 125), "3h2m");
        assert_eq!(age(2 * 86400 + 3700), "2d1h");
    }
}
