//! A configuration in control words.

use super::Config;
use crate::base::words::{LONGEST, quote};

impl Config {
    /// The control words that rebuild this configuration from nothing.
    pub(crate) fn print(&self) -> Vec<String> {
        let mut lines: Vec<_> = self
            .vars
            .changed()
            .map(|(name, value)| format!("set {name} {}", quote(value)))
            .collect();
        lines.extend(self.debug.print());
        for (kind, object) in self.all() {
            let row = &self.tables.kinds[kind];
            let mut line = object.begin(row);
            for (key, value) in object.keys.changed() {
                let option = quote(&format!("{key}={value}"));
                if line.len() + option.len() + 2 > LONGEST {
                    let next = format!("{} change {}", row.name, object.id);
                    lines.push(std::mem::replace(&mut line, next));
                }
                line.push_str(&format!(" {option}"));
            }
            lines.push(line);
            if object.state > 0 {
                lines.push(format!(
                    "{} {} {}",
                    row.name, row.states[object.state], object.id
                ));
            }
        }
        lines
    }
}
